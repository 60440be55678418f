"""What finished runs teach the estimates."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phi3studio.app.machine_speed import add_ratios, read_ratios
from phi3studio.app.paths import Home
from phi3studio.domain.estimation.estimate import DataSize, Machine, estimate, stage_kind
from phi3studio.runs.demo import demo_recipe
from phi3studio.wizard.machine_fit import model_size

STARTER = model_size(134_515_008)
ROWS = DataSize(460, 13_000, 196, 5_600, 60)
MACHINE = Machine(20 * 2**30, 10**11, 2e11)


def test_the_median_of_the_last_five_counts(tmp_path) -> None:
    home = Home(tmp_path)
    assert read_ratios(home) == {}
    for ratio in (9.0, 9.0, 1.0, 2.0, 3.0, 2.5, 2.0):
        add_ratios(home, {"train cpu small lora": ratio})
    add_ratios(home, {"merge cpu small": 1e9, "verify cpu small": 0.0})
    assert read_ratios(home) == {
        "train cpu small lora": 2.0,
        "merge cpu small": 10.0,
        "verify cpu small": 0.1,
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"a": 1}',
        '{"a": [null]}',
        '{"a": ["x"]}',
        '{"a": [-1, 0, 1e99]}',
        '{"a": []}',
    ],
)
def test_a_damaged_file_teaches_nothing_and_is_written_again(tmp_path, text: str) -> None:
    home = Home(tmp_path)
    add_ratios(home, {"merge cpu small": 2.0})
    (file,) = home.cache.iterdir()
    file.write_text(text, "utf-8")
    assert read_ratios(home) == {}
    add_ratios(home, {"merge cpu small": 3.0})
    assert read_ratios(home) == {"merge cpu small": 3.0}


def test_an_estimate_follows_what_was_learned_for_that_kind_of_stage() -> None:
    recipe = demo_recipe()
    plain = estimate(recipe, STARTER, ROWS, MACHINE)
    kind = stage_kind("train", recipe, STARTER, "cpu")
    learned = estimate(recipe, STARTER, ROWS, replace(MACHINE, ratios={kind: 2.0}))
    assert learned.seconds["train"] == pytest.approx(2 * plain.seconds["train"])
    assert learned.seconds | {"train": 0.0} == plain.seconds | {"train": 0.0}
    dora = recipe.model_copy(update={"method": recipe.method.model_copy(update={"kind": "dora"})})
    assert stage_kind("train", dora, STARTER, "cpu") != kind
    assert stage_kind("train", recipe, model_size(3_821_079_552), "cpu") != kind
    assert stage_kind("quantise", recipe, STARTER, "cuda") == "quantise cuda small quality"


def test_a_small_model_on_a_gpu_takes_its_launches(tmp_path) -> None:
    recipe = demo_recipe()
    gpu = Machine(20 * 2**30, 10**11, 7e14, "cuda", 140 * 2**30, 2e11)
    found = estimate(recipe, STARTER, ROWS, gpu, "bfloat16")
    assert 8 < found.seconds["train"] < 20
    assert 8 < found.seconds["quantise"] < 18
    fp16 = recipe.model_copy(
        update={"target": recipe.target.model_copy(update={"quantisation": "fp16", "int4": None})}
    )
    assert estimate(fp16, STARTER, ROWS, MACHINE).seconds["quantise"] == pytest.approx(19.5, abs=1)
