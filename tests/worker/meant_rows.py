"""Rows as public data sets have them, and what is proposed for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from phi3studio.domain.datasets.source import Source as DataSource
from phi3studio.domain.datasets.source_report import ShapeProposal, SourceReport
from phi3studio.worker.data.inspecting.describe import describe
from tests.worker.data_fixtures import write_jsonl

TOWNS = ("Bergen", "Pisa", "Graz", "Lyon", "Porto", "Gent", "Brno", "Turku")


Make = Callable[[int], dict[str, Any]]


def town(n: int) -> str:
    return f"{TOWNS[n % 8]} {n}"


def asked(n: int) -> str:
    return f"What is {town(n)} known for?"


def answered(n: int) -> str:
    return f"{town(n)} is known for its {n + 2} bridges and a market."


def long(n: int) -> str:
    return f"Anna: shall we go to {town(n)}? Ben: yes, on the next train, at {n} o'clock. " * 2


def turn(role: str, text: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": text, **more}


def turns(n: int) -> list[dict[str, Any]]:
    return [turn("user", asked(n)), turn("assistant", answered(n))]


def node(name: str, parent: str, children: list[str], role: str, text: str) -> dict[str, Any]:
    content = {"content_type": "text", "parts": [text]}
    message = {"id": name, "author": {"role": role}, "content": content}
    return {"id": name, "message": message, "parent": parent, "children": children}


def look(tmp_path: Path, make: Make, count: int = 24) -> SourceReport:
    path = write_jsonl(tmp_path / "rows.jsonl", [make(n) for n in range(count)])
    return describe(DataSource(source=str(path)))


def keys(best: ShapeProposal) -> dict[str, Any]:
    shape: dict[str, Any] = {"repairs": [repair.model_dump() for repair in best.repairs]}
    if best.messages is not None:
        return shape | {"messages": best.messages}
    return shape | {"prompt": best.prompt, "completion": best.completion}
