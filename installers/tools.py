"""Programs of the system that a build needs: found, or named with their package; run, reported."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from installers.product import BuildError

# The program's package in Debian, where it has another name.
_PACKAGES = {
    "appstreamcli": "appstream",
    "desktop-file-validate": "desktop-file-utils",
    "dpkg-deb": "dpkg",
    "ip": "iproute2",
    "makensis": "nsis",
    "mksquashfs": "squashfs-tools",
    "readelf": "binutils",
    "strip": "binutils",
    "unshare": "util-linux",
    "unsquashfs": "squashfs-tools",
    "Xvfb": "xvfb",
    "xwininfo": "x11-utils",
}


def missing(*programs: str) -> list[str]:
    """The packages of Debian whose *programs* are not there."""
    absent = {
        _PACKAGES.get(name, name) for name in programs if shutil.which(name, path=_path()) is None
    }
    return sorted(absent)


def need(*programs: str, install: bool = True, libraries: Mapping[str, str] | None = None) -> None:
    """Make sure that *programs* are there, and *libraries* (file name to Debian package).

    As root on Debian they are installed. Raises :class:`BuildError` that names what is missing.
    """
    libraries = libraries or {}
    packages = missing(*programs) + missing_libraries(libraries)
    if packages and install and shutil.which("apt-get") and os.geteuid() == 0:
        say(f"installing {', '.join(packages)}")
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (
            ["apt-get", "-qq", "update"],
            ["apt-get", "-qq", "install", "-y", "--no-install-recommends", *packages],
        ):
            subprocess.run(
                command,
                env=environment,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        packages = missing(*programs) + missing_libraries(libraries)
    if packages:
        raise BuildError(f"Missing: {', '.join(packages)}. Install them and start again.")


def missing_libraries(libraries: Mapping[str, str]) -> list[str]:
    """The packages of those *libraries* that the system's loader does not find."""
    absent = set()
    for name, package in libraries.items():
        try:
            ctypes.CDLL(name)
        except OSError:
            absent.add(package)
    return sorted(absent)


def run(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    log: Path | None = None,
) -> str:
    """Run a tool and return what it printed; raises :class:`BuildError` with its last words.

    *log* receives its output while it runs, for tools that print much.
    """
    words = [str(part) for part in command]
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w", encoding="utf-8") as stream:
            done = subprocess.run(
                words,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        said = log.read_text("utf-8", "replace")
    else:
        done = subprocess.run(
            words,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
        said = done.stdout + done.stderr
    if done.returncode != 0:
        tail = "\n".join(said.strip().splitlines()[-15:])
        where = f" (all of it: {log})" if log else ""
        raise BuildError(f"{words[0]} failed with exit code {done.returncode}{where}:\n{tail}")
    return said


def say(text: str) -> None:
    """Tell the person who builds, at once."""
    print(text, file=sys.stderr, flush=True)


class Step:
    """``with Step("packing")``: tells what is done and how long it took."""

    took: ClassVar[list[tuple[str, float]]] = []
    """Title and seconds of every step of this process that came to its end."""

    def __init__(self, title: str) -> None:
        self.title = title

    def __enter__(self) -> Step:
        say(f"{self.title} …")
        self._began = time.monotonic()
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is None:
            seconds = time.monotonic() - self._began
            Step.took.append((self.title, seconds))
            say(f"{self.title}: {seconds:.0f} s")


def sha256(file: Path) -> str:
    """The hash of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def tree_bytes(folder: Path) -> int:
    """The bytes of all files below *folder*; a file with two names counts once."""
    seen: dict[tuple[int, int], int] = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            status = path.stat()
            seen[status.st_dev, status.st_ino] = status.st_size
    return sum(seen.values())


def _path() -> str:
    # Debian keeps some tools out of a user's path.
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
