"""A row of the table is all that a preset needs: every reader knows every row."""

from __future__ import annotations

from pathlib import Path

import pytest

from phi3studio.domain.estimation.estimate import DataSize, Machine, ModelSize, estimate
from phi3studio.domain.estimation.recovery import safer
from phi3studio.domain.fidelity import next_export
from phi3studio.domain.messages import messages_in, say
from phi3studio.domain.quantisation import AUTO, AUTO_ORDER, FORMATS, PRESET_TEXTS, PRESETS
from phi3studio.domain.recipe import Recipe, Target, json_schema, parse_recipe
from phi3studio.gui.pages.wizard.setting_list import settings
from phi3studio.olive_configs.decisions import Entry, ImportDraft, Section
from phi3studio.olive_configs.model_builder import read_builder
from phi3studio.worker.olive.workflow_config import build_config, builder_options

SMALL = ModelSize(135_000_000, 576, 30, 49_152, 270_000_000, 1536)
LARGE = ModelSize(3_800_000_000, 3072, 32, 32_064, 7_600_000_000, 8192)
DATA = DataSize(500, 50_000, 100, 10_000, 256)
MACHINE = Machine(16 * 10**9, 10**12, 1e11)


def exporting(preset: str) -> Recipe:
    return parse_recipe({"steps": ["quantise"], "target": {"int4": preset}})


@pytest.mark.parametrize("preset", [AUTO, *PRESETS])
def test_recipe_schema_and_estimate_know_each_preset(preset: str) -> None:
    names = json_schema()["$defs"]["Target"]["properties"]["int4"]["enum"]
    assert preset in names
    for model in (SMALL, LARGE):
        found = estimate(exporting(preset), model, DATA, MACHINE)
        assert found.seconds["quantise"] > 6
        assert found.memory_bytes > model.parameters * 3
        assert found.disk_bytes > model.parameters * PRESETS[AUTO_ORDER[0]].weight_bytes


@pytest.mark.parametrize("preset", PRESETS)
def test_an_olive_config_written_for_a_preset_is_read_as_that_preset(preset: str) -> None:
    options = builder_options(Target(int4=preset))
    draft = ImportDraft()
    read_builder(Section(Entry("passes.builder", options), draft))
    assert draft.values.get("target.int4") == preset
    assert not [item for item in draft.decisions if item.kind == "refused" and item.blocks]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("large", [True, False])
def test_each_preset_makes_a_workflow_for_small_and_large_models(preset: str, large: bool) -> None:
    passes = build_config(
        exporting(preset), Path("m"), Path("o"), Path("c"), Path("rows.parquet"), large
    )["passes"]
    assert list(passes)[-1] == "builder"
    assert ("gptq" in passes) == (PRESETS[preset].calibrates and not large)
    assert ("mixed" in passes) == (PRESETS[preset].mixed and (large or PRESETS[preset].calibrates))


def test_olive_algorithm_and_operators_that_no_preset_has_together_are_refused() -> None:
    draft = ImportDraft()
    options = {
        "precision": "int4",
        "int4_algo_config": "k_quant_mixed",
        "int4_op_types_to_quantize": ["MatMul", "Gather"],
    }
    read_builder(Section(Entry("passes.builder", options), draft))
    assert draft.values["target.int4"] == "quality"
    refused = [item.path for item in draft.decisions if item.kind == "refused"]
    assert refused == ["passes.builder.int4_op_types_to_quantize"]


@pytest.mark.parametrize("preset", PRESETS)
def test_the_gate_advises_and_the_recovery_falls_back_inside_of_the_table(preset: str) -> None:
    at = AUTO_ORDER.index(preset)
    advice = say(next_export(Target(int4=preset))).message
    if at + 1 < len(AUTO_ORDER):
        assert f"target.int4: {AUTO_ORDER[at + 1]}" in advice
    else:
        assert "target.block_size" in advice
    step = safer(exporting(preset), "quantise", "host", 100)
    assert (step.int4 if step else None) == PRESETS[preset].lighter
    if step is not None:
        assert PRESETS[step.int4].build_bytes <= PRESETS[preset].build_bytes


def test_every_setting_that_the_window_offers_has_title_and_explanation_in_both_languages() -> None:
    found = settings()
    assert {setting.group for setting in found} == {
        "tuning",
        "details",
        "int4",
        "fidelity",
        "limits",
        "preference",
    }
    italian = messages_in("it")
    for setting in found:
        assert setting.text.text, setting.code
        assert setting.text.hint.endswith("."), setting.code
        assert all(italian[setting.code]), setting.code


def test_every_choice_of_quantisation_has_title_and_explanation_in_both_languages() -> None:
    italian = messages_in("it")
    for name, text in {**PRESET_TEXTS, **{f.name: f.text for f in FORMATS.values()}}.items():
        assert all(text), name
        assert all(italian[f"quantisation.{name}"]), name
