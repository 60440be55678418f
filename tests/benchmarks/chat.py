"""How fast the chat is, against a bare genai loop and against llama.cpp.

    python -m tests.benchmarks.chat MODEL [--llama PYTHON --gguf FILE [--only-llama]] [--rounds N]

MODEL is a folder with an exported model that writes on without stopping (the starter model,
exported without training). Both sides run in the same minutes on the same cores, in turns, each
in a process of its own; the table shows medians and their ratio.

Bars: writing at 0.97 times a bare loop's speed, through the service and its socket; a second
turn's first token within 1.3 times what its new tokens take alone; a request stopped within
100 ms also while its prompt is read; llama.cpp's speed in reading and in writing, at no worse a
negative log likelihood.

PYTHON has llama-cpp-python. On processors where its native build fails:
CMAKE_ARGS="-DGGML_NATIVE=OFF -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_AVX512=ON
-DGGML_AVX512_VNNI=ON" pip install llama-cpp-python
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from phi3studio.app.telemetry import NO_TELEMETRY
from phi3studio.domain.errors import Cancelled
from phi3studio.domain.sampling import Sampling
from phi3studio.services.chat_client import Chat
from phi3studio.services.connection import Service
from phi3studio.worker.chat.conversations import Conversation, Voice
from phi3studio.worker.chat.turns import Turns
from phi3studio.worker.genai.genai import GenaiModel
from phi3studio.worker.process.threads import usable_cores
from phi3studio.worker.serving import Cancel

DECODE_BAR, TURN_BAR, STOP_BAR_S, LLAMA_BAR = 0.97, 1.3, 0.1, 1.0
ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text("utf-8") + (ROOT / "CONTRIBUTING.md").read_text("utf-8")
STORY = "Once upon a time there was a small village by the sea, and in this village"
WRITTEN, READ, SCORED = 96, 512, 1024


class Side:
    """A process that answers jobs."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )

    def __call__(self, do: str, **job: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do} | job) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


class Table:
    """Rows of two sides and a bar; remembers what missed it."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def row(
        self, name: str, ours: Sequence[float], theirs: Sequence[float], bar: float, most: bool
    ) -> None:
        """Medians and the ratio ours / theirs; *most*: the bar is an upper one."""
        mine, other = statistics.median(ours), statistics.median(theirs)
        ratio = mine / other
        met = ratio <= bar if most else ratio >= bar
        if not met:
            self.missed.append(name)
        sign = "≤" if most else "≥"
        print(
            f"{name:<34} ours {mine:>9.4g} ({min(ours):.4g}–{max(ours):.4g})   "
            f"other {other:>9.4g} ({min(theirs):.4g}–{max(theirs):.4g})   "
            f"{ratio:5.2f} {sign} {bar}  {'' if met else 'MISSED'}",
            flush=True,
        )


async def written(chat: Chat, model: Path) -> float:
    """Tokens a second from the first piece to the last, as the service's client sees them."""
    answer = chat.answer(model, prompt=STORY, max_tokens=WRITTEN)
    first = 0.0
    async for _ in answer:
        first = first or time.perf_counter()
    spent = time.perf_counter() - first
    assert answer.figures is not None
    assert answer.figures.tokens == WRITTEN, "the model stops by itself; name another one"
    return (WRITTEN - 1) / spent


async def second_turn(chat: Chat, model: Path, name: str, prompt: str) -> tuple[float, int]:
    """Seconds to the first piece of a second turn, and the tokens that were new to the engine."""
    said = "".join(
        [
            piece
            async for piece in chat.answer(model, prompt=prompt, max_tokens=16, conversation=name)
        ]
    )
    more = prompt + said + " Then something else happened. " + STORY * 3
    answer = chat.answer(model, prompt=more, max_tokens=2, conversation=name)
    began = time.perf_counter()
    spent = 0.0
    async for _ in answer:
        spent = spent or time.perf_counter() - began
    assert answer.figures is not None
    return spent, answer.figures.prefilled


def against_bare(table: Table, model: Path, rounds: int) -> None:
    """The service against the bare loop."""
    bare = Side([sys.executable, "-m", "tests.benchmarks.genai_side", str(model)])
    ours: list[float] = []
    theirs: list[float] = []
    turns: list[float] = []
    alone: list[float] = []
    read: list[int] = []

    async def talk(log: Path) -> None:
        async with Service.start("chat", log=log) as service:
            chat = Chat(service)
            await chat.load(model)
            await written(chat, model)
            bare("speed", prompt=STORY, tokens=WRITTEN)
            for number in range(rounds):
                ours.append(await written(chat, model))
                theirs.append(bare("speed", prompt=STORY, tokens=WRITTEN)["decode"])
                spent, new = await second_turn(chat, model, f"talk {number}", TEXT[:2400])
                turns.append(spent)
                read.append(new)
                alone.append(bare("turn", prompt=TEXT[:2400], new=new, tokens=16))

    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(talk(Path(scratch) / "log"))
    bare.close()
    table.row("writing, tokens/s", ours, theirs, DECODE_BAR, most=False)
    print(f"(the second turn has {max(read)} new tokens)")
    table.row("second turn, s to first token", turns, alone, TURN_BAR, most=True)


