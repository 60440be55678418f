"""Prompt templates: ``### Text: {phrase}`` and the columns that fill them.

A template has two parts. The *prompt* is shown to the model and not learned, the *completion*
is what the model learns to say. ``{column}`` stands for a value of the row, a dotted path
(``{user.name}``) reaches into nested values, ``{{`` and ``}}`` are literal braces.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phi3studio.domain.errors import InputError

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}|[{}]")


@dataclass(frozen=True)
class Piece:
    """A run of literal text, or the name of the column that replaces it."""

    text: str
    column: str | None = None


@dataclass(frozen=True)
class ParsedTemplate:
    """One part of a template, ready to be filled. Made by :func:`parse_template`."""

    pieces: tuple[Piece, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns in the order of their first use."""
        return tuple(dict.fromkeys(p.column for p in self.pieces if p.column is not None))

    def render(self, row: Mapping[str, Any]) -> str:
        """Fill in one row.

        A value that is missing or ``None`` is an error and never becomes the text "None".
        """
        return "".join(
            piece.text if piece.column is None else cell_text(row, piece.column)
            for piece in self.pieces
        )


def parse_template(text: str, part: str = "template") -> ParsedTemplate:
    """Parse one template part; *part* names it in errors ("prompt", "completion")."""
    pieces: list[Piece] = []
    end = 0
    literal = ""
    for match in _TOKEN.finditer(text):
        literal += text[end : match.start()]
        end = match.end()
        token = match.group()
        if token in ("{{", "}}"):
            literal += token[0]
            continue
        name = (match.group(1) or "").strip()
        if not name:
            raise InputError(
                "template.brace",
                f"The {part} has a single brace at character {match.start() + 1}: "
                f"{excerpt(text, match.start())}",
                "Write {{ or }} for a brace that is meant as text, or put a column name inside: "
                "{column}.",
            )
        if literal:
            pieces.append(Piece(literal))
            literal = ""
        pieces.append(Piece("", name))
    literal += text[end:]
    if literal:
        pieces.append(Piece(literal))
    return ParsedTemplate(tuple(pieces))


def split_template(text: str) -> tuple[str, str]:
    """Divide a one-piece template into prompt and completion, before its last placeholder.

    Tutorial configurations hold a single text (``### Text: {phrase}\\n### The tone is:\\n{tone}``);
    what follows the last column, such as a stop tag, belongs to the completion.
    """
    matches = [m for m in _TOKEN.finditer(text) if m.group(1)]
    if not matches:
        raise InputError(
            "template.no_completion",
            "The template has no column, so there is nothing to learn.",
            "Put the column that the model shall produce at the end, for example {answer}.",
        )
    cut = matches[-1].start()
    return text[:cut], text[cut:]


def lookup(row: Mapping[str, Any], path: str) -> Any:
    """The value of a column or dotted path; raises ``KeyError`` when it is not there.

    A column whose own name contains the dot wins over a nested value.
    """
    if path in row:
        return row[path]
    value: Any = row
    for key in path.split("."):
        if isinstance(value, Mapping) and key in value:
            value = value[key]
        elif isinstance(value, Sequence) and not isinstance(value, str) and key.isdigit():
            index = int(key)
            if index >= len(value):
                raise KeyError(path)
            value = value[index]
        else:
            raise KeyError(path)
    return value


def cell_text(row: Mapping[str, Any], path: str) -> str:
    """The text of one cell, as the template shows it."""
    try:
        value = lookup(row, path)
    except KeyError:
        raise missing_column(path, list(row)) from None
    if value is None:
        raise InputError(
            "data.empty_value",
            f"The column “{path}” has no value in this row.",
            "Fill the value in, or drop the row.",
        )
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def missing_column(name: str, columns: Sequence[str]) -> InputError:
    """The error for a column that the template names and the data lacks."""
    near = nearest(name, columns)
    suggestion = f" The nearest is “{near}”." if near else ""
    listed = ", ".join(columns[:12]) + (" …" if len(columns) > 12 else "")
    return InputError(
        "data.missing_column",
        f"The template names the column “{name}”, which the data does not have.{suggestion}",
        f"Correct the name in the template. The columns are: {listed or '(none)'}.",
    )


def nearest(name: str, choices: Sequence[str]) -> str | None:
    """The choice a person most likely meant, or ``None``."""
    folded = {choice.casefold(): choice for choice in choices}
    if name.casefold() in folded:
        return folded[name.casefold()]
    found = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def excerpt(text: str, at: int, width: int = 20) -> str:
    """The surroundings of a position, for an error message."""
    start, stop = max(0, at - width), at + width
    shown = text[start:stop].replace("\n", "↵")
    return ("…" if start else "") + shown + ("…" if stop < len(text) else "")
