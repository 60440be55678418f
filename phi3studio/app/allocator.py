"""tcmalloc instead of the C library's heap, for processes that train, where it is at hand.

A step of a small model's training asks for memory a hundred and fifty thousand times, nearly
always because oneDNN describes each product again. What tcmalloc hands out is found sooner, and the
processor's cache often has it still. The installers bring it; from source the system may have it.
"""

from __future__ import annotations

import functools
import sys
import sysconfig
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from phi3studio.app import frozen

LIBRARY = "libtcmalloc_minimal.so.4"
FOLDER = "allocator"
"""Where a bundle holds it: apart from the libraries that others load by themselves."""
_THRESHOLD = "TCMALLOC_LARGE_ALLOC_REPORT_THRESHOLD"


def settings() -> Mapping[str, str]:
    """The environment of a process that is to use it; empty where there is none."""
    library = find()
    if library is None:
        return {}
    return {
        "LD_PRELOAD": str(library),
        # A model's size has no place in the log of a run.
        _THRESHOLD: "0",
    }


def keep_to_ourselves(environment: MutableMapping[str, str]) -> None:
    """Take :func:`settings` out of the *environment* of a process that has it: other programs that
    it starts are not to load what may not be for them.

    Known by its name: the Python of a runtime pack, which the app starts, would find another file.
    """
    if Path(environment.get("LD_PRELOAD", "")).name == LIBRARY:
        del environment["LD_PRELOAD"]
        environment.pop(_THRESHOLD, None)


@functools.cache
def find() -> Path | None:
    """The library's file, of the bundle or of a Linux system."""
    if not sys.platform.startswith("linux"):
        return None
    bundle = frozen.bundle()
    if bundle is not None:
        places = [bundle / FOLDER]
    else:
        multiarch = sysconfig.get_config_var("MULTIARCH") or ""
        places = [Path("/usr/lib64"), Path("/usr/lib", multiarch)]
    return next((place / LIBRARY for place in places if (place / LIBRARY).is_file()), None)
