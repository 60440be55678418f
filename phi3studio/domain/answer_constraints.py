"""What an answer may be held to, as a person types it: a list of labels, or a JSON schema."""

from __future__ import annotations

from typing import Any

from phi3studio.domain.errors import InputError
from phi3studio.domain.parsing import parse_json


def parse_labels(text: str) -> tuple[str, ...]:
    """The labels, one a line; raises :class:`InputError` where there is none."""
    lines = (line.strip() for line in text.splitlines())
    labels = tuple(dict.fromkeys(line for line in lines if line))
    if not labels:
        raise InputError("chat.labels")
    return labels


def parse_schema(text: str) -> dict[str, Any]:
    """The JSON schema; raises :class:`InputError` that names the place of a mistake."""
    try:
        schema = parse_json(text)
    except ValueError as exc:
        raise InputError(
            "chat.schema",
            variant="broken" if text.strip() else "empty",
            reason=getattr(exc, "msg", str(exc)),
            line=getattr(exc, "lineno", 1),
            column=getattr(exc, "colno", 1),
        ) from exc
    if not isinstance(schema, dict):
        raise InputError("chat.schema", variant="not_object")
    return schema
