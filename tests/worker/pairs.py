"""Pairs of answers for the tests: a better and a worse one to each prompt."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from phi3studio.app.paths import Home
from phi3studio.domain.recipe import Recipe, Template, parse_recipe
from phi3studio.runs import launch
from phi3studio.runs.store import RunFolder, RunStore
from tests.conftest import end_workers
from tests.worker.running import completed, tiny_recipe

_GOODS = ("parcel", "lamp", "chair", "book", "phone", "kettle", "bicycle", "mirror")
_FAULTS = ("is late", "came broken", "is the wrong colour", "has no manual", "was charged twice")
TEMPLATE = Template(prompt="### Customer: {prompt}\n### Answer:\n", completion="{chosen}")


def pair_rows(count: int = 40) -> list[dict[str, Any]]:
    """*count* pairs, each prompt once, the longer answer preferred in every second of them."""
    rows = []
    for at in range(count):
        good, fault = _GOODS[at % 8], _FAULTS[at // 8 % 5]
        more = " We will write again tomorrow." * (at % 2)
        rows.append(
            {
                "prompt": f"My {good} {fault}, what now?",
                "chosen": f"Sorry! We send a new {good} today.{more}",
                "rejected": f"Regarding the {good}, your matter {at} is noted as per our terms.",
            }
        )
    return rows


def write_pairs(file: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return file


def rated_rows(count: int = 40) -> list[dict[str, Any]]:
    """Both answers of *count* pairs, each a row with a label, shuffled by halves."""
    rows = [
        {"prompt": row["prompt"], "completion": row[side], "label": side == "chosen"}
        for side in ("chosen", "rejected")
        for row in pair_rows(count)
    ]
    return [*rows[::2], *rows[1::2]]


def rated_recipe(model: Path, data: Path, **changes: Any) -> Recipe:
    """A recipe of :func:`tiny_recipe` that learns from :func:`rated_rows`."""
    settings = {"accumulation": 1, "learning_rate": 2e-3} | changes
    values = tiny_recipe(model, data, "rated", **settings).model_dump(mode="json")
    values["method"]["objective"] = "kto"
    template = {"prompt": TEMPLATE.prompt, "completion": "{completion}"}
    values["data"] |= {"template": template, "rating": "label"}
    return parse_recipe(values)


def pairs_recipe(model: Path, data: Path, *, objective: str = "dpo", **changes: Any) -> Recipe:
    """A recipe of :func:`tiny_recipe` that prefers ``chosen`` to ``rejected``."""
    settings = {"accumulation": 1, "learning_rate": 2e-3} | changes
    values = tiny_recipe(model, data, "pairs", **settings).model_dump(mode="json")
    values["method"]["objective"] = objective
    values["data"] |= {"template": TEMPLATE.model_dump(), "rejected": "{rejected}"}
    return parse_recipe(values)


def train_only(recipe: Recipe) -> Recipe:
    return recipe.model_copy(update={"steps": ["train"]})


@contextmanager
def finished(home: Home, recipe: Recipe) -> Iterator[RunFolder]:
    """A run that is done."""
    run = RunStore(home).create(recipe)
    launch.start(run)
    try:
        yield completed(run)
    finally:
        end_workers(home)
