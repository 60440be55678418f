"""Errors: what each carries, and what must not swallow it."""

from __future__ import annotations

import pickle

import pytest

from phi3studio.domain.errors import (
    Cancelled,
    InputError,
    RunError,
    UserFacingError,
    first_line,
    is_fault,
)


@pytest.mark.parametrize(("kind", "code"), [(UserFacingError, 1), (InputError, 2), (RunError, 1)])
def test_an_error_says_what_happened_and_what_to_do(kind, code) -> None:
    error = kind.from_json({"code": "area.what", "message": "Row 3 is empty.", "hint": "Fill it."})
    assert str(error) == "Row 3 is empty."
    assert (error.code, error.message, error.hint, error.exit_code) == (
        "area.what",
        "Row 3 is empty.",
        "Fill it.",
        code,
    )


@pytest.mark.parametrize("kind", [UserFacingError, InputError, RunError])
def test_an_error_survives_the_way_between_processes(kind) -> None:
    error = pickle.loads(
        pickle.dumps(kind.from_json({"code": "a.b", "message": "What.", "hint": "Do."}))
    )
    assert type(error) is kind
    assert (error.code, error.message, error.hint) == ("a.b", "What.", "Do.")


def test_cancelled_pierces_handlers_of_exceptions() -> None:
    def swallowing_library() -> None:
        try:
            raise Cancelled
        except Exception:
            pytest.fail("an except Exception caught it")

    with pytest.raises(Cancelled):
        swallowing_library()
    assert not issubclass(Cancelled, UserFacingError)


def test_an_exception_of_a_library_is_said_in_one_line() -> None:
    assert first_line(ValueError(" the first\nthe second")) == "the first"
    assert first_line(ValueError("first\nsecond"), typed=True) == "ValueError: first"
    assert first_line(TimeoutError(), typed=True) == first_line(TimeoutError()) == "TimeoutError"
    assert len(first_line(OSError("x" * 1000))) == 300


def test_the_variant_of_an_error_crosses_processes() -> None:
    error = InputError("chat.schema", variant="empty")
    assert error.to_json()["variant"] == "empty"
    assert InputError.from_json(error.to_json()).said() == error.said()


def test_what_a_rust_library_raises_when_it_gives_up_is_a_fault() -> None:
    class PanicException(BaseException):
        pass

    assert is_fault(ValueError())
    assert is_fault(PanicException())
    assert not is_fault(Cancelled())
    assert not is_fault(KeyboardInterrupt())