def stopping(table: Table, model: Path, rounds: int) -> None:
    """Seconds from a withdrawal to the end of the computation, while a prompt is read."""
    engine = GenaiModel(model, threads=usable_cores())
    ids = engine.encode(TEXT)[:READ]

    def talk() -> Conversation:
        return Conversation(engine.generator(READ + 8), READ + 8, Voice(Sampling()))

    began = time.perf_counter()
    talk().read(ids, Cancel(), Turns())
    whole = time.perf_counter() - began
    late: list[float] = []
    for number in range(rounds):
        cancel, asked = Cancel(), []

        def ask(cancel: Cancel = cancel, asked: list[float] = asked) -> None:
            asked.append(time.perf_counter())
            cancel.request()

        timer = threading.Timer(whole * (number + 1) / (rounds + 2), ask)
        timer.start()
        try:
            talk().read(ids, cancel, Turns())
        except Cancelled:
            late.append(time.perf_counter() - asked[0])
        timer.join()
    if late:
        table.row("stopping, s, the worst", [max(late)], [1.0], STOP_BAR_S, most=True)
    else:
        print("stopping: every prompt was read before its withdrawal came")


def against_llama(table: Table, model: Path, python: Path, gguf: Path, rounds: int) -> None:
    """Our engine against llama.cpp: the same ids, the same number of threads."""
    threads = usable_cores()
    engine = GenaiModel(model, threads=threads)
    ids = engine.encode(TEXT)[:SCORED]
    script = str(Path(__file__).with_name("llama_side.py"))
    llama = Side([str(python), script, str(gguf), str(SCORED + 64), str(threads)])
    ours: dict[str, list[float]] = {"prefill": [], "decode": []}
    theirs: dict[str, list[float]] = {"prefill": [], "decode": []}
    for _ in range(rounds):
        for side, got in (
            (ours, engine_speed(engine, ids[:READ])),
            (theirs, llama("speed", ids=ids[:READ], tokens=WRITTEN)),
        ):
            for key in side:
                side[key].append(got[key])
    table.row("llama.cpp: reading, tokens/s", ours["prefill"], theirs["prefill"], LLAMA_BAR, False)
    table.row("llama.cpp: writing, tokens/s", ours["decode"], theirs["decode"], LLAMA_BAR, False)
    table.row("llama.cpp: NLL", [nll(engine, ids)], [llama("nll", ids=ids)], 1.0, most=True)
    llama.close()


def engine_speed(engine: GenaiModel, ids: Sequence[int]) -> dict[str, float]:
    """Tokens a second while reading *ids* and while writing."""
    talk = Conversation(engine.generator(READ + WRITTEN + 64), 0, Voice(Sampling()))
    began = time.perf_counter()
    talk.read(ids, Cancel(), Turns())
    talk.next_token(Cancel(), Turns())
    read = time.perf_counter()
    for _ in range(WRITTEN):
        if talk.generator.is_done():  # what comes after its end takes as long
            talk.generator.append_tokens(ids[:1])
        talk.next_token(Cancel(), Turns())
    wrote = time.perf_counter()
    return {"prefill": len(ids) / (read - began), "decode": WRITTEN / (wrote - read)}


def nll(engine: GenaiModel, ids: Sequence[int]) -> float:
    """Mean negative log likelihood (nats) of every token but the first."""
    scores = engine.logits(ids)[:-1].astype(np.float64)
    scores -= scores.max(-1, keepdims=True)
    total = np.log(np.exp(scores).sum(-1))
    return float((total - scores[np.arange(len(ids) - 1), ids[1:]]).mean())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--llama", type=Path, help="a Python that has llama-cpp-python")
    parser.add_argument("--gguf", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only-llama", action="store_true")
    options = parser.parse_args()
    os.environ.update(NO_TELEMETRY)
    table = Table()
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    print(f"{usable_cores()} cores, load before the start {busy:.1f}")
    if not options.only_llama:
        against_bare(table, options.model, options.rounds)
        stopping(table, options.model, max(5, options.rounds))
    if options.llama is not None and options.gguf is not None:
        against_llama(table, options.model, options.llama, options.gguf, options.rounds)
    print(f"missed: {', '.join(table.missed)}" if table.missed else "every bar is met")
    return 1 if table.missed else 0


if __name__ == "__main__":
    sys.exit(main())
