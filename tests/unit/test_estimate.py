"""Estimates: more of anything never takes less, and the known machine is met."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi3studio.domain.estimation.estimate import (
    DataSize,
    Estimate,
    Machine,
    ModelSize,
    adapter_parameters,
    disk_needed,
    estimate,
    exported_bytes,
    measured,
    stage_kind,
)
from phi3studio.domain.recipe import Data, Limits, Recipe, Template

RECIPE = Recipe(data=Data(source="d.csv", template=Template(prompt="{q}", completion="{a}")))
STARTER = ModelSize(
    parameters=134_515_008, hidden=576, layers=30, vocabulary=49_152, file_bytes=540_000_000
)
DATA = DataSize(
    train_rows=500, train_tokens=20_000, held_out_rows=120, held_out_tokens=4_000, longest=60
)
MACHINE = Machine(memory_bytes=8 * 2**30, free_disk_bytes=10**11, flops=55e9)


def with_settings(**changes) -> Recipe:
    sections = {}
    for section in ("training", "method", "target"):
        old = getattr(RECIPE, section)
        mine = {k: v for k, v in changes.items() if k in type(old).model_fields}
        sections[section] = old.model_copy(update=mine)
    return RECIPE.model_copy(update=sections)


def of(recipe: Recipe = RECIPE, model=STARTER, data=DATA, machine=MACHINE, precision="float32"):
    return estimate(recipe, model, data, machine, precision)


def not_less(more: Estimate, less: Estimate) -> None:
    assert more.memory_bytes >= less.memory_bytes
    assert more.disk_bytes >= less.disk_bytes
    assert more.total_seconds >= less.total_seconds
    for stage in less.memory:
        assert more.memory[stage] >= less.memory[stage]


@pytest.mark.parametrize(
    ("precision", "flops", "facts", "peak"),
    [
        ("bfloat16", 435e9, {"prepare": 3.1, "train": 48, "quantise": 33, "verify": 51}, 2.55e9),
        ("float32", 188e9, {"prepare": 3.3, "train": 88, "quantise": 34, "verify": 50}, 2.18e9),
    ],
)
def test_the_demo_on_the_machine_it_was_measured_on(precision, flops, facts, peak) -> None:
    """Two quiet cores of an EPYC, with avx512_bf16 and with AVX2 emulated; a whole run's facts."""
    model = ModelSize(134_515_008, 576, 30, 49_152, 538_090_408, inner=1536, tied=True)
    data = DataSize(460, 13_047, 196, 5_560, longest=36, spread=2.57, learned=0.0886)
    machine = Machine(23 * 2**30, 10**11, flops, float32_flops=188e9)
    recipe = with_settings(batch_size=8, epochs=2, learning_rate=5e-4)
    found = of(recipe, model, data, machine, precision)
    assert {name: found.seconds[name] for name in facts} == pytest.approx(facts, rel=0.15)
    assert found.seconds["merge"] == pytest.approx(1.8, rel=0.15)
    assert found.total_seconds == pytest.approx(sum(facts.values()) + 1.8, rel=0.1)
    assert found.memory_bytes == pytest.approx(peak, rel=0.2)
    assert 1e9 < found.disk_bytes < 4e9
    assert found.total_seconds == sum(found.seconds.values())


@given(parameters=st.integers(10**6, 9 * 10**8), factor=st.floats(1.0, 1.1))
def test_a_larger_model_takes_more(parameters, factor) -> None:
    def size(count: int) -> ModelSize:
        return ModelSize(count, 576, 30, 49_152, count * 4)

    not_less(of(model=size(int(parameters * factor))), of(model=size(parameters)))


