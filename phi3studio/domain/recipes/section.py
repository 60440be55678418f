"""What all parts of a recipe have in common: values that are checked once, at the edge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from phi3studio.domain.errors import InputError


class Section(BaseModel):
    """Part of a recipe: unknown keys are errors, and so are texts that no file can hold."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _can_be_written(cls, values: object) -> object:
        check_texts(values)
        return values


def check_texts(values: object) -> None:
    """Raise :class:`InputError` for a key or text with half a surrogate pair, which no encoding
    takes. JSON and YAML can spell one (``"\\ud800"``), and a file name that is not UTF-8 becomes
    one."""
    for place in _halves(values):
        name = ".".join(ascii(key) if _is_half(key) else str(key) for key in place)
        raise InputError("recipe.half_character", name=name)


def _halves(value: object, *place: object) -> Iterator[tuple[object, ...]]:
    """The keys that lead to texts with half a pair, or end in such a key."""
    if _is_half(value):
        yield place
    inside: Any = ()
    if isinstance(value, Mapping):
        inside = value.items()
    elif isinstance(value, (list, tuple)):
        inside = enumerate(value)
    for key, part in inside:
        if _is_half(key):
            yield (*place, key)
        yield from _halves(part, *place, key)


def _is_half(value: object) -> bool:
    return (
        isinstance(value, str)
        and not value.isascii()
        and any("\ud800" <= character <= "\udfff" for character in value)
    )
