"""An imported recipe with open values as a draft of the wizard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from phi3studio.domain.recipes.recipe_gaps import ASKED
from phi3studio.runs.olive_files import configs_of, is_olive_config, is_recipe, read_olive_config
from phi3studio.wizard.flow import Draft, with_source
from phi3studio.wizard.open_values import from_import, page_of

FIXTURES = Path(__file__).parents[1] / "fixtures" / "olive"


def draft_of(folder: Path, fixture: str, place: str, value: Any, at: str = "") -> Draft:
    """The draft of a recorded config that has *value* at the dotted *place*."""
    values: Any = json.loads((FIXTURES / f"{fixture}.json").read_text("utf-8"))
    inner = values
    *way, last = place.split(".")
    for key in way:
        inner = inner[int(key)] if key.isdigit() else inner[key]
    inner[last] = value
    file = folder / "config.json"
    file.write_text(json.dumps(values), "utf-8")
    config = read_olive_config(file)
    assert config.recipe is not None
    assert config.gaps
    return from_import(config.recipe, config.gaps, at)


def test_an_open_data_file_is_empty_and_its_template_waits(tmp_path: Path) -> None:
    place = "data_configs.0.load_dataset_config.params.data_files"
    draft = draft_of(tmp_path, "lora-phrases", place, "<your data>", "data.source")
    assert draft.source is None
    assert draft.page == "data"
    filled = with_source(draft, "/data/rows.jsonl", "/data/more.jsonl")
    assert filled.completion == draft.completion == "{tone}"
    assert filled.source is not None
    assert filled.source.also == ["/data/more.jsonl"]
    # Another file after that is another data set.
    assert with_source(filled, "/data/other.csv").completion == ""


def test_open_values_of_azure_are_empty_fields_of_the_form(tmp_path: Path) -> None:
    place = "systems.aml.config.aml_compute"
    draft = draft_of(tmp_path, "azure", place, "<your cluster>", "azure.compute")
    assert draft.azure is not None
    assert draft.azure.compute == ""
    assert draft.azure.workspace
    assert draft.page == "target"


def test_every_value_that_can_be_open_has_a_page_and_is_empty_in_the_draft(tmp_path: Path) -> None:
    config = read_olive_config(FIXTURES / "azure.json")
    assert config.recipe is not None
    draft = from_import(config.recipe, ASKED)
    assert draft.azure is not None
    empty = (draft.source, draft.prompt, draft.completion, draft.model, draft.adapter)
    assert empty == (None, "", "", "", None)
    assert draft.split.file is None
    form = draft.azure.model_dump()
    names = [key.rpartition(".")[2] for key in ASKED if key.startswith("azure.")]
    assert {form[name] for name in names} == {""}
    assert {page_of(key) for key in ASKED} == {"data", "model", "target"}


def test_a_recipe_without_azure_has_no_such_form(tmp_path: Path) -> None:
    config = read_olive_config(FIXTURES / "lora-phrases.json")
    assert config.recipe is not None
    assert from_import(config.recipe, ["azure.image"]).azure is None


@pytest.mark.parametrize(
    ("name", "text", "olive", "recipe"),
    [
        ("a.json", '{"passes": {}}', True, False),
        ("a.yaml", "input_model: x", True, False),
        ("a.yml", "model: {source: starter}\ntraining: {}", False, True),
        ("recipe.json", "broken", False, True),
        ("a.phi3studio", "broken", False, True),
        ("rows.json", '[{"model": "T"}]', False, False),
        ("rows.yaml", "- model: T", False, False),
        ("broken.json", '{"passes": ', False, False),
        ("latin.json", b'{"passes": "\xe9"}', False, False),
        ("a.txt", '{"passes": {}}', False, False),
        ("large.json", '{"passes": {}}' + " " * 1_000_001, False, False),
    ],
)
def test_what_a_file_is(
    tmp_path: Path, name: str, text: str | bytes, olive: bool, recipe: bool
) -> None:
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert is_olive_config(file) is olive
    assert is_recipe(file) is recipe
    # Of a folder a broken one is listed, too.
    broken = name in ("broken.json", "latin.json")
    assert configs_of([tmp_path]) == ([file] if olive or broken else [])
    assert configs_of([file]) == ([file] if olive else [])
