#!/usr/bin/env python3
"""Set up Phi-3 Studio in a private environment, then do what was asked.

    python3 installers/bootstrap.py demo     the whole job on a bundled data set
    python3 installers/bootstrap.py test     lint, types, architecture and tests
    python3 installers/bootstrap.py app      the window
    python3 installers/bootstrap.py ...      anything else is passed on to phi3studio

Standard library only; works the same on Linux, Windows and macOS. The environment is made once,
in ``.venv`` next to this project, and made again only when pyproject.toml or the constraints of
its flavour changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "installers" / "constraints"
VENV = ROOT / ".venv"
STAMP = VENV / "phi3studio-setup.json"
PYTHONS = ((3, 11), (3, 12))
FLAVOURS = ("cpu", "cuda", "directml")


class SetupError(Exception):
    """Something the user has to change before the set-up can go on."""


def main(arguments: list[str]) -> int:
    """Set up if needed, then run; returns the exit code."""
    options, rest = parse(arguments)
    try:
        check_python(sys.version_info[:2])
        check_flavour(options.flavour, platform.system(), platform.machine())
        wants_tests = bool(rest) and rest[0] == "test"
        set_up(options.flavour, wants_tests, options.fresh, options.azure)
    except SetupError as exc:
        print(f"Error: {exc}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as exc:
        print(
            f"Error: the set-up failed (exit code {exc.returncode}); pip's own words are above.\n"
            "Check the connection and the free disk space, then run the same command again.",
            file=sys.stderr,
        )
        return 1
    if rest and rest[0] == "test":
        return run_checks(rest[1:])
    command = ["gui", *rest[1:]] if rest and rest[0] == "app" else rest
    # -P: nothing is imported from the folder that this is called in.
    program = [str(python_of(VENV)), "-P", "-m", "phi3studio"]
    return subprocess.call([*program, *(command or ["--help"])])


def parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Our own options come before the command; everything from the command on is passed on."""
    parser = argparse.ArgumentParser(
        description="Set up Phi-3 Studio and run it.",
        epilog="COMMAND: demo, test, app, or any phi3studio command with its options.",
    )
    parser.add_argument(
        "--flavour", choices=FLAVOURS, default=None, help="ONNX Runtime flavour (default: cpu)"
    )
    parser.add_argument(
        "--azure", action="store_true", help="also install what jobs in Azure ML need"
    )
    parser.add_argument("--fresh", action="store_true", help="make the environment from scratch")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND ...")
    options = parser.parse_args(arguments)
    if options.flavour is None:
        options.flavour = read_stamp().get("flavour", "cpu") if not options.fresh else "cpu"
    return options, options.command


def check_python(version: tuple[int, ...]) -> None:
    """Refuse a Python that the pinned packages do not support."""
    if version not in PYTHONS:
        raise SetupError(
            f"Python {version[0]}.{version[1]} runs this script, but Python 3.11 or 3.12 is "
            "needed. Install one of them and start the script with it, for example: "
            "python3.12 installers/bootstrap.py"
        )


def check_flavour(flavour: str, system: str, machine: str) -> None:
    """Refuse a flavour that this system cannot run, with the reason."""
    if flavour == "directml" and system != "Windows":
        raise SetupError(
            "The directml flavour exists on Windows only: DirectML is a part of Windows. "
            "Use --flavour cpu here; a model for DirectML can be exported from any system."
        )
    if flavour == "cuda" and system == "Darwin":
        raise SetupError(
            "The cuda flavour does not exist on macOS: NVIDIA has no driver for it. "
            "Use --flavour cpu; a model for CUDA can be exported from any system."
        )
    if flavour == "cuda" and machine.lower() not in ("x86_64", "amd64"):
        raise SetupError(
            f"The cuda flavour needs an x86-64 processor, and this one is {machine}. "
            "Use --flavour cpu."
        )


