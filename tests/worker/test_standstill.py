"""A training that does not learn says so once, with what to try."""

from __future__ import annotations

from typing import Any

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from phi3studio.domain.events.run_events import notice
from phi3studio.worker.training.standstill import standstill_callback

FALLS = [8.0, 7.9, 7.8, 5.0, 3.0, 1.5, 1.0, 0.7, 0.5, 0.4]
SLOWLY = [8.0, 7.9, 7.8, 7.6, 7.4, 7.1, 6.9, 6.6, 6.4, 6.2]
STANDS = [8.0, 8.1, 7.9, 8.0, 8.1, 7.9, 8.0, 8.0, 7.9, 8.0]
PROSE = [3.5, 3.4, 3.4, 3.3, 3.2, 3.1, 3.0, 3.0, 2.9, 2.9]


@pytest.mark.parametrize(
    ("losses", "rate", "says"),
    [
        (FALLS, 1e-3, None),
        (FALLS, 2e-4, None),
        (PROSE, 1e-3, None),
        (SLOWLY, 1e-3, None),
        (SLOWLY, 2e-4, "A learning rate of 0.0002 is low for a model of this size.\nTry a higher"),
        (STANDS, 2e-4, "Try a higher rate: 0.001 suits it."),
        (STANDS, 1e-3, "hardly learns: the loss was 8.00 and is 7.97 at step 10.\nSee whether"),
        ([value / 10 for value in STANDS], 2e-4, None),
    ],
)
def test_it_is_said_once_at_two_fifths(tmp_path, losses, rate: float, says: str | None) -> None:
    said: list[Any] = []
    callback = standstill_callback(1e-3, lambda *args, **values: said.append((args, values)))
    arguments = TrainingArguments(output_dir=str(tmp_path), report_to=[], learning_rate=rate)
    losses = losses + losses[-1:] * 15
    for step in range(1, 26):
        history = [{"loss": loss, "step": at} for at, loss in enumerate(losses[:step], 1)]
        state = TrainerState(global_step=step, max_steps=25, log_history=history)
        callback.on_log(arguments, state, TrainerControl(), logs={"loss": losses[step - 1]})
        callback.on_log(arguments, state, TrainerControl(), logs={"eval_loss": 1.0})
    if says is None:
        assert said == []
        return
    ((args, values),) = said
    assert says in "\n".join(notice(*args, **values).said())
