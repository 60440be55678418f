"""``trial.json``: what a run that belongs to a training search is to do differently."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationError

from phi3studio.app.files import write_json
from phi3studio.domain.errors import RunError, first_line
from phi3studio.domain.events.payload import Payload
from phi3studio.domain.parsing import parse_json
from phi3studio.domain.tuning.study_record import WHOLE
from phi3studio.runs.store import RunFolder

HeldOutPart = Literal["choosing", "reporting"]


class TrialMark(Payload):
    """``until``: the rung at which the training pauses; ``part``: the half of the held-out rows
    that the run sees."""

    study: str
    part: HeldOutPart = "choosing"
    until: int = WHOLE


def read_mark(run: RunFolder) -> TrialMark | None:
    """The mark; ``None`` for a run that belongs to no search."""
    try:
        return TrialMark.model_validate(parse_json(run.trial_file.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError, ValueError) as exc:
        raise RunError("study.unreadable", file=run.trial_file, reason=first_line(exc)) from exc


def write_mark(run: RunFolder, mark: TrialMark) -> None:
    """Replace the mark."""
    write_json(run.trial_file, mark.model_dump(mode="json"))
