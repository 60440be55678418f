"""onnxruntime-genai through its C interface (``ort_genai_c.h``), called with ctypes.

Its Python binding holds Python's lock while it computes: a prompt of 2,000 tokens stops every
other thread for seconds, so that a request to stop is not even read. ctypes gives the lock up,
and :meth:`Generator.terminate`, called from another thread, ends a computation between two
operators of the graph.

The package's own library is used, whichever flavour is installed; its functions are the same in
genai 0.13 to 0.18. Errors of the library are raised as :class:`GenaiError`.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Sequence
from ctypes import POINTER, byref, c_bool, c_char_p, c_double, c_int32, c_int64, c_size_t, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_LIBRARIES = ("libonnxruntime-genai.so", "onnxruntime-genai.dll", "libonnxruntime-genai.dylib")

# OgaElementType → numpy
_FLOATS: dict[int, type[np.generic]] = {1: np.float32, 10: np.float16, 11: np.float64}

_RESULTS: dict[str, list[Any]] = {
    "OgaCreateConfig": [c_char_p, c_void_p],
    "OgaConfigOverlay": [c_void_p, c_char_p],
    "OgaCreateModelFromConfig": [c_void_p, c_void_p],
    "OgaCreateTokenizer": [c_void_p, c_void_p],
    "OgaCreateTokenizerStream": [c_void_p, c_void_p],
    "OgaTokenizerStreamDecode": [c_void_p, c_int32, c_void_p],
    "OgaTokenizerEncode": [c_void_p, c_char_p, c_void_p],
    "OgaTokenizerApplyChatTemplate": [c_void_p, c_char_p, c_char_p, c_char_p, c_bool, c_void_p],
    "OgaCreateSequences": [c_void_p],
    "OgaCreateGeneratorParams": [c_void_p, c_void_p],
    "OgaGeneratorParamsSetSearchNumber": [c_void_p, c_char_p, c_double],
    "OgaGeneratorParamsSetSearchBool": [c_void_p, c_char_p, c_bool],
    "OgaGeneratorParamsSetGuidance": [c_void_p, c_char_p, c_char_p, c_bool],
    "OgaCreateGenerator": [c_void_p, c_void_p, c_void_p],
    "OgaGenerator_AppendTokens": [c_void_p, c_void_p, c_size_t],
    "OgaGenerator_GenerateNextToken": [c_void_p],
    "OgaGenerator_GetNextTokens": [c_void_p, c_void_p, c_void_p],
    "OgaGenerator_RewindTo": [c_void_p, c_size_t],
    "OgaGenerator_SetRuntimeOption": [c_void_p, c_char_p, c_char_p],
    "OgaGenerator_GetOutput": [c_void_p, c_char_p, c_void_p],
    "OgaGenerator_GetLogits": [c_void_p, c_void_p],
    "OgaTensorGetType": [c_void_p, c_void_p],
    "OgaTensorGetShapeRank": [c_void_p, c_void_p],
    "OgaTensorGetShape": [c_void_p, c_void_p, c_size_t],
    "OgaTensorGetData": [c_void_p, c_void_p],
    "OgaCreateAdapters": [c_void_p, c_void_p],
    "OgaLoadAdapter": [c_void_p, c_char_p, c_char_p],
    "OgaUnloadAdapter": [c_void_p, c_char_p],
    "OgaSetActiveAdapter": [c_void_p, c_void_p, c_char_p],
}
"""Functions that return an OgaResult: ``NULL``, or an error with a text."""


class GenaiError(Exception):
    """What the library reports, in its own words."""


class _Native:
    """The library with its functions declared."""

    def __init__(self, file: Path) -> None:
        self.lib = ctypes.CDLL(str(file))
        for name, arguments in _RESULTS.items():
            function = getattr(self.lib, name)
            function.argtypes, function.restype = arguments, c_void_p
        self.lib.OgaResultGetError.argtypes = [c_void_p]
        self.lib.OgaResultGetError.restype = c_char_p
        self.lib.OgaGenerator_IsDone.argtypes = [c_void_p]
        self.lib.OgaGenerator_IsDone.restype = c_bool
        for name in ("OgaSequencesGetSequenceCount", "OgaSequencesGetSequenceData"):
            getattr(self.lib, name).argtypes = [c_void_p, c_size_t]
        self.lib.OgaSequencesGetSequenceCount.restype = c_size_t
        self.lib.OgaSequencesGetSequenceData.restype = POINTER(c_int32)

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function of ``_RESULTS``; raises :class:`GenaiError` with its message."""
        result = getattr(self.lib, name)(*arguments)
        if result:
            text = (self.lib.OgaResultGetError(result) or b"").decode("utf-8", "replace")
            self.destroy("Result", result)
            raise GenaiError(text)

    def make(self, name: str, *arguments: Any) -> int:
        """Call a function whose last argument receives a pointer; returns that pointer."""
        made = c_void_p()
        self.call(name, *arguments, byref(made))
        assert made.value is not None
        return made.value

    def destroy(self, kind: str, pointer: int) -> None:
        function = getattr(self.lib, f"OgaDestroy{kind}")
        function.argtypes, function.restype = [c_void_p], None
        function(pointer)


