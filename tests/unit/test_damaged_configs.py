"""Olive configs and recipes with a value, a key or a part that nobody meant: read or refused."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import parse_recipe
from phi3studio.olive_configs.importing import import_config, parse_config
from tests.damaged_models import ODD_VALUES

CONFIGS = sorted((Path(__file__).parents[1] / "fixtures" / "olive").glob("*.json"))
RECIPE: dict[str, Any] = {
    "name": "tone",
    "steps": ["train", "merge", "quantise", "verify"],
    "model": {"source": "starter", "revision": None, "trust_remote_code": False},
    "data": {
        "source": "rows.jsonl",
        "template": {"prompt": "{phrase}", "completion": "{tone}"},
        "split": {"share": 0.1, "seed": 1},
        "repairs": {"drop_empty": True},
    },
    "method": {"kind": "lora", "rank": 8, "alpha": 16, "target_modules": ["q_proj"]},
    "training": {"epochs": 1, "learning_rate": 1e-4, "batch_size": 4, "seed": 0},
    "target": {"train_on": "cpu", "quantisation": "int4", "int4": "auto"},
    "azure": {"subscription": "s", "resource_group": "g", "workspace": "w"},
    "fidelity": {},
}


def damaged(whole: Any, seed: int) -> tuple[Any, str]:
    """*whole* with one or two faults somewhere inside; what was done."""
    chance = random.Random(seed)
    values = copy.deepcopy(whole)
    done = []
    for _ in range(chance.choice((1, 1, 2))):
        at: Any = values
        path: list[Any] = []
        while isinstance(at, (dict, list)) and at:
            key = chance.choice(list(at) if isinstance(at, dict) else list(range(len(at))))
            path.append(key)
            inner = at[key]
            if not isinstance(inner, (dict, list)) or not inner or chance.random() < 0.2:
                break
            at = inner
        if not path:
            continue
        kind = chance.random()
        if kind < 0.12:
            del at[path[-1]]
            done.append(f"{path} left out")
        elif kind < 0.24 and isinstance(at, dict):
            name = chance.choice(["", "x", path[-1].upper(), "type", "config", "\ud800"])
            at[name] = copy.deepcopy(chance.choice(ODD_VALUES))
            done.append(f"{path[:-1]} has {name!r} = {at[name]!r}")
        else:
            at[path[-1]] = copy.deepcopy(chance.choice(ODD_VALUES))
            done.append(f"{path} = {at[path[-1]]!r}")
    return values, "; ".join(done)


def tried(read: Callable[[Any], object], whole: Any, seed: int) -> str | None:
    """What went wrong with the damage of *seed*, if anything did."""
    values, what = damaged(whole, seed)
    try:
        read(values)
    except InputError as error:
        return None if error.message and error.hint else f"seed {seed}: {what}: nothing is said"
    except Exception as exc:
        return f"seed {seed}: {what}: {type(exc).__name__}: {exc}"
    return None


def read_config(values: Any) -> None:
    found = import_config(parse_config(json.dumps(values), "config.json"))
    assert found.decisions or found.problem is not None
    if found.problem is not None:
        raise found.problem


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_a_damaged_olive_config_is_imported_or_refused(file) -> None:
    whole = json.loads(file.read_text("utf-8"))
    wrong = [fault for seed in range(600) if (fault := tried(read_config, whole, seed))]
    assert not wrong, "\n".join(wrong[:10])


def test_a_value_that_is_no_number_is_refused() -> None:
    text = json.dumps({"azureml_client": {"workspace_name": float("nan")}})
    with pytest.raises(InputError) as caught:
        parse_config(text, "config.json")
    assert caught.value.code == "olive.broken_json"
    assert "NaN" in caught.value.message


def test_a_damaged_recipe_is_read_or_refused() -> None:
    wrong = [fault for seed in range(1500) if (fault := tried(parse_recipe, RECIPE, seed))]
    assert not wrong, "\n".join(wrong[:10])


@pytest.mark.slow
@pytest.mark.parametrize("block", range(5))
def test_ten_thousand_damaged_configs_are_imported_or_refused(block) -> None:
    wrong = []
    for file in CONFIGS:
        whole = json.loads(file.read_text("utf-8"))
        seeds = range(10_000 * (block + 1), 10_000 * (block + 1) + 500)
        wrong += [fault for seed in seeds if (fault := tried(read_config, whole, seed))]
    assert not wrong, "\n".join(wrong[:10])
