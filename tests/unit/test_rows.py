"""Edits of single rows, recorded, applied and taken back, without files."""

from __future__ import annotations

import pytest

from phi3studio.domain.datasets.check_report import Report, finding
from phi3studio.domain.datasets.source_report import (
    Broken,
    RowPage,
    ShapeProposal,
    SourceReport,
    TemplatePreset,
    Unread,
)
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase, say
from phi3studio.domain.rows.recording import (
    with_added_cells,
    with_cells,
    with_deleted,
    with_restored,
    without_added,
    without_last,
)
from phi3studio.domain.rows.repairs import DropDuplicates, SkipBroken, Trim
from phi3studio.domain.rows.row_edits import (
    AddRow,
    DeleteRow,
    EditCell,
    ReplaceText,
    RowEdits,
    put,
    replaced,
    row_key,
)
from phi3studio.wizard.edit_history import EditHistory
from phi3studio.wizard.flow import Draft, with_repairs, with_source
from phi3studio.wizard.row_view import fields_of, shown_rows

ROW = {"text": "one", "talk": [{"role": "user", "content": "hi"}], "deep": {"a": [1, 2]}}
KEY = row_key(ROW)
OTHER = "0" * 12


def test_cells_are_changed_in_place_and_the_last_edit_of_a_place_counts() -> None:
    repairs = with_cells((Trim(),), 0, KEY, {"text": "two"})
    repairs = with_cells(repairs, 0, KEY, {"text": "three", "deep.a.1": 9})
    assert len(repairs) == 3
    edits = RowEdits(repairs)
    assert edits.apply(0, ROW) == {**ROW, "text": "three", "deep": {"a": [1, 9]}}
    assert edits.apply(1, ROW) is ROW
    assert edits.shown(0, ROW, OTHER) is ROW
    assert edits.shown(0, ROW, KEY)["text"] == "three"
    assert edits.shown(5, ROW, KEY) is ROW
    with pytest.raises(InputError):
        edits.apply(0, {"text": "another row"})


def test_a_row_that_was_shortened_is_shown_as_it_is() -> None:
    edits = RowEdits(with_cells((), 0, KEY, {"talk.3.content": "x"}))
    assert edits.shown(0, ROW, KEY) is ROW


def test_rows_are_left_out_once_and_restored() -> None:
    repairs = with_deleted(with_deleted((Trim(),), 2, KEY), 2, KEY)
    assert repairs == (Trim(), DeleteRow(row=3, key=KEY))
    assert RowEdits(repairs).apply(2, ROW) is None
    assert with_restored(repairs, 2) == (Trim(),)


def test_rows_are_added_changed_and_taken_back() -> None:
    repairs = with_added_cells((Trim(), AddRow(values={"text": "new"})), 0, {"text": "newer"})
    assert RowEdits(repairs).added == ({"text": "newer"},)
    assert without_added(repairs, 0) == (Trim(),)


def test_the_last_edit_is_taken_back_whatever_was_repaired_after_it() -> None:
    edit = ReplaceText(column="text", find="a")
    assert without_last((edit, Trim())) == ((Trim(),), edit)
    with pytest.raises(InputError) as caught:
        without_last((Trim(),))
    assert caught.value.code == "data.no_edit"


def test_an_edit_beyond_the_source_is_refused() -> None:
    edits = RowEdits([EditCell(row=8, key=KEY, place="text", value="x")])
    edits.check_reach(8)
    RowEdits([]).check_reach(0)
    with pytest.raises(InputError) as caught:
        edits.check_reach(7)
    assert caught.value.variant == "missing"


@pytest.mark.parametrize(
    ("place", "value", "found"),
    [
        ("text", "x", "x"),
        ("new", "x", "x"),
        ("talk.0.content", "x", [{"role": "user", "content": "x"}]),
    ],
)
def test_a_place_takes_its_value(place: str, value: str, found: object) -> None:
    assert put(ROW, place, value)[place.partition(".")[0]] == found