@functools.cache
def _native() -> _Native:
    import onnxruntime_genai  # it loads ONNX Runtime, which the library needs

    package = Path(onnxruntime_genai.__file__).parent
    # In a frozen app libraries may lie next to the packages.
    for folder in (package, package.parent):
        for name in _LIBRARIES:
            if (folder / name).is_file():
                return _Native(folder / name)
    raise GenaiError(f"there is no library of onnxruntime-genai in {package}")


class _Owned:
    """A pointer of the library, destroyed once: by ``close`` or with the object."""

    kind = ""

    def __init__(self, pointer: int) -> None:
        self.pointer = pointer

    def close(self) -> None:
        pointer, self.pointer = self.pointer, 0
        if pointer:
            _native().destroy(self.kind, pointer)

    def __del__(self) -> None:
        if getattr(self, "pointer", 0):
            self.close()


class Model(_Owned):
    """A loaded model. *overlay* is JSON that is laid over its genai_config.json."""

    kind = "Model"

    def __init__(self, folder: Path, overlay: str) -> None:
        native = _native()
        config = native.make("OgaCreateConfig", str(folder).encode())
        try:
            native.call("OgaConfigOverlay", config, overlay.encode())
            super().__init__(native.make("OgaCreateModelFromConfig", config))
        finally:
            native.destroy("Config", config)


class Tokenizer(_Owned):
    """The model's tokenizer."""

    kind = "Tokenizer"

    def __init__(self, model: Model) -> None:
        super().__init__(_native().make("OgaCreateTokenizer", model.pointer))

    def encode(self, text: str) -> list[int]:
        """Ids of *text*; a NUL character, where C texts end, is left out."""
        native = _native()
        sequences = native.make("OgaCreateSequences")
        try:
            plain = text.replace("\0", "").encode("utf-8", "replace")
            native.call("OgaTokenizerEncode", self.pointer, plain, sequences)
            count = native.lib.OgaSequencesGetSequenceCount(sequences, 0)
            return list(native.lib.OgaSequencesGetSequenceData(sequences, 0)[:count])
        finally:
            native.destroy("Sequences", sequences)

    def apply_chat_template(
        self, messages: str, tools: str | None = None, generation: bool = True
    ) -> str:
        """*messages* and *tools* are JSON; with *generation* the text ends where an answer
        begins."""
        native = _native()
        texts = [
            None if given is None else given.replace("\\u0000", "").encode("utf-8", "replace")
            for given in (messages, tools)
        ]
        made = native.make("OgaTokenizerApplyChatTemplate", self.pointer, None, *texts, generation)
        try:
            return ctypes.string_at(made).decode("utf-8", "replace")
        finally:
            native.destroy("String", made)

    def create_stream(self) -> TokenStream:
        return TokenStream(self)


class TokenStream(_Owned):
    """Decodes one token after the other and never splits a character."""

    kind = "TokenizerStream"

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__(_native().make("OgaCreateTokenizerStream", tokenizer.pointer))
        self._tokenizer = tokenizer  # lives as long as the stream

    def decode(self, token: int) -> str:
        text = c_char_p()
        _native().call("OgaTokenizerStreamDecode", self.pointer, token, byref(text))
        return (text.value or b"").decode("utf-8", "replace")


class Adapters(_Owned):
    """LoRA weights that a generator over the same model can switch to, by name."""

    kind = "Adapters"

    def __init__(self, model: Model) -> None:
        super().__init__(_native().make("OgaCreateAdapters", model.pointer))
        self._model = model

    def load(self, file: Path, name: str) -> None:
        _native().call("OgaLoadAdapter", self.pointer, str(file).encode(), name.encode())


