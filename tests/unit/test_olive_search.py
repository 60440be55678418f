"""A config of Olive that searches: its goals become limits, or are refused by name."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from phi3studio.domain.recipe import Limits
from phi3studio.olive_configs import Imported, import_config

FIXTURES = Path(__file__).parents[1] / "fixtures" / "olive"
BLOCKS = {"olive_parameter_type": "SearchParameter", "type": "Categorical", "support": [32, 128]}


def config(metrics: list[dict[str, Any]], **builder: Any) -> dict[str, Any]:
    """Today's config of a chain that trains, merges and exports, with a search as in Olive's own
    examples."""
    values: dict[str, Any] = json.loads((FIXTURES / "today.json").read_text("utf-8"))
    trains = values["passes"]["l"]
    chain = {
        "lora": trains,
        "merge": {"type": "MergeAdapterWeights"},
        "builder": {"type": "ModelBuilder", "precision": "int4", **builder},
    }
    return values | {
        "passes": chain,
        "evaluators": {"common_evaluator": {"metrics": metrics}},
        "evaluator": "common_evaluator",
        "search_strategy": {
            "execution_order": "joint",
            "sampler": "tpe",
            "sampler_config": {"max_samples": 3, "seed": 0},
        },
    }


def metric(kind: str, name: str, goal: tuple[str, float] | None = None) -> dict[str, Any]:
    sub: dict[str, Any] = {"name": name, "priority": 1}
    if goal is not None:
        sub["goal"] = {"type": goal[0], "value": goal[1]}
    return {"name": kind, "type": kind, "sub_types": [sub, {"name": "max"}]}


def limits(found: Imported) -> Limits | None:
    assert found.recipe is not None, found.problem
    return found.recipe.limits


def refused(found: Imported) -> dict[str, str]:
    return {item.path: item.text for item in found.decisions if item.kind == "refused"}


def test_goals_become_limits() -> None:
    found = import_config(
        config(
            [
                metric("size_on_disk", "bytes", ("threshold", 150_000_000)),
                metric("latency", "avg", ("threshold", 250)),
                metric("throughput", "avg", ("threshold", 20)),
                metric("accuracy", "accuracy_score", ("max-degradation", 0.02)),
            ]
        )
    )
    assert limits(found) == Limits(size_mb=150, first_token_ms=250, tokens_per_s=20, points_lost=2)
    assert not any("evaluator" in path or "goal" in path for path in refused(found))
    assert refused(found).keys() == {"search_strategy.sampler_config.max_samples"}
    to = {item.path: item.to for item in found.decisions if item.to and "limits" in item.to}
    assert to["evaluators.common_evaluator.metrics[0].sub_types[0].goal.value"] == "limits.size_mb"
    assert any("The export is searched" in line for line in found.defaults)


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        (("threshold", 0.9), Limits(score=90)),
        (("max-degradation", 0.01), Limits(points_lost=1)),
        (("percent-max-degradation", 2), Limits(points_lost=2)),
    ],
)
def test_an_accuracy_is_a_score_or_points_lost(goal: tuple[str, float], expected: Limits) -> None:
    assert limits(import_config(config([metric("accuracy", "accuracy", goal)]))) == expected


@pytest.mark.parametrize(
    ("one", "named"),
    [
        (metric("latency", "avg", ("percent-min-improvement", 10)), "percent-min-improvement"),
        (metric("latency", "p99", ("threshold", 10)), "latency (p99)"),
        (metric("accuracy", "f1_score", ("threshold", 0.8)), "accuracy (f1_score)"),
        (metric("accuracy", "perplexity", ("threshold", 8)), "accuracy (perplexity)"),
        (metric("size_on_disk", "bytes", ("max-degradation", 8)), "size_on_disk (bytes)"),
    ],
)
def test_a_goal_that_is_no_limit_is_refused_by_name(one: dict[str, Any], named: str) -> None:
    found = import_config(config([one]))
    assert limits(found) == Limits()
    assert any(named in text for text in refused(found).values()), refused(found)


def test_of_two_goals_for_the_score_one_counts() -> None:
    both = [
        metric("accuracy", "accuracy_score", ("threshold", 0.9)),
        metric("accuracy", "exact_match", ("max-degradation", 0.1)),
    ]
    found = import_config(config(both))
    assert limits(found) == Limits(score=90)
    assert any("already" in text for text in refused(found).values())


@pytest.mark.parametrize("value", ["fast", None, True, [1]])
def test_a_goal_without_a_number_blocks(value: object) -> None:
    one = metric("latency", "avg", ("threshold", 1))
    one["sub_types"][0]["goal"]["value"] = value
    found = import_config(config([one]))
    assert found.problem is not None


@pytest.mark.parametrize("value", [-5, 0, float("nan"), float("inf")])
def test_a_goal_out_of_range_names_its_place(value: float) -> None:
    found = import_config(config([metric("latency", "avg", ("threshold", value))]))
    assert found.recipe is None
    assert found.problem is not None
    assert "goal" in f"{found.problem.message} {found.problem.hint}"


@pytest.mark.parametrize(
    "evaluator",
    [
        {"type": "LMEvaluator", "tasks": ["hellaswag"], "model_class": "ort"},
        {"metrics": [{"name": "mine", "type": "custom", "sub_types": [{"name": "x"}]}]},
        {"metrics": "latency"},
        {"metrics": [{"name": "l", "type": "latency", "sub_types": "avg"}]},
        {"metrics": [{"name": "l", "type": "latency", "sub_types": ["avg"]}]},
        {"metrics": [{"name": "l"}]},
        [],
    ],
)
def test_what_is_not_measured_is_refused_and_the_search_stays(evaluator: object) -> None:
    values = config([])
    values["evaluators"] = {"common_evaluator": evaluator, "other": {"metrics": []}}
    found = import_config(values)
    assert refused(found)
    if evaluator:
        assert limits(found) == Limits()


@pytest.mark.parametrize("strategy", [False, None, {}])
def test_without_a_strategy_nothing_is_searched(strategy: object) -> None:
    values = config([metric("size_on_disk", "bytes", ("threshold", 1e8))])
    values["search_strategy"] = strategy
    found = import_config(values)
    assert limits(found) is None
    assert "evaluator" in refused(found)


@pytest.mark.parametrize("where", ["top", "engine"])
def test_a_search_may_stand_in_the_engine_or_at_the_top(where: str) -> None:
    values = config([metric("size_on_disk", "bytes", ("threshold", 1e8))])
    if where == "engine":
        moved = {key: values.pop(key) for key in ("search_strategy", "evaluator")}
        for key in ("host", "target", "output_dir", "cache_dir", "log_severity_level"):
            if key in values:
                moved[key] = values.pop(key)
        values["engine"] = moved
    values["search_strategy" if where == "top" else "plot_pareto_frontier"] = True
    assert limits(import_config(values)) == Limits(size_mb=100)


def test_an_evaluator_may_stand_in_its_place() -> None:
    values = config([])
    del values["evaluators"]
    values["evaluator"] = {"metrics": [metric("size_on_disk", "bytes", ("threshold", 5e7))]}
    assert limits(import_config(values)) == Limits(size_mb=50)


@pytest.mark.parametrize("left_out", ["merge", "builder"])
def test_a_chain_that_cannot_be_searched_says_so(left_out: str) -> None:
    values = config([])
    del values["passes"][left_out]
    found = import_config(values)
    assert found.recipe is None or found.recipe.limits is None
    assert any("Exports alone are searched" in text for text in refused(found).values())


@pytest.mark.parametrize(
    "space",
    ["SEARCHABLE_VALUES", "DEFAULT_SEARCH", BLOCKS, {"type": "Categorical", "support": [16]},
     [32, 64], {"olive_parameter_type": "SearchParameter", "type": "Conditional", "parents": ["x"],
                "support": {"1": BLOCKS}, "default": BLOCKS}],
)  # fmt: skip
def test_values_that_a_pass_searches_are_part_of_the_search(space: object) -> None:
    values = config([], int4_block_size=space)
    found = import_config(values)
    assert limits(found) == Limits()
    told = [item for item in found.decisions if item.path.startswith("passes.builder.int4_block")]
    assert told
    assert all(item.kind == "translated" and "The search tries" in item.text for item in told)
    values["search_strategy"] = False
    still = import_config(values)
    assert still.problem is not None
    assert "int4_block_size" in still.problem.message


def test_a_default_of_olive_is_as_if_it_were_left_out() -> None:
    values = config([], int4_block_size="DEFAULT_VALUE")
    plain = copy.deepcopy(values)
    del plain["passes"]["builder"]["int4_block_size"]
    one, other = import_config(values).recipe, import_config(plain).recipe
    assert one is not None
    assert one == other


@pytest.mark.parametrize("space", ["SEARCHABLE_VALUES", BLOCKS, [8, 16, 32]])
def test_a_training_is_not_searched(space: object) -> None:
    values = config([])
    lora = values["passes"]["lora"]
    for key in ("lora_r", "r"):
        lora.pop(key, None)
    lora["r"] = space
    found = import_config(values)
    assert found.problem is not None
    assert "r is to be searched" in found.problem.message


def test_alternatives_of_the_builder_are_kinds_of_the_search() -> None:
    values = config([])
    builder = values["passes"]["builder"]
    values["passes"]["builder"] = [builder, builder | {"precision": "fp32"}]
    assert limits(import_config(values)) == Limits()
    values["search_strategy"] = None
    assert import_config(values).problem is not None
