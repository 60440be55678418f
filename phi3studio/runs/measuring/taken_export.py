"""An export of a search as the run's model: linked into place, with what was measured of it."""

from __future__ import annotations

import shutil

from phi3studio.app.files import folder_bytes, keep_for_good, link_tree
from phi3studio.domain.errors import InputError
from phi3studio.domain.events.event_line import AnyPayload
from phi3studio.domain.events.run_events import Artifact
from phi3studio.domain.search.search_points import SearchRecord
from phi3studio.runs.measuring.search_file import read_search, write_search
from phi3studio.runs.store import RunFolder


def take_point(run: RunFolder, number: int) -> list[AnyPayload]:
    """Make point *number* the run's model; the events that tell of it. In a run that was not
    verified yet its last stage will measure it.

    Raises :class:`InputError` for a run without a finished search, and for a point that was not
    measured whole.
    """
    record = read_search(run)
    if record is None or not record.done:
        raise InputError("search.not_searched", run=run.name)
    whole = {point.number: point for point in record.points if point.whole is not None}
    kept = [at for at in sorted(whole) if (run.searched / str(at)).is_dir()]
    if number not in kept:
        raise InputError("search.no_point", run=run.name, point=number, points=kept)
    place(run, record, number)
    measured = whole[number].whole
    assert measured is not None
    made = Artifact(kind="model", path=run.model.name, bytes=folder_bytes(run.model))
    before = run.view().verdict
    if before is None:
        return [made]
    # The search has no need of the base model, which the card shows.
    models = {**before.models, **measured.verdict.models}
    return [made, measured.metrics, measured.verdict.model_copy(update={"models": models})]


def place(run: RunFolder, record: SearchRecord, number: int) -> None:
    """Put the export of a point where the run's model is, and note it."""
    made, before = run.path / "model.taken", run.path / "model.before"
    for left in (made, before):
        shutil.rmtree(left, ignore_errors=True)
    link_tree(run.searched / str(number), made)
    keep_for_good(made)
    write_search(run, record.model_copy(update={"taken": number}))
    if run.model.is_dir():
        run.model.rename(before)
    made.rename(run.model)
    shutil.rmtree(before, ignore_errors=True)
