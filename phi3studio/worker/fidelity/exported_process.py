"""The other side of :mod:`phi3studio.worker.fidelity.exported_model`: a process with one model.

It imports numpy and the model's own library (onnxruntime-genai, or llama.cpp for a GGUF file) and
nothing else of weight, so its memory is what answering takes. Requests and answers are JSON lines
on standard input and output; it ends when its input does.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from phi3studio.domain.errors import RunError, UserFacingError, first_line
from phi3studio.worker.genai.genai import GenaiModel, pieces
from phi3studio.worker.genai.genai_native import GenaiError, Generator
from phi3studio.worker.genai.providers import prepare_gpu
from phi3studio.worker.llama_cpp.chat_prompts import chat_prompts
from phi3studio.worker.llama_cpp.llama_native import LlamaModel, next_token

_DECODED = 48
_CHUNK_BYTES = 64 * 1024 * 1024

Json = dict[str, Any]
Floats = npt.NDArray[np.float32]


def main() -> int:
    """Answer requests until the input ends; returns the exit code."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", buffering=1)
    # What libraries print goes to the log.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    model: _Model | None = None
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "prepare":
            prepare_gpu()
            continue
        try:
            if request["do"] == "load":
                file, threads = Path(request["folder"]), int(request["threads"])
                if file.suffix == ".gguf":
                    lora = Path(request["lora"]) if request["lora"] else None
                    model = _Llama(file, threads, int(request["context"]), lora)
                else:
                    model = _Genai(file, threads)
                answer = model.facts()
            else:
                assert model is not None
                answer = getattr(model, request.pop("do"))(**request)
        except GenaiError as exc:
            answer = {"error": RunError("export.does_not_run", reason=first_line(exc)).to_json()}
        except UserFacingError as exc:
            answer = {"error": exc.to_json()}
        answers.write(json.dumps(answer) + "\n")
    return 0


class _Model(ABC):
    """The requests, by name."""

    def __init__(self) -> None:
        self._reference: Floats | None = None

    @abstractmethod
    def facts(self) -> Json:
        """``load_s``, ``stop_ids`` and ``context``."""

    @abstractmethod
    def encode(self, texts: list[str]) -> Json:
        """Ids of texts, as the library's own tokenizer reads them."""

    @abstractmethod
    def generate(self, ids: list[int], longest: int) -> Json:
        """A greedy answer's ids."""

    @abstractmethod
    def speed(self, prompts: list[list[int]]) -> Json:
        """Median time to the first token (s), decoding speed (tokens/s), memory so far (bytes)."""

    @abstractmethod
    def _logits(self, ids: list[int], at: Sequence[int]) -> Floats:
        """Logits (positions, vocabulary) that predict the tokens *at*."""

    def score(
        self,
        ids: list[int],
        at: list[int],
        reference: Json | None = None,
    ) -> Json:
        """How likely a text is, at the positions *at* (of the tokens to be predicted).

        ``loss`` (nats) and ``predicted`` have one value a position. With *reference* (the file of
        log-probabilities, its shape, the first row of this text and the numbers among *at* that
        it holds) also ``kl`` in nats and the number of positions that ``agree``.
        """
        logits = self._logits(ids, at)
        log_probabilities = log_softmax(logits)
        answer: Json = {
            "loss": float(-log_probabilities[np.arange(len(at)), [ids[i] for i in at]].sum()),
            "predicted": logits.argmax(-1).tolist(),
            "finite": bool(np.isfinite(logits).all()),
        }
        if reference is not None and reference["held"]:
            first, held = reference["first"], reference["held"]
            before = self._opened(reference)[first : first + len(held)]
            answer |= divergence(before, log_probabilities[held])
        return answer

    def _opened(self, reference: Json) -> Floats:
        if self._reference is None:
            self._reference = np.memmap(
                reference["file"], np.float32, "r", shape=tuple(reference["shape"])
            )
        return self._reference


