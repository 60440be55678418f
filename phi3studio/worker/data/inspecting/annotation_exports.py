"""Exports of annotation tools: Label Studio, Argilla, Prodigy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phi3studio.domain.datasets.source_report import ShapeProposal
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.domain.rows.repairs import DropEmpty, DropMarked, Repair
from phi3studio.worker.data.inspecting.row_places import (
    Found,
    Rows,
    at,
    columns,
    example,
    heading,
    leaves,
    text_places,
)
from phi3studio.worker.data.meaning.bad_marks import bad_values


def label_studio(rows: Rows) -> Found:
    """An export of Label Studio."""
    done = [isinstance(row.get("annotations"), list) and "data" in row for row in rows]
    if sum(done) * 2 <= len(rows):
        return []
    results = [at(row, "annotations.0.result") for row in rows]
    found = [result for result in results if isinstance(result, list) and result]
    texts = text_places(rows, "data")
    places = {_label_place(result) for result in found}
    if not found or len(places) != 1 or None in places or not texts:
        raise InputError("data.label_studio")
    place = f"annotations.0.result.0.value.{places.pop()}"
    repairs: list[Repair] = []
    if any(at(row, "annotations.0.was_cancelled") for row in rows):
        repairs.append(DropMarked(column="annotations.0.was_cancelled", values=("true",)))
    repairs.append(DropEmpty())
    text = max(texts, key=lambda path: sum(len(str(at(row, path) or "")) for row in rows))
    name = str(found[0][0].get("from_name") or "label")
    return [
        ShapeProposal(
            shape="columns",
            reasons=(Phrase("shape.label_studio", text=text, place=place),),
            prompt=f"### {heading(text)}: {{{text}}}\n### {heading(name)}:\n",
            completion=f"{{{place}}}",
            repairs=tuple(repairs),
        )
    ]


def _label_place(result: list[Any]) -> str | None:
    """Where the one value of an annotation is; ``None`` for spans and several results."""
    value = result[0].get("value") if isinstance(result[0], Mapping) else None
    if len(result) != 1 or not isinstance(value, Mapping) or "start" in value:
        return None
    for key in ("choices", "text", "rating", "number"):
        if key in value:
            return f"{key}.0" if isinstance(value[key], list) else key
    return None


def argilla(rows: Rows) -> Found:
    """An export of Argilla."""
    first = {name: example(rows, name) for name in columns(rows)}
    if isinstance(first.get("fields"), Mapping) and "responses" in first:
        texts = text_places(rows, "fields")
        answers = [
            path
            for path in leaves(first.get("responses"), "responses")
            if path.endswith((".value", ".values.0.value"))
        ]
        if len(answers) != 1 or not texts:
            raise InputError("data.argilla", places=answers[:8] or ["responses"])
        return [_annotated(texts, answers[0])]
    flat = [n for n in columns(rows) if n.endswith(".responses")]
    if flat:
        texts = [n for n in columns(rows) if isinstance(first.get(n), str) and "." not in n]
        texts = [n for n in texts if n not in ("id", "status", "external_id", "_server_id")]
        if len(flat) != 1 or not texts:
            raise InputError("data.argilla", places=flat[:8])
        return [_annotated(texts, f"{flat[0]}.0")]
    if "annotation" in first and "prediction" in first:
        texts = ["text"] if isinstance(first.get("text"), str) else text_places(rows, "inputs")
        if not texts or isinstance(first.get("annotation"), (list, Mapping)):
            raise InputError("data.argilla", places=["annotation"])
        return [_annotated(texts, "annotation")]
    return []


def _annotated(texts: list[str], answer: str) -> ShapeProposal:
    prompt = "".join(f"### {heading(text)}: {{{text}}}\n" for text in texts)
    name = answer.removesuffix(".0").removesuffix(".responses").removesuffix(".value")
    return ShapeProposal(
        shape="columns",
        reasons=(Phrase("shape.argilla", answer=answer),),
        prompt=f"{prompt}### {heading(name)}:\n",
        completion=f"{{{answer}}}",
        repairs=(DropEmpty(),),
    )


def _is_of_prodigy(row: Mapping[str, Any]) -> bool:
    """By the hashes that it adds, or by choices with a decision about them."""
    chosen = isinstance(row.get("options"), list) and isinstance(row.get("accept"), list)
    decided = row.get("answer") in ("accept", "reject", "ignore")
    return "_input_hash" in row or "_task_hash" in row or (chosen and decided)


def prodigy(rows: Rows) -> Found:
    """An export of Prodigy."""
    if not all(map(_is_of_prodigy, rows)):
        return []
    label = "accept.0" if any(row.get("accept") for row in rows) else "label"
    if any(row.get("spans") for row in rows) or not any(at(row, label) for row in rows):
        raise InputError("data.spans")
    repairs: list[Repair] = []
    reasons = [Phrase("shape.prodigy", label=label)]
    bad = bad_values("answer", [row.get("answer") for row in rows])
    if bad:
        repairs.append(DropMarked(column="answer", values=bad))
        reasons.append(Phrase("shape.bad_rows", column="answer", values=bad))
    if label == "accept.0":
        repairs.append(DropEmpty())
    return [
        ShapeProposal(
            shape="columns",
            reasons=tuple(reasons),
            prompt=f"### Text: {{text}}\n### {heading(label)}:\n",
            completion=f"{{{label}}}",
            repairs=tuple(repairs),
        )
    ]