@pytest.mark.parametrize("place", ["talk.7.content", "text.x", "absent.x"])
def test_a_path_that_leads_nowhere_is_refused(place: str) -> None:
    with pytest.raises(InputError) as caught:
        put(ROW, place, "x")
    assert caught.value.code == "data.edit_place"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "CAT X Xs"),
        ({"match_case": False}, "X X Xs"),
        ({"whole_words": True}, "CAT X cats"),
        ({"whole_words": True, "match_case": False}, "X X cats"),
    ],
)
def test_a_text_is_replaced(settings: dict[str, bool], text: str) -> None:
    assert replaced("CAT cat cats", ReplaceText(column="t", find="cat", by="X", **settings)) == text


def test_a_page_shows_edits_deleted_and_added_rows() -> None:
    page = RowPage(offset=0, rows=(ROW, ROW), keys=(KEY, KEY), count=2, end=True)
    repairs = [
        *with_deleted(with_cells((), 0, KEY, {"text": "x"}), 1, KEY),
        AddRow(values={"text": "new"}),
    ]
    assert [row.state for row in shown_rows(page, repairs)] == ["edited", "deleted", "added"]
    assert [row.place for row in shown_rows(page, repairs, [2])][-1] == 2
    assert len(shown_rows(page, repairs, [0])) == 2
    before = page.model_copy(update={"end": False})
    assert len(shown_rows(before, repairs)) == 2


def test_a_row_has_a_field_for_each_cell_and_turn() -> None:
    places = [(field.place, field.json) for field in fields_of(ROW)]
    assert places == [("text", False), ("talk.0.content", False), ("deep", True)]
    odd = {"a": ["x"], "b": [{"role": 3}], "c": []}
    assert all(field.json for field in fields_of(odd))


def test_repairs_are_undone_and_redone() -> None:
    empty = with_source(Draft(), "a.csv")
    one = with_repairs(empty, [Trim()])
    history = EditHistory()
    assert history.undo(one) == (history, one)
    assert history.redo(one) == (history, one)
    assert history.after(one, one) is history
    history = history.after(empty, one)
    back, draft = history.undo(one)
    assert draft.repairs == ()
    again, draft = back.redo(draft)
    assert draft.repairs == one.repairs
    assert again.after(one, with_source(one, "b.csv")) == EditHistory()


def test_what_is_left_out_and_broken_is_said_in_words() -> None:
    column = Unread(kind="column", name="user:name", rows=3, example="Ann")
    assert "user name" in say(column.phrase).message
    assert "Ann" in say(column.phrase, "it").message
    assert "Ann" not in say(Unread(kind="column", name="x", rows=3).phrase).message
    said = Phrase("data.unread_example", text="Ann")
    assert "Ann" in Broken(file="a.csv", line=2, says=said).reason
    assert SourceReport(files=("a.csv",), format="csv", remarks=(said,)).notes == [str(said)]


def test_safe_repairs_of_all_findings_are_chosen_once() -> None:
    says = Phrase("finding.broken_lines")
    found = [finding(says, "warning", 1, SkipBroken(), Trim()), finding(says, "info", 1, Trim())]
    near = finding(says, "info", 1, DropDuplicates(near=True))
    report = Report.model_construct(findings=(*found, found[0], near))  # type: ignore[call-arg]
    assert report.safe_repairs == (SkipBroken(), Trim())


def test_proposals_and_presets_of_templates_are_said_in_english_too() -> None:
    said = Phrase("data.unread_example", text="Ann")
    assert ShapeProposal(shape="columns", reasons=(said, said)).reason == f"{said} {said}"
    ready = TemplatePreset(
        says=Phrase("preset.chat"), prompt="{a}", completion="{b}", placeholders=("a", "b")
    )
    assert ready.name == "chat"
    assert ready.title == say(ready.says).message


@pytest.mark.parametrize(
    ("kind", "detail", "missed"),
    [("column", False, True), ("column", True, False), ("untrained", False, False)],
)
def test_what_is_unread_is_missed_unless_it_is_a_detail_or_seen_as_context(
    kind, detail, missed
) -> None:
    assert Unread(kind=kind, name="x", rows=1, detail=detail).is_missed is missed
