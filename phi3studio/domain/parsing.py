"""JSON and YAML that somebody else wrote: a value, or one kind of error, whatever is in it."""

from __future__ import annotations

import json
import math
from typing import Any

from phi3studio.domain.errors import first_line

_MOST_NODES = 1_000_000
_TWICE = "the key {key} stands twice"


class NotParsedError(ValueError):
    """A text that is not what it should be: ``reason``, and ``line`` (from 1) where it is known."""

    def __init__(self, reason: str, line: int | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


def parse_file(text: str, *, yaml: bool) -> Any:
    """The value that somebody wrote into a file of YAML or JSON; raises :class:`NotParsedError`,
    also for a key that stands twice in a mapping."""
    if not yaml:
        try:
            return parse_json(text, unique=True)
        except ValueError as exc:
            reason, line = getattr(exc, "msg", first_line(exc)), getattr(exc, "lineno", None)
            raise NotParsedError(reason, line) from exc
    from yaml import YAMLError

    try:
        return parse_yaml(text, unique=True)
    except YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        reason = getattr(exc, "problem", None) or first_line(exc)
        raise NotParsedError(reason, mark.line + 1 if mark else None) from exc


def parse_json(text: str | bytes, *, unique: bool = False) -> Any:
    """The value; raises :class:`ValueError` for all that is no JSON, and for what Python's reader
    would fail on otherwise: nesting without end, numbers of thousands of digits, infinities. With
    *unique* also for a key that stands twice in a mapping, of which readers keep the last.

    Where its place is known it is a :class:`json.JSONDecodeError`.
    """
    pairs = _unique if unique else None
    try:
        return json.loads(
            text, parse_float=finite_number, parse_constant=finite_number, object_pairs_hook=pairs
        )
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise ValueError(_TWICE.format(key=key[:60]))
        values[key] = value
    return values


def parse_yaml(text: str, *, unique: bool = False) -> Any:
    """The value; raises :class:`yaml.YAMLError` also for what YAML's reader fails on otherwise:
    dates that no calendar has, nesting without end, aliases that repeat one another a billion
    times; *unique* as for JSON."""
    import yaml

    try:
        if unique:
            _check_unique(yaml.compose(text, yaml.SafeLoader))
        value = yaml.safe_load(text)
        if _nodes(value, {}) > _MOST_NODES:
            raise ValueError("its aliases repeat too much")
        return value
    except RecursionError as exc:
        raise yaml.YAMLError("it is nested too deeply") from exc
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as exc:
        raise yaml.YAMLError(str(exc)) from exc


def _check_unique(root: Any) -> None:
    """Raise for a key that stands twice in a mapping below the node *root*."""
    import yaml

    seen: set[int] = set()
    nodes = [root]
    while nodes:
        node = nodes.pop()
        if not isinstance(node, yaml.CollectionNode) or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
            continue
        keys = set()
        for key, value in node.value:
            named = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else id(key)
            if named in keys:
                reason = _TWICE.format(key=str(key.value)[:60])
                raise yaml.MarkedYAMLError(problem=reason, problem_mark=key.start_mark)
            keys.add(named)
            nodes.append(value)


def _nodes(value: Any, known: dict[int, int]) -> int:
    """How many values there are inside, those of aliases counted each time; what contains itself
    has too many."""
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in known:
        known[id(value)] = _MOST_NODES + 1
        parts = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_nodes(part, known) for part in parts)
    return known[id(value)]


def finite_number(digits: str) -> float:
    """A number as JSON's reader hands it on; raises :class:`ValueError` for one without end."""
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:20]} is no number")
    return number
