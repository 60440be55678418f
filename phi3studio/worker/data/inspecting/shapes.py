"""Which shapes fit a data set's rows, with the reason in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from phi3studio.domain.datasets.source_report import ShapeProposal
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.domain.recipe import Split
from phi3studio.domain.rows.repairs import DropEmpty, DropMarked
from phi3studio.domain.template import is_blank, parse_template
from phi3studio.worker.data.inspecting.column_shapes import ColumnShapes
from phi3studio.worker.data.inspecting.columns import MOST_COLUMNS
from phi3studio.worker.data.inspecting.row_places import at, usual
from phi3studio.worker.data.inspecting.structures import structured
from phi3studio.worker.data.meaning.answer_ratings import are_meant, are_ratings, is_good
from phi3studio.worker.data.meaning.bad_marks import bad_values, why_it_ended
from phi3studio.worker.data.meaning.column_profile import are_marks
from phi3studio.worker.data.meaning.part_names import part_of
from phi3studio.worker.data.meaning.wrapped_texts import are_wrapped
from phi3studio.worker.data.meaning.written_texts import have_speakers, is_prose
from phi3studio.worker.data.preparing.row_pipeline import Row, columns_of
from phi3studio.worker.data.reading.dialect import table_delimiter

_NEARLY_ALL = 0.75
_NUMBERED = frozenset("012")
_COMPLETED = {"prompt", "completion", "label"}
_PARTS = tuple(Split().values)


def propose(
    rows: Sequence[Row],
    from_text: bool = False,
    further: Sequence[Row] = (),
    apart: bool = False,
) -> tuple[ShapeProposal, ...]:
    """The shapes that fit, the most likely first; empty if there is nothing to learn from.

    *further* rows from all over the source show the parts that a column says it has.

    Of rows *from_text*, a file without columns, plain text is sure only where it is prose; next to
    other lists of rows (*apart*), which may hold the answers, it is never sure.

    Raises :class:`InputError` for rows that are recognised and cannot be trained as they stand.
    """
    most = usual(rows)
    found = _structured(most) or ColumnShapes(most).proposals()
    if apart or (from_text and not _is_prose([str(row.get("text")) for row in most])):
        found = [_asked_first(shape) if shape.shape == "text" else shape for shape in found]
    found = [_asked_if_wrapped(shape, most) for shape in found]
    parted = _parting_column([*rows, *further])
    found = [_without_bad_rows(_without_unanswered(shape, rows), rows) for shape in found]
    return tuple(_split_by(parted, shape) for shape in _with_ratings(found, rows))


def _structured(rows: Sequence[Row]) -> list[ShapeProposal]:
    """The structure of the rows. A list of what people said is none next to columns that say what
    is asked and answered: comments on a question."""
    try:
        return structured(rows)
    except InputError as exc:
        apart = [shape for shape in ColumnShapes(rows).proposals() if shape.sure]
        if exc.code != "data.no_answers" or exc.variant != "roles" or not apart:
            raise
        return apart


def _is_prose(texts: Sequence[str]) -> bool:
    """Whether texts are nearly all prose, and neither two columns of it nor conversations."""
    parted = table_delimiter("\n".join(texts)) in (";", "|", "\t") or have_speakers(texts)
    return not parted and sum(map(is_prose, texts)) >= _NEARLY_ALL * len(texts)


def _asked_first(shape: ShapeProposal) -> ShapeProposal:
    if not shape.sure:
        return shape
    reasons = (*shape.reasons, Phrase("shape.text_guess"))
    return shape.model_copy(update={"sure": False, "reasons": reasons})


def _asked_if_wrapped(shape: ShapeProposal, rows: Sequence[Row]) -> ShapeProposal:
    """Asked where a column holds a question or an answer inside of an object that is written as
    text: the model would learn to write its braces and quotes too."""
    text = f"{shape.prompt or ''}{shape.completion or ''}"
    wrapped = [
        column
        for column in (parse_template(text).columns if shape.messages is None else ())
        if are_wrapped([value for row in rows if isinstance(value := at(row, column), str)])
    ]
    if not wrapped:
        return shape
    reasons = (*shape.reasons, Phrase("shape.wrapped", columns=wrapped))
    return shape.model_copy(update={"sure": False, "reasons": reasons})


def _without_unanswered(shape: ShapeProposal, rows: Sequence[Row]) -> ShapeProposal:
    """The proposal without the rows that lack its answer, if others have one."""
    if shape.messages is not None or any(isinstance(r, DropEmpty) for r in shape.repairs):
        return shape
    answer = parse_template(shape.completion or "")
    blank = [all(is_blank(row, column) for column in answer.columns) for row in rows]
    if shape.shape == "text" or not any(blank) or all(blank):
        return shape
    return shape.model_copy(
        update={
            "repairs": (*shape.repairs, DropEmpty()),
            "reasons": (*shape.reasons, Phrase("shape.unanswered")),
        }
    )


def _parting_column(rows: Sequence[Row]) -> tuple[str, tuple[str, ...]] | None:
    """The column that says which rows are for training and which for a test, and the values of
    the latter."""
    for column in columns_of(rows)[:MOST_COLUMNS]:
        cells = [value for row in rows if (value := row.get(column)) is not None]
        if all(isinstance(value, str) for value in cells):
            values = dict.fromkeys(cells)
            parts = {value: part_of(value) for value in values}
            if {"train"} < set(parts.values()) <= {"train", "validation", "test"}:
                return column, tuple(value for value in values if parts[value] != "train")
        counts = Counter(str(value) for value in cells)
        # Ludwig's numbers: 0 for training, 1 for validation, 2 for a test.
        most = 2 * counts["0"] > len(cells)
        if column.strip().casefold() == "split" and most and {"0"} < set(counts) <= _NUMBERED:
            return column, tuple(sorted(set(counts) - {"0"}))
    return None


def parts_named(rows: Sequence[Row]) -> dict[str, str]:
    """The columns that say the same part of a data set for all rows, and which."""
    first = rows[0] if rows else {}
    return {
        name: value
        for name, value in first.items()
        if isinstance(value, str) and part_of(value) and all(r.get(name) == value for r in rows)
    }


def _templates(shape: ShapeProposal) -> str:
    return f"{shape.prompt}{shape.completion}{shape.rejected}"


def _split_by(parted: tuple[str, tuple[str, ...]] | None, shape: ShapeProposal) -> ShapeProposal:
    """The proposal with the rows held out that a column names, unless it reads that column."""
    if parted is None or f"{{{parted[0]}}}" in _templates(shape):
        return shape
    column, values = parted
    return shape.model_copy(
        update={
            "split_column": column,
            # Further down there may be parts that the first rows do not have.
            "split_values": (*_PARTS, *(v for v in values if v.casefold() not in _PARTS)),
            "reasons": (
                *shape.reasons,
                Phrase("shape.split", column=column, values=values),
            ),
        }
    )


def _with_ratings(found: Sequence[ShapeProposal], rows: Sequence[Row]) -> list[ShapeProposal]:
    """The proposals, and the first one with its bad rows to learn from as well: before it where
    the column is there for that, else behind it."""
    first = next(iter(found), None)
    if first is None or first.rejected is not None:
        return list(found)
    marked = {repair.column: repair for repair in first.repairs if isinstance(repair, DropMarked)}
    if set(columns_of(rows)) >= _COMPLETED:
        # Numbers say it too where the other columns are called as KTO's are.
        marked.setdefault("label", DropMarked(column="label", values=("0",)))
    for column, repair in marked.items():
        values = [at(row, column) for row in rows]
        if are_ratings(values) and not any(is_good(value) for value in repair.values):
            kept = tuple(item for item in first.repairs if item != repair)
            if any(is_blank(row, column) for row in rows) and DropEmpty() not in kept:
                kept = (*kept, DropEmpty())
            rated = first.model_copy(
                update={
                    "rating": column,
                    "repairs": kept,
                    "reasons": (*_reasons_of(first), Phrase("shape.rated", column=column)),
                }
            )
            if first.sure and are_meant(column, values):
                return [rated, *found]
            return [first, rated, *found[1:]]
    return list(found)


def _reasons_of(shape: ShapeProposal) -> tuple[Phrase, ...]:
    """Why it fits, without what is said of rows that are left out."""
    return tuple(reason for reason in shape.reasons if reason.code != "shape.bad_rows")


def _without_bad_rows(shape: ShapeProposal, rows: Sequence[Row]) -> ShapeProposal:
    """The proposal without the rows that a column marks as bad."""
    if not (shape.messages or "{" in (shape.prompt or "")):
        return shape
    repairs = list(shape.repairs)
    heeded = {repair.column for repair in repairs if isinstance(repair, DropMarked)}
    reasons = list(shape.reasons)
    columns = columns_of(rows)[:MOST_COLUMNS]
    inside = (p for row in rows for n in columns for p in why_it_ended(row.get(n), n))
    turns = f"{shape.messages} + {shape.rejected}".split(" + ")
    # Next to a learned mark of yes or no another one is a second label: “toxic”, “insult”.
    label = parse_template(shape.completion or "").only_column
    marks = label is not None and are_marks([str(at(row, label)) for row in rows])
    for column in dict.fromkeys([*columns, *inside]):
        if any(column.startswith(f"{place}.") for place in turns):
            continue  # of one turn, not of the row
        cells = [at(row, column) for row in rows]
        values = bad_values(column, cells)
        if (
            values
            and not (marks and are_marks([str(value) for value in cells]))
            and column not in heeded
            and f"{{{column}}}" not in _templates(shape)
        ):
            repairs.append(DropMarked(column=column, values=values))
            reasons.append(Phrase("shape.bad_rows", column=column, values=values))
    return shape.model_copy(update={"repairs": tuple(repairs), "reasons": tuple(reasons)})
