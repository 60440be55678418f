"""The frozen app: what is different when one executable is window, worker, services and commands.

Imports nothing heavy: it runs before anything else does.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path

MODELS = "models"
"""Folder of the bundle with the base models that come with the program."""

# PyInstaller's own, which its bootloader sets for the processes that it starts.
_OWN_PREFIXES = ("_PYI_", "_MEIPASS")
# The loader's search paths: the bootloader keeps the user's value next to its own.
_LOADER = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH")
# Set for our Qt; another Qt program would load our plugins by them and fail.
_QT = ("QT_PLUGIN_PATH", "QML2_IMPORT_PATH")
_TRACKER = re.compile(r"from multiprocess\.resource_tracker import main; ?main\((\d+)\)")


def bundle() -> Path | None:
    """The folder of the frozen app that holds everything but the executable; else ``None``."""
    folder = getattr(sys, "_MEIPASS", None)
    return Path(folder) if folder and getattr(sys, "frozen", False) else None


def clean_environment(environment: MutableMapping[str, str], folder: Path) -> None:
    """Take out of *environment* what the frozen app in *folder* has put there for itself.

    Done once, on the process's own environment, so that every program it ever starts, by whatever
    library, finds what the user's desktop gave: a file manager, a browser, ``az``, a driver's
    tool. Our own processes need none of it: the bootloader sets it again in each.
    """
    for name in [name for name in environment if name.startswith(_OWN_PREFIXES)]:
        del environment[name]
    for name in _LOADER:
        original = environment.pop(f"{name}_ORIG", None)
        if original is not None:
            environment[name] = original
    for name in (*_LOADER, *_QT, "PATH"):
        if name in environment:
            kept = _without(environment[name], folder)
            if kept:
                environment[name] = kept
            elif name != "PATH":
                del environment[name]


def keep_libraries_to_ourselves(folder: Path) -> None:
    """Windows: find the libraries in *folder* for this process alone, and for all that Python
    loads: extension modules and ctypes. What the bootloader did for it, every program that we
    start would inherit; :func:`load_nothing_from_the_working_folder` takes it back.
    """
    if sys.platform == "win32":
        os.add_dll_directory(str(folder))


def load_nothing_from_the_working_folder() -> None:
    """Windows: libraries that others ask for by name alone are not looked for in the working
    folder, where a stranger's may lie. An empty name takes it out of the search, and no name would
    put it back."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.kernel32.SetDllDirectoryW("")


def _without(value: str, folder: Path) -> str:
    """A search path less the places inside *folder*."""
    places = value.split(os.pathsep)
    return os.pathsep.join(place for place in places if not Path(place).is_relative_to(folder))


def python_child(arguments: Sequence[str]) -> int | None:
    """Do what ``python -c`` is asked for by a library; ``None`` when *arguments* are no such call.

    ``multiprocess`` (a part of datasets) starts its resource tracker by ``sys.executable -c``,
    which here is this program: without this a second window would open. Only that call is done;
    any other is refused with exit code 2, because this program runs no code from its arguments.
    """
    if "-c" not in arguments:
        return None
    at = arguments.index("-c")
    if not all(flag.startswith("-") for flag in arguments[:at]):
        return None  # an option of one of our commands
    code = arguments[at + 1] if len(arguments) > at + 1 else ""
    wanted = _TRACKER.fullmatch(code)
    if wanted is None:
        print("phi3studio: -c is for its own helper processes only.", file=sys.stderr)
        return 2
    importlib.import_module("multiprocess.resource_tracker").main(int(wanted[1]))
    return 0


def give_streams() -> None:
    """Give a windowed program on Windows, which has none, streams that swallow everything."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
