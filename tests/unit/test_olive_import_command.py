"""``phi3studio olive import`` as a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from phi3studio.app.paths import Home
from phi3studio.olive_configs import leaves
from phi3studio.runs.recipe_files import read_recipe
from tests.worker.running import write_rows

FIXTURES = Path(__file__).parents[1] / "fixtures" / "olive"


@dataclass(frozen=True)
class Said:
    """What one command left."""

    code: int
    out: str
    err: str


Olive = Callable[..., Said]


@pytest.fixture
def olive(home: Home, tmp_path: Path) -> Olive:
    """``olive("import", file)`` in the test's own home and folder."""

    def run(*arguments: str | Path, group: tuple[str, ...] = ("olive",)) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "phi3studio", *group, *map(str, arguments)],
            env=os.environ | {"PHI3STUDIO_HOME": str(home.root), "PYTHONUTF8": "1"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stderr[-3000:]
        return Said(done.returncode, done.stdout, done.stderr)

    return run


def config_in(folder: Path, name: str = "lora-phrases") -> Path:
    folder.mkdir(exist_ok=True)
    return Path(shutil.copyfile(FIXTURES / f"{name}.json", folder / "olive-config.json"))


def test_a_recipe_is_written_and_every_key_named(olive: Olive, tmp_path: Path) -> None:
    config = config_in(tmp_path / "config")
    (config.parent / "dataset").mkdir()
    data = write_rows(config.parent / "dataset" / "dataset-classification.json", 10)
    said = olive("import", config, "--out", "recipe.yaml")
    assert said.code == 0, said.err
    for leaf in leaves(json.loads(config.read_text("utf-8"))):
        assert f" {leaf.path}: " in said.out, leaf.path
    assert "carried     passes.lora.config.lora_r: 64 → method.rank" in said.out
    assert "phi3studio run recipe.yaml" in said.out
    # Paths of the config start at its own folder, wherever the recipe is written to.
    assert read_recipe(tmp_path / "recipe.yaml").data.source == str(data)


def test_the_decisions_as_one_json_document(olive: Olive, tmp_path: Path) -> None:
    config = config_in(tmp_path / "config")
    said = olive("import", config, "--json")
    assert said.code == 0, said.out
    document: Any = json.loads(said.out)
    assert document["steps"] == ["train", "merge", "quantise"]
    assert [item["path"] for item in document["decisions"]] == [
        leaf.path for leaf in leaves(json.loads(config.read_text("utf-8")))
    ]
    assert document["recipe"]["method"]["alpha"] == 64
    assert any("not there yet" in note for note in document["notes"])
    assert (tmp_path / document["path"]).is_file()


def test_a_config_of_the_cloud_is_imported_in_part_only_when_asked(
    olive: Olive, tmp_path: Path
) -> None:
    config = config_in(tmp_path / "config", "azure")
    values = json.loads(config.read_text("utf-8"))
    values["systems"]["here"] = {"type": "LocalSystem"}
    values["engine"] |= {"host": "here", "target": "here"}
    config.write_text(json.dumps(values), "utf-8")
    said = olive("import", config, "--out", "recipe.yaml")
    assert (said.code, said.out) == (2, "")
    assert "[olive.needs_azure]" in said.err
    assert "--partial" in said.err
    assert not (tmp_path / "recipe.yaml").exists()
    said = olive("import", config, "--out", "recipe.yaml", "--partial")
    assert said.code == 0, said.err
    assert "my-arc-compute" in said.out
    assert read_recipe(tmp_path / "recipe.yaml").data.source.endswith("train_data.json")


def test_what_a_config_leaves_open_is_listed_and_the_recipe_written(
    olive: Olive, tmp_path: Path
) -> None:
    config = config_in(tmp_path / "config", "azure")
    values = json.loads(config.read_text("utf-8"))
    del values["azureml_client"]
    files = values["data_configs"][0]["load_dataset_config"]["params"]["data_files"]
    files["config"]["azureml_client"]["workspace_name"] = "Your Azure ML Workspaces name"
    config.write_text(json.dumps(values), "utf-8")
    packages = {"dependencies": ["python=3.8", {"pip": ["einops", "--extra-index-url x", "peft"]}]}
    (config.parent / "conda.yaml").write_text(json.dumps(packages), "utf-8")
    said = olive("import", config, "--out", "recipe.yaml")
    assert said.code == 0, said.err
    assert "1 value is still open:\n  azure.workspace  <name of the workspace>" in said.out
    assert "conda.yaml: the job does not install python=3.8, einops, peft." in said.out
    for command in (("recipe", "check"), ("run",)):
        said = olive("recipe.yaml", group=command)
        assert said.code == 2
        assert "azure.workspace: <name of the workspace>" in said.err
        assert "[recipe.gaps]" in said.err


def test_a_template_that_names_a_column_which_the_data_lacks(olive: Olive, tmp_path: Path) -> None:
    config = config_in(tmp_path)
    config.write_text(config.read_text("utf-8").replace("{phrase}", "{phrases}"), "utf-8")
    (tmp_path / "dataset").mkdir()
    write_rows(tmp_path / "dataset" / "dataset-classification.json", 10)
    said = olive("import", config, "--json")
    assert said.code == 2
    error = json.loads(said.out)["error"]
    assert error["code"] == "data.missing_column"
    assert "“phrases”" in error["message"]
    assert "“phrase”" in error["message"]


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_no_token_of_a_config_is_shown_or_written(olive: Olive, tmp_path: Path, as_json) -> None:
    config = config_in(tmp_path)
    values = json.loads(config.read_text("utf-8"))
    loading = values["input_model"]["config"]["hf_config"]["model_loading_args"]
    loading |= {"token": "hf_Se1cret", "use_auth_token": "hf_Se2cret"}
    values["passes"]["builder"]["config"]["extra_options"] = {"hf_token": "hf_Se3cret"}
    values["passes"]["builder"]["config"]["access_token"] = "hf_Se4cret"
    config.write_text(json.dumps(values), "utf-8")
    said = olive("import", config, "--out", "recipe.yaml", "--partial", *as_json)
    assert said.code == 0, said.err
    written = (tmp_path / "recipe.yaml").read_text("utf-8")
    assert "access_token" in said.out
    assert "hf_Se" not in said.out + said.err + written
    said = olive("import", config, "--out", "other.yaml", *as_json)
    assert said.code == 2
    assert "hf_Se" not in said.out + said.err


def test_yaml_is_read_too(olive: Olive, tmp_path: Path) -> None:
    import yaml

    values = json.loads((FIXTURES / "today.json").read_text("utf-8"))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values, sort_keys=False), "utf-8")
    said = olive("import", "config.yaml", "--out", "recipe.json")
    assert said.code == 0, said.err
    assert read_recipe(tmp_path / "recipe.json").method.kind == "dora"


