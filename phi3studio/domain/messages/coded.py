"""Whatever carries a code instead of text, and how it is said."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from phi3studio.domain.messages.formatting import Language
from phi3studio.domain.messages.message import Message, Said, Values
from phi3studio.domain.messages.rendering import render

if TYPE_CHECKING:
    from pydantic_core.core_schema import CoreSchema


@runtime_checkable
class Coded(Protocol):
    """An error, a notice, a finding or a problem: a code with its values.

    ``recorded`` are the words of a record that another version wrote, empty otherwise.
    """

    @property
    def code(self) -> str: ...
    @property
    def variant(self) -> str: ...
    @property
    def values(self) -> Values: ...
    @property
    def recorded(self) -> Said: ...


class Phrase:
    """A message as a value: of a report, or of another message (``{next:message}``).

    A field of a pydantic model can be one. Its JSON is code and values, and their English words.
    """

    def __init__(self, code: str, /, *, variant: str = "", **values: Any) -> None:
        self.code = code
        self.variant = variant
        self.values = plain_values(values)
        self.recorded = Said("")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Phrase) and _plain(self) == _plain(other)

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return say(self).message

    __repr__ = __str__

    def to_json(self) -> dict[str, Any]:
        """Code and values, and the English words."""
        record: dict[str, Any] = _plain(self)
        return record

    @classmethod
    def from_json(cls, record: Any) -> Phrase:
        """The phrase of which JSON was made; a phrase is itself."""
        if isinstance(record, Phrase):
            return record
        phrase = cls(
            str(record["code"]),
            variant=str(record.get("variant") or ""),
            **record.get("values", {}),
        )
        phrase.recorded = Said(str(record.get("message") or ""), str(record.get("hint") or ""))
        return phrase

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        # Only a model with such a field needs it: the window is painted before the first one.
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            cls.from_json, serialization=core_schema.plain_serializer_function_ser_schema(_plain)
        )


def say(
    coded: Coded, language: Language = "en", catalogue: Mapping[str, Message] | None = None
) -> Said:
    """What *coded* says in a language: the recorded words where the catalogue has none."""
    found = render(coded.code, coded.values, coded.variant, language, catalogue)
    if found is None and coded.recorded.message:
        return coded.recorded
    return found or Said(" ".join([coded.code, *(f"{k}={v}" for k, v in coded.values.items())]))


def plain_values(values: Values) -> dict[str, Any]:
    """Values as JSON has them: paths are texts, collections lists, messages their code and values.

    JSON has no infinity: such a number becomes text.
    """
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str) or value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Coded):
        said = say(value)
        found: dict[str, Any] = {"code": value.code, "message": said.message, "hint": said.hint}
        found |= {"variant": value.variant, "values": plain_values(value.values)}
        return {name: part for name, part in found.items() if part}
    if isinstance(value, Mapping):
        return plain_values(value)
    if isinstance(value, Iterable):
        return [_plain(item) for item in value]
    return str(value)
