"""The check for a newer version: only where the user turned it on, at most once a day.

One GET over HTTPS without cookies, account or identifier; the answer is the newest release. What
came of it is kept in ``update.json`` of the data directory, for About.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from phi3studio.app.files import write_json
from phi3studio.app.paths import Home
from phi3studio.app.release import RELEASES, Release, parse_release
from phi3studio.app.settings import read_settings
from phi3studio.domain.errors import RunError
from phi3studio.domain.parsing import parse_json

RELEASES_VARIABLE = "PHI3STUDIO_RELEASES"
"""Names another feed of the same format, for those who distribute the program themselves."""

_VERSION = 1
_TIMEOUT_S = 10.0
_LARGEST = 1_000_000
_EVERY_S = 24 * 3600.0
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Checked:
    """The last check. ``t``: seconds since the epoch; either a release or an error."""

    t: float
    release: Release | None = None
    error: str = ""


def last_check(home: Home) -> Checked | None:
    """What the last check found; ``None`` before the first."""
    try:
        values = parse_json(_file(home).read_text("utf-8"))
        if values["v"] != _VERSION:
            return None
        release = values["release"]
        return Checked(
            float(values["t"]),
            Release(str(release["version"]), str(release["page"])) if release else None,
            str(values["error"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def check_if_due(home: Home) -> Checked | None:
    """Ask, if the user wants it and has not been answered today; blocks for up to 10 s.

    Returns the last check, new or not; never raises for what went wrong on the way.
    """
    if not read_settings(home).update_check:
        return None
    last = last_check(home)
    if last is not None and not last.error and 0 <= time.time() - last.t < _EVERY_S:
        return last
    return check_now(home)


def check_now(home: Home) -> Checked:
    """Ask now and keep the answer."""
    try:
        found = Checked(time.time(), newest_release())
    except RunError as exc:
        found = Checked(time.time(), error=exc.message)
    with contextlib.suppress(OSError):
        home.root.mkdir(parents=True, exist_ok=True)
        write_json(_file(home), {"v": _VERSION, **asdict(found)})
    return found


def newest_release(url: str | None = None) -> Release:
    """The newest release; raises :class:`RunError` when it cannot be found out."""
    url = url or os.environ.get(RELEASES_VARIABLE) or RELEASES
    try:
        _check_address(url)
        request = urllib.request.Request(  # noqa: S310 - the address was checked
            url, headers={"User-Agent": "phi3studio", "Accept": "application/json"}
        )
        opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=_context()), _HttpsOnly()
        )
        with opener.open(request, timeout=_TIMEOUT_S) as answer:
            text = answer.read(_LARGEST).decode("utf-8")
        return parse_release(text)
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "reason", None) or exc
        raise RunError("update.unreachable", host=urlsplit(url).hostname, reason=reason) from exc


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows a redirection only to another HTTPS address."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: object,
        newurl: str,
    ) -> urllib.request.Request | None:
        _check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError(f"{url} is no HTTPS address")


def _context() -> ssl.SSLContext:
    """The system's certificates, and Mozilla's where the frozen app finds none of the system."""
    context = ssl.create_default_context()
    with contextlib.suppress(ImportError, OSError):
        import certifi

        context.load_verify_locations(certifi.where())
    return context


def _file(home: Home) -> Path:
    return home.root / "update.json"
