"""Does the program work with the newest releases of what it is built on?

    python -m tools.canary                    install them, run the end-to-end tests
    python -m tools.canary --folder DIR       keep the environment there, and use it again
    python -m tools.canary tests/worker -x    other tests; arguments go to pytest

Olive, onnxruntime, onnxruntime-genai, transformers and peft come in their newest releases, whatever
pyproject.toml allows; everything else as it says. The exit code is that of pytest, or pip's where
the newest releases do not go together. A failure is news for the next update of the pins, not a
fault of this version.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

from installers.bootstrap import CONSTRAINTS, ROOT, python_of, requirements

WATCHED = ("olive-ai", "onnxruntime", "onnxruntime-genai", "transformers", "peft")
TESTS = ("tests/e2e", "tests/worker/test_models_shapes.py", "tests/worker/test_olive_export.py")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


def unbound(lines: Sequence[str]) -> list[str]:
    """The requirements *lines*, the watched packages without their bounds."""
    found = []
    for line in lines:
        match = _NAME.match(line)
        found.append(match[0] if match and match[0] in WATCHED else line)
    return found


def pins() -> dict[str, str]:
    """The watched packages' versions that this version of the program is tested with."""
    text = "\n".join((CONSTRAINTS / name).read_text("utf-8") for name in ("base.txt", "cpu.txt"))
    return {name: version for name, version in _PIN.findall(text) if name in WATCHED}


def newest(python: Path) -> dict[str, str]:
    """The watched packages' newest releases, as the package index has them."""
    found = {}
    for name in WATCHED:
        said = _pip(python, "index", "versions", name, "--json")
        found[name] = str(json.loads(said.stdout)["latest"]) if said.returncode == 0 else "?"
    return found


def install(python: Path) -> int:
    """Install everything; returns pip's exit code."""
    # Jobs in Azure have no part in these tests, and many packages of their own.
    lines = unbound(requirements("cpu", ("dev",)))
    # Python's own pip can be years old; its resolver gives up where requirements contradict.
    for command in (["--upgrade", "pip"], ["--upgrade", *lines], ["--no-deps", "-e", str(ROOT)]):
        code = subprocess.call([str(python), "-m", "pip", "install", "--quiet", *command], cwd=ROOT)
        if code != 0:
            return code
    return 0


def table(python: Path) -> str:
    """A row for each watched package: pinned, newest, installed. Fewer lines where pip had to take
    an older release are what the next update has to solve first."""
    said = _pip(python, "list", "--format", "json")
    have = {row["name"].lower(): row["version"] for row in json.loads(said.stdout)}
    pinned, latest = pins(), newest(python)
    rows = [("", "pinned", "newest", "installed")]
    rows += [(name, pinned[name], latest[name], have.get(name, "none")) for name in WATCHED]
    return "\n".join(f"{a:<20}{b:<12}{c:<12}{d}" for a, b, c, d in rows)


def _pip(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(python), "-m", "pip", "--disable-pip-version-check", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def main(arguments: Sequence[str]) -> int:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, add_help=True)
    parser.add_argument("--folder", type=Path, help="where the environment is, or is to be")
    options, tests = parser.parse_known_args(arguments)
    with tempfile.TemporaryDirectory(prefix="phi3studio-canary-") as name:
        folder = options.folder or Path(name)
        python = python_of(folder)
        if not python.exists():
            venv.EnvBuilder(with_pip=True, symlinks=os.name != "nt").create(folder)
        code = install(python)
        print(table(python), flush=True)
        if code != 0:
            return code
        environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.call(
            [str(python), "-m", "pytest", "-q", *(tests or TESTS)], cwd=ROOT, env=environment
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
