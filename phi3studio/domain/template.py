"""Prompt templates: ``### Text: {phrase}`` and the columns that fill them.

A template has two parts. The *prompt* is shown to the model and not learned, the *completion*
is what the model learns to say. ``{column}`` stands for a value of the row, a dotted path
(``{user.name}``) reaches into nested values, ``{{`` and ``}}`` are literal braces, and
``{?column}…{/column}`` is a part that appears only where the column has a value.
"""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase

_SURROGATE = re.compile("[\ud800-\udfff]")
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}|[{}]")
_DEEPEST = 20
BOUNDARY = "{=>}"
"""Marks where the prompt ends, in a template that is written as one text."""


@dataclass(frozen=True)
class Piece:
    """Literal text, a column that replaces it, or (with *inner*) a part that is optional.

    The optional part appears if *column* has a value that is not blank.
    """

    text: str
    column: str | None = None
    inner: tuple[Piece, ...] | None = None


@dataclass(frozen=True)
class ParsedTemplate:
    """One part of a template, ready to be filled. Made by :func:`parse_template`."""

    pieces: tuple[Piece, ...]
    columns: tuple[str, ...] = field(init=False)
    """All columns in the order of their first use."""
    required: tuple[str, ...] = field(init=False)
    """The columns outside of optional sections: every row must fill them."""

    def __post_init__(self) -> None:
        required = [p.column for p in self.pieces if p.column is not None and p.inner is None]
        object.__setattr__(self, "columns", tuple(dict.fromkeys(_columns(self.pieces))))
        object.__setattr__(self, "required", tuple(dict.fromkeys(required)))

    @property
    def only_column(self) -> str | None:
        """The column, if the template is that column alone."""
        if len(self.pieces) == 1 and self.pieces[0].inner is None:
            return self.pieces[0].column
        return None

    @property
    def tail(self) -> str:
        """The literal text at the end, after the last placeholder."""
        last = self.pieces[-1] if self.pieces else None
        return last.text if last is not None and last.column is None else ""

    def render(self, row: Mapping[str, Any], known: Collection[str] = ()) -> str:
        """Fill in one row; *known* are columns that the data has, whether or not this row does.

        A value that is missing or ``None`` is an error and never becomes the text "None".
        """
        parts: list[str] = []
        _render(self.pieces, row, known, parts)
        return "".join(parts)


def _columns(pieces: Sequence[Piece]) -> Iterator[str]:
    for piece in pieces:
        if piece.column is not None:
            yield piece.column
        yield from _columns(piece.inner or ())


def _render(
    pieces: Sequence[Piece], row: Mapping[str, Any], known: Collection[str], parts: list[str]
) -> None:
    for piece in pieces:
        column = piece.column
        if column is None:
            parts.append(piece.text)
        elif piece.inner is None:
            value = row.get(column)  # the common case; everything else is looked at closely
            parts.append(value if type(value) is str else cell_text(row, column, known))
        elif not is_blank(row, column):
            _render(piece.inner, row, known, parts)


@functools.lru_cache(maxsize=256)
def parse_template(text: str, part: str = "template") -> ParsedTemplate:
    """Parse one template part; *part* names it in errors ("prompt", "completion")."""
    half = _SURROGATE.search(text)
    if half is not None:
        raise InputError(
            "template.half_character",
            part=Phrase("template.part", variant=part),
            character=half.start() + 1,
            point=f"U+{ord(half[0]):04X}",
        )
    stack: list[tuple[str, list[Piece]]] = [("", [])]
    end = 0
    literal = ""

    def flush() -> None:
        nonlocal literal
        if literal:
            stack[-1][1].append(Piece(literal))
        literal = ""

    for match in _TOKEN.finditer(text):
        literal += text[end : match.start()]
        end = match.end()
        token = match.group()
        if token in ("{{", "}}"):
            literal += token[0]
            continue
        name = (match.group(1) or "").strip()
        mark, bare = (name[0], name[1:].strip()) if name[:1] in ("?", "/") else ("", name)
        if not bare:
            raise InputError(
                "template.brace",
                part=Phrase("template.part", variant=part),
                character=match.start() + 1,
                excerpt=excerpt(text, match.start()),
            )
        flush()
        if mark == "?":
            if len(stack) > _DEEPEST:
                raise _section_error("deep", part, limit=_DEEPEST)
            stack.append((bare, []))
        elif mark == "/":
            opened, inner = stack[-1]
            if len(stack) == 1 or opened != bare:
                raise _section_error("unopened", part, column=bare)
            stack.pop()
            stack[-1][1].append(Piece("", bare, tuple(inner)))
        else:
            stack[-1][1].append(Piece("", bare))
    literal += text[end:]
    flush()
    if len(stack) > 1:
        raise _section_error("", part, column=stack[-1][0])
    return ParsedTemplate(tuple(stack[0][1]))


