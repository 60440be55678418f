"""What every installer has to know about the program, each said in one place only.

The version stands in ``phi3studio/__init__.py``, description and licence in ``pyproject.toml``, the
icon in ``resources/icons``. Standard library only.
"""

from __future__ import annotations

import ast
import os
import platform
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"
DIST = ROOT / "dist"
ICON = ROOT / "resources" / "icons" / "app.svg"

NAME = "Phi-3 Studio"
SLUG = "phi3studio"
APP_ID = "io.github.phi3studio.Phi3Studio"
PUBLISHER = "The Phi-3 Studio authors"
MIME_TYPE = "application/x-phi3studio-recipe"
RECIPE_SUFFIX = ".phi3studio"


class BuildError(Exception):
    """Something that the person who builds has to change first."""


@dataclass(frozen=True)
class Product:
    """One build of the program: what it is called, what it came from."""

    version: str
    summary: str
    licence: str
    commit: str
    epoch: int
    """Seconds since 1970 of the commit: the date of everything inside the installers."""

    @property
    def machine(self) -> str:
        """The processor's name as packages write it, such as ``x86_64``."""
        return platform.machine().lower().replace("amd64", "x86_64")

    def environment(self) -> dict[str, str]:
        """The environment of every tool of a build: same commit, same bytes."""
        return os.environ | {
            "SOURCE_DATE_EPOCH": str(self.epoch),
            "PYTHONHASHSEED": "0",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
        }


def read_product(root: Path = ROOT) -> Product:
    """Read the product of the source tree *root*; raises :class:`BuildError` without a date."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    return Product(
        version=_version(root / "phi3studio" / "__init__.py"),
        summary=project["description"],
        licence=project["license"],
        commit=_git(root, "rev-parse", "HEAD") or "unknown",
        epoch=_epoch(root),
    )


def _version(file: Path) -> str:
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__version__":
            return str(ast.literal_eval(node.value))
    raise BuildError(f"{file} names no __version__.")


def _epoch(root: Path) -> int:
    said = os.environ.get("SOURCE_DATE_EPOCH") or _git(root, "log", "-1", "--format=%ct")
    if not said:
        raise BuildError(
            "The date of the build is unknown: git names no commit here. "
            "Set SOURCE_DATE_EPOCH to the seconds of the release."
        )
    return int(said)


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
