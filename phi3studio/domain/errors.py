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


class UserFacingError(Exception):
    """Something a user can understand and act on.

    ``code`` is stable and meant for programs (``data.missing_column``), ``message`` says what
    happened and names the file, row or field, ``hint`` says what to do next.
    """

    exit_code = 1

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[type[UserFacingError], tuple[str, str, str]]:
        return type(self), (self.code, self.message, self.hint)


class InputError(UserFacingError):
    """The user's file, recipe or argument has to change before the work can start."""

    exit_code = 2


class RunError(UserFacingError):
    """The work started and could not be finished."""

    exit_code = 1


def first_line(exc: BaseException) -> str:
    """What an exception of another library says, shortly; its type's name if it says nothing."""
    return (str(exc).strip().splitlines() or [type(exc).__name__])[0]


class Cancelled(BaseException):
    """The user asked to stop.

    A ``BaseException``, because Olive swallows every ``Exception`` that a pass raises.
    """
