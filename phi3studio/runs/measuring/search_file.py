"""The record of a run's search for an export: read, written, and what it says of the model."""

from __future__ import annotations

from pydantic import ValidationError

from phi3studio.app.files import write_json
from phi3studio.domain.errors import RunError, UserFacingError, first_line
from phi3studio.domain.parsing import parse_json
from phi3studio.domain.recipe import Recipe
from phi3studio.domain.search.search_points import SEARCH_VERSION, Point, SearchRecord
from phi3studio.runs.store import RunFolder


def read_search(run: RunFolder) -> SearchRecord | None:
    """The record; ``None`` for a run without a search. Raises :class:`RunError` for one that is
    damaged or that a newer version wrote."""
    try:
        values = parse_json(run.search_file.read_text("utf-8"))
        version = values.get("version") if isinstance(values, dict) else None
        if isinstance(version, int) and version > SEARCH_VERSION:
            raise RunError("search.newer_version", file=run.search_file, version=version)
        return SearchRecord.model_validate(values)
    except FileNotFoundError:
        return None
    except (OSError, ValidationError, ValueError) as exc:
        raise RunError(
            "search.unreadable", file=run.search_file, run=run.name, reason=first_line(exc)
        ) from exc


def write_search(run: RunFolder, record: SearchRecord) -> None:
    """Replace the record."""
    write_json(run.search_file, record.model_dump(mode="json", exclude_none=True))


def give_up_begun(run: RunFolder, error: UserFacingError) -> bool:
    """Note *error* of the export that a search was just building or measuring, so that it goes on
    with another one; whether there was one."""
    record = read_search(run)
    if record is None or record.done or record.begun is None:
        return False
    number = record.begun
    points = {point.number: point for point in record.points}
    old = points.get(number) or Point(number=number, kind=record.space[number - 1])
    changes = {"cost": None, "whole": None, "failure": error.to_json()}
    points[number] = old.model_copy(update=changes)
    ordered = tuple(points[at] for at in sorted(points))
    write_search(run, record.model_copy(update={"points": ordered, "begun": None}))
    return True


def as_built(run: RunFolder, recipe: Recipe | None = None) -> Recipe:
    """The run's recipe (or *recipe*, as in force), with the target of the export that its search
    took."""
    found = recipe if recipe is not None else run.recipe()
    if found.limits is None:
        return found
    record = read_search(run)
    if record is None or record.taken is None:
        return found
    kind = record.space[record.taken - 1]
    return found.model_copy(update={"target": kind.of(found.target)})