class Generator(_Owned):
    """One text that grows. Used by one thread; only :meth:`terminate` is for others."""

    kind = "Generator"

    def __init__(
        self,
        model: Model,
        options: dict[str, float | bool],
        guidance: tuple[str, str] | None = None,
    ) -> None:
        """*options* are genai's search options; *guidance* a kind (``json_schema``, ``regex``,
        ``lark_grammar``) and its text."""
        native = _native()
        params = native.make("OgaCreateGeneratorParams", model.pointer)
        try:
            for key, value in options.items():
                kind = "Bool" if isinstance(value, bool) else "Number"
                native.call(f"OgaGeneratorParamsSetSearch{kind}", params, key.encode(), value)
            if guidance is not None:
                kind, text = guidance
                native.call(
                    "OgaGeneratorParamsSetGuidance", params, kind.encode(), text.encode(), False
                )
            super().__init__(native.make("OgaCreateGenerator", model.pointer, params))
        finally:
            native.destroy("GeneratorParams", params)
        self._model = model
        self._guard = threading.Lock()

    def set_active_adapter(self, adapters: Adapters, name: str) -> None:
        _native().call("OgaSetActiveAdapter", self.pointer, adapters.pointer, name.encode())

    def append_tokens(self, ids: Sequence[int] | npt.NDArray[np.int32]) -> None:
        array = np.ascontiguousarray(ids, dtype=np.int32)
        _native().call(
            "OgaGenerator_AppendTokens", self.pointer, array.ctypes.data_as(c_void_p), array.size
        )

    def generate_next_token(self) -> int:
        """Compute what is due, choose the next token, and return it."""
        _native().call("OgaGenerator_GenerateNextToken", self.pointer)
        return self.get_next_tokens()[0]

    def get_next_tokens(self) -> list[int]:
        """The token that was chosen last, in a list of one."""
        tokens, count = POINTER(c_int32)(), c_size_t()
        _native().call("OgaGenerator_GetNextTokens", self.pointer, byref(tokens), byref(count))
        return [int(token) for token in tokens[: count.value]]

    def is_done(self) -> bool:
        return bool(_native().lib.OgaGenerator_IsDone(self.pointer))

    def rewind_to(self, length: int) -> None:
        _native().call("OgaGenerator_RewindTo", self.pointer, length)

    def terminate(self) -> None:
        """From any thread: the computation under way, or the next one, ends at once with
        :class:`GenaiError`. Then only :meth:`revive` is of use."""
        self._set_terminate(b"1")

    def revive(self, length: int) -> None:
        """After :meth:`terminate`: go back to the first *length* tokens, which must have been
        computed; tokens have to be appended next."""
        self._set_terminate(b"0")
        self.rewind_to(length)

    def _set_terminate(self, value: bytes) -> None:
        with self._guard:
            if self.pointer:
                _native().call(
                    "OgaGenerator_SetRuntimeOption", self.pointer, b"terminate_session", value
                )

    def close(self) -> None:
        with self._guard:
            super().close()

    def get_output(self, name: str) -> npt.NDArray[Any]:
        """A copy of an output of the last computation."""
        return self._copied(_native().make("OgaGenerator_GetOutput", self.pointer, name.encode()))

    def next_logits(self) -> npt.NDArray[Any]:
        """The logits, of shape (vocabulary,), from which the next token will be chosen."""
        values = self._copied(_native().make("OgaGenerator_GetLogits", self.pointer))
        last: npt.NDArray[Any] = values.reshape(-1, values.shape[-1])[-1]
        return last

    @staticmethod
    def _copied(tensor: int) -> npt.NDArray[Any]:
        """A copy of the native *tensor*, which is destroyed."""
        native = _native()
        try:
            kind, rank, data = c_int32(), c_size_t(), c_void_p()
            native.call("OgaTensorGetType", tensor, byref(kind))
            native.call("OgaTensorGetShapeRank", tensor, byref(rank))
            shape = (c_int64 * rank.value)()
            native.call("OgaTensorGetShape", tensor, shape, rank.value)
            native.call("OgaTensorGetData", tensor, byref(data))
            return copied(data.value or 0, np.dtype(_FLOATS[kind.value]), list(shape))
        finally:
            native.destroy("Tensor", tensor)


def copied(address: int, dtype: np.dtype[Any], shape: Sequence[int]) -> npt.NDArray[Any]:
    """The values at *address* as an array of its own; of any size (``string_at`` ends at 2 GiB:
    2,700 tokens of a vocabulary of 200,000)."""
    values = np.empty(shape, dtype)
    ctypes.memmove(values.ctypes.data, address, values.nbytes)
    return values