class _Genai(_Model):
    """A folder that onnxruntime-genai opens."""

    def __init__(self, folder: Path, threads: int) -> None:
        super().__init__()
        began = time.monotonic()
        self._model = GenaiModel(folder, threads=threads)
        self._load_s = time.monotonic() - began
        # An export that keeps its adapters apart is measured with the first of them.
        self._adapter = next(iter(self._model.adapters), None)

    def facts(self) -> Json:
        return {
            "load_s": self._load_s,
            "stop_ids": self._model.stop_ids,
            "context": self._model.context,
        }

    def encode(self, texts: list[str]) -> Json:
        return {"ids": [self._model.encode(text) for text in texts]}

    def generate(self, ids: list[int], longest: int) -> Json:
        generator = self._generator(len(ids) + longest)
        for piece in pieces(ids):  # as the chat reads it
            generator.append_tokens(piece)
        answer: list[int] = []
        while not generator.is_done():
            answer.append(generator.generate_next_token())
        return {"ids": answer}

    def _generator(self, length: int) -> Generator:
        return self._model.generator(min(length, self._model.context), adapter=self._adapter)

    def speed(self, prompts: list[list[int]]) -> Json:
        firsts: list[float] = []
        steps: list[float] = []
        for prompt in prompts:
            generator = self._generator(len(prompt) + _DECODED)
            began = time.monotonic()
            generator.append_tokens(prompt)
            last = generator.generate_next_token()
            firsts.append(time.monotonic() - began)
            left = min(_DECODED, self._model.context - len(prompt)) - 2
            began = time.monotonic()
            for _ in range(max(1, left)):
                if generator.is_done():
                    # Past its end the answer goes on with anything: the time is the same.
                    generator.append_tokens([last])
                generator.generate_next_token()
            steps.append((time.monotonic() - began) / max(1, left))
        return _speed(firsts, steps)

    def _logits(self, ids: list[int], at: Sequence[int]) -> Floats:
        """Logits (positions, vocabulary) that predict the tokens *at*, computed piece by piece:
        those of a whole long text would take gigabytes."""
        needed = np.array(at, dtype=int) - 1
        if not len(needed):
            return np.zeros((0, 1), np.float32)
        generator = self._generator(len(ids) + 1)
        found: list[Floats] = []
        start, size = 0, 64
        while start <= needed[-1]:
            piece = ids[start : start + size]
            generator.append_tokens(piece)
            values = generator.get_output("logits")[0]
            here = needed[(needed >= start) & (needed < start + len(piece))] - start
            found.append(values[here].astype(np.float32))
            start += len(piece)
            size = max(64, _CHUNK_BYTES // (4 * values.shape[-1]))
        return np.concatenate(found)


class _Llama(_Model):
    """A GGUF file, in llama.cpp."""

    def __init__(self, file: Path, threads: int, context: int, lora: Path | None) -> None:
        super().__init__()
        self._file = file
        began = time.monotonic()
        self._model = LlamaModel(file, threads, context, lora)
        self._load_s = time.monotonic() - began
        self._stop_ids = self._model.stop_ids

    def facts(self) -> Json:
        return {
            "load_s": self._load_s,
            "stop_ids": self._stop_ids,
            "context": self._model.context,
        }

    def encode(self, texts: list[str]) -> Json:
        return {"ids": [self._model.encode(text) for text in texts]}

    def prompts(self, conversations: list[list[dict[str, str]]]) -> Json:
        """The prompts that llama.cpp's own engine writes with the file's chat template."""
        return {"prompts": chat_prompts(self._file, conversations)}

    def generate(self, ids: list[int], longest: int) -> Json:
        self._model.forget()
        answer = [next_token(self._model, ids)]
        room = min(longest, self._model.context - len(ids))
        while answer[-1] not in self._stop_ids and len(answer) < room:
            answer.append(next_token(self._model, answer[-1:]))
        return {"ids": answer}

    def speed(self, prompts: list[list[int]]) -> Json:
        firsts: list[float] = []
        steps: list[float] = []
        for prompt in prompts:
            self._model.forget()
            began = time.monotonic()
            token = next_token(self._model, prompt)
            firsts.append(time.monotonic() - began)
            left = max(1, min(_DECODED, self._model.context - len(prompt)) - 2)
            began = time.monotonic()
            for _ in range(left):
                token = next_token(self._model, [token])
            steps.append((time.monotonic() - began) / left)
        return _speed(firsts, steps)

    def _logits(self, ids: list[int], at: Sequence[int]) -> Floats:
        if not at:
            return np.zeros((0, 1), np.float32)
        self._model.forget()
        needed = [place - 1 for place in at]
        return np.stack([values.copy() for values in self._model.read(ids[: at[-1]], needed)])


def _speed(firsts: Sequence[float], steps: Sequence[float]) -> Json:
    return {
        "first_token_s": statistics.median(firsts),
        "tokens_per_s": 1 / statistics.median(steps),
        "peak_memory": peak_memory(),
    }


def log_softmax(logits: Floats) -> Floats:
    """Log-probabilities of the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    values: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True, dtype=np.float64))
    return values.astype(np.float32)


def divergence(before: Floats, after: Floats) -> Json:
    """Sum of KL(before ‖ after) in nats, and number of positions with top-1 agreement;
    log-probabilities (positions, vocabulary), where one vocabulary may be padded further."""
    width = min(before.shape[-1], after.shape[-1])
    before, after = before[:, :width], after[:, :width]
    parts = np.exp(before) * (before - after)
    kl = np.where(np.isneginf(before), 0.0, parts).sum(axis=-1, dtype=np.float64)
    return {
        "kl": float(np.maximum(kl, 0.0).sum()),
        "agree": int((before.argmax(-1) == after.argmax(-1)).sum()),
    }


def peak_memory() -> int:
    """The highest resident memory of this process, in bytes.

    Linux's own mark of the process; ``getrusage`` would count what its parent had before.
    """
    try:
        for line in Path("/proc/self/status").read_text("ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    import psutil

    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # macOS: bytes
