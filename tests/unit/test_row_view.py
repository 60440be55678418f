"""Rows as they are shown after their edits, their fields, and undo without a window."""

from __future__ import annotations

from phi3studio.domain.datasets.source_report import RowPage
from phi3studio.domain.recipe import parse_recipe
from phi3studio.domain.rows.recording import with_cells, with_deleted
from phi3studio.domain.rows.repairs import Trim
from phi3studio.domain.rows.row_edits import AddRow, row_key
from phi3studio.runs.bundle.redaction import without_rows
from phi3studio.wizard.edit_history import EditHistory
from phi3studio.wizard.flow import Draft, edit, with_source
from phi3studio.wizard.row_view import changed_values, fields_of, shown_rows

ROWS = ({"q": "one", "a": "x"}, {"q": "two", "a": "y"}, {"q": "three", "a": "z"})
KEYS = tuple(row_key(row) for row in ROWS)
PAGE = RowPage(offset=0, rows=ROWS, end=True, numbers=(0, 1, 2), keys=KEYS, count=3)


def test_a_page_shows_edited_deleted_and_added_rows() -> None:
    repairs = with_deleted(with_cells((), 1, KEYS[1], {"a": "Y"}), 2, KEYS[2])
    shown = shown_rows(PAGE, (*repairs, AddRow(values={"q": "four"})))
    assert [(row.place, row.state) for row in shown] == [
        *((0, "plain"), (1, "edited"), (2, "deleted"), (3, "added")),
    ]
    assert shown[1].values == {"q": "two", "a": "Y"}
    assert shown[2].values == ROWS[2]
    assert shown[3].index == 0


def test_edits_of_another_row_are_not_shown() -> None:
    repairs = with_cells((), 1, KEYS[0], {"a": "Y"})
    assert [row.state for row in shown_rows(PAGE, repairs)] == ["plain"] * 3


def test_only_the_added_rows_of_a_finding_are_shown() -> None:
    added = (AddRow(values={"q": "four"}), AddRow(values={"q": "five"}))
    page = RowPage(offset=0, rows=ROWS[:1], end=True, numbers=(0,), keys=KEYS[:1], count=3)
    assert [row.place for row in shown_rows(page, added, (0, 4))] == [0, 4]


def test_fields_are_cells_and_turns_and_only_changes_are_taken() -> None:
    row = {
        "chat": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}],
        "note": "a\nb",
        "n": 3,
        "odd": [{"from": "human"}],
    }
    fields = fields_of(row)
    assert [(field.place, field.role, field.json) for field in fields] == [
        ("chat.0.value", "human", False),
        ("chat.1.value", "gpt", False),
        ("note", "", False),
        ("n", "", True),
        ("odd", "", True),
    ]
    texts = [field.text for field in fields]
    assert changed_values(fields, texts) == ({}, ())
    texts[1], texts[3], texts[4] = "hey", "4", "nonsense"
    assert changed_values(fields, texts) == ({"chat.1.value": "hey", "n": 4}, (4,))


def test_undo_and_redo_go_through_all_changes_of_the_repairs() -> None:
    draft = with_source(Draft(), "a.jsonl")
    history = EditHistory()
    for repairs in ((Trim(),), (Trim(), AddRow(values={"q": "x"}))):
        changed = edit(draft, "data", repairs=repairs)
        history, draft = history.after(draft, changed), changed
    draft = edit(draft, "data", prompt="kept")
    history, back = history.undo(draft)
    assert (back.repairs, back.prompt) == ((Trim(),), "kept")
    history, back = history.undo(back)
    assert back.repairs == ()
    assert history.undo(back)[1] is back
    history, again = history.redo(back)
    assert again.repairs == (Trim(),)
    assert history.after(again, with_source(again, "b.jsonl")) == EditHistory()


def test_rows_edited_by_hand_stay_out_of_a_bundle() -> None:
    repairs = [
        {"kind": "trim"},
        {"kind": "add_row", "values": {"q": "private"}},
        {"kind": "edit_cell", "row": 1, "key": KEYS[0], "place": "q", "value": "private too"},
    ]
    data = {"source": "a.jsonl", "messages": "messages", "repairs": repairs}
    shared, edits = without_rows(parse_recipe({"data": data}))
    assert edits == 2
    assert [repair.kind for repair in shared.rows.repairs] == ["trim"]
    assert "private" not in str(shared.to_json())
