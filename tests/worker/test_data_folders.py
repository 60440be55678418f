"""Folders of data: what their cards, names and the layout of their files say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.worker.written_files import LINES, ROWS, notes, put, read, refusal

LABELS = """---
dataset_info:
  features:
  - name: text
    dtype: string
  - name: kind
    dtype:
      class_label:
        names:
          '0': field
          '1': brook
          '10': oak
---
# Places
"""


def spread(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        put(folder / name, content)
    return folder


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_the_names_of_labels_that_a_card_gives_are_read(tmp_path: Path, kind: str) -> None:
    labels = [0, 1, 2, 1, -1]
    lines = [{"text": f"Place {n}.", "kind": label} for n, label in enumerate(labels)]
    text = "".join(json.dumps(row) + "\n" for row in lines)
    if kind == "csv":
        text = "text,kind\n" + "".join(f"{row['text']},{row['kind']}\n" for row in lines)
    folder = spread(tmp_path / "d", {"README.md": LABELS, f"data/train.{kind}": text})
    named = ["field", "brook", "oak", "brook", -1 if kind == "jsonl" else "-1"]
    assert [row["kind"] for row in read(folder)] == named
    assert "The labels in “kind” are numbers" in notes(folder)


def test_of_several_sets_of_rows_the_cards_default_is_read(tmp_path: Path) -> None:
    card = """---
configs:
- config_name: west
  data_files: west/*.jsonl
- config_name: east
  default: true
  data_files:
  - split: train
    path: east/*-a.jsonl
  - split: test
    path: [east/*-b.jsonl]
---
"""
    west = "".join(json.dumps(row | {"side": "west"}) + "\n" for row in ROWS)
    folder = spread(
        tmp_path / "d",
        {"README.md": card, "west/x.jsonl": west, "east/y-a.jsonl": LINES, "east/y-b.jsonl": west},
    )
    assert read(folder) == ROWS
    assert "“east” is read, not west" in notes(folder)
    assert "Not trained, as the name says: y-b.jsonl" in notes(folder)
    assert [row["side"] for row in read(folder, hub_config="west")] == ["west"] * len(ROWS)
    unknown = refusal(folder, hub_config="north")
    assert "“north”" in unknown.message
    assert "west, east" in unknown.message
    put(folder / "README.md", card.replace("  default: true\n", ""))
    asked = refusal(folder)
    assert asked.code == "data.folder_config"
    assert "west, east" in asked.message
    assert "--config" in asked.hint


@pytest.mark.parametrize(
    "card",
    [
        "",
        "---\n---\n",
        "---\nconfigs: 3\ndataset_info: [1, {features: x}]\n---\n",
        "---\nconfigs:\n- config_name: a\n  data_files: [../*, /etc/*, '']\n---\n",
        "---\n{[\n---\n",
        "---\nconfigs:\n- config_name: a\n  data_files: none/*.jsonl\n---\n",
    ],
)
def test_a_card_that_says_nothing_of_the_files_changes_nothing(tmp_path: Path, card: str) -> None:
    put(tmp_path / "outside.jsonl", '{"a": 1}\n')
    folder = spread(tmp_path / "d", {"README.md": card, "train.jsonl": LINES})
    assert read(folder) == ROWS


def test_a_missing_part_of_many_is_said(tmp_path: Path) -> None:
    names = [f"train-{n:05d}-of-00004.jsonl" for n in (0, 1, 3)]
    folder = spread(tmp_path / "d", dict.fromkeys(names, LINES))
    assert "Of 4 files called train-… some are missing: 00002." in notes(folder)
    put(folder / "train-00002-of-00004.jsonl", LINES)
    assert "missing" not in notes(folder)


def test_an_older_state_of_a_file_is_left_out_and_said(tmp_path: Path) -> None:
    folder = spread(tmp_path / "d", {"rows.jsonl": LINES, "rows.jsonl.bak": LINES + LINES})
    assert read(folder) == ROWS
    assert "rows.jsonl.bak" in notes(folder)
    (folder / "rows.jsonl").unlink()
    assert read(folder) == ROWS * 2


def test_what_stands_beside_the_days_of_a_chat_is_left_out(tmp_path: Path) -> None:
    about = json.dumps([{"id": "U1", "name": "ann"}])
    day = json.dumps([{"type": "message", "user": "U1", "text": f"Hello {n}"} for n in range(3)])
    folder = spread(
        tmp_path / "d", {"users.json": about, "channels.json": about, "help/2024-01-02.json": day}
    )
    assert [row["text"] for row in read(folder)] == ["Hello 0", "Hello 1", "Hello 2"]
    assert "channels.json, users.json" in notes(folder)


def test_texts_in_folders_by_their_labels_are_a_row_each(tmp_path: Path) -> None:
    files = {
        f"train/{label}/{n}.txt": f"It was {label}.\n\nTruly, day {n}."
        for label in ("good", "bad")
        for n in range(4)
    }
    folder = spread(tmp_path / "d", files)
    found = read(folder)
    assert sorted({row["label"] for row in found}) == ["bad", "good"]
    assert found[0] == {"text": "It was bad.\n\nTruly, day 0.", "label": "bad"}
    assert len(found) == 8
    assert "the name of its folder is its label: bad, good" in notes(folder)
    # Long texts, or one a folder, are chapters.
    long = {f"{part}/a.txt": "A sentence of a book. " * 900 for part in ("one", "two")}
    assert "label" not in read(spread(tmp_path / "e", long))[0]
