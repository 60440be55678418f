"""Settings that fit a machine: what is changed, in which order, and what never is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi3studio.domain.estimation.estimate import DataSize, Machine, ModelSize, estimate
from phi3studio.domain.estimation.fitting import Proposal, propose
from phi3studio.domain.recipe import Data, Recipe, Template, Training

PHI3 = ModelSize(3_821_079_552, 3072, 32, 32_064, 7_642_000_000, 8192)
STARTER = ModelSize(134_515_008, 576, 30, 49_152, 538_000_000, 1536, tied=True)
DATA = DataSize(5000, 2_000_000, 500, 200_000, 2048, 200.0, 0.3)


def recipe(**training) -> Recipe:
    return Recipe(
        data=Data(source="d.csv", template=Template(prompt="{q}", completion="{a}")),
        training=Training(**training),
    )


def fitted(
    start: Recipe, memory: float, model: ModelSize = PHI3, gpu: float = 0.0, data: DataSize = DATA
) -> Proposal:
    machine = Machine(int(memory), 10**12, 1e12, "cuda" if gpu else "cpu", int(gpu))
    return propose(start, model, data, machine, "bfloat16", 4096)


def changed(found: Proposal) -> dict[str, tuple[object, object]]:
    return {change.key: (change.before, change.after) for change in found.changes}


def test_what_fits_is_left_alone() -> None:
    found = fitted(recipe(batch_size=4, sequence_length=2048), 200e9)
    assert (found.changes, found.fits, found.problem) == ((), True, None)


def test_too_large_a_batch_is_split() -> None:
    found = fitted(recipe(batch_size=16, sequence_length=2048), 48e9)
    assert found.fits
    assert set(changed(found)) == {"training.batch_size", "training.accumulation"}
    assert all("GB" in change.why for change in found.changes)


def test_a_small_gpu_gets_quantised_weights_at_last() -> None:
    found = fitted(recipe(batch_size=4, sequence_length=2048), 64e9, gpu=8e9)
    assert found.fits
    assert changed(found)["method.kind"] == ("lora", "qlora")
    assert changed(found)["training.gradient_checkpointing"] == (False, True)


def test_where_nothing_helps_it_says_so() -> None:
    found = fitted(recipe(), 4e9)
    assert not found.fits
    assert "4 GB are free" in (found.problem or "")


def test_a_full_disk_is_a_problem_of_its_own() -> None:
    machine = Machine(10**12, 10**8, 1e12)
    found = propose(recipe(), STARTER, DATA, machine, "float32")
    assert not found.fits
    assert "disk" in (found.problem or "")


def test_short_rows_are_taken_together_where_there_is_room() -> None:
    short = DataSize(5000, 100_000, 500, 10_000, 40, 5.0, 0.3)
    found = fitted(recipe(batch_size=2, accumulation=8), 200e9, STARTER, data=short)
    assert changed(found)["training.batch_size"] == (2, 16)
    assert changed(found)["training.accumulation"] == (8, 1)


@given(
    batch=st.integers(1, 64),
    accumulation=st.integers(1, 16),
    length=st.integers(16, 4096),
    memory=st.floats(2e9, 3e11),
    gpu=st.sampled_from([0.0, 6e9, 12e9, 80e9]),
)
def test_a_proposal_keeps_the_rows_of_a_step_and_needs_no_second_one(
    batch, accumulation, length, memory, gpu
) -> None:
    start = recipe(batch_size=batch, accumulation=accumulation, sequence_length=length)
    found = fitted(start, memory, gpu=gpu)
    after = found.recipe.training
    assert after.batch_size * after.accumulation == batch * accumulation
    if found.fits:
        assert found.estimate.memory_bytes <= memory
        again = fitted(found.recipe, memory, gpu=gpu)
        assert again.fits
        assert again.changes == ()


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_gpus_memory_is_distinguished_from_the_hosts(device) -> None:
    machine = Machine(64 * 10**9, 10**12, 1e14, device, 80 * 10**9)
    found = estimate(recipe(), PHI3, DATA, machine, "bfloat16")
    weights = 2 * PHI3.parameters
    assert (found.device_memory > weights) == (device == "cuda")
    assert (found.memory["train"] > weights) == (device == "cpu")


def test_what_the_model_and_the_rows_do_not_allow_is_mended_first() -> None:
    few = DataSize(6, 1200, 2, 400, 2048, 200.0, 0.3)
    found = fitted(recipe(batch_size=64, sequence_length=8192), 200e9, data=few)
    assert changed(found)["training.sequence_length"] == (8192, 4096)
    before, after = changed(found)["training.batch_size"]
    assert before == 64
    assert isinstance(after, int)
    assert after <= 6


def test_a_gpu_gets_shorter_numbers_before_anything_else() -> None:
    found = fitted(recipe(batch_size=1, precision="float32"), 64e9, gpu=16e9)
    assert changed(found)["training.precision"] == ("float32", "auto")


def test_a_setting_that_is_changed_twice_is_reported_once() -> None:
    found = fitted(recipe(batch_size=64, sequence_length=512), 24e9)
    keys = [change.key for change in found.changes]
    assert len(keys) == len(set(keys))
    assert changed(found)["training.batch_size"][0] == 64


def test_too_small_a_gpu_with_nothing_left_to_change() -> None:
    found = fitted(recipe(batch_size=1, sequence_length=64), 64e9, gpu=1e9)
    assert not found.fits
    assert "the GPU would need" in str(found.problem)


@pytest.mark.parametrize(
    ("target", "after"),
    [({"int4": "quality"}, "fast"), ({"int4": "small"}, None), ({"quantisation": "fp32"}, None)],
)
def test_an_export_that_takes_too_much_is_built_by_a_lighter_preset(target, after) -> None:
    values = recipe(batch_size=1, sequence_length=64).to_json()
    start = Recipe.model_validate(values | {"target": target})
    short = DataSize(50, 3200, 5, 320, 64, 64.0, 0.3)
    need = estimate(start, STARTER, short, Machine(0, 0, 1e12), "float32").memory["quantise"]
    found = fitted(start, need * 0.99, STARTER, data=short)
    assert changed(found).get("target.int4", (None, None))[1] == after
    assert after is not None or not found.fits


def test_a_disk_that_is_too_small_is_what_no_setting_mends() -> None:
    machine = Machine(int(200e9), 10**9, 1e12)
    found = propose(recipe(), PHI3, DATA, machine, "bfloat16", 4096)
    assert not found.fits
    assert "of disk are needed" in str(found.problem)


def test_rows_are_shortened_when_nothing_else_is_left() -> None:
    start = recipe(batch_size=1, gradient_checkpointing=True, sequence_length=2048)
    found = fitted(start, 64e9, gpu=3.2e9)
    assert "training.sequence_length" in changed(found)


def test_a_batch_grows_only_as_far_as_the_memory_allows() -> None:
    short = DataSize(5000, 100_000, 500, 10_000, 64, 20.0, 0.3)
    start = recipe(batch_size=1, accumulation=64, sequence_length=64)
    start = Recipe.model_validate(start.to_json() | {"steps": ["train"]})
    roomy = fitted(start, 200e9, STARTER, data=short)
    need = roomy.estimate.memory["train"]
    tight = fitted(start, need * 0.97, STARTER, data=short)
    assert tight.recipe.training.batch_size < roomy.recipe.training.batch_size
    assert tight.fits
