"""The snapshot of a run: complete, named by its content, and never taken for another one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from phi3studio.domain.errors import InputError
from phi3studio.worker.data.preparing.prepare_examples import Prepared, load_prepared, prepare
from tests.worker.data_fixtures import byte_level, recipe_for, write_jsonl  # noqa: F401

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