@pytest.mark.parametrize(
    ("name", "text", "code", "said"),
    [
        ("config.json", '{\n"passes": {,\n}', "olive.broken_json", "line 2"),
        ("config.yaml", "passes:\n  a: [1\nb: 2", "olive.broken_yaml", "line 3"),
        ("config.json", "[1, 2]", "olive.not_a_config", "not an Olive config"),
        ("config.json", "\xff".encode("latin-1"), "olive.unreadable", "cannot be read"),
        ("absent.json", None, "olive.no_file", "does not exist"),
    ],
)
def test_files_that_cannot_be_read(olive: Olive, tmp_path: Path, name, text, code, said) -> None:
    if text is not None:
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    answer = olive("import", name)
    assert answer.code == 2
    assert f"[{code}]" in answer.err
    assert said in answer.err


def test_a_recipe_that_is_there_already_is_not_overwritten(olive: Olive, tmp_path: Path) -> None:
    config = config_in(tmp_path)
    (tmp_path / "olive-config.recipe.yaml").write_text("mine")
    said = olive("import", config)
    assert said.code == 2
    assert "[recipe.exists]" in said.err
    assert (tmp_path / "olive-config.recipe.yaml").read_text() == "mine"


def test_an_export_through_the_command_line(olive: Olive, tiny_phi3: Path, tmp_path: Path) -> None:
    from phi3studio.runs.recipe_files import write_recipe
    from phi3studio.worker.serving import SERVICES
    from tests.worker.running import tiny_recipe

    if "olive" not in SERVICES:
        pytest.skip("the program has no olive service yet")
    write_recipe(
        tiny_recipe(tiny_phi3, write_rows(tmp_path / "rows.jsonl", 40)), tmp_path / "r.yaml"
    )
    said = olive("export", "r.yaml", "--out", "out", "--json")
    assert said.code == 0, said.out
    document = json.loads(said.out)
    assert document["train_rows"] == 32
    assert all((tmp_path / "out" / name).is_file() for name in document["files"])
    again = olive("export", "r.yaml", "--out", "out")
    assert again.code == 2
    assert "[olive.export_exists]" in again.err


