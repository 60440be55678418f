"""Recipe files: read with their paths, refused with their place, written whole."""

from __future__ import annotations

import json
import sys

import pytest

from phi3studio.app.files import folder_bytes, write_atomically, write_json
from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Data, Model, Recipe, Split, Template
from phi3studio.runs.recipe_files import read_recipe, write_recipe

RECIPE = Recipe(
    name="größer",
    data=Data(source="/data/a.csv", template=Template(prompt="Q: {q}\nA:\n", completion="{a}")),
)


@pytest.mark.parametrize("name", ["r.json", "r.yaml", "r.yml", "r.YAML"])
def test_a_written_recipe_reads_as_it_was(tmp_path, name) -> None:
    write_recipe(RECIPE, tmp_path / name)
    assert read_recipe(tmp_path / name) == RECIPE


def test_yaml_as_people_write_it(tmp_path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(
        "# my first recipe\n"
        "data:\n"
        "  source: emotions.jsonl\n"
        "  template:\n"
        "    prompt: |\n"
        "      ### Text: {phrase}\n"
        "      ### The tone is:\n"
        "    completion: '{tone}'\n"
        "training:\n"
        "  learning_rate: 2e-4\n",
        encoding="utf-8",
    )
    recipe = read_recipe(file)
    assert recipe.data.template is not None
    assert recipe.data.template.prompt == "### Text: {phrase}\n### The tone is:\n"
    # YAML 1.1 reads 2e-4 as a text; it is a number all the same.
    assert recipe.training.learning_rate == 2e-4


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("r.json", '{\n "data": {\n  "source": "x",\n }\n}', 4),
        ("r.json", '{"data": ', 1),
        ("r.json", "", 1),
        ("r.yaml", "data:\n  source: x\n template: {\n", 3),
        ("r.yaml", "data:\n\tsource: x\n", 2),
        ("r.yaml", "a: 1\nb: 'open\n", 3),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path, name, text, line) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as caught:
        read_recipe(tmp_path / name)
    assert caught.value.code == "recipe.broken"
    assert f"{tmp_path / name}, line {line}" in caught.value.message


def test_an_empty_yaml_file_is_no_recipe(tmp_path) -> None:
    (tmp_path / "r.yaml").write_text("# nothing\n")
    with pytest.raises(InputError) as caught:
        read_recipe(tmp_path / "r.yaml")
    assert caught.value.code == "recipe.not_a_mapping"


def test_yaml_runs_no_code(tmp_path) -> None:
    marker = tmp_path / "ran"
    (tmp_path / "r.yaml").write_text(f"data: !!python/object/apply:os.mkdir ['{marker}']\n")
    with pytest.raises(InputError) as caught:
        read_recipe(tmp_path / "r.yaml")
    assert caught.value.code == "recipe.broken"
    assert not marker.exists()


def test_a_missing_file_and_a_folder_are_refused(tmp_path) -> None:
    for path in (tmp_path / "no.yaml", tmp_path):
        with pytest.raises(InputError) as caught:
            read_recipe(path)
        assert caught.value.code == "recipe.no_file"
        assert str(path) in caught.value.message
    assert "is a folder" in caught.value.message
    assert "does not exist" not in str(caught.value)


def test_a_file_in_another_encoding_is_refused(tmp_path) -> None:
    (tmp_path / "r.json").write_bytes('{"name": "größer"}'.encode("latin-1"))
    with pytest.raises(InputError) as caught:
        read_recipe(tmp_path / "r.json")
    assert caught.value.code == "recipe.unreadable"


def test_a_byte_order_mark_is_no_obstacle(tmp_path) -> None:
    for name in ("r.json", "r.yaml"):
        write_recipe(RECIPE, tmp_path / name)
        text = (tmp_path / name).read_text("utf-8")
        (tmp_path / name).write_text(text, encoding="utf-8-sig")
        assert read_recipe(tmp_path / name) == RECIPE


# --- paths --------------------------------------------------------------------------------------


def read(folder, **data):
    model = data.pop("model", "starter")
    values = RECIPE.to_json()
    values["data"] = values["data"] | data
    values["model"] = {"source": model}
    (folder / "r.json").write_text(json.dumps(values))
    return read_recipe(folder / "r.json")


def test_relative_data_paths_start_at_the_recipes_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir("/")
    recipe = read(tmp_path, source="rows/a.csv", split={"file": "b.csv"}, also=["c.csv"])
    assert recipe.data.source == str(tmp_path / "rows/a.csv")
    assert recipe.data.split.file == str(tmp_path / "b.csv")
    assert recipe.data.also == [str(tmp_path / "c.csv")]


