"""The adapter of the best evaluation, kept next to the checkpoints, and stopping early.

What was evaluated so far is read from the trainer's own log, which every checkpoint holds: a
resumed training counts on as an uninterrupted one does.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from phi3studio.app.files import keep_for_good, write_json

_FACTS = "best.json"


@dataclass(frozen=True)
class Best:
    """The best evaluation so far: optimiser step, and its loss next to that of the last one."""

    step: int
    loss: float
    last_step: int
    last_loss: float

    @property
    def last(self) -> bool:
        """Whether the best evaluation is the last one."""
        return self.step == self.last_step


class BestAdapter:
    """``best/`` below the checkpoints: an adapter, and which evaluation it belongs to."""

    def __init__(self, checkpoints: Path) -> None:
        self.folder = checkpoints / "best"

    def read(self) -> Best | None:
        """What is kept; ``None`` if nothing is, or it was damaged."""
        from safetensors import SafetensorError, safe_open

        try:
            found = Best(**json.loads((self.folder / _FACTS).read_text("utf-8")))
            with safe_open(self.folder / "adapter_model.safetensors", framework="pt") as weights:
                return found if list(weights.keys()) else None
        except (OSError, ValueError, TypeError, SafetensorError):
            return None

    def evaluated(self, model: Any, step: int, loss: float) -> bool:
        """Note an evaluation; keep the adapter of *model* if it was the best one."""
        before = self.read()
        # A resumed training comes by the same evaluation again, with the same result.
        if before is not None and loss >= before.loss and step != before.step:
            facts = Best(before.step, before.loss, step, loss)
            write_json(self.folder / _FACTS, asdict(facts))
            return False
        fresh = self.folder.with_name(".best")
        shutil.rmtree(fresh, ignore_errors=True)
        model.save_pretrained(fresh, save_embedding_layers=False)
        write_json(fresh / _FACTS, asdict(Best(step, loss, step, loss)))
        old = self.folder.with_name(".best-old")
        shutil.rmtree(old, ignore_errors=True)
        keep_for_good(fresh)
        if self.folder.exists():
            self.folder.rename(old)
        fresh.rename(self.folder)
        shutil.rmtree(old, ignore_errors=True)
        return True


def best_callback(
    best: BestAdapter, patience: int, notice: Callable[..., None], keep: bool, since: int = 0
) -> TrainerCallback:
    """A trainer callback that notes every evaluation from step *since* on, and stops after
    *patience* of them in a row that were no better (0: never). The last step is always
    evaluated."""

    class Callback(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step >= state.max_steps:
                control.should_evaluate = True

        def on_evaluate(
            self,
            args: Any,
            state: Any,
            control: Any,
            metrics: Mapping[str, float] | None = None,
            model: Any = None,
            **_: Any,
        ) -> None:
            loss = (metrics or {}).get("eval_loss")
            if loss is None or state.global_step < since:
                return
            if keep:
                best.evaluated(model, state.global_step, loss)
            idle = without_progress(evaluations(state.log_history, since))
            if 0 < patience <= idle and state.global_step < state.max_steps:
                control.should_training_stop = True
                # With a checkpoint of this very step a resumed run knows that it was the end.
                control.should_save = True
                notice(
                    "train.stopped_early",
                    step=state.global_step,
                    steps=state.max_steps,
                    evaluations=idle,
                )

    return Callback()


def evaluations(log: Sequence[Mapping[str, Any]], since: int = 0) -> list[tuple[int, float]]:
    """(step, loss) of every evaluation in a trainer's log from step *since* on, each step once."""
    found = {int(e["step"]): float(e["eval_loss"]) for e in log if "eval_loss" in e}
    return sorted(item for item in found.items() if item[0] >= since)


def without_progress(losses: Sequence[tuple[int, float]]) -> int:
    """How many evaluations at the end were no better than the best before them."""
    if not losses:
        return 0
    values = [loss for _, loss in losses]
    return len(values) - 1 - values.index(min(values))


def stopped_at(checkpoint: Path, patience: int, since: int = 0) -> int | None:
    """The step at which the training of *checkpoint* ended early; ``None`` if it goes on."""
    if patience <= 0:
        return None
    try:
        state = json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))
        found = evaluations(state["log_history"], since)
        step = int(state["global_step"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    ended = bool(found) and found[-1][0] == step and without_progress(found) >= patience
    return step if ended else None
