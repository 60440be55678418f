"""Releases of this program: where they are announced, and which is newer."""

from __future__ import annotations

import re
from dataclasses import dataclass

from phi3studio.domain.parsing import parse_json

REPOSITORY = "https://github.com/phi3studio/phi3studio"
RELEASES = "https://api.github.com/repos/phi3studio/phi3studio/releases/latest"
"""The newest release as GitHub describes it; asked only where the user turned the check on."""

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True)
class Release:
    """A release: its version without a “v”, and the page that describes it."""

    version: str
    page: str


def parse_release(text: str) -> Release:
    """GitHub's answer; raises :class:`ValueError` for anything else."""
    values = parse_json(text)
    if not isinstance(values, dict):
        raise ValueError("not an object")
    version, page = str(values.get("tag_name", "")), str(values.get("html_url", ""))
    if _VERSION.fullmatch(version) is None:
        raise ValueError(f"“{version[:40]}” is no version")
    # The page is opened in a browser when the user asks for it: nothing but a web address.
    if not page.startswith("https://"):
        page = f"{REPOSITORY}/releases"
    return Release(version.removeprefix("v"), page)


def is_newer(version: str, than: str) -> bool:
    """Whether *version* is a later release; versions that are no releases count as older."""
    return _number(version) > _number(than)


def _number(version: str) -> tuple[int, ...]:
    found = _VERSION.fullmatch(version)
    return tuple(map(int, found.groups())) if found else (-1,)