@pytest.mark.parametrize("name", ["r.json", "r.yaml"])
def test_a_folder_with_recipe_data_model_and_adapter_can_be_moved(tmp_path, name) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in ("tiny", "models/adapter"):
        (here / folder).mkdir(parents=True)
    data = RECIPE.rows.model_copy(
        update={
            "source": str(here / "a.csv"), "also": [str(here / "rows/b.csv")],
            "split": Split(file=str(here / "held.csv")),
        }
    )  # fmt: skip
    model = Model(source=str(here / "tiny"), adapter=str(here / "models/adapter"))
    recipe = RECIPE.model_copy(update={"data": data, "model": model})
    write_recipe(recipe, here / name)
    assert str(tmp_path) not in (here / name).read_text("utf-8")
    assert read_recipe(here / name) == recipe
    here.rename(there)
    moved = read_recipe(there / name)
    assert moved.model == Model(source=str(there / "tiny"), adapter=str(there / "models/adapter"))
    assert moved.rows.split.file == str(there / "held.csv")
    assert moved.rows.source == str(there / "a.csv")


def test_what_lies_elsewhere_or_on_the_hub_is_written_as_it_is(tmp_path) -> None:
    model = Model(source="owner/name", adapter=str(tmp_path / "adapter"))
    recipe = RECIPE.model_copy(update={"model": model})
    (tmp_path / "sub").mkdir()
    write_recipe(recipe, tmp_path / "sub/r.json")
    assert json.loads((tmp_path / "sub/r.json").read_text())["model"]["adapter"] == model.adapter
    assert read_recipe(tmp_path / "sub/r.json").model == model


def test_a_recipe_named_by_a_relative_path(tmp_path, monkeypatch) -> None:
    read(tmp_path, source="a.csv")
    monkeypatch.chdir(tmp_path)
    from pathlib import Path

    assert read_recipe(Path("r.json")).data.source == str(tmp_path / "a.csv")


def test_absolute_and_home_paths_stay(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert read(tmp_path, source="/x/a.csv").data.source == "/x/a.csv"
    assert read(tmp_path, source="~/a.csv").data.source == "/home/me/a.csv"


def test_a_data_set_of_the_hub_is_no_path(tmp_path) -> None:
    recipe = read(tmp_path, source="owner/name", format="hub")
    assert recipe.data.source == "owner/name"


def test_model_names_paths_and_hub_ids_are_distinguished(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    (tmp_path / "models" / "mine").mkdir(parents=True)
    assert read(tmp_path, model="starter").model.source == "starter"
    assert read(tmp_path, model="models/mine").model.source == str(tmp_path / "models/mine")
    assert read(tmp_path, model="./other").model.source == str(tmp_path / "other")
    assert read(tmp_path, model="~/m").model.source == "/home/me/m"
    assert read(tmp_path, model="owner/name").model.source == "owner/name"


# --- writing ------------------------------------------------------------------------------------


def test_writing_where_nothing_can_be_written_is_a_clear_error(tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError) as caught:
        write_recipe(RECIPE, tmp_path / "file" / "r.yaml")
    assert caught.value.code == "disk.not_writable"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch) -> None:
    import os

    file = tmp_path / "f.json"
    write_json(file, {"a": 1})

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="space"):
        write_atomically(file, "new")
    assert json.loads(file.read_text()) == {"a": 1}
    assert [item.name for item in tmp_path.iterdir()] == ["f.json"]


def test_json_is_written_readable_and_in_utf8(tmp_path) -> None:
    write_json(tmp_path / "f.json", {"name": "größer", "odd": "\udce9"})
    assert (tmp_path / "f.json").read_bytes() == (
        b'{\n  "name": "gr\xc3\xb6\xc3\x9fer",\n  "odd": "\\udce9"\n}\n'
    )


def test_sizes_of_files_and_folders(tmp_path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "one").write_bytes(b"x" * 10)
    (tmp_path / "a" / "b" / "two").write_bytes(b"x" * 5)
    assert folder_bytes(tmp_path / "a") == 15
    assert folder_bytes(tmp_path / "a" / "one") == 10
    assert folder_bytes(tmp_path / "absent") == 0


def test_the_split_keeps_its_other_settings_when_its_path_is_completed(tmp_path) -> None:
    recipe = read(tmp_path, split={"file": "b.csv", "seed": 4})
    assert recipe.data.split == Split(file=str(tmp_path / "b.csv"), seed=4)
    assert recipe.model == Model(source="starter")


@pytest.mark.skipif(sys.platform != "linux", reason="names that are not UTF-8")
def test_a_recipe_in_a_folder_whose_name_is_not_utf8_is_refused_in_words(tmp_path) -> None:
    folder = tmp_path / "d\udcff"
    folder.mkdir()
    file = folder / "recipe.json"
    file.write_text(json.dumps({"data": {"source": "d.csv", "messages": "m"}}))
    with pytest.raises(InputError, match=r"data\.source holds half a character"):
        read_recipe(file)
