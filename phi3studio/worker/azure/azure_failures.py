"""Errors of Azure's packages, turned into ours. The only place that does so."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from phi3studio.domain.azure import Azure
from phi3studio.domain.errors import InputError, RunError, UserFacingError

TRANSIENT = frozenset({"azure.unreachable", "azure.throttled", "azure.unavailable"})
"""Codes of what passes by itself: whoever follows a job waits and asks again."""


class ThrottledError(RunError):
    """The service asks to wait; ``retry_after`` in seconds."""

    def __init__(self, code: str, message: str, hint: str, retry_after: float = 0.0) -> None:
        super().__init__(code, message, hint)
        self.retry_after = retry_after


@contextlib.contextmanager
def translated(
    azure: Azure, *, datastore: str | None = None, job: str | None = None
) -> Iterator[None]:
    """Raise our error for whatever the SDK raises in the block."""
    try:
        yield
    except Exception as exc:
        error = translate(exc, azure, datastore=datastore, job=job)
        if error is exc:
            raise
        raise error from exc


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
        return RunError(
            "azure.unreachable",
            f"Azure cannot be reached: {_first_line(cause)}",
            "Check the network. A job that was submitted goes on meanwhile; phi3studio resume "
            "takes it up again.",
        )
    if isinstance(cause, core.HttpResponseError):
        return _response(cause, azure, datastore, job)
    return RunError(
        "azure.failed",
        f"Azure's packages failed: {_first_line(cause)}",
        "Look at the workspace in the studio; phi3studio azure check RECIPE tells what is missing.",
    )


def _response(
    exc: Exception, azure: Azure, datastore: str | None, job: str | None
) -> UserFacingError:
    status = getattr(exc, "status_code", None) or 0
    code = str(getattr(getattr(exc, "error", None), "code", "") or "")
    text = _first_line(exc)
    if status == 401:
        return _login(exc, azure)
    if status == 403:
        return InputError(
            "azure.forbidden",
            f"You may not do this in the workspace {azure.workspace}: {text}",
            "Ask its owner for the role “AzureML Data Scientist”"
            + (f", and for access to the storage of {datastore}." if datastore else "."),
        )
    if status == 404:
        return _not_found(code, text, azure, datastore, job)
    if status == 429:
        return ThrottledError(
            "azure.throttled",
            "Azure asks to wait: too many requests were made.",
            "Try again in some minutes; a job that was submitted goes on meanwhile.",
            _retry_after(exc),
        )
    if status >= 500 or status == 408:
        return RunError(
            "azure.unavailable",
            f"Azure has a fault of its own at the moment ({status}): {text}",
            "Try again later; a job that was submitted goes on meanwhile.",
        )
    if "quota" in f"{code} {text}".lower():
        return InputError(
            "azure.quota",
            f"The quota of the subscription does not suffice: {text}",
            "Ask for more on the page “Usage + quotas” of the portal, or use a smaller machine.",
        )
    return RunError(
        "azure.refused",
        f"Azure refused the request ({status} {code}): {text}",
        "Correct what it names in the recipe's section azure; phi3studio azure check RECIPE "
        "tells what is missing.",
    )


def _not_found(
    code: str, text: str, azure: Azure, datastore: str | None, job: str | None
) -> UserFacingError:
    if datastore is not None and "workspace" not in text.split("was not found")[0].lower():
        return no_datastore(datastore, azure)
    if job is not None and code not in ("ResourceGroupNotFound", "SubscriptionNotFound"):
        return RunError(
            "azure.no_job",
            f"The workspace {azure.workspace} has no job {job}.",
            "It was deleted there; start the recipe anew with phi3studio run.",
        )
    return InputError(
        "azure.not_found",
        f"Azure did not find what the recipe names: {text}",
        f"Compare azure.subscription, azure.resource_group ({azure.resource_group}) and "
        f"azure.workspace ({azure.workspace}) with the studio; phi3studio azure check RECIPE "
        "tells which is missing.",
    )


def no_datastore(name: str, azure: Azure) -> InputError:
    """A datastore that the workspace does not have."""
    return InputError(
        "azure.no_datastore",
        f"The workspace {azure.workspace} has no datastore {name}.",
        "Correct it in azure.data or azure.datastore; “az ml datastore list” shows which there "
        "are, workspaceblobstore is always one.",
    )


def _login(exc: Exception, azure: Azure) -> InputError:
    from azure.identity import CredentialUnavailableError

    text = _first_line(exc)
    if azure.login == "cli":
        missing = isinstance(exc, CredentialUnavailableError) and "not found" in text.lower()
        return InputError(
            "azure.login",
            "Azure's command line (az) is not installed."
            if missing
            else f"You are not signed in to Azure, or the login has expired: {text}",
            "Install it, then: az login. Or set azure.login: browser."
            if missing
            else "Sign in again: az login. Then start, or resume the run.",
        )
    if azure.login == "browser":
        return InputError(
            "azure.login",
            f"The sign-in to Azure failed: {text}",
            "Try again and finish it in the browser, or use az login with azure.login: cli.",
        )
    return InputError(
        "azure.login",
        f"This machine has no managed identity that Azure knows: {text}",
        "Give it one, or set azure.login: cli.",
    )


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


def _first_line(exc: Exception) -> str:
    text = str(getattr(exc, "message", None) or exc).strip()
    return (text.splitlines() or [type(exc).__name__])[0][:300]