def test_the_folder_of_the_recipe_is_made(olive: Olive, tmp_path: Path) -> None:
    config = config_in(tmp_path / "config")
    said = olive("import", config, "--out", "new/folder/recipe.yaml")
    assert said.code == 0, said.err
    assert read_recipe(tmp_path / "new" / "folder" / "recipe.yaml").method.rank == 64


def test_what_is_left_out_does_not_look_like_a_failure(olive: Olive, tmp_path: Path) -> None:
    said = olive("import", config_in(tmp_path / "config"))
    assert said.code == 0
    assert "left out    " in said.out
    assert "refused" not in said.out
    bad = json.loads((FIXTURES / "lora-phrases.json").read_text("utf-8"))
    bad["passes"]["builder"]["type"] = "SliceGPT"
    (tmp_path / "bad.json").write_text(json.dumps(bad), "utf-8")
    said = olive("import", "bad.json")
    assert said.code == 2
    assert "refused     passes.builder.type: SliceGPT" in said.err


def test_a_folder_of_configs_gives_a_table(olive: Olive, tmp_path: Path) -> None:
    folder = tmp_path / "configs"
    for name in ("today", "azure"):
        config_in(folder, name).rename(folder / f"{name}.json")
    (folder / "more").mkdir()
    open_ = json.loads((FIXTURES / "lora-phrases.json").read_text("utf-8"))
    del open_["input_model"]
    (folder / "more" / "open.json").write_text(json.dumps(open_), "utf-8")
    (folder / "bad.json").write_text('{"passes": {"q": {"type": "SliceGPT"}}}', "utf-8")
    (folder / "package.json").write_text('{"name": "x"}', "utf-8")
    (folder / "broken.json").write_text("{", "utf-8")
    (folder / "template.json").write_text('{\n  "passes": {"q": {"lora_r": <lora_r>}}\n}', "utf-8")
    (folder / "twice.json").write_text('{"passes": {"q": {}}, "passes": {}}', "utf-8")
    said = olive("import", folder)
    assert said.code == 0, said.err
    lines = dict(line.split(None, 1) for line in said.out.splitlines() if ".json " in line)
    assert lines["today.json"].startswith("recipe")
    assert lines["azure.json"].startswith("recipe")
    assert lines["more/open.json"] == "gaps      model.source"
    assert lines["bad.json"].startswith("refused   passes.q.type: The pass SliceGPT is not run.")
    assert lines["template.json"].startswith("refused")
    assert "line 2: this is not JSON" in lines["template.json"]
    assert "the key passes stands twice" in lines["twice.json"]
    assert "6 configs: 2 become recipes, 1 more with values to write, 3 are refused." in said.out
    assert "2 other files" in said.out
    rows = json.loads(olive("import", folder, "--json").out)
    assert [row["file"] for row in rows] == [
        "azure.json", "bad.json", "more/open.json", "template.json", "today.json", "twice.json",
    ]  # fmt: skip
    assert list(tmp_path.glob("*.yaml")) == []  # nothing is written
    said = olive("import", folder / "more" / "..", "--json")
    assert len(json.loads(said.out)) == 6
    (tmp_path / "empty").mkdir()
    assert "[olive.no_configs]" in olive("import", "empty").err


def test_an_olive_config_is_run_after_its_decisions_are_shown(
    olive: Olive, tiny_phi3: Path, tmp_path: Path
) -> None:
    config = json.loads((FIXTURES / "today.json").read_text("utf-8"))
    write_rows(tmp_path / "rows.jsonl", 24)
    for data in config["data_configs"]:
        data["load_dataset_config"] |= {"data_name": "json", "data_files": "rows.jsonl"}
    config["input_model"]["model_path"] = str(tiny_phi3)
    del config["passes"]["m"], config["passes"]["b"]
    config["passes"]["l"]["training_args"] |= {"max_steps": 2, "warmup_steps": 1}
    (tmp_path / "olive-config.json").write_text(json.dumps(config), "utf-8")
    said = olive("olive-config.json", group=("run",))
    assert said.code == 0, said.err
    assert "carried     passes.l.r: 8 → method.rank" in said.err
    assert "adapter" in said.out


def test_an_olive_config_that_leaves_something_open_is_not_run(
    olive: Olive, tmp_path: Path
) -> None:
    config = config_in(tmp_path / "config")
    values = json.loads(config.read_text("utf-8"))
    del values["input_model"]
    config.write_text(json.dumps(values), "utf-8")
    said = olive(config, group=("run",))
    assert said.code == 2
    assert "[recipe.gaps]" in said.err
    assert f"phi3studio olive import {config}" in said.err
