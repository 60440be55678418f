"""llama.cpp through its C interface, from whichever wheel that brings it is installed.

Only what measuring needs, with ctypes, which gives Python's lock up while llama.cpp computes. The
structures of parameters change with its versions; what is set of them lies at their beginning,
which has not, and the rest is handed back as it came.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
from collections.abc import Iterator, Sequence
from ctypes import POINTER, c_bool, c_char_p, c_float, c_int8, c_int32, c_size_t, c_void_p
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from phi3studio.app.frozen import bundle
from phi3studio.domain.errors import RunError

Floats = npt.NDArray[np.float32]

_WHEELS = {
    "xllamacpp": ("*.abi3.so", "*.so"),
    "llama_cpp": ("lib/libllama.so", "lib/libllama.dylib", "lib/llama.dll"),
    "llama_cpp_py_sync": ("libllama.so*", "libllama*.dylib", "*llama.dll"),
}
"""Packages that bring llama.cpp, and where in them its library lies."""
_AT_ONCE = 512
_ERROR = 4
_LOG = ctypes.CFUNCTYPE(None, ctypes.c_int, c_char_p, c_void_p)


class _Parameters(ctypes.Structure):
    """Larger than any version's: passed by value, the callee reads only its own part."""

    _fields_ = [("numbers", ctypes.c_uint32 * 4), ("rest", ctypes.c_uint64 * 62)]


class _Batch(ctypes.Structure):
    _fields_ = [
        ("n_tokens", c_int32),
        ("token", POINTER(c_int32)),
        ("embd", POINTER(c_float)),
        ("pos", POINTER(c_int32)),
        ("n_seq_id", POINTER(c_int32)),
        ("seq_id", POINTER(POINTER(c_int32))),
        ("logits", POINTER(c_int8)),
    ]


_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "llama_backend_init": (None, ()),
    "llama_log_set": (None, (_LOG, c_void_p)),
    "llama_model_default_params": (_Parameters, ()),
    "llama_context_default_params": (_Parameters, ()),
    "llama_model_load_from_file": (c_void_p, (c_char_p, _Parameters)),
    "llama_model_free": (None, (c_void_p,)),
    "llama_model_n_ctx_train": (c_int32, (c_void_p,)),
    "llama_model_get_vocab": (c_void_p, (c_void_p,)),
    "llama_init_from_model": (c_void_p, (c_void_p, _Parameters)),
    "llama_free": (None, (c_void_p,)),
    "llama_set_n_threads": (None, (c_void_p, c_int32, c_int32)),
    "llama_get_memory": (c_void_p, (c_void_p,)),
    "llama_memory_clear": (None, (c_void_p, c_bool)),
    "llama_batch_init": (_Batch, (c_int32, c_int32, c_int32)),
    "llama_batch_free": (None, (_Batch,)),
    "llama_decode": (c_int32, (c_void_p, _Batch)),
    "llama_get_logits_ith": (POINTER(c_float), (c_void_p, c_int32)),
    "llama_vocab_n_tokens": (c_int32, (c_void_p,)),
    "llama_vocab_is_eog": (c_bool, (c_void_p, c_int32)),
    "llama_tokenize": (
        c_int32,
        (c_void_p, c_char_p, c_int32, POINTER(c_int32), c_int32, c_bool, c_bool),
    ),
    "llama_adapter_lora_init": (c_void_p, (c_void_p, c_char_p)),
    "llama_set_adapters_lora": (
        c_int32,
        (c_void_p, POINTER(c_void_p), c_size_t, POINTER(c_float)),
    ),
}


def library_file() -> Path | None:
    """The library of llama.cpp that is installed, if any."""
    for package, names in _WHEELS.items():
        found = importlib.util.find_spec(package)
        for folder in (found.submodule_search_locations or []) if found is not None else []:
            files = [file for name in names for file in sorted(Path(folder).glob(name))]
            if files:
                return files[0]
    return None


