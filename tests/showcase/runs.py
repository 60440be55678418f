"""Run folders with recorded events, for tests: no training takes place."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from filelock import BaseFileLock, FileLock

from phi3studio.app.files import write_json
from phi3studio.domain.errors import RunError
from phi3studio.domain.events.event_line import AnyPayload, Event
from phi3studio.domain.events.measured_events import (
    Answer,
    Confusion,
    Metrics,
    ModelFigures,
    Verified,
)
from phi3studio.domain.events.payload import STAGES
from phi3studio.domain.events.run_events import (
    Artifact,
    Estimated,
    Finished,
    Paused,
    Progress,
    Stage,
    StageDone,
    Started,
)
from phi3studio.domain.fidelity import Evidence, judge
from phi3studio.domain.messages import Phrase
from phi3studio.domain.recipe import Recipe, parse_recipe
from phi3studio.runs.demo import demo_recipe
from phi3studio.runs.store import RunFolder

STEPS = 184
_SAMPLES = (
    ("Footsteps stopped right outside my door.", "Fear", "Fear", "It could be several emotions."),
    ("The results came back clear!", "Joy", "Joy", "The results came back clear! The"),
    ("Nobody answered when I called.", "Sad", "Sad", "Nobody answered when I called. I"),
    ("You kept this secret for a whole year?", "Surprise", "Fear", "You kept this secret for"),
)


def course(
    *, steps: int = STEPS, until: int | None = None, seed: int = 3
) -> Iterator[tuple[float, AnyPayload]]:
    """What a run reports: (seconds since its start, payload), complete or *until* a step."""
    draw = random.Random(seed)
    yield 0.0, Started(attempt=1, pid=0, device="cpu", threads=2, versions={"olive": "0.13.0"})
    yield 0.5, Stage(name="prepare", index=0, count=len(STAGES))
    yield 3.1, StageDone(name="prepare", seconds=2.6, peak_memory=900_000_000)
    yield 3.2, Artifact(kind="data", path="data", bytes=182_000)
    expected = {"prepare": 3.0, "train": 160.0, "merge": 6.0, "quantise": 24.0, "verify": 15.0}
    memory = {"prepare": 880_000_000, "train": 2_200_000_000, "quantise": 2_500_000_000}
    yield 3.2, Estimated(memory=memory, seconds=expected, measured=True)
    yield 3.3, Stage(name="train", index=1, count=len(STAGES))
    moment = 6.0
    for step in range(1, steps + 1):
        moment += 0.9
        ideal = 0.34 + 3.55 * math.exp(-step / 24)
        loss = max(0.05, ideal * draw.uniform(0.82, 1.18) + draw.uniform(-0.06, 0.06))
        evaluated = step % (steps // 6) == 0
        yield (
            moment,
            Progress(
                step=step,
                total=steps,
                loss=round(loss, 4),
                eval_loss=round(0.47 + 3.0 * math.exp(-step / 26), 4) if evaluated else None,
                lr=2e-4 * (0.5 + 0.5 * math.cos(math.pi * step / steps)),
                epoch=3 * step / steps,
                tokens_per_s=742 + draw.uniform(-40, 40),
                eta_s=(steps - step) * 0.9,
                memory=2_060_000_000 + step * 300_000,
            ),
        )
        if until is not None and step >= until:
            return
    yield moment + 1, StageDone(name="train", seconds=moment - 3.3, peak_memory=2_140_000_000)
    yield moment + 1.1, Artifact(kind="adapter", path="adapter", bytes=9_800_000)
    for index, (name, seconds) in enumerate((("merge", 6.4), ("quantise", 21.0)), start=2):
        yield moment + 2, Stage(name=name, index=index, count=len(STAGES))
        moment += seconds
        yield moment, StageDone(name=name, seconds=seconds, peak_memory=2_480_000_000)
    yield moment, Artifact(kind="model", path="model", bytes=128_000_000)
    yield moment, Stage(name="verify", index=4, count=len(STAGES))
    yield from ((moment + 9 + i, metrics) for i, metrics in enumerate(_metrics()))
    yield moment + 13, _verdict()
    yield moment + 14, StageDone(name="verify", seconds=14.0, peak_memory=2_480_000_000)
    yield moment + 15, Finished(outcome="completed", peak_memory=2_480_000_000)


def _metrics() -> Iterator[Metrics]:
    def answers(tuned: bool) -> tuple[Answer, ...]:
        return tuple(
            Answer(
                prompt=f"### Text: {text}\n### The tone is:\n",
                expected=expected,
                text=good if tuned else bad,
                stopped=tuned,
            )
            for text, expected, good, bad in _SAMPLES
        )

    yield Metrics(
        model="base", rows=122, accuracy=0.04, perplexity=38.2, stops=0.02,
        tokens_per_s=21.0, load_s=1.1, bytes=538_000_000, samples=answers(False),
        score=0.04, score_name="accuracy", macro_f1=0.02,
    )  # fmt: skip
    yield Metrics(
        model="merged", rows=122, accuracy=0.91, perplexity=1.31, stops=1.0,
        tokens_per_s=22.0, load_s=1.2, bytes=538_000_000, samples=answers(True),
        score=0.91, score_name="accuracy", macro_f1=0.9,
    )  # fmt: skip
    yield Metrics(
        model="exported", rows=122, accuracy=0.9, perplexity=1.34, stops=1.0,
        tokens_per_s=96.0, load_s=0.4, bytes=128_000_000, samples=answers(True),
        score=0.9, score_name="accuracy", macro_f1=0.89, first_token_s=0.031,
        peak_memory=412_000_000, confusion=_CONFUSION,
    )  # fmt: skip


_CONFUSION = Confusion(
    labels=("Fear", "Joy", "Love", "Sad", "Surprise"),
    counts=(
        (22, 0, 0, 2, 1, 0),
        (0, 27, 1, 0, 0, 0),
        (0, 2, 20, 0, 0, 0),
        (1, 0, 0, 23, 0, 1),
        (3, 1, 0, 0, 18, 0),
    ),
)


def _verdict() -> Verified:
    return Verified(
        faithful=True,
        rows=122,
        models={
            "merged": ModelFigures(perplexity=1.31, score=0.91, stops=1.0),
            "exported": ModelFigures(perplexity=1.34, score=0.9, stops=1.0),
        },
        score_name="accuracy",
        points_lost=0.8,
        interval=(-0.8, 2.4),
        kl=0.0061,
        agreement=0.991,
        positions=366,
        stop="<|im_end|>",
        stop_listed=True,
        parity=1.0,
        limits={"points_lost": 3.0, "stops": 0.99},
    )


def not_proven(recipe: Recipe) -> Verified:
    """The verdict on what an adapter trained for four bits was exported to."""
    assert recipe.training.int4_aware
    known = _verdict()
    evidence = Evidence(
        models=known.models, rows=known.rows, stop=known.stop, stop_listed=True,
        score_name="accuracy", scores=([1.0] * 111 + [0.0] * 11, [1.0] * 110 + [0.0] * 12),
        kl=known.kl, agreement=known.agreement, positions=known.positions, parity=1.0,
        int4_aware=True,
    )  # fmt: skip
    return judge(evidence, recipe.fidelity, recipe.target)


def write_run(
    root: Path,
    recipe: Recipe,
    payloads: Iterable[tuple[float, AnyPayload]],
    *,
    age_s: float,
    alive: bool = False,
) -> RunFolder:
    """Make a run folder whose events began *age_s* seconds ago.

    With *alive* it counts as living until this process ends.
    """
    start = time.time() - age_s
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(start))
    run = RunFolder(root / f"{stamp}-{recipe.slug}")
    run.path.mkdir(parents=True)
    write_json(run.recipe_file, recipe.to_json())
    lines = []
    for seq, (moment, payload) in enumerate(payloads):
        lines.append(Event(seq=seq, t=start + moment, payload=payload).to_line())
        if isinstance(payload, Artifact):
            folder = run.path / payload.path
            folder.mkdir(exist_ok=True)
            (folder / "file").write_bytes(b"x" * min(payload.bytes, 100_000))
    run.events_file.write_text("".join(line + "\n" for line in lines), "utf-8")
    if alive:
        lock = FileLock(run.life_lock, thread_local=False)
        lock.acquire()
        _HELD.append(lock)
    return run


_HELD: list[BaseFileLock] = []


def let_go() -> None:
    """The runs that were made to live do so no more."""
    while _HELD:
        _HELD.pop().release()


def write_showcase(root: Path, sample: str, alive: bool) -> dict[str, RunFolder]:
    """A handful of runs in every state. With *alive* the live one lives as long as this
    process.

    Its last event lies a minute ahead, so that it still looks lively when it is drawn.
    """
    values = demo_recipe().to_json()
    values["data"] = {**values["data"], "source": sample}

    def variant(name: str, **changes: object) -> Recipe:
        merged = {**values, "name": name, **changes}
        return parse_recipe(merged)

    method = values["method"]
    live = write_run(root, variant("emotions-joy"), course(until=119), age_s=40.0, alive=alive)
    live.log_file.write_text(_log(), "utf-8")
    done = write_run(root, variant("emotions"), course(), age_s=3 * 3600)
    done.log_file.write_text(_log(), "utf-8")
    wide = write_run(
        root,
        variant("emotions-rank-32", method={**method, "rank": 32, "alpha": 64.0}),
        course(seed=9),
        age_s=26 * 3600,
    )
    broken: list[tuple[float, AnyPayload]] = [
        (0.0, Started(attempt=1)),
        (1.0, Stage(name="prepare", index=0, count=5)),
        (3.0, Stage(name="train", index=1, count=5)),
        (
            12.0,
            Finished.failed(
                RunError(
                    "run.out_of_memory",
                    variant="train",
                    reason=Phrase("run.memory_cause", variant="host"),
                )
            ),
        ),
    ]
    failed = write_run(root, variant("support-bot"), broken, age_s=2 * 86400)
    paused = write_run(
        root,
        variant("reviews-italian"),
        [*course(until=61), (70.0, Paused())],
        age_s=4 * 86400,
    )
    interrupted = write_run(root, variant("faq"), course(until=33), age_s=6 * 86400)
    return {
        "live": live, "done": done, "wide": wide,
        "failed": failed, "paused": paused, "interrupted": interrupted,
    }  # fmt: skip


def _log() -> str:
    lines = [
        "14:02:11  prepare  612 rows, 489 for training, 123 held out",
        "14:02:13  prepare  longest row 61 tokens, none cut off",
        "14:02:14  train    LoRA rank 16 on q_proj, k_proj, v_proj, o_proj: 921,600 weights",
        *(
            f"14:03:{i:02d}  train    step {60 + i} of 184, loss {0.9 - i * 0.008:.3f}"
            for i in range(59)
        ),
        "14:04:03  train    checkpoint 115 saved (1.2 s)",
        "14:04:11  train    step 119 of 184, loss 0.412",
    ]
    return "\n".join(lines) + "\n"
