"""A training that does not learn says so early, with what to try."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

from transformers import TrainerCallback

_SHARE = 0.4
_FEWEST_STEPS = 10
_ENDS = 3
# Nats a token: below it there was little to learn.
_MUCH = 1.0
# Shares of the first loss: above the one nothing is learned, above the other it goes slowly.
_STANDS, _SLOW = 0.9, 0.6


def standstill_callback(usual_rate: float, notice: Callable[..., None]) -> TrainerCallback:
    """A trainer callback that looks once, at two fifths of the steps, whether the loss falls.

    *usual_rate* is the learning rate that suits the model. What was logged before is read from the
    trainer's own log, which every checkpoint holds.
    """

    class Callback(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            at = max(_FEWEST_STEPS, math.ceil(_SHARE * state.max_steps))
            if "loss" not in (logs or {}) or state.global_step != at:
                return
            found = [float(entry["loss"]) for entry in state.log_history if "loss" in entry]
            variant = standstill(found, args.learning_rate, usual_rate)
            if variant is not None:
                first, last = ends(found)
                notice(
                    "train.not_learning",
                    level="warning",
                    variant=variant,
                    first=first,
                    last=last,
                    step=at,
                    rate=args.learning_rate,
                    usual=usual_rate,
                )

    return Callback()


def ends(losses: Sequence[float]) -> tuple[float, float]:
    """The mean of the first losses and of the last ones."""
    return fmean(losses[:_ENDS]), fmean(losses[-_ENDS:])


def standstill(losses: Sequence[float], rate: float, usual: float) -> str | None:
    """``"rate"`` where a higher rate should help, ``""`` where the rate is not the reason, and
    ``None`` where the training learns. *losses* are of the steps so far, in nats a token."""
    first, last = ends(losses)
    low = rate < usual / 1.5
    if first < _MUCH or last <= (_SLOW if low else _STANDS) * first:
        return None
    return "rate" if low else ""
