"""Errors of Azure's packages, turned into ours. The only place that does so."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from phi3studio.domain.azure import Azure
from phi3studio.domain.errors import InputError, RunError, UserFacingError, first_line

TRANSIENT = frozenset({"azure.unreachable", "azure.throttled", "azure.unavailable"})
"""Codes of what passes on its own: whoever follows a job waits and asks again. The value
``retry_after`` of ``azure.throttled`` is how long the service asks to wait, in seconds."""


@contextlib.contextmanager
def translated(
    azure: Azure, *, datastore: str | None = None, job: str | None = None
) -> Iterator[None]:
    """Raise our error for whatever the SDK raises in the block."""
    try:
        yield
    except UserFacingError:
        raise
    except Exception as exc:
        raise translate(exc, azure, datastore=datastore, job=job) from exc


def translate(
    exc: Exception, azure: Azure, *, datastore: str | None = None, job: str | None = None
) -> UserFacingError:
    """What a user should read about *exc*; unknown ones become ``azure.failed``."""
    from azure.core import exceptions as core

    if isinstance(exc, UserFacingError):
        return exc
    cause = _root(exc)
    if isinstance(cause, core.ClientAuthenticationError):
        return _login(cause, azure)
    if isinstance(cause, (core.ServiceRequestError, core.ServiceResponseError)):
        return RunError("azure.unreachable", reason=first_line(cause))
    if isinstance(cause, core.HttpResponseError):
        return _response(cause, azure, datastore, job)
    return RunError("azure.failed", reason=first_line(cause))


def _response(
    exc: Exception, azure: Azure, datastore: str | None, job: str | None
) -> UserFacingError:
    status = getattr(exc, "status_code", None) or 0
    code = str(getattr(getattr(exc, "error", None), "code", "") or "")
    text = first_line(exc)
    if status == 401:
        return _login(exc, azure)
    if status == 403:
        values = {"workspace": azure.workspace, "reason": text, "datastore": datastore}
        return InputError("azure.forbidden", variant="storage" if datastore else "", **values)
    if status == 404:
        return _not_found(code, text, azure, datastore, job)
    if status == 429:
        return RunError("azure.throttled", retry_after=_retry_after(exc))
    if status >= 500 or status == 408:
        return RunError("azure.unavailable", status=status, reason=text)
    if "quota" in f"{code} {text}".lower():
        return InputError("azure.quota", reason=text)
    return RunError("azure.refused", status=status, service_code=code, reason=text)


def _not_found(
    code: str, text: str, azure: Azure, datastore: str | None, job: str | None
) -> UserFacingError:
    workspace = azure.workspace
    if datastore is not None and "workspace" not in text.split("was not found")[0].lower():
        return InputError("azure.no_datastore", workspace=workspace, datastore=datastore)
    if job is not None and code not in ("ResourceGroupNotFound", "SubscriptionNotFound"):
        return RunError("azure.no_job", workspace=workspace, job=job)
    return InputError(
        "azure.not_found", reason=text, resource_group=azure.resource_group, workspace=workspace
    )


def _login(exc: Exception, azure: Azure) -> InputError:
    from azure.identity import CredentialUnavailableError

    text = first_line(exc)
    if azure.login != "cli":
        return InputError("azure.login", variant=azure.login, reason=text)
    missing = isinstance(exc, CredentialUnavailableError) and "not found" in text.lower()
    return InputError("azure.login", variant="no_az" if missing else "", reason=text)


def _root(exc: Exception) -> Exception:
    """The error of the service inside the SDK's own wrapping."""
    from azure.core.exceptions import AzureError

    found: Any = exc
    while found is not None:
        if isinstance(found, AzureError) and type(found).__module__.startswith(
            ("azure.core", "azure.identity")
        ):
            return found if isinstance(found, Exception) else exc
        inner = getattr(found, "inner_exception", None) or getattr(found, "error", None)
        found = found.__cause__ or (inner if isinstance(inner, Exception) else None)
    return exc


def _retry_after(exc: Exception) -> float:
    headers = getattr(getattr(exc, "response", None), "headers", {}) or {}
    try:
        return float(headers.get("Retry-After", 0))
    except ValueError:
        return 0.0
