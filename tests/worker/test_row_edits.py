"""Rows edited by hand: recorded in the recipe, applied to the row that was meant and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from phi3studio.domain.datasets.check_report import Finding, Report
from phi3studio.domain.errors import InputError
from phi3studio.domain.rows.row_edits import row_key
from phi3studio.worker.data.preparing.prepare_examples import prepare
from phi3studio.worker.data.preparing.tokenise import Encoder
from phi3studio.worker.inspector_service import Inspector
from tests.worker.data_fixtures import (  # noqa: F401
    byte_level,
    encoder,
    model_folder,
    recipe_for,
    whole_check,
    write_jsonl,
)

ROWS: list[dict[str, Any]] = [
    {"q": f"question {n} about {n * n}", "a": ["yes", "no"][n % 2], "n": n} for n in range(40)
]
SHAPE = {"prompt": "{q}\n", "completion": "{a}"}
CHATS: list[dict[str, Any]] = [
    {
        "messages": [
            {"role": "user", "content": f"Say {n}"},
            {"role": "assistant", "content": f"It is {n}."},
        ]
    }
    for n in range(20)
]


def edit(number: int, place: str, value: Any, rows: list[dict[str, Any]] = ROWS) -> dict[str, Any]:
    key = row_key(rows[number - 1])
    return {"kind": "edit_cell", "row": number, "key": key, "place": place, "value": value}


def delete(number: int, rows: list[dict[str, Any]] = ROWS) -> dict[str, Any]:
    return {"kind": "delete_row", "row": number, "key": row_key(rows[number - 1])}


def trained(folder: Path, tokenizer: Any, source: Path, **data: Any) -> dict[int, tuple[str, str]]:
    """Row → prompt and completion, of both sides."""
    recipe = recipe_for(source, **data)
    made = prepare(recipe, tokenizer, folder / "data", lambda done, total: None)
    rows = [*pq.read_table(made.train).to_pylist(), *pq.read_table(made.held_out).to_pylist()]
    return {row["row"]: (row["prompt"], row["completion"]) for row in rows}


def report_of(with_encoder: Encoder, source: Path, **data: Any) -> Report:
    return whole_check(recipe_for(source, **data).rows, with_encoder)


def finding(report: Report, code: str) -> Finding:
    return next(found for found in report.findings if found.code == code)


def test_a_cell_is_edited_in_its_row_alone(tmp_path, byte_level) -> None:  # noqa: F811
    source = write_jsonl(tmp_path / "rows.jsonl", ROWS)
    before = source.read_bytes()
    repairs = [edit(3, "a", "maybe"), edit(3, "q", "what?")]
    rows = trained(tmp_path, byte_level, source, **SHAPE, repairs=repairs)
    assert rows[2] == ("what?\n", "maybe")
    assert rows[3] == (f"{ROWS[3]['q']}\n", "no")
    assert len(rows) == 40
    assert source.read_bytes() == before


def test_a_turn_is_edited(tmp_path, byte_level) -> None:  # noqa: F811
    source = write_jsonl(tmp_path / "chats.jsonl", CHATS)
    repairs = [edit(5, "messages.1.content", "No idea.", CHATS)]
    rows = trained(tmp_path, byte_level, source, messages="messages", repairs=repairs)
    assert "No idea." in rows[4][1]
    assert "It is 5." in rows[5][1]


def test_deleted_and_added_rows_are_counted_and_keep_the_numbers_of_the_others(
    tmp_path,
    byte_level,  # noqa: F811
) -> None:
    source = write_jsonl(tmp_path / "rows.jsonl", ROWS)
    repairs = [delete(1), delete(7), {"kind": "add_row", "values": {"q": "new one", "a": "yes"}}]
    recipe = recipe_for(source, **SHAPE, repairs=repairs)
    made = prepare(recipe, byte_level, tmp_path / "data", lambda done, total: None)
    assert made.dropped == {"delete_row": 2}
    rows = [*pq.read_table(made.train).to_pylist(), *pq.read_table(made.held_out).to_pylist()]
    found = {row["row"]: row["prompt"] for row in rows}
    assert sorted(found) == [n for n in range(41) if n not in (0, 6)]
    assert found[40] == "new one\n"
    assert found[8] == f"{ROWS[8]['q']}\n"


def test_a_text_is_replaced_in_a_column_or_in_the_turns(tmp_path, byte_level) -> None:  # noqa: F811
    source = write_jsonl(tmp_path / "rows.jsonl", ROWS)
    change = {"kind": "replace_text", "column": "q", "find": "QUESTION", "by": "query"}
    rows = trained(tmp_path, byte_level, source, **SHAPE, repairs=[change | {"match_case": False}])
    assert rows[3][0] == "query 3 about 9\n"
    whole = {"kind": "replace_text", "column": "q", "find": "9", "by": "nine", "whole_words": True}
    rows = trained(tmp_path, byte_level, source, **SHAPE, repairs=[change, whole])
    assert rows[3][0] == "question 3 about nine\n"
    assert rows[29][0] == "question 29 about 841\n"
    chats = write_jsonl(tmp_path / "chats.jsonl", CHATS)
    change = {"kind": "replace_text", "column": "messages", "find": "It is", "by": "That makes"}
    rows = trained(tmp_path, byte_level, chats, messages="messages", repairs=[change])
    assert "That makes 7." in rows[7][1]


@pytest.mark.parametrize("what", [edit(3, "a", "maybe"), delete(3)])
def test_an_edit_is_refused_where_the_file_has_changed(
    tmp_path,
    byte_level,  # noqa: F811
    encoder,  # noqa: F811
    what,
) -> None:
    """A row was put in before: row 3 is another one now."""
    source = write_jsonl(tmp_path / "rows.jsonl", [{"q": "first", "a": "no", "n": 0}, *ROWS])
    with pytest.raises(InputError) as raised:
        trained(tmp_path, byte_level, source, **SHAPE, repairs=[what, {"kind": "skip_broken"}])
    assert raised.value.code == "data.edited_row"
    assert "row 3" in raised.value.message.casefold()
    found = finding(report_of(encoder, source, **SHAPE, repairs=[what]), "unusable:data.edited_row")
    assert (found.level, found.rows, found.places) == ("error", 1, (2,))
    assert not found.repairs
    short = write_jsonl(tmp_path / "short.jsonl", ROWS[:2])
    for attempt in (
        lambda: trained(tmp_path, byte_level, short, **SHAPE, repairs=[what]),
        lambda: report_of(encoder, short, **SHAPE, repairs=[what]),
    ):
        with pytest.raises(InputError) as raised:
            attempt()
        assert (raised.value.code, raised.value.variant) == ("data.edited_row", "missing")


def test_a_place_that_does_not_exist_is_refused(tmp_path, byte_level) -> None:  # noqa: F811
    source = write_jsonl(tmp_path / "chats.jsonl", CHATS)
    repairs = [edit(5, "messages.9.content", "x", CHATS)]
    with pytest.raises(InputError) as raised:
        trained(tmp_path, byte_level, source, messages="messages", repairs=repairs)
    assert raised.value.code == "data.edit_place"


def test_edits_do_not_touch_a_second_file(tmp_path, byte_level) -> None:  # noqa: F811
    source = write_jsonl(tmp_path / "rows.jsonl", ROWS)
    others = [{"q": f"other words {n} here {n * 7}", "a": "no"} for n in range(9)]
    held_out = write_jsonl(tmp_path / "held.jsonl", others)
    recipe = recipe_for(
        source,
        **SHAPE,
        split={"file": str(held_out)},
        repairs=[edit(3, "a", "maybe"), {"kind": "add_row", "values": {"q": "x y z", "a": "no"}}],
    )
    made = prepare(recipe, byte_level, tmp_path / "data", lambda done, total: None)
    assert (made.train_rows, made.held_out_rows) == (41, 9)


def test_the_preview_shows_edited_added_and_deleted_rows(tmp_path, model_folder) -> None:  # noqa: F811
    source = write_jsonl(tmp_path / "rows.jsonl", ROWS)
    repairs = [
        edit(3, "a", "maybe"),
        delete(7),
        {"kind": "add_row", "values": {"q": "x", "a": "y"}},
    ]
    recipe = recipe_for(source, **SHAPE, repairs=repairs).to_json()
    recipe["model"] = {"source": str(model_folder)}

    class Going:
        def check(self) -> None:
            pass

    def preview(row: int) -> dict[str, Any]:
        return inspector.preview({"recipe": recipe, "row": row}, Going())  # type: ignore[arg-type]

    inspector = Inspector()
    assert preview(2)["completion"] == "maybe"
    assert preview(6)["dropped"] == "delete_row"
    assert preview(40)["completion"] == "y"
    with pytest.raises(InputError) as raised:
        preview(41)
    assert raised.value.values["last"] == 41
    asked = {"source": {"source": str(source)}, "numbers": [30, 2]}
    page = inspector.rows(asked, Going())  # type: ignore[arg-type]
    assert page["numbers"] == [30, 2]
    assert page["keys"] == [row_key(ROWS[30]), row_key(ROWS[2])]


def test_fix_all_takes_one_safe_repair_for_each_finding(tmp_path, encoder) -> None:  # noqa: F811
    rows = [
        *ROWS,
        {"q": " padded ", "a": "yes"},
        {"q": "cafÃ© au lait, a long time ago", "a": "no"},
        {"q": "a bell \x07 rings", "a": "no"},
        {"q": "nothing is said", "a": ""},
        ROWS[0],
        {"q": ROWS[1]["q"], "a": "yes"},
    ]
    source = write_jsonl(tmp_path / "rows.jsonl", rows)
    report = report_of(encoder, source, **SHAPE)
    kinds = {repair.kind for repair in report.safe_repairs}
    assert kinds == {"trim", "fix_mojibake", "strip_control", "drop_empty", "drop_duplicates"}
    assert finding(report, "contradictions").repairs
    repairs = [repair.model_dump() for repair in report.safe_repairs]
    after = report_of(encoder, source, **SHAPE, repairs=repairs)
    assert not after.safe_repairs
    # Which answer is right is the user's decision.
    assert finding(after, "contradictions").places == (1, 45)