@given(rows=st.integers(1, 10**6), more=st.integers(0, 10**5))
def test_more_rows_take_more_time(rows, more) -> None:
    def size(count: int) -> DataSize:
        return DataSize(count, count * 40, max(1, count // 5), count * 8, 60)

    assert of(data=size(rows + more)).total_seconds >= of(data=size(rows)).total_seconds


@pytest.mark.parametrize(
    ("name", "less", "more"),
    [
        ("batch_size", 1, 32),
        ("epochs", 1, 5),
        ("max_steps", 10, 1000),
        ("rank", 4, 256),
    ],
)
def test_larger_settings_do_not_take_less(name, less, more) -> None:
    not_less(of(with_settings(**{name: more})), of(with_settings(**{name: less})))


def test_longer_rows_take_more_memory_up_to_the_sequence_length() -> None:
    def memory(longest: int, length: int = 4096) -> int:
        data = DataSize(500, 500 * longest, 100, 100 * longest, longest)
        return of(with_settings(sequence_length=length), data=data).memory["train"]

    assert memory(2000) > memory(200) > memory(20)
    assert memory(2000, 256) == memory(4000, 256)


def test_what_saves_memory_is_seen_to_save_it() -> None:
    data = DataSize(500, 500_000, 100, 100_000, 1000)
    plain = of(data=data).memory["train"]
    assert of(with_settings(gradient_checkpointing=True), data=data).memory["train"] < plain
    assert of(data=data, precision="bfloat16").memory["train"] < plain
    fast, quality = (
        of(with_settings(int4=name)).memory["quantise"] for name in ("fast", "quality")
    )
    assert fast < quality


def test_each_methods_adapter_has_its_size_and_its_memory() -> None:
    recipes = {kind: with_settings(kind=kind) for kind in ("lora", "loha", "lokr")}
    values = {kind: adapter_parameters(recipe, STARTER) for kind, recipe in recipes.items()}
    assert values["loha"] == 2 * values["lora"]
    assert 0 < values["lokr"] < values["lora"] / 4
    found = {kind: of(recipe) for kind, recipe in recipes.items()}
    for less, more in (("lora", "lokr"), ("lokr", "loha")):
        assert found[less].memory["train"] < found[more].memory["train"]
        assert found[less].seconds["train"] < found[more].seconds["train"]


def test_training_for_4_bits_keeps_the_adapted_weights_and_a_head_besides() -> None:
    plain, aware, wide = (
        of(with_settings(int4_aware=share, target_modules=modules), precision="float32")
        for share, modules in ((0.0, "attention"), (0.5, "attention"), (0.5, "all_linear"))
    )
    assert aware.memory["train"] - plain.memory["train"] == 30 * 4 * 576**2 * 4
    tied = [
        of(with_settings(int4_aware=share), replace(STARTER, tied=True), precision="float32")
        for share in (0.0, 0.5)
    ]
    assert tied[1].memory["train"] - tied[0].memory["train"] == (30 * 4 * 576 + 49_152) * 576 * 4
    assert wide.memory["train"] > aware.memory["train"]
    assert aware.seconds["train"] == plain.seconds["train"]


def test_pairs_take_a_pass_for_their_reference_and_have_a_ratio_of_their_own() -> None:
    pairs = with_settings(objective="dpo")
    assert of().seconds["train"] < of(pairs).seconds["train"] < 1.5 * of().seconds["train"]
    kinds = {stage_kind("train", recipe, STARTER, "cpu") for recipe in (pairs, with_settings())}
    assert kinds == {"train cpu small lora", "train cpu small lora dpo"}
    # In each step as well, for answers to other prompts.
    rated = with_settings(objective="kto")
    assert of(pairs).seconds["train"] < of(rated).seconds["train"] < 1.7 * of().seconds["train"]


def test_a_faster_machine_takes_less_time() -> None:
    fast = Machine(MACHINE.memory_bytes, MACHINE.free_disk_bytes, 10 * MACHINE.flops)
    assert of(machine=fast).total_seconds < of().total_seconds


@pytest.mark.parametrize(
    ("settings", "rows", "steps"),
    [
        ({"epochs": 1, "batch_size": 8}, 80, 10),
        ({"epochs": 1, "batch_size": 8}, 81, 11),
        ({"epochs": 3, "batch_size": 8}, 80, 30),
        ({"epochs": 1, "batch_size": 8, "accumulation": 4}, 80, 3),
        ({"epochs": 1.5, "batch_size": 8}, 88, 16),
        ({"epochs": 0.001, "batch_size": 8}, 8, 1),
        ({"epochs": 3, "max_steps": 7}, 10_000, 7),
    ],
)
def test_total_steps(settings, rows, steps) -> None:
    assert with_settings(**settings).training.total_steps(rows) == steps


def test_the_exports_size_follows_the_format() -> None:
    sizes = {
        name: exported_bytes(with_settings(quantisation=name), 10**9)
        for name in ("int4", "fp16", "bf16", "fp32")
    }
    assert sizes["int4"] < sizes["fp16"] == sizes["bf16"] < sizes["fp32"] == 4 * 10**9


def test_the_disk_holds_every_copy_that_lies_there_at_once() -> None:
    parameters, spare = STARTER.parameters, 200 * 1024**2
    assert disk_needed(with_settings(quantisation="fp32"), STARTER) == 12 * parameters + spare
    int4 = with_settings(quantisation="int4")
    calibrated = 12 * parameters + 2 * exported_bytes(int4, parameters)
    assert disk_needed(int4, STARTER) == calibrated + spare


def test_a_search_takes_longer_than_one_export_and_keeps_several() -> None:
    auto = with_settings(int4="auto")
    searched = RECIPE.model_copy(update={"limits": Limits()})
    assert of(searched).seconds["quantise"] > 5 * of(auto).seconds["quantise"]
    more = 4 * exported_bytes(auto, STARTER.parameters)
    assert of(searched).disk_bytes == of(auto).disk_bytes + more


def test_calibration_takes_its_copies_of_the_model_with_every_preset() -> None:
    plain = with_settings(int4="fast")
    calibrated = with_settings(int4="fast", calibrated=True)
    more = of(calibrated).disk_bytes - of(plain).disk_bytes
    assert more == 2 * 4 * STARTER.parameters
    spared = with_settings(int4="quality", calibrated=False)
    assert of(with_settings(int4="quality")).disk_bytes - of(spared).disk_bytes == more


def test_what_a_dry_run_measured_takes_the_place_of_the_formula() -> None:
    found = of()
    better = measured(found, seconds={"train": 12.0})
    assert (found.measured, better.measured) == (False, True)
    assert better.seconds == {"train": 12.0}
    assert better.memory == found.memory