def library_version() -> str | None:
    """The wheel that brings llama.cpp, as ``name version``."""
    file = library_file()
    if file is None:
        return None
    package = next(name for name in _WHEELS if name in file.parts)
    for name in (package, package.replace("_", "-"), "llama-cpp-python"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            return f"{name} {metadata.version(name)}"
    return package


def missing() -> RunError:
    """That no llama.cpp is installed; nothing can be installed into the installed program."""
    return RunError("gguf.no_llama_cpp", variant="installer" if bundle() is not None else "")


class LlamaModel:
    """One GGUF file in memory, a *context* of so many tokens; a LoRA *adapter* (GGUF) over it.

    Raises :class:`RunError` when llama.cpp is missing or does not load it.
    """

    def __init__(
        self, file: Path, threads: int = 0, context: int = 0, adapter: Path | None = None
    ) -> None:
        self._said: list[str] = []
        self._library = self._opened()
        call = self._library
        self._model = call.llama_model_load_from_file(
            str(file).encode(), call.llama_model_default_params()
        )
        if not self._model:
            raise RunError("gguf.does_not_load", file=file, reason=self._reason())
        self._vocabulary = call.llama_model_get_vocab(self._model)
        self.vocabulary: int = call.llama_vocab_n_tokens(self._vocabulary)
        trained: int = call.llama_model_n_ctx_train(self._model)
        self.context = min(trained, context) if context else trained
        parameters = call.llama_context_default_params()
        parameters.numbers[0] = self.context
        parameters.numbers[1] = parameters.numbers[2] = _AT_ONCE
        self._state = call.llama_init_from_model(self._model, parameters)
        if not self._state:
            raise RunError("gguf.does_not_load", file=file, reason=self._reason())
        if threads:
            call.llama_set_n_threads(self._state, threads, threads)
        if adapter is not None:
            self._add(adapter)
        self._batch = call.llama_batch_init(_AT_ONCE, 0, 1)
        self._read = 0

    def _opened(self) -> Any:
        file = library_file()
        if file is None:
            raise missing()
        try:
            library: Any = ctypes.CDLL(str(file))
            for name, (result, arguments) in _SIGNATURES.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
        except (OSError, AttributeError) as exc:
            raise RunError("gguf.no_llama_cpp", variant="broken", reason=str(exc)) from exc
        self._hears = _LOG(self._hear)  # kept: llama.cpp calls it for as long as it lives
        library.llama_log_set(self._hears, None)
        library.llama_backend_init()
        return library

    def _hear(self, level: int, text: bytes | None, _: Any) -> None:
        if level == _ERROR and text:
            self._said.append(text.decode("utf-8", "replace").strip())

    def _reason(self) -> str:
        # The first is the cause; those after it say that there was one.
        return next(filter(None, self._said), "no reason given")

    def _add(self, adapter: Path) -> None:
        loaded = self._library.llama_adapter_lora_init(self._model, str(adapter).encode())
        if not loaded:
            raise RunError("gguf.does_not_load", file=adapter, reason=self._reason())
        adapters, scales = (c_void_p * 1)(loaded), (c_float * 1)(1.0)
        self._library.llama_set_adapters_lora(self._state, adapters, 1, scales)

    @property
    def stop_ids(self) -> list[int]:
        """The ids that end an answer."""
        is_stop = self._library.llama_vocab_is_eog
        return [token for token in range(self.vocabulary) if is_stop(self._vocabulary, token)]

    def encode(self, text: str) -> list[int]:
        """Ids of a text, special tokens in it read as such, with the beginning that the file asks
        for: as llama.cpp's programs send a prompt."""
        written = text.encode()
        room = len(written) + 8
        ids = (c_int32 * room)()
        count = self._library.llama_tokenize(
            self._vocabulary, written, len(written), ids, room, True, True
        )
        assert count >= 0  # a token is a byte at least
        return list(ids[:count])

    def forget(self) -> None:
        """Begin another text."""
        self._library.llama_memory_clear(self._library.llama_get_memory(self._state), True)
        self._read = 0

    def read(self, ids: Sequence[int], wanted: Sequence[int]) -> Iterator[Floats]:
        """Read *ids* on; the logits (vocabulary) after those at the places *wanted* of them.

        A value is valid until the next one is asked for.
        """
        asked = set(wanted)
        for start in range(0, len(ids), _AT_ONCE):
            part = ids[start : start + _AT_ONCE]
            batch = self._batch
            batch.n_tokens = len(part)
            for at, token in enumerate(part):
                batch.token[at] = token
                batch.pos[at] = self._read + at
                batch.n_seq_id[at] = 1
                batch.seq_id[at][0] = 0
                batch.logits[at] = start + at in asked
            code = self._library.llama_decode(self._state, batch)
            if code:
                raise RunError("gguf.does_not_run", reason=f"llama_decode: {code}")
            self._read += len(part)
            for at in range(len(part)):
                if start + at in asked:
                    values = self._library.llama_get_logits_ith(self._state, at)
                    yield np.ctypeslib.as_array(values, (self.vocabulary,))

    def close(self) -> None:
        """Give its memory back."""
        self._library.llama_batch_free(self._batch)
        self._library.llama_free(self._state)
        self._library.llama_model_free(self._model)


def next_token(model: LlamaModel, ids: Sequence[int]) -> int:
    """Read *ids* on; the most likely token after them."""
    (logits,) = model.read(ids, [len(ids) - 1])
    return int(logits.argmax())
