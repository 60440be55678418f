"""Real runs of the tiny model for the tests of the worker: started, watched, looked into."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import BaseModel

from phi3studio.domain.events.event_line import Event
from phi3studio.domain.events.run_events import Notice, Progress, Stage
from phi3studio.domain.recipe import Data, Method, Model, Recipe, Split, Target, Template, Training
from phi3studio.domain.run import RunState
from phi3studio.runs import launch
from phi3studio.runs.follow import Follower
from phi3studio.runs.store import RunFolder

SAMPLES = Path(__file__).resolve().parents[2] / "resources" / "samples"
TEMPLATE = Template(prompt="### Text: {phrase}\n### The tone is:\n", completion="{tone}")

Matches = Callable[[Event], bool]


def write_rows(file: Path, count: int, start: int = 0) -> Path:
    """*count* phrases of the sample data, from row *start* on."""
    with (SAMPLES / "emotions.jsonl").open(encoding="utf-8") as lines:
        file.write_text("".join(itertools.islice(lines, start, start + count)), encoding="utf-8")
    return file


def tiny_recipe(model: Path, data: Path, name: str = "tiny", **changes: Any) -> Recipe:
    """A few steps on the CPU; *changes* are settings of method, training, split or target."""
    training = {
        "max_steps": 8,
        "batch_size": 4,
        "accumulation": 4,
        "learning_rate": 1e-2,
        "sequence_length": 256,
        "evaluations": 0,
        "precision": "float32",
        "seed": 1,
    }
    sections: dict[str, dict[str, Any]] = {
        "method": {"rank": 4, "alpha": 8},
        "training": training,
        "split": {"limit": 6},
        "target": {"train_on": "cpu", "quantisation": "fp32"},
        "model": {},
    }
    kinds: dict[str, type[BaseModel]] = {
        "method": Method,
        "training": Training,
        "split": Split,
        "target": Target,
        "model": Model,
    }
    for key, value in changes.items():
        section = next(name for name, kind in kinds.items() if key in kind.model_fields)
        sections[section][key] = value
    return Recipe(
        name=name,
        data=Data(source=str(data), template=TEMPLATE, split=Split(**sections["split"])),
        model=Model(source=str(model), **sections["model"]),
        method=Method(**sections["method"]),
        training=Training(**sections["training"]),
        target=Target(**sections["target"]),
    )


def only_export(model: Path, steps: list[str], adapter: Path | None = None) -> Recipe:
    """A recipe without data: a model as it is, or with *adapter*, in float32."""
    return Recipe.model_validate(
        {
            "name": "export",
            "steps": steps,
            "model": {"source": str(model), "adapter": str(adapter) if adapter else None},
            "target": {"train_on": "cpu", "quantisation": "fp32"},
        }
    )


def wait_for_event(run: RunFolder, matches: Matches, timeout: float = 90) -> Event:
    """The first event that matches, read while the worker runs; fails when it ends without."""
    follower = Follower(run)
    end = time.monotonic() + timeout
    while True:
        alive = run.alive()
        for event in follower.read():
            if matches(event):
                return event
        assert alive, f"the worker ended without it\n{story(run)}"
        assert time.monotonic() < end, f"it did not come in {timeout:g} s\n{story(run)}"
        time.sleep(0.02)


def wait_for_end(run: RunFolder, timeout: float = 150) -> RunState:
    """Wait until the worker has ended; the run's state then."""
    end = time.monotonic() + timeout
    while run.alive():
        launch.reap()
        assert time.monotonic() < end, f"it did not end in {timeout:g} s\n{story(run)}"
        time.sleep(0.05)
    launch.reap()
    return run.state()


def completed(run: RunFolder, timeout: float = 150) -> RunFolder:
    """Wait for the end, which must be a good one."""
    assert wait_for_end(run, timeout) == "completed", story(run)
    return run


def kill(run: RunFolder) -> None:
    """End the worker as ``kill -9`` or a power cut does."""
    worker = run.worker()
    assert worker is not None, story(run)
    worker.kill()
    wait_for_end(run, 10)


def attempt_of(run: RunFolder) -> psutil.Process:
    """The process that works, below the one that supervises."""
    worker = run.worker()
    assert worker is not None, story(run)
    (child,) = [c for c in worker.children() if "attempt" in c.cmdline()]
    return child


def counts_kills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kernel's counter of kills for memory, of workers that begin from now on: a file of the
    test, at 3."""
    proc = tmp_path / "proc"
    proc.mkdir()
    counter = proc / "vmstat"
    counter.write_text("oom_kill 3\n")
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "if 'worker' in sys.orig_argv and 'run' in sys.orig_argv:\n"
        "    from pathlib import Path\n"
        "    import phi3studio.worker.process.pressure as pressure\n"
        f"    pressure.PressureWatch.__init__.__defaults__ = (Path({str(proc)!r}), None)\n"
    )
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    )
    return counter


def story(run: RunFolder) -> str:
    """What happened, for a failed test's message."""
    lines = [
        event.to_line()[:200] for event in run.events() if not isinstance(event.payload, Progress)
    ]
    return "\n".join([*lines[-15:], launch.log_tail(run.log_file, 25)])


# --- looking into a run -------------------------------------------------------------------------


def is_stage(name: str) -> Matches:
    return lambda event: isinstance(event.payload, Stage) and event.payload.name == name


def is_step(step: int) -> Matches:
    return lambda event: (
        isinstance(event.payload, Progress)
        and event.payload.loss is not None
        and event.payload.step >= step
    )


def is_notice(code: str) -> Matches:
    return lambda event: isinstance(event.payload, Notice) and event.payload.code == code


def after(event: Event, matches: Matches) -> Matches:
    """The same, for events that come later than *event*."""
    return lambda other: other.seq > event.seq and matches(other)


def losses(run: RunFolder) -> dict[int, float]:
    """The loss of each step; a resumed run's repeated steps replace the old ones."""
    return {
        event.payload.step: event.payload.loss
        for event in run.events()
        if isinstance(event.payload, Progress) and event.payload.loss is not None
    }


def notices(run: RunFolder, code: str) -> list[str]:
    return [notice.said().message for notice in run.view().notices if notice.code == code]


def adapter_bytes(run: RunFolder) -> bytes:
    return (run.adapter / "adapter_model.safetensors").read_bytes()


def types(run: RunFolder) -> list[str]:
    """The kinds of the run's events but for progress, in their order."""
    return [event.payload.type for event in run.events() if event.payload.type != "progress"]
