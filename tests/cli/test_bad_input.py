"""Bad input: a code, what happened, what to do, exit code 2, no traceback, nothing half-written."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from phi3studio.app.paths import Home
from phi3studio.runs.store import RunStore
from tests.cli.conftest import Said, say
from tests.small_disks import mounted
from tests.worker.running import write_rows


@pytest.fixture
def recipe(tmp_path, tiny_phi3, phrases) -> Callable[..., Path]:
    """Write a good recipe with some of its keys changed; returns its path."""

    def write(**changes: Any) -> Path:
        values: dict[str, Any] = {
            "version": 1,
            "name": "bad",
            "data": {
                "source": str(phrases),
                "template": {"prompt": "Text: {phrase}\nTone:\n", "completion": "{tone}"},
            },
            "model": {"source": str(tiny_phi3)},
            "training": {"max_steps": 1, "batch_size": 4, "sequence_length": 128, "evaluations": 0},
        }
        for path, value in changes.items():
            *sections, key = path.split("__")
            inner = values
            for section in sections:
                inner = inner[section]
            inner[key] = value
        file = tmp_path / "recipe.json"
        file.write_text(json.dumps(values, indent=1))
        return file

    return write


def assert_refused(said: Said, code: str, *named: str, as_json: bool) -> None:
    """Exit code 2, and an error that says *code*, and names what it is about."""
    assert said.code == 2, said.err[-2000:] + said.out[-2000:]
    if as_json:
        error = said.document["error"]
        assert said.err == "" or "Error" not in said.err
    else:
        text = said.err.rpartition("Error: ")[2].rstrip()
        *words, last = text.splitlines()
        error = {"code": last.strip("[]"), "message": words[0], "hint": "\n".join(words[1:])}
        assert said.out == ""
    assert error["code"] == code
    assert error["message"].endswith(".")
    assert len(error["hint"]) > 5
    for name in named:
        assert name in error["message"] + error["hint"]


JSON = pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])


def run(recipe_file: Path, home: Home, as_json: bool) -> Said:
    return say("run", recipe_file, *(["--json"] if as_json else []), home=home)


def names(home: Home) -> list[str]:
    return [item.name for item in RunStore(home).all()]


# --- the recipe ---------------------------------------------------------------------------------


@JSON
def test_no_such_recipe(home, tmp_path, as_json) -> None:
    said = run(tmp_path / "absent.yaml", home, as_json)
    assert_refused(said, "recipe.no_file", "absent.yaml", as_json=as_json)
    assert not home.root.exists()


@JSON
def test_a_broken_recipe(home, tmp_path, as_json) -> None:
    (tmp_path / "r.json").write_text('{\n "data": {,}\n}')
    said = run(tmp_path / "r.json", home, as_json)
    assert_refused(said, "recipe.broken", "line 2", as_json=as_json)
    assert not home.root.exists()


@JSON
def test_a_recipe_of_a_newer_version(home, recipe, as_json) -> None:
    said = run(recipe(version=9), home, as_json)
    assert_refused(said, "recipe.newer_version", "9", as_json=as_json)
    assert not home.root.exists()


@JSON
def test_an_unknown_key(home, recipe, as_json) -> None:
    said = run(recipe(training__learning_rat=0.1), home, as_json)
    assert_refused(
        said, "recipe.unknown_key", "training.learning_rat", "learning_rate", as_json=as_json
    )
    assert not home.root.exists()


@JSON
def test_a_template_without_a_completion(home, recipe, as_json) -> None:
    said = run(recipe(data__template__completion=" "), home, as_json)
    assert_refused(said, "template.no_completion", as_json=as_json)
    assert not home.root.exists()


# --- the data -----------------------------------------------------------------------------------


@JSON
def test_no_such_data_file(home, recipe, as_json) -> None:
    said = run(recipe(data__source="no/such.jsonl"), home, as_json)
    assert_refused(said, "data.no_file", "no/such.jsonl", as_json=as_json)


@pytest.mark.parametrize(("text", "as_json"), [("", False), ("\n\n", True)])
def test_an_empty_file(home, recipe, tmp_path, as_json, text) -> None:
    (tmp_path / "empty.jsonl").write_text(text)
    said = run(recipe(data__source="empty.jsonl"), home, as_json)
    assert_refused(said, "data.empty", "empty.jsonl", as_json=as_json)


@JSON
def test_broken_json_with_its_line(home, recipe, tmp_path, as_json) -> None:
    file = write_rows(tmp_path / "broken.jsonl", 20)
    lines = file.read_text().splitlines()
    lines[11] = lines[11][:-4]
    file.write_text("\n".join(lines))
    said = run(recipe(data__source="broken.jsonl"), home, as_json)
    assert_refused(said, "data.broken_jsonl", "broken.jsonl", "line 12", as_json=as_json)


def test_a_column_that_the_data_lacks(home, recipe) -> None:
    said = run(recipe(data__template__prompt="{phrases}\n"), home, False)
    assert_refused(said, "data.missing_column", "“phrases”", "“phrase”", as_json=False)


def test_fewer_rows_than_one_batch(home, recipe, tmp_path) -> None:
    write_rows(tmp_path / "few.jsonl", 5)
    said = run(recipe(data__source="few.jsonl", training__batch_size=8), home, True)
    assert_refused(said, "data.too_few_rows", "8", as_json=True)


# --- the model ----------------------------------------------------------------------------------


@JSON
@pytest.mark.parametrize(
    ("removed", "code"),
    [("model.safetensors", "model.no_weights"), ("tokenizer.json", "model.no_tokenizer")],
)
def test_a_model_folder_that_lacks_a_part(
    home, recipe, tiny_phi3, tmp_path, as_json, removed, code
) -> None:
    model = shutil.copytree(tiny_phi3, tmp_path / "model")
    (model / removed).unlink()
    said = run(recipe(model__source=str(model)), home, as_json)
    assert_refused(said, code, str(model), as_json=as_json)


@JSON
@pytest.mark.parametrize("source", ["./no-such-model", "no-such-name"])
def test_no_such_model(home, recipe, as_json, source) -> None:
    said = run(recipe(model__source=source), home, as_json)
    assert_refused(said, "model.no_folder", source.removeprefix("./"), as_json=as_json)


def test_a_module_that_the_model_lacks(home, recipe) -> None:
    said = run(recipe(method={"target_modules": ["q_proj"]}), home, True)
    assert_refused(said, "model.no_such_module", "q_proj", "qkv_proj", as_json=True)


def test_a_device_that_the_machine_lacks(home, recipe) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has one")
    said = run(recipe(target={"train_on": "cuda"}), home, False)
    assert_refused(said, "device.no_cuda", "target.train_on", as_json=False)


# --- the disk -----------------------------------------------------------------------------------


@JSON
@pytest.mark.parametrize("inner", [".", "home"])
def test_a_home_that_cannot_be_written(recipe, tmp_path, as_json, inner) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    said = run(recipe(), Home(blocked / inner), as_json)
    assert_refused(said, "disk.not_writable", "PHI3STUDIO_HOME", as_json=as_json)


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_home_without_the_right_to_write(recipe, tmp_path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    said = run(recipe(), Home(locked / "home"), False)
    assert_refused(said, "disk.not_writable", str(locked), as_json=False)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Home]:
    """A home on a disk of 60 MB."""
    with mounted(tmp_path / "small", "size=60m") as disk:
        yield Home(disk / "home")


@JSON
def test_too_little_disk_is_found_before_the_work_starts(small_disk, recipe, as_json) -> None:
    said = run(recipe(), small_disk, as_json)
    assert_refused(said, "disk.too_little", "62.9 MB", as_json=as_json)
    for folder in RunStore(small_disk).all():
        assert not folder.data.exists()
        assert not folder.adapter.exists()


# --- nothing half-written -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"data__source": "no/such.jsonl"},
        {"model__source": "./no-such-model"},
        {"model__source": "no-such-name"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_can_be_known_before_the_start_leaves_no_run_folder(home, recipe, changes) -> None:
    assert run(recipe(**changes), home, True).code == 2
    assert names(home) == []


def test_a_failed_run_leaves_a_whole_folder_that_says_why(home, recipe) -> None:
    assert run(recipe(data__template__prompt="{phrases}\n"), home, True).code == 2
    (name,) = names(home)
    shown = say("show", name, "--json", home=home)
    assert shown.code == 0
    assert shown.document["state"] == "failed"
    assert shown.document["error"]["code"] == "data.missing_column"
    folder = home.runs / name
    assert not (folder / "adapter").exists()
    assert not (folder / "model").exists()
    assert not list(folder.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"model__source": "./model.zip"}, "model.no_folder"),
        ({"model__source": "./model.gguf"}, "model.gguf"),
        ({"model__source": "./empty"}, "model.no_config"),
        ({"model__source": "no-such-model"}, "model.no_folder"),
        ({"model__source": "owner/not-on-disk"}, "model.not_on_disk"),
        ({"model__adapter": "./empty"}, "model.no_adapter"),
        ({"data__source": "absent.csv"}, "data.no_file"),
        ({"data__also": ["absent.csv"]}, "data.no_file"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else value,
)
def test_check_refuses_what_run_would_refuse(home, recipe, tmp_path, changes, code) -> None:
    for name in ("model.zip", "model.gguf"):
        (tmp_path / name).write_bytes(b"PK")
    (tmp_path / "empty").mkdir()
    file = recipe(**changes)
    for command in (("recipe", "check"), ("run",)):
        assert_refused(say(*command, file, "--json", home=home), code, as_json=True)
    assert names(home) == []


# --- other commands -----------------------------------------------------------------------------


@JSON
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["show", "nothing"], "run.not_found"),
        (["cancel", "nothing"], "run.not_found"),
        (["pause", "nothing"], "run.not_found"),
        (["resume", "nothing"], "run.not_found"),
        (["delete", "nothing"], "run.not_found"),
        (["chat", "nothing", "--prompt", "x"], "run.not_found"),
        (["eval", "nothing", "--data", "x"], "run.not_found"),
        (["show"], "run.not_found"),
        (["recipe", "check", "absent.yaml"], "recipe.no_file"),
        (["recipe", "new", "--data", "absent.csv"], "data.no_file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_commands_on_what_is_not_there(home, as_json, arguments, code) -> None:
    said = say(*arguments, *(["--json"] if as_json else []), home=home)
    assert_refused(said, code, as_json=as_json)


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["run"],
        ["show", "--no-such-option"],
        ["chat", "x", "--temperature", "hot"],
        ["run", "a", "b"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_the_users_input(home, arguments) -> None:
    said = say(*arguments, home=home)
    assert said.code == 2
    assert said.err


def test_a_wrong_command_line_with_json_is_one_document(home) -> None:
    said = say("show", "--no-such-option", "--json", home=home)
    assert said.code == 2
    assert said.document["error"]["code"]
    assert said.document["error"]["hint"]


def test_an_existing_recipe_is_not_overwritten(home, tmp_path, phrases) -> None:
    target = tmp_path / "mine.yaml"
    target.write_text("precious")
    said = say("recipe", "new", "--data", phrases, "--out", target, "--json", home=home)
    assert_refused(said, "recipe.exists", "mine.yaml", as_json=True)
    assert target.read_text() == "precious"


def test_no_file_of_the_working_folder_is_imported(studio, tmp_path) -> None:
    mark = tmp_path / "imported"
    for name in ("random", "json", "calendar", "numpy", "utils", "datasets"):
        text = f"open({str(mark)!r}, 'a').write({name!r})\nraise SystemExit('imported')\n"
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "rows.csv").write_text("question,answer\nwhy?,because\nwho?,me\n")
    for arguments in (("models", "list"), ("data", "shapes", "rows.csv"), ("doctor",)):
        said = studio(*arguments, cwd=tmp_path)
        assert said.code == 0, said.err
    assert not mark.exists()
