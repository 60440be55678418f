"""Every error that a user may see, in one tree.

::

    Exception
    └── UserFacingError        says what happened and what to do next
        ├── InputError         the user's file, recipe or argument is wrong     (exit code 2)
        └── RunError           the work itself could not be done                (exit code 1)
    BaseException
    └── Cancelled              the user asked for it: never shown as an error   (exit code 130)

Everything else is a bug and is reported as one. Errors of other libraries are translated
once, in ``worker/failures.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from phi3studio.domain.messages import WITHIN, Said, plain_values, say, say_within


class UserFacingError(Exception):
    """Something a user can understand and act on.

    ``code`` is stable and meant for programs (``data.missing_column``); ``values`` name the file,
    row or field. What the two say stands in :mod:`phi3studio.domain.messages`. ``recorded`` are the
    words of a record that another version wrote: used where the catalogue has none.
    """

    exit_code = 1

    def __init__(self, code: str, /, *, variant: str = "", **values: Any) -> None:
        super().__init__(code)
        self.code = code
        self.variant = variant
        self.values = plain_values(values)
        self.recorded = Said("")

    def said(self, language: str = "en") -> Said:
        """What happened and what to do next, in a language."""
        return say(self, language)

    @property
    def message(self) -> str:
        """What happened, in English."""
        return self.said().message

    @property
    def hint(self) -> str:
        """What to do next, in English."""
        return self.said().hint

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.to_json())

    def within(self, code: str, /, *, variant: str = "", **values: Any) -> Self:
        """The same error as part of another message, which names it ``{inner:message}`` and
        ``{inner:hint}``: where it arose, or what became of the work."""
        outer = {"code": code, "variant": variant, "values": plain_values(values)}
        inner = {name: value for name, value in self.values.items() if name != WITHIN}
        outers = [*self.values.get(WITHIN, ()), outer]
        found = type(self)(self.code, variant=self.variant, **inner, **{WITHIN: outers})
        if self.recorded.message:
            found.recorded = say_within([outer], self.recorded)
        return found

    def placed(self, *, row: int, source: str = "") -> Self:
        """The same error with its place before the message: the row (from 1) of a source."""
        return self.within("data.place", variant="source" if source else "", row=row, source=source)

    def to_json(self) -> dict[str, Any]:
        """For events, services and ``--json``: code and values, and their words in English."""
        said = self.said()
        found = {"code": self.code, "message": said.message, "hint": said.hint}
        if self.variant:
            found["variant"] = self.variant
        return found | ({"values": self.values} if self.values else {})

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """The error of which :meth:`to_json` wrote *record*."""
        variant, values = str(record.get("variant") or ""), record.get("values") or {}
        error = cls(str(record.get("code") or "bug"), variant=variant, **values)
        error.recorded = Said(str(record.get("message") or ""), str(record.get("hint") or ""))
        return error


def _restored(kind: type[UserFacingError], record: Mapping[str, Any]) -> UserFacingError:
    return kind.from_json(record)


class InputError(UserFacingError):
    """The user's file, recipe or argument has to change before the work can start."""

    exit_code = 2


class RunError(UserFacingError):
    """The work started and could not be finished."""

    exit_code = 1


def first_line(exc: BaseException, *, typed: bool = False) -> str:
    """What an exception of another library says, in at most 300 characters; its type's name if it
    says nothing. *typed* puts the type's name before it.
    """
    name, lines = type(exc).__name__, str(exc).strip().splitlines()
    said = lines[0][:300] if lines else name
    return f"{name}: {said}" if typed and lines else said


def is_fault(exc: BaseException) -> bool:
    """Whether an exception is a fault, and not somebody's wish to stop: also what a library written
    in Rust raises when it gives up, which is no :class:`Exception`."""
    return isinstance(exc, Exception) or type(exc).__name__ == "PanicException"


class Cancelled(BaseException):
    """The user asked to stop.

    A ``BaseException``, because Olive swallows every ``Exception`` that a pass raises.
    """
