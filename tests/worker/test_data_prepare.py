"""The snapshot of a run: complete, named by its content, and never taken for another one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.worker.data.preparing.prepare_examples import Prepared, load_prepared, prepare
from phi3studio.worker.data.preparing.tokenise import Encoder
from tests.worker.data_fixtures import (  # noqa: F401
    byte_level,
    recipe_for,
    whole_check,
    write_jsonl,
)

ROWS = [{"q": f"question {n} about {n * n}", "a": ["yes", "no"][n % 2]} for n in range(50)]


def nothing(done: int, total: int) -> None:
    pass


@pytest.fixture
def prepared(tmp_path: Path, byte_level: Any) -> Prepared:  # noqa: F811
    path = write_jsonl(tmp_path / "rows.jsonl", ROWS)
    recipe = recipe_for(path, prompt="{q}\n", completion="{a}")
    return prepare(recipe, byte_level, tmp_path / "data", nothing)


def test_the_snapshot_can_be_loaded_and_names_its_content(
    tmp_path: Path, prepared: Prepared
) -> None:
    assert load_prepared(tmp_path / "data") == prepared
    table = pq.read_table(prepared.train)
    assert table.column_names == [
        *("row", "prompt", "completion", "input_ids", "labels", "prompt_tokens"),
    ]
    assert table.num_rows == prepared.train_rows == 40
    assert prepared.held_out_rows == 10
    assert prepared.labels == ("no", "yes")
    digest = hashlib.sha256(prepared.train.read_bytes()).hexdigest()
    assert prepared.train.name == f"train-{digest[:16]}.parquet"
    manifest = json.loads((tmp_path / "data" / "manifest.json").read_text("utf-8"))
    source = (tmp_path / "rows.jsonl").read_bytes()
    assert manifest["source"]["sha256"] == hashlib.sha256(source).hexdigest()
    assert manifest["source"]["rows"] == 50
    assert manifest["train_sha256"] == digest
    assert manifest["template"] == {"prompt": "{q}\n", "completion": "{a}"}
    assert not list((tmp_path / "data").glob("*.partial"))


def test_a_changed_or_missing_snapshot_is_not_loaded(tmp_path: Path, prepared: Prepared) -> None:
    data = bytearray(prepared.train.read_bytes())
    data[len(data) // 2] ^= 1
    prepared.train.write_bytes(bytes(data))
    assert load_prepared(tmp_path / "data") is None
    prepared.train.unlink()
    assert load_prepared(tmp_path / "data") is None
    assert load_prepared(tmp_path / "nowhere") is None


def test_a_manifest_of_the_first_version_still_loads(tmp_path: Path, prepared: Prepared) -> None:
    file = tmp_path / "data" / "manifest.json"
    manifest = json.loads(file.read_text("utf-8"))
    for new in ("dropped", "repairs", "template", "messages", "sequence_length"):
        manifest.pop(new)
    file.write_text(json.dumps(manifest), "utf-8")
    assert load_prepared(tmp_path / "data") == prepared


def test_another_source_gives_another_snapshot_and_the_same_source_the_same(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
    prepared: Prepared,
) -> None:
    recipe = recipe_for(tmp_path / "rows.jsonl", prompt="{q}\n", completion="{a}")
    again = prepare(recipe, byte_level, tmp_path / "again", nothing)
    assert again.train.name == prepared.train.name
    write_jsonl(tmp_path / "rows.jsonl", [*ROWS[:-1], {"q": "new", "a": "yes"}])
    other = prepare(recipe, byte_level, tmp_path / "data", nothing)
    assert other.train.name != prepared.train.name


def test_progress_rises_to_the_number_of_rows(tmp_path: Path, byte_level: Any) -> None:  # noqa: F811
    rows = [{"q": f"question {n}", "a": f"answer {n}"} for n in range(9000)]
    recipe = recipe_for(
        write_jsonl(tmp_path / "rows.jsonl", rows), prompt="{q}\n", completion="{a}"
    )
    heard: list[tuple[int, int]] = []
    prepare(recipe, byte_level, tmp_path / "data", lambda *at: heard.append(at))
    assert heard[-1] == (9000, 9000)
    shares = [done / total for done, total in heard]
    assert shares == sorted(shares)
    assert len(heard) >= 8


def test_stopping_from_the_progress_leaves_no_half_snapshot(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    class Stop(BaseException):
        pass

    def stop(done: int, total: int) -> None:
        if done > total / 2:
            raise Stop

    rows = [{"q": f"question {n}", "a": f"answer {n}"} for n in range(9000)]
    recipe = recipe_for(
        write_jsonl(tmp_path / "rows.jsonl", rows), prompt="{q}\n", completion="{a}"
    )
    with pytest.raises(Stop):
        prepare(recipe, byte_level, tmp_path / "data", stop)
    assert list((tmp_path / "data").iterdir()) == []
    assert load_prepared(tmp_path / "data") is None


@pytest.mark.parametrize(
    ("rows", "keys", "code", "words"),
    [
        ([{"q": "a", "a": "b"}], {}, "data.nothing_held_out", "held out"),
        (ROWS[:4], {"batch": 8}, "data.too_few_rows", "fewer than one batch of 8"),
        ([*ROWS, {"q": "x", "a": None}], {}, "data.empty_value", "rows.jsonl, row 51"),
        ([*ROWS, {"q": "x"}], {}, "data.empty_value", "“a”"),
        ([{"q": "x", "b": "y"}] * 9, {}, "data.missing_column", "“a”"),
    ],
)
def test_what_cannot_be_trained_says_why(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
    rows: list[dict[str, Any]],
    keys: dict[str, Any],
    code: str,
    words: str,
) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", rows)
    recipe = recipe_for(path, prompt="{q}\n", completion="{a}", **keys)
    with pytest.raises(InputError) as caught:
        prepare(recipe, byte_level, tmp_path / "data", nothing)
    assert caught.value.code == code
    assert words in caught.value.message
    assert caught.value.hint


def test_rows_of_several_files_are_numbered_through(tmp_path: Path, byte_level: Any) -> None:  # noqa: F811
    write_jsonl(tmp_path / "a.jsonl", ROWS[:20])
    second = write_jsonl(tmp_path / "b.jsonl", ROWS[20:])
    recipe = recipe_for(tmp_path / "a.jsonl", also=[str(second)], prompt="{q}\n", completion="{a}")
    found = prepare(recipe, byte_level, tmp_path / "data", nothing)
    rows = pq.read_table(found.train)["row"].to_pylist()
    rows += pq.read_table(found.held_out)["row"].to_pylist()
    assert sorted(rows) == list(range(50))
    manifest = json.loads((tmp_path / "data" / "manifest.json").read_text("utf-8"))
    assert len(manifest["source"]["files"]) == 2


def test_every_row_that_is_not_trained_is_counted_under_a_reason(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    rows = [
        *ROWS,
        {"q": "word " * 400, "a": "never reached"},
        {"q": "", "a": "yes"},
        ROWS[3],
    ]
    path = write_jsonl(tmp_path / "rows.jsonl", rows)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"q": "cut\n{"q": "half\n')
    held = write_jsonl(tmp_path / "held.jsonl", [*_others(6), {"q": "", "a": "no"}])
    with held.open("a", encoding="utf-8") as file:
        file.write("nonsense\n")
    recipe = recipe_for(
        path,
        prompt="{q}\n",
        completion="{a}",
        repairs=[{"kind": kind} for kind in ("skip_broken", "drop_empty", "drop_duplicates")],
        split={"file": str(held), "limit": 4},
    )
    prepared = prepare(recipe, byte_level, tmp_path / "data", nothing)
    assert prepared.dropped == {"drop_empty": 2, "drop_duplicates": 1, "held_out_limit": 2}
    assert (prepared.train_rows, prepared.held_out_rows) == (50, 4)
    assert prepared.left_out_rows == 4
    assert prepared == load_prepared(tmp_path / "data")
    said = [str(Phrase.from_json(part)) for part in prepared.left_out]
    assert said[0].startswith("2 lines of rows.jsonl (first: line 54; ")
    assert said[1].startswith("1 line of held.jsonl (first: line 8; ")
    assert said[2:] == [
        "1 row whose answer is empty or lies beyond the sequence length (first: row 51)"
    ]


def test_rows_that_are_skipped_say_which_and_why(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    rows: list[dict[str, Any]] = [
        {"messages": [{"role": "user", "content": q["q"]}, {"role": "assistant", "content": "ok"}]}
        for q in ROWS
    ]
    rows[7] = {"messages": "no conversation"}
    path = write_jsonl(tmp_path / "rows.jsonl", rows)
    recipe = recipe_for(path, messages="messages", repairs=[{"kind": "skip_broken"}])
    prepared = prepare(recipe, byte_level, tmp_path / "data", nothing)
    assert prepared.dropped == {"skip_broken": 1}
    said = [str(Phrase.from_json(part)) for part in prepared.left_out]
    assert len(said) == 1
    assert said[0].startswith("1 row (first: row 8; ")


def test_a_validation_part_that_is_not_used_is_counted(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    write_jsonl(folder / "train.jsonl", ROWS)
    write_jsonl(folder / "validation.jsonl", _others(5))
    held = write_jsonl(tmp_path / "held.jsonl", [{"q": "all new words", "a": "no"}])
    recipe = recipe_for(folder, prompt="{q}\n", completion="{a}", split={"file": str(held)})
    prepared = prepare(recipe, byte_level, tmp_path / "data", nothing)
    assert prepared.dropped == {"other_held_out": 5}
    assert (prepared.train_rows, prepared.held_out_rows) == (50, 1)
    found = whole_check(recipe.rows, Encoder(byte_level))
    assert [(f.code, f.rows) for f in found.findings if f.code == "other_held_out"] == [
        ("other_held_out", 5)
    ]


def _others(count: int) -> list[dict[str, Any]]:
    return [{"q": f"quite another thing {n} of {n * 31}", "a": "no"} for n in range(count)]
