"""An exported model in a process of its own: loaded, asked and measured from here.

The process holds nothing but the model, so its memory and speed are those of a program that only
answers; a model that takes its process down does not take this one with it; and a wait for it can
be ended at any moment.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any

from phi3studio.app.program import program
from phi3studio.domain.errors import RunError

_KILLED = -9
"""Exit code of a process that Linux or macOS ended for its memory."""
_LOOK_S = 0.1


@dataclass(frozen=True)
class Speed:
    """What answering costs: seconds to the first token, tokens/s after it, memory in bytes."""

    first_token_s: float
    tokens_per_s: float
    peak_memory: int


@dataclass(frozen=True)
class Scored:
    """A text under the model: sum of the losses (nats) and the most likely token of each position,
    sum of the divergences (nats) and number of positions with top-1 agreement, of these."""

    loss: float
    predicted: list[int]
    finite: bool
    kl: float = 0.0
    agree: int = 0


_ahead: list[subprocess.Popen[str]] = []


def start_ahead(processes: int) -> None:
    """Start the processes of the next models now, on a machine whose processor waits for its GPU:
    they load the libraries of an answer on the GPU, which takes seconds. At most *processes* wait.
    """
    while len(_ahead) < processes:
        process = _process()
        _ahead.append(process)
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # it is gone: the model that takes it will say so
            process.stdin.write(json.dumps({"do": "prepare"}) + "\n")
            process.stdin.flush()


def _process() -> subprocess.Popen[str]:
    creation = 0
    if sys.platform == "win32":
        creation = subprocess.CREATE_NO_WINDOW
    return subprocess.Popen(
        program("worker", "exported"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        creationflags=creation,
    )


class ExportedModel:
    """One model in its process: an ONNX folder, or a GGUF file. *threads* are the library's own; 0
    leaves the choice to it. *context*: the most tokens of a text, for llama.cpp, which holds the
    memory for them; 0 for all that the model knows. *lora*: a GGUF file of an adapter over it.

    A context manager; entering loads the model and raises :class:`RunError` when it does not
    load. ``load_s`` and ``stop_ids`` are known then.
    """

    def __init__(
        self, folder: Path, threads: int = 0, context: int = 0, lora: Path | None = None
    ) -> None:
        self.folder = folder
        self._lora = lora
        self._threads = threads
        self._context = context
        self._answers: SimpleQueue[str | None] = SimpleQueue()
        self.load_s = 0.0
        self.stop_ids: list[int] = []
        self.context = 0

    def __enter__(self) -> ExportedModel:
        self._process = _ahead.pop() if _ahead else _process()
        if self._process.poll() is not None:
            self._process.communicate()  # one that died while it waited
            self._process = _process()
        threading.Thread(target=self._read, daemon=True).start()
        try:
            facts = self._ask(
                "load",
                folder=str(self.folder),
                threads=self._threads,
                context=self._context,
                lora=str(self._lora) if self._lora is not None else None,
            )
        except BaseException:
            self._end()
            raise
        self.load_s = float(facts["load_s"])
        self.stop_ids = list(facts["stop_ids"])
        self.context = int(facts["context"])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, as the library's own tokenizer reads it."""
        ids: list[list[int]] = self._ask("encode", texts=list(texts))["ids"]
        return ids

    def prompts(self, conversations: Sequence[Sequence[Mapping[str, str]]]) -> list[str]:
        """Of a GGUF file: the prompts that llama.cpp's own engine writes with its chat template,
        none where that is not installed; raises :class:`RunError` if it cannot run it."""
        asked = [[dict(turn) for turn in turns] for turns in conversations]
        prompts: list[str] = self._ask("prompts", conversations=asked)["prompts"]
        return prompts

    def generate(self, prompt: Sequence[int], longest: int) -> list[int]:
        """A greedy answer, the stop token included, at most *longest* tokens."""
        ids: list[int] = self._ask("generate", ids=list(prompt), longest=longest)["ids"]
        return ids

    def speed(self, prompts: Sequence[Sequence[int]]) -> Speed:
        """Measure the speed with some prompts. The memory counts from the beginning on, so ask
        for this first."""
        return Speed(**self._ask("speed", prompts=[list(prompt) for prompt in prompts]))

    def score(
        self, ids: Sequence[int], at: Sequence[int], reference: dict[str, Any] | None = None
    ) -> Scored:
        """How likely the tokens *at* of a text are; *reference* as of
        :meth:`phi3studio.worker.fidelity.reference.Reference.part`."""
        return Scored(**self._ask("score", ids=list(ids), at=list(at), reference=reference))

    def _ask(self, do: str, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # the process is gone: no answer will come
            self._process.stdin.write(json.dumps({"do": do, **request}) + "\n")
            self._process.stdin.flush()
        while True:
            try:
                line = self._answers.get(timeout=_LOOK_S)
                break
            except Empty:
                continue
        if line is None:
            code = self._process.wait()
            variant = "killed" if code == _KILLED else ""
            raise RunError("export.crashed", variant=variant, exit_code=code, folder=self.folder)
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RunError.from_json(answer["error"])
        return answer

    def _read(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            for line in self._process.stdout:
                self._answers.put(line)
        self._answers.put(None)

    def _end(self) -> None:
        # Its answers are all that it has: nothing is lost, and a GPU's libraries take half a second
        # to end by themselves.
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):  # it was gone before all that was asked was written
                if pipe is not None:
                    pipe.close()
