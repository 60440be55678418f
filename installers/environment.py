"""The environment that the bundle is built in: made from the constraints, and from nothing else."""

from __future__ import annotations

import hashlib
import os
import sys
import venv
from pathlib import Path

from installers.bootstrap import install_commands
from installers.product import BUILD, ROOT, BuildError
from installers.tools import Step, run

CONSTRAINTS = ROOT / "installers" / "constraints"
PYTHONS = ((3, 11), (3, 12))
_STAMP = "phi3studio-build.txt"


def build_environment(flavour: str) -> Path:
    """The Python of ``.build/env-<flavour>``, made if it is absent or out of date.

    Raises :class:`BuildError` when pip fails, or brings a PyTorch with CUDA: that one is several
    GB and would not fit an installer.
    """
    if sys.version_info[:2] not in PYTHONS:
        raise BuildError("Python 3.11 or 3.12 is needed: its version becomes the program's own.")
    constraints = CONSTRAINTS / f"{flavour}.txt"
    folder = BUILD / f"env-{flavour}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / _STAMP
    wanted = _fingerprint(constraints)
    if python.exists() and stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return python
    with Step(f"build environment {folder.relative_to(ROOT)}"):
        stamp.unlink(missing_ok=True)
        venv.EnvBuilder(with_pip=True, clear=True, symlinks=os.name != "nt").create(folder)
        for number, command in enumerate(install_commands(python, flavour, ["build"])):
            run(command, folder=ROOT, log=BUILD / "logs" / f"pip-{flavour}-{number}.log")
        _check_torch(python, flavour)
        stamp.write_text(wanted, "utf-8")
    return python


def _check_torch(python: Path, flavour: str) -> None:
    version = run([python, "-c", "import torch; print(torch.__version__, torch.version.cuda)"])
    if sys.platform == "linux" and flavour == "cpu" and not version.strip().endswith("None"):
        raise BuildError(
            f"pip chose PyTorch {version.strip()}, a build with CUDA. Name the index of PyTorch's "
            "CPU builds in PIP_EXTRA_INDEX_URL, remove .build, and start again."
        )


def _fingerprint(constraints: Path) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for file in (ROOT / "pyproject.toml", constraints, CONSTRAINTS / "base.txt"):
        digest.update(file.read_bytes())
    return digest.hexdigest()