def _section_error(variant: str, part: str, **values: Any) -> InputError:
    phrase = Phrase("template.part", variant=part)
    return InputError("template.section", variant=variant, part=phrase, **values)


def escape(text: str) -> str:
    """*text* as a template that renders to it."""
    return text.replace("{", "{{").replace("}", "}}")


def as_column(name: str) -> str:
    """A column's name so that a template can hold it: in one line, parentheses for its braces."""
    return re.sub(r"\s*[\r\n\t]\s*", " ", name).replace("{", "(").replace("}", ")").strip()


def split_template(text: str) -> tuple[str, str]:
    """Divide a one-piece template into prompt and completion: at the mark ``{=>}``, or else
    before its last placeholder.

    Tutorial configurations hold a single text (``### Text: {phrase}\\n### The tone is:\\n{tone}``);
    what follows the last column, such as a stop tag, belongs to the completion.
    """
    before, mark, after = text.partition(BOUNDARY)
    if mark:
        return before, after
    matches = [m for m in _TOKEN.finditer(text) if m.group(1) and m.group(1)[0] not in "?/"]
    if not matches:
        raise InputError("template.no_completion", variant="no_column")
    cut = matches[-1].start()
    return text[:cut], text[cut:]


def lookup(row: Mapping[str, Any], path: str) -> Any:
    """The value of a column or dotted path; raises ``KeyError`` when it is not there.

    A column whose own name contains the dot wins over a nested value.
    """
    if path in row:
        return row[path]
    column = column_of(row, path)
    if column is None:
        raise KeyError(path)
    value: Any = row[column]
    rest = path[len(column.strip()) + 1 :] if column.strip() != path else ""
    for key in rest.split(".") if rest else ():
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


def column_of(columns: Mapping[str, Any], path: str) -> str | None:
    """The column that a path begins with: the longest of the names that do.

    Templates strip names, so a column “ answer” is found by ``answer``.
    """
    keys = path.split(".")
    names = [".".join(keys[:count]) for count in range(len(keys), 0, -1)]
    for name in names:
        if name in columns:
            return name
    stripped = {column.strip(): column for column in columns}
    return next((stripped[name] for name in names if name in stripped), None)


def is_blank(row: Mapping[str, Any], path: str) -> bool:
    """Whether a cell is missing, null, or nothing but white space."""
    try:
        value = lookup(row, path)
    except KeyError:
        return True
    if isinstance(value, str):
        return not value.strip()
    return value is None or value != value or value == [] or value == {}


def cell_text(row: Mapping[str, Any], path: str, known: Collection[str] = ()) -> str:
    """The text of one cell, as the template shows it. A text in parts (links, bold words) is one;
    other lists and objects appear as JSON."""
    try:
        value = lookup(row, path)
    except KeyError:
        if column_of(dict.fromkeys(known), path) is None:
            raise missing_column(path, list(row)) from None
        value = None
    if isinstance(value, str):
        return value
    if value is None or value != value:  # nothing, or not a number
        raise InputError("data.empty_value", column=path)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and _is_of_parts(value):
        return "".join(part if isinstance(part, str) else part["text"] for part in value)
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _is_of_parts(value: Sequence[Any]) -> bool:
    """Whether a list is one text in parts: some plain, some with a kind of their own."""
    marked = [part for part in value if not isinstance(part, str)]
    apart = all(isinstance(part, Mapping) and isinstance(part.get("text"), str) for part in marked)
    plain = all(set(part) == {"type", "text"} for part in marked) if apart else False
    return bool(marked) and apart and (plain or len(marked) < len(value))


def missing_column(name: str, columns: Sequence[str]) -> InputError:
    """The error for a column that the template names and the data lacks."""
    near = nearest(name, columns)
    listed = [*columns[:12], *(["…"] if len(columns) > 12 else [])]
    return InputError(
        "data.missing_column",
        variant="" if near else "no_near" if columns else "no_columns",
        name=name,
        near=near,
        columns=listed,
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
