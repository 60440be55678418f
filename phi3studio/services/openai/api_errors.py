"""Errors as OpenAI's API writes them."""

from __future__ import annotations

from typing import Any

from phi3studio.domain.errors import InputError, UserFacingError

# Our code → the code that OpenAI's clients know.
_CODES = {"chat.too_long": "context_length_exceeded"}
_STATUS = {"chat.memory": 503, "service.died": 503, "service.start": 503}


class ApiError(Exception):
    """An answer with an HTTP status of 400 and above."""

    def __init__(
        self, status: int, message: str, kind: str, code: str | None, param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param

    def to_json(self) -> dict[str, Any]:
        """The body of the answer."""
        return {
            "error": {
                "message": self.message,
                "type": self.kind,
                "param": self.param,
                "code": self.code,
            }
        }


def bad_request(message: str, param: str | None, code: str = "invalid_value") -> ApiError:
    """The request itself is wrong: status 400."""
    return ApiError(400, message, "invalid_request_error", code, param)


def from_ours(error: UserFacingError) -> ApiError:
    """Our error in OpenAI's form; what to do next is a part of the message."""
    message = f"{error.message} {error.hint}".strip()
    code = _CODES.get(error.code, error.code)
    if isinstance(error, InputError):
        return ApiError(400, message, "invalid_request_error", code)
    return ApiError(_STATUS.get(error.code, 500), message, "server_error", code)
