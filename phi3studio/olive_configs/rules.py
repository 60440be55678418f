"""Rules for single keys: a table of key → rule reads a section."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from phi3studio.olive_configs.decisions import Entry, ImportDraft, Section

Rule = Callable[[ImportDraft, Entry], None]


def carried(to: str, *kinds: type) -> Rule:
    """The value goes to *to*, if it is of one of *kinds*."""

    def rule(draft: ImportDraft, entry: Entry) -> None:
        if is_a(entry.value, kinds):
            draft.carry(entry, to)
        else:
            wrong_kind(draft, entry, kinds)

    return rule


def noted(text: str, to: str | None = None, value: Any = None) -> Rule:
    """Whatever the value is, *text* says what takes its place: *value* at *to*, if given."""
    return lambda draft, entry: draft.translate(entry, text, to, value)


def one_of(to: str, values: Sequence[Any]) -> Rule:
    """The value goes to *to* if it is one of *values*; null is unset."""

    def rule(draft: ImportDraft, entry: Entry) -> None:
        if entry.value is None:
            draft.translate(entry, "Not set.")
        elif any(_equal(entry.value, value) for value in values):
            draft.carry(entry, to)
        else:
            shown = ", ".join(map(str, values))
            draft.refuse(entry, f"{entry.value} is not offered.", f"Write one of {shown} as {to}.")

    return rule


def or_unset(rule: Rule, text: str = "Not set.") -> Rule:
    """As *rule*, where the value is not null."""
    return lambda draft, entry: (
        draft.translate(entry, text) if entry.value is None else rule(draft, entry)
    )


def same_if(expected: Sequence[Any], text: str, instead: str, *, blocks: bool = False) -> Rule:
    """One of *expected* is what is done anyway (or unset); another value is refused."""

    def rule(draft: ImportDraft, entry: Entry) -> None:
        if entry.value is None or any(_equal(entry.value, value) for value in expected):
            draft.translate(entry, text)
        else:
            shown = ", ".join(str(value) for value in expected)
            reason = f"{entry.value} is not supported, only {shown}. {text}"
            draft.refuse(entry, reason, instead, blocks=blocks)

    return rule


def refused(text: str, instead: str, *, blocks: bool = False) -> Rule:
    """Refused, unless it is unset (null, false or empty)."""

    def rule(draft: ImportDraft, entry: Entry) -> None:
        if entry.value in (None, False, {}, []):
            draft.translate(entry, "Not set.")
        else:
            draft.refuse(entry, text, instead, blocks=blocks)

    return rule


def nested(
    table: Mapping[str, Rule], where: str, *, unset: str = "Not set.", inner: Sequence[str] = ()
) -> Rule:
    """A mapping with a table of its own; *inner* as for :class:`Section`."""

    def rule(draft: ImportDraft, entry: Entry) -> None:
        if entry.value is None:
            draft.translate(entry, unset)
        else:
            apply(Section(entry, draft, inner), table, where)

    return rule


def apply(
    section: Section, table: Mapping[str, Rule], where: str = "", also: Sequence[str] = ()
) -> None:
    """Take every key of the section that the table knows and follow its rule.

    With *where*, the place in words, every other key is refused; *also* names further right ones.
    """
    for key, rule in table.items():
        section.read(rule, key)
    if where:
        section.refuse_rest((*also, *table), where)


def is_a(value: Any, kinds: Sequence[type]) -> bool:
    """Whether the value is of one of the kinds; true and false are no numbers."""
    if isinstance(value, bool):
        return bool in kinds
    if isinstance(value, int) and float in kinds:
        return True
    return isinstance(value, tuple(kinds))


def wrong_kind(draft: ImportDraft, entry: Entry, kinds: Sequence[type]) -> None:
    """Refuse a value of the wrong kind."""
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    wanted = " or ".join(names.get(kind, "a list") for kind in kinds)
    draft.refuse(entry, f"It has to be {wanted}.", "Correct the value.", blocks=True)


def _equal(value: Any, expected: Any) -> bool:
    if isinstance(value, bool) or isinstance(expected, bool):
        return value is expected
    if isinstance(value, str) and isinstance(expected, str):
        return value.casefold() == expected.casefold()
    return bool(value == expected)
