"""Rows edited from the command line: recorded in the recipe, which stays as it was written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Studio

pytestmark = pytest.mark.long

RECIPE = """# mine
name: tones
data:
  source: rows.jsonl   # the file
  template:
    prompt: "{q}\\n"
    completion: "{a}"
  # what is held out
  split: {held_out: 0.25}

model:
  source: ./tiny

training:
  batch_size: 1
"""


@pytest.fixture
def recipe(tmp_path: Path, tiny_phi3: Path) -> Path:
    (tmp_path / "tiny").symlink_to(tiny_phi3)
    rows = [{"q": f"question {n} of {n * n}", "a": ["yes", "no"][n % 2]} for n in range(24)]
    rows[20]["a"] = " no"
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE, "utf-8")
    return path


def repairs(recipe: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = yaml.safe_load(recipe.read_text("utf-8"))["data"]["repairs"]
    return found


def test_rows_are_edited_deleted_added_restored_and_undone(studio: Studio, recipe: Path) -> None:
    data = (recipe.parent / "rows.jsonl").read_bytes()
    for arguments in (
        ["edit", recipe, "--row", "3", "--set", "a=maybe: #1"],
        ["delete", recipe, "--row", "5", "--row", "6"],
        ["add", recipe, "--set", "q=new", "--set", "a:=7"],
        ["edit", recipe, "--row", "25", "--set", "a=eight"],
        ["replace", recipe, "q", "question", "query", "--words"],
        ["restore", recipe, "--row", "6"],
    ):
        said = studio("rows", *arguments)
        assert said.code == 0, said.err
    kinds = [repair["kind"] for repair in repairs(recipe)]
    assert kinds == ["edit_cell", "delete_row", "add_row", "replace_text"]
    assert repairs(recipe)[2]["values"] == {"q": "new", "a": "eight"}
    said = studio("rows", "show", recipe, "--limit", "30", "--json")
    rows = {row["row"]: row for row in said.document["rows"]}
    assert rows[3]["values"]["a"] == "maybe: #1"
    assert rows[3]["edited"]
    assert rows[5]["deleted"]
    assert not rows[6]["deleted"]
    assert rows[25]["values"]["q"] == "new"
    said = studio("rows", "undo", recipe)
    assert json.loads(said.out)["kind"] == "replace_text"
    assert studio("rows", "apply", recipe, said.out).code == 0
    assert [repair["kind"] for repair in repairs(recipe)] == kinds
    text = recipe.read_text("utf-8")
    for line in RECIPE.splitlines():
        assert line in text
    assert (recipe.parent / "rows.jsonl").read_bytes() == data
    assert studio("recipe", "check", recipe).code == 0


def test_fix_all_is_recorded_and_shows_what_is_left(studio: Studio, recipe: Path) -> None:
    said = studio("rows", "fix", recipe, "--json")
    assert said.code == 0, said.err
    assert [repair["kind"] for repair in said.document["repairs"]] == ["merge_labels", "trim"]
    assert len(repairs(recipe)) == 2
    checked = studio(
        *("data", "check", recipe.parent / "rows.jsonl", "--template", "{q}\\n{=>}{a}"),
        *("--model", recipe.parent / "tiny", "--fix-all", "--json"),
    )
    assert [repair["kind"] for repair in checked.document["data"]["repairs"]]
    assert "white_space" not in [found["code"] for found in checked.document["findings"]]


def test_a_tiny_file_is_checked_with_the_batch_that_a_new_recipe_would_have(
    studio: Studio, tmp_path: Path, tiny_phi3: Path
) -> None:
    rows = ["question,answer", "Is it open?,Until six.", "Is it far?,One mile.", "Is it dear?,No."]
    file = tmp_path / "tiny.csv"
    file.write_text("\n".join(rows) + "\n", "utf-8")
    checked = studio("data", "check", file, "--model", tiny_phi3, "--json")
    assert "too_few_rows" not in [found["code"] for found in checked.document["findings"]]
    new = tmp_path / "tiny.yaml"
    said = studio("recipe", "new", "--data", file, "--model", tiny_phi3, "--out", new)
    assert said.code == 0, said.err
    assert "batch_size: 1" in new.read_text("utf-8")


def test_the_rows_of_a_finding_are_shown(studio: Studio, recipe: Path) -> None:
    said = studio("rows", "show", recipe, "--finding", "white_space", "--json")
    assert [row["row"] for row in said.document["rows"]] == [21]
    said = studio("rows", "show", recipe, "--finding", "nonsense", "--json")
    assert (said.code, said.document["error"]["code"]) == (2, "data.no_finding")
    assert "white_space" in said.document["error"]["hint"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["edit", "--row", "99", "--set", "a=1"], "data.no_row"),
        (["delete", "--row", "99"], "data.no_row"),
        (["edit", "--row", "1", "--set", "a"], "data.cell"),
        (["edit", "--row", "1", "--set", "a:=no json"], "data.cell"),
        (["edit", "--row", "1", "--set", "a.b.c=1"], "data.edit_place"),
        (["undo"], "data.no_edit"),
    ],
)
def test_what_cannot_be_edited_is_said(
    studio: Studio, recipe: Path, arguments: list[str], code: str
) -> None:
    said = studio("rows", arguments[0], recipe, *arguments[1:])
    assert said.code == 2
    assert f"[{code}]" in said.err
    assert recipe.read_text("utf-8") == RECIPE


def test_recipe_check_says_which_rows_cannot_be_used_and_why(studio: Studio, recipe: Path) -> None:
    with (recipe.parent / "rows.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"q": "no answer", "a": null}\n{"q": "cut')
    said = studio("recipe", "check", recipe, "--data")
    assert said.code == 0, said.err
    assert "recipe.yaml is valid" in said.out
    assert "row 25: " in said.out
    assert "rows.jsonl, line 26: " in said.out
    document = studio("recipe", "check", recipe, "--data", "--json").document
    assert {"empty_values", "broken_lines"} <= {f["code"] for f in document["report"]["findings"]}
