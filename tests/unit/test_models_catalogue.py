"""The catalogue of base models: data with a schema, whose facts fit each other."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from phi3studio.app.paths import Home
from phi3studio.domain.base_models import Catalogue, CatalogueEntry, is_hub_id, parse_catalogue
from phi3studio.domain.errors import RunError
from phi3studio.domain.estimation.estimate import DataSize, Machine, estimate, usual_precision
from phi3studio.domain.recipe import Recipe
from phi3studio.models.model_store import ModelStore, catalogue
from phi3studio.resources import resources
from phi3studio.wizard.machine_fit import size_of_entry

RAW: dict[str, Any] = json.loads((resources() / "catalogue.json").read_text("utf-8"))
SCHEMA: dict[str, Any] = json.loads((resources() / "catalogue.schema.json").read_text("utf-8"))

each = pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.name)


def test_the_file_keeps_to_its_schema_and_the_schema_is_the_codes() -> None:
    jsonschema.validate(RAW, SCHEMA)
    told = {
        key: value for key, value in SCHEMA.items() if not key.startswith("$") or key == "$defs"
    }
    assert told == Catalogue.model_json_schema()


@pytest.mark.parametrize(
    "change",
    [
        {"licence_link": "http://example.com"},
        {"parameters": 0},
        {"unknown": 1},
        {"revision": "main"},
        {"hub_id": "no-owner"},
        {"stop_tokens": []},
        {"name": "Upper Case"},
    ],
)
def test_a_damaged_entry_is_found_by_schema_and_program(change) -> None:
    damaged = RAW | {"models": [RAW["models"][0] | change]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(damaged, SCHEMA)
    with pytest.raises(RunError) as caught:
        parse_catalogue(damaged)
    assert caught.value.code == "models.catalogue"


@each
def test_what_comes_from_the_hub_is_pinned_to_a_commit(entry: CatalogueEntry) -> None:
    assert (entry.revision is not None) == (entry.origin == "hub")


def test_the_families_of_the_pipeline_are_there_and_nothing_twice() -> None:
    names = [entry.name for entry in catalogue()]
    assert names[0] == "starter"
    assert len(set(names)) == len(names) == len({entry.hub_id for entry in catalogue()})
    wanted = ("phi-3-mini-4k", "phi-3-mini-128k", "phi-3.5-mini", "phi-3-medium-4k", "phi-4-mini")
    assert set(wanted) <= set(names)
    assert {e.name for e in catalogue() if e.gated} == {
        "llama-3.2-1b", "llama-3.2-3b", "gemma-2-2b", "gemma-3-1b",
    }  # fmt: skip


@each
def test_the_memory_of_a_training_is_what_the_formulas_give(entry: CatalogueEntry) -> None:
    size, told = size_of_entry(entry), entry.training_memory_bytes.model_dump()
    # one row of at most 256 tokens at a time
    rows, machine = DataSize(500, 50_000, 100, 10_000, 256), Machine(0, 0, 50e9)
    for kind, memory in told.items():
        recipe = Recipe.model_validate(
            {
                "data": {"source": "-", "template": {"prompt": "", "completion": "-"}},
                "method": {"kind": kind},
                "training": {"batch_size": 1},
            }
        )
        found = estimate(recipe, size, rows, machine, usual_precision(size))
        assert memory == round(found.memory["train"], -6), kind


@each
def test_the_parameters_follow_from_the_shape(entry: CatalogueEntry) -> None:
    """Counted by hand from the shape: a wrong size of any kind shows here."""
    s = entry.shape
    query, rest = s.heads * s.head, s.key_value_heads * s.head
    attention = s.hidden * (query + 2 * rest) + query * s.hidden
    norms = 2 * s.hidden
    if entry.architecture == "qwen2":
        attention += query + 2 * rest  # biases
    if entry.architecture in ("qwen3", "gemma3_text"):
        attention += 2 * s.head  # norms of queries and keys
    if entry.architecture.startswith("gemma"):
        norms *= 2
    layer = attention + 3 * s.hidden * s.intermediate + norms
    head = 0 if s.tied_embeddings else s.vocabulary * s.hidden
    total = s.vocabulary * s.hidden + s.layers * layer + s.hidden + head
    assert total == entry.parameters


@each
def test_sizes_are_those_of_sixteen_bit_weights(entry: CatalogueEntry) -> None:
    if entry.origin == "wheel":
        return
    weights = 2 * entry.parameters
    # Qwen 3 stores its tied head a second time.
    twice = 2 * entry.shape.vocabulary * entry.shape.hidden if entry.name[:5] == "qwen3" else 0
    assert entry.download_bytes == pytest.approx(weights + twice, abs=10**7)
    assert entry.disk_bytes == entry.download_bytes


@each
def test_the_target_modules_are_those_of_the_architecture(entry: CatalogueEntry) -> None:
    fused = entry.architecture == "phi3"
    attention = entry.target_modules.attention
    assert ("qkv_proj" in attention) is fused
    assert set(attention) < set(entry.target_modules.all_linear)
    assert len(entry.target_modules.all_linear) == (4 if fused else 7)


@each
def test_the_licence_says_what_it_asks(entry: CatalogueEntry) -> None:
    assert entry.licence_forbids.startswith("Forbids ")
    assert entry.gated == (entry.licence not in ("MIT", "Apache-2.0"))


def test_models_are_known_by_name_and_by_hub_id(home: Home) -> None:
    store = ModelStore(home)
    entry = store.entry("microsoft/Phi-4-mini-instruct")
    assert entry is not None
    assert entry == store.entry("phi-4-mini")
    # The starter is not the hub's model: its weights went through four bits.
    assert store.entry("HuggingFaceTB/SmolLM2-135M-Instruct") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("microsoft/Phi-4-mini-instruct", True),
        ("a/b", True),
        ("starter", False),
        ("a/b/c", False),
        ("../b", False),
        ("a/..", False),
        ("/a/b", False),
        ("a/b--c", False),
        ("~/models", False),
        ("a\\b/c", False),
        ("", False),
    ],
)
def test_what_is_a_name_on_the_hub(text: str, expected: bool) -> None:
    assert is_hub_id(text) is expected


@pytest.mark.parametrize("values", [[], {}, {"version": 2, "models": []}])
def test_what_is_no_catalogue_of_this_version_is_refused(values: object) -> None:
    with pytest.raises(RunError) as caught:
        parse_catalogue(values)
    assert caught.value.code == "models.catalogue"