def set_up(flavour: str, dev: bool, fresh: bool, azure: bool = False) -> None:
    """Make the environment, unless it is there and nothing it was made from has changed."""
    constraints = CONSTRAINTS / f"{flavour}.txt"
    wanted = {"flavour": flavour, "inputs": fingerprint(constraints)}
    have = read_stamp()
    same = have.get("flavour") == flavour and have.get("inputs") == wanted["inputs"]
    # The tests need both; what was once asked for stays.
    dev = dev or bool(have.get("dev"))
    azure = azure or dev or bool(have.get("azure"))
    if same and not fresh and have.get("dev", False) == dev and have.get("azure", False) == azure:
        return
    other_flavour = bool(have) and have.get("flavour") != flavour
    if fresh or other_flavour:
        # The flavours of ONNX Runtime share a folder: never one over the other.
        print("Removing the old environment …", file=sys.stderr, flush=True)
        shutil.rmtree(VENV, ignore_errors=True)
    if not python_of(VENV).exists():
        print(f"Making the environment {VENV} …", file=sys.stderr, flush=True)
        venv.EnvBuilder(with_pip=True, symlinks=os.name != "nt").create(VENV)
    STAMP.unlink(missing_ok=True)
    parts = [*(["azure"] if azure else []), *(["dev"] if dev else [])]
    print(
        f"Installing ({', '.join([flavour, *parts])}; about 2 GB, some minutes the first time) …",
        file=sys.stderr,
        flush=True,
    )
    for command in install_commands(python_of(VENV), flavour, parts):
        subprocess.run(command, cwd=ROOT, check=True)
    STAMP.write_text(json.dumps(wanted | {"dev": dev, "azure": azure}), encoding="utf-8")


def requirements(flavour: str, parts: Iterable[str] = ()) -> list[str]:
    """What pyproject.toml asks for: of an ONNX Runtime flavour, with extras and groups."""
    import tomllib  # a Python without it has been refused by now

    said = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project, groups = said["project"], said["dependency-groups"]
    lines: list[str] = project["dependencies"]
    if flavour != "cpu":
        # The flavours share one import folder: one takes the place of the other.
        lines = [line for line in lines if not line.startswith("onnxruntime")] + groups[flavour]
    more = groups | project["optional-dependencies"]
    return lines + [line for part in parts for line in more[part]]


def install_commands(python: Path, flavour: str, parts: Iterable[str] = ()) -> list[list[str]]:
    """pip's calls: the requirements, then this tree as it is (its metadata names the CPU's)."""
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    constraints = ["-c", str(CONSTRAINTS / f"{flavour}.txt")]
    return [
        [*pip, *constraints, *requirements(flavour, parts)],
        [*pip, "--no-deps", "-e", str(ROOT)],
    ]


def fingerprint(constraints: Path) -> str:
    """A hash of everything that decides what is installed."""
    digest = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    for file in (ROOT / "pyproject.toml", constraints, CONSTRAINTS / "base.txt"):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def read_stamp() -> dict[str, object]:
    """What the present environment was made from; empty if it is absent or unfinished."""
    try:
        value = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def python_of(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    if os.name == "nt":
        return environment / "Scripts" / "python.exe"
    return environment / "bin" / "python"


def side_by_side(arguments: list[str]) -> list[str]:
    """Tests on up to four cores at once; those of one file stay together, as they share models."""
    if any(
        word.startswith(("-n", "--numprocesses", "--pdb")) or word == "-s" for word in arguments
    ):
        return []
    return ["-n", str(min(4, os.cpu_count() or 1)), "--dist", "loadfile"]


def run_checks(arguments: list[str]) -> int:
    """Lint, format, types, architecture and tests; *arguments* go to pytest."""
    python = str(python_of(VENV))
    scripts = python_of(VENV).parent
    checks = [
        [python, "-m", "ruff", "check", "."],
        [python, "-m", "ruff", "format", "--check", "."],
        [python, "-m", "mypy"],
        [str(scripts / "lint-imports")],
        [python, "-m", "pytest", *side_by_side(arguments), *arguments],
    ]
    environment = {**os.environ, "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen")}
    for check in checks:
        print(f"\n$ {' '.join([Path(check[0]).name, *check[1:]])}", flush=True)
        code = subprocess.call(check, cwd=ROOT, env=environment)
        if code != 0:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
