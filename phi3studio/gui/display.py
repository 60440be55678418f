"""Whether a window can open here, found out before Qt is asked.

Qt ends the whole process with an abort when it finds no display or cannot load its platform
plugin, and blames a library that often is there. Linux only: elsewhere the system brings both.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from phi3studio.domain.errors import UserFacingError, first_line

_MISSING = re.compile(r"(lib[^\s:]+\.so[.\d]*): cannot open shared object file")
# Debian's names of packages that do not follow from the library's.
_PACKAGES = {
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libz.so.1": "zlib1g",
}


def check(environment: Mapping[str, str] | None = None) -> None:
    """Raise :class:`UserFacingError` when no window can open; loads Qt's libraries."""
    if sys.platform != "linux":
        return
    environment = os.environ if environment is None else environment
    chosen = environment.get("QT_QPA_PLATFORM", "")
    plugins = _plugins(environment) if not chosen else []
    if not chosen and not plugins:
        raise UserFacingError("display.none")
    try:
        importlib.import_module("PySide6.QtWidgets")
    except ImportError as exc:
        raise _library(exc) from exc
    troubles = [trouble for plugin in plugins if (trouble := _trouble(plugin, environment))]
    if plugins and len(troubles) == len(plugins):
        raise troubles[0]


def _plugins(environment: Mapping[str, str]) -> list[str]:
    """The platform plugins that fit the session, as Qt would try them."""
    found = []
    if environment.get("WAYLAND_DISPLAY"):
        found.append("qwayland")
    if environment.get("DISPLAY"):
        found.append("qxcb")
    return found


def _trouble(plugin: str, environment: Mapping[str, str]) -> UserFacingError | None:
    """Why the plugin would not come up; ``None`` when it does."""
    spec = importlib.util.find_spec("PySide6")
    assert spec is not None
    assert spec.origin is not None
    file = Path(spec.origin).parent / "Qt" / "plugins" / "platforms" / f"lib{plugin}.so"
    if not file.is_file():
        return None  # not PySide6's own wheel: Qt knows better where it is
    try:
        ctypes.CDLL(str(file))
    except OSError as exc:
        return _library(exc, file)
    if plugin == "qxcb" and not _x_answers():
        return UserFacingError("display.unreachable", display=environment["DISPLAY"])
    return None


def _x_answers() -> bool:
    """Whether the X server that the environment names lets us in."""
    xcb = ctypes.CDLL("libxcb.so.1")
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = (ctypes.c_char_p, ctypes.c_void_p)
    xcb.xcb_connection_has_error.argtypes = (ctypes.c_void_p,)
    xcb.xcb_disconnect.argtypes = (ctypes.c_void_p,)
    connection = xcb.xcb_connect(None, None)
    answers = xcb.xcb_connection_has_error(connection) == 0
    xcb.xcb_disconnect(connection)
    return bool(answers)


def _library(exc: Exception, file: Path | None = None) -> UserFacingError:
    """The error for a library that the loader did not find, by its own words; it names one only,
    so the others that *file* lacks are asked for."""
    found = _MISSING.search(str(exc))
    if found is None:
        return UserFacingError("display.library", variant="other", reason=first_line(exc))
    names = list(dict.fromkeys([found[1], *_missing(file)]))
    packages = dict.fromkeys(map(package_of, names))
    if len(names) == 1:
        return UserFacingError("display.library", name=names[0], package=package_of(names[0]))
    return UserFacingError(
        "display.library", variant="several", names=names, packages=" ".join(packages)
    )


def _missing(file: Path | None) -> list[str]:
    """All libraries that a library needs and the system does not have, where ``ldd`` can tell."""
    if file is None:
        return []
    try:
        told = subprocess.run(
            ["ldd", str(file)],  # noqa: S607 - wherever the system keeps it
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return re.findall(r"^\s*(\S+\.so[.\d]*) => not found", told.stdout, re.MULTILINE)


def package_of(library: str) -> str:
    """The package of Debian that holds a library: ``libxcb-cursor.so.0`` → ``libxcb-cursor0``."""
    stem, _, version = library.lower().partition(".so.")
    number = version.split(".")[0]
    dash = "-" if stem[-1].isdigit() else ""
    return _PACKAGES.get(library, f"{stem}{dash}{number}")
