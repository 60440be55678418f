"""The sweep over Olive configs finds nothing in the recorded ones, and sees what it is to see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QLocale

from phi3studio.runs.olive_files import imported_file, read_config
from tests.torture.olive_sweep import faults, sweep

FIXTURES = Path(__file__).parents[1] / "fixtures" / "olive"


@pytest.fixture(autouse=True)
def italian() -> Iterator[None]:
    before = QLocale()
    QLocale.setDefault(QLocale("it"))
    yield
    QLocale.setDefault(before)


def test_the_recorded_configs_have_no_fault(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text('{"input_model": {"type": ', "utf-8")
    counts, found = sweep([FIXTURES, tmp_path])
    assert found == []
    assert counts["fine-tuning", "recipe"] == len(list(FIXTURES.glob("*.json")))
    assert counts["other", "no config: olive.broken_json"] == 1


def test_a_key_that_is_dropped_and_a_sentence_in_one_language_are_seen() -> None:
    file = FIXTURES / "lora-phrases.json"
    values, imported = read_config(file), imported_file(file)
    decisions = imported.decisions
    assert list(faults(values, imported)) == []
    dropped = replace(imported, decisions=decisions[1:])
    assert [decisions[0].path in fault for fault in faults(values, dropped)] == [True]
    foreign = replace(decisions[0], text="Nobody has translated this.")
    unsaid = replace(decisions[1], kind="refused", text="", instead="")
    found = list(faults(values, replace(imported, decisions=(foreign, unsaid, *decisions[2:]))))
    assert [fault.partition(":")[0] for fault in found] == ["not in Italian", decisions[1].path]
    assert list(faults(values, replace(imported, recipe=None))) == ["neither a recipe nor a reason"]
