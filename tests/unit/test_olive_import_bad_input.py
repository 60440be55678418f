"""Olive configs that cannot be taken over: what is said, and what is to be done."""

from __future__ import annotations

from typing import Any

import pytest

from phi3studio.domain.errors import InputError
from phi3studio.olive_configs import parse_config
from tests.unit.test_olive_import import ARGUMENTS, LORA, PARAMS, TEXT, changed, fixture, read


def problem(config: Any) -> InputError:
    found = read(config).problem
    assert found is not None
    assert found.message
    assert found.hint
    return found


def test_broken_json_names_its_line() -> None:
    with pytest.raises(InputError, match=r"config\.json, line 3: .*not JSON") as caught:
        parse_config('{\n  "passes": {}\n  "engine": {}\n}', "config.json")
    assert caught.value.code == "olive.broken_json"


@pytest.mark.parametrize("value", [[], "text", 3, None, {}, {"version": 1, "data": {}}])
def test_something_else_is_not_taken_for_a_config(value) -> None:
    with pytest.raises(InputError, match="not an Olive config") as caught:
        read(value)
    assert caught.value.code == "olive.not_a_config"


@pytest.mark.parametrize(
    ("name", "said", "todo"),
    [
        ("LoftQ", "LoftQ is not run", "QLoRA"),
        ("SDLoRA", "SDLoRA is not run", "for pictures"),
        ("OnnxMatMul4Quantizer", "OnnxMatMul4Quantizer is not run", "ModelBuilder"),
        ("OptimumConversion", "OptimumConversion is not run", "ModelBuilder"),
        ("SliceGPT", "SliceGPT is not run", "by Olive itself"),
        ("ModelBuilderr", "no pass “ModelBuilderr”", "“ModelBuilder”"),
        ("Something", "no pass “Something”", "LoRA, QLoRA, DoRA"),
    ],
)
def test_a_pass_that_is_not_run_is_named_with_what_to_do(name, said, todo) -> None:
    found = problem(changed("lora-phrases", **{"passes.builder.type": name}))
    assert found.code == "olive.unknown_pass"
    assert said in found.message
    assert todo in found.hint


@pytest.mark.parametrize(
    ("path", "wrong", "right"),
    [
        (LORA, "lora_alfa", "lora_alpha"),
        (LORA, "target_module", "target_modules"),
        (ARGUMENTS, "learning_rates", "learning_rate"),
        (TEXT, "max_seq_length", "max_seq_len"),
        (PARAMS, "data_file", "data_files"),
        ("passes.builder.config", "precison", "precision"),
        ("engine", "output_dirs", "output_dir"),
        ("input_model.config.hf_config", "model_names", "model_name"),
    ],
)
def test_an_unknown_key_is_answered_by_the_nearest_right_one(path, wrong, right) -> None:
    found = problem(changed("lora-phrases", **{f"{path}.{wrong}": 1}))
    assert found.code == "olive.unknown_key"
    assert f"{path}.{wrong}" in found.message
    assert f"“{right}”" in found.hint
    assert "--partial" in found.hint


def test_a_config_of_a_later_olive_is_not_half_understood() -> None:
    found = problem(fixture("today") | {"olive_version": "2.0", "pipelines": {"a": 1}})
    assert found.code == "olive.unknown_key"
    assert "olive_version" in found.message
    assert "pipelines" in found.hint


def test_a_data_config_that_is_not_there() -> None:
    found = problem(changed("lora-phrases", **{f"{LORA}.train_data_config": "dataset_default"}))
    assert "no data config “dataset_default”" in found.message
    assert "“dataset_default_train”" in found.hint


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (f"{TEXT}.text_template", "{phrase!r} {tone}", "as they are"),
        (f"{TEXT}.text_template", "{phrase} {tone", "brace"),
        (f"{TEXT}.text_template", "no column", "no column"),
        (f"{TEXT}.dataset_type", "pair", "pair"),
        (f"{PARAMS}.split", "train[:a]", "a slice of one"),
        (f"{PARAMS}.split", "train+test", "a slice of one"),
        (f"{PARAMS}.split", "test", "only the split"),
        (f"{LORA}.modules_to_save", ["lm_head"], "Only adapters"),
        (f"{LORA}.lora_r", "many", "whole number"),
        (f"{ARGUMENTS}.learning_rate", "1e-4", "a number"),
        ("passes.builder.config.precision", "int8", "int8"),
        ("engine.execution_providers", ["OpenVINOExecutionProvider"], "OpenVINO"),
        ("input_model.type", "ONNXModel", "ONNXModel"),
        ("input_model.config.hf_config.task", "image-classification", "Text generation"),
        ("engine", {"host": "local_system", "search_strateg": False}, "search_strateg"),
        ("systems", "local_system", "mapping"),
        ("passes.builder.config.extra_options", "int4_block_size=32", "mapping"),
    ],
)
def test_what_would_train_something_else_is_refused(path, value, said) -> None:
    found = problem(changed("lora-phrases", **{path: value}))
    assert path in found.message
    assert said in found.message


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        (f"{LORA}.lora_dropout", 1.5, "method.dropout"),
        (f"{LORA}.lora_r", 0, "method.rank"),
        (f"{ARGUMENTS}.learning_rate", 0, "training.learning_rate"),
        (f"{TEXT}.source_max_len", 1, "training.sequence_length"),
    ],
)
def test_a_value_out_of_range_names_the_key_that_it_came_from(path, value, key) -> None:
    found = problem(changed("lora-phrases", **{path: value}))
    assert found.code == "olive.invalid_value"
    assert found.message.startswith(path)
    assert key in found.message


def test_all_that_is_wrong_is_said_at_once() -> None:
    config = changed("lora-phrases", **{"passes.builder.type": "LoftQ", f"{LORA}.x": 1})
    found = problem(config)
    assert "x" in found.message + found.hint
    assert "LoftQ" in found.message + found.hint


def test_a_key_that_is_given_twice_with_two_values_is_refused() -> None:
    found = problem(changed("lora-phrases", **{f"{LORA}.alpha": 16}))
    assert f"{LORA}.alpha" in found.message
    assert f"{LORA}.lora_alpha" in found.message


def test_several_faults_are_listed_in_every_language() -> None:
    found = problem(
        changed("lora-phrases", **{"engine.target": None, "input_model.type": "ONNXModel"})
        | {"pipelines": {"a": 1}, "data_configs": []}
    )
    english, other = found.said(), found.said("it")
    assert "--partial" in english.hint
    assert "Also: " in english.hint
    assert "Inoltre: " in other.hint
    assert "Also: " not in other.hint
    for said in (english, other):
        assert "pipelines" in said.message + said.hint
        assert "ONNXModel" in said.message + said.hint


def test_what_makes_no_recipe_at_all_does_not_offer_a_part() -> None:
    config = changed("lora-phrases", **{f"{ARGUMENTS}.learning_rate": 0, f"{LORA}.x": 1})
    assert read(config).recipe is None
    assert "--partial writes none" in problem(config).hint
