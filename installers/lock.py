"""The lock files: every package of a flavour on a platform, with the hashes of its files.

    python3 installers/lock.py                    make all again
    python3 installers/lock.py cuda-linux         make one
    python3 installers/lock.py --check            exit code 1 when one does not fit pyproject.toml

``uv pip compile`` resolves pyproject.toml under ``installers/constraints``, for another platform
too. The files name packages and hashes only, no server: where the packages are is said in
``TARGETS``, and for the runtime pack in the facts next to its lock file.
"""

from __future__ import annotations

import argparse
import io
import itertools
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import requests
from packaging.requirements import Requirement

from installers.bootstrap import requirements
from phi3studio.runtime_pack.pack_files import GENERATION, PackFacts

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "installers" / "locks"
CONSTRAINTS = ROOT / "installers" / "constraints"
PYTHON = "3.11"
"""Of the bundle and of the runtime pack."""

PYPI = "https://pypi.org/simple"
PYTORCH = "https://download.pytorch.org/whl"


@dataclass(frozen=True)
class Target:
    """One lock file. ``index``: PyTorch's own index, where PyPI's wheel is another build;
    ``left_out``: packages that are resolved and not installed; ``at_release``: made by the
    release workflow, so that it need not be here."""

    name: str
    extra: str
    platform: str
    torch: str = "2.13.0"
    index: str | None = None
    pack: bool = False
    left_out: tuple[str, ...] = ()
    at_release: bool = False

    @property
    def file(self) -> Path:
        """Where it is kept."""
        return LOCKS / f"{self.name}.txt"

    @property
    def indexes(self) -> tuple[str, ...]:
        """Where its packages are, the most special one first."""
        return (*((self.index,) if self.index else ()), PYPI)


_LINUX = "x86_64-manylinux_2_34"  # what PySide6's wheels ask for
_WINDOWS = "x86_64-pc-windows-msvc"
# The window is no part of a pack.
_WINDOW = ("pyside6", "pyside6-essentials", "pyside6-addons", "shiboken6", "qasync", "pyqtgraph")

TARGETS = (
    # PyPI's PyTorch for Linux is a CUDA build of several GB; those for Windows and macOS are
    # CPU builds.
    Target("cpu-linux", "cpu", _LINUX, "2.13.0+cpu", f"{PYTORCH}/cpu"),
    Target("cpu-windows", "cpu", _WINDOWS),
    Target("cpu-macos", "cpu", "aarch64-apple-darwin"),
    Target("directml-windows", "directml", _WINDOWS),
    # The runtime pack. PyPI's PyTorch for Linux and ONNX Runtime are both of CUDA 13.
    Target("cuda-linux", "cuda", _LINUX, pack=True, left_out=_WINDOW),
    # Made by the release workflow: PyTorch's own index alone has a CUDA build for Windows.
    Target(
        "cuda-windows", "cuda", _WINDOWS, "2.13.0+cu126", f"{PYTORCH}/cu126", pack=True,
        left_out=_WINDOW, at_release=True,
    ),
)  # fmt: skip

_PACK_IMPORTS = ("torch", "onnxruntime", "onnxruntime_genai", "olive", "transformers", "peft")
_LOADS = {
    _LINUX: (
        "onnxruntime/capi/libonnxruntime_providers_cuda.so",
        "onnxruntime_genai/libonnxruntime-genai-cuda.so",
    ),
    _WINDOWS: ("onnxruntime_genai/onnxruntime-genai-cuda.dll",),
}
_HEAD = """# {name}: every package with the hashes of its files.
# Made by installers/lock.py from pyproject.toml and installers/constraints/base.txt.
# Python {python}, {platform}. PyPI{special}.
"""
_NAME = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def canonical(name: str) -> str:
    """A project's name as indexes write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(text: str) -> dict[str, tuple[str, list[str]]]:
    """Name → version and hashes, of a lock file's text."""
    found = {}
    starts = [match.start() for match in _NAME.finditer(text)] + [len(text)]
    for start, end in itertools.pairwise(starts):
        part = text[start:end]
        match = _NAME.match(part)
        assert match is not None
        found[canonical(match[1])] = (match[2], _HASH.findall(part))
    return found


# --- made -----------------------------------------------------------------------------------------


def make(target: Target) -> None:
    """Write the lock file of *target*, and for a pack its facts; asks the indexes."""
    with tempfile.TemporaryDirectory() as name:
        raw = Path(name) / "lock.txt"
        _compile(target, raw, "requirements.txt")
        special = f", and {target.index} for torch" if target.index else ""
        head = _HEAD.format(
            name=target.name, python=PYTHON, platform=target.platform, special=special
        )
        LOCKS.mkdir(exist_ok=True)
        body = raw.read_text("utf-8")
        target.file.write_text(head + body, "utf-8", newline="\n")
        if not target.pack:
            return
        pylock = Path(name) / "pylock.toml"
        _compile(target, pylock, "pylock.toml")
        wheels = chosen_wheels(tomllib.loads(pylock.read_text("utf-8")), read_lock(body))
    sizes = [wheel_bytes(wheel) for wheel in wheels]
    facts = PackFacts(
        generation=GENERATION,
        python=PYTHON,
        packages=len(wheels),
        download_bytes=sum(sizes),
        installed_bytes=sum(
            unpacked_bytes(wheel["url"], size) for wheel, size in zip(wheels, sizes, strict=True)
        ),
        imports=_PACK_IMPORTS,
        loads=_LOADS[target.platform],
        indexes=target.indexes,
    )
    target.file.with_suffix(".json").write_text(facts.to_json(), "utf-8", newline="\n")


def _compile(target: Target, out: Path, kind: str) -> None:
    """Let uv resolve; raises :class:`SystemExit` with uv's words where it cannot."""
    uv = Path(sys.executable).with_name("uv.exe" if os.name == "nt" else "uv")
    torch = out.with_name("torch.txt")
    torch.write_text(f"torch=={target.torch}\n", "utf-8")
    asked = out.with_name("asked.in")
    asked.write_text("\n".join(requirements(target.extra)), "utf-8")
    command = [
        str(uv) if uv.is_file() else "uv", "pip", "compile", str(asked),
        "--python-version", PYTHON, "--python-platform", target.platform,
        "--only-binary", ":all:", "--no-header", "--no-annotate", "--quiet", "--upgrade",
        "--constraints", str(CONSTRAINTS / "base.txt"), "--overrides", str(torch),
        "--format", kind, "--output-file", str(out),
        "--default-index", os.environ.get("UV_DEFAULT_INDEX", PYPI),
    ]  # fmt: skip
    if kind == "requirements.txt":
        command.append("--generate-hashes")
    for name in target.left_out:
        command += ["--no-emit-package", name]
    if target.index is not None:
        # A folder with the very wheels stands for an index that cannot be reached.
        found = os.environ.get("PHI3STUDIO_TORCH_WHEELS")
        command += ["--find-links", found] if found else ["--index", target.index]
        command += ["--index-strategy", "unsafe-best-match"]
    # Apple's wheels name the oldest macOS that they run on.
    environment = os.environ | {"UV_NO_CONFIG": "1", "MACOSX_DEPLOYMENT_TARGET": "14.0"}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"Error: {target.name} cannot be resolved.\n{done.stderr.strip()}")


def chosen_wheels(
    pylock: dict[str, Any], lock: dict[str, tuple[str, list[str]]]
) -> list[dict[str, Any]]:
    """Of each locked package the wheel that is installed, as pylock.toml describes it."""
    return [
        package["wheels"][0] for package in pylock["packages"] if canonical(package["name"]) in lock
    ]


def wheel_bytes(wheel: dict[str, Any]) -> int:
    """The size of a wheel: PyPI says it in its index, PyTorch's own index does not."""
    if "size" in wheel:
        return int(wheel["size"])
    answer = requests.head(wheel["url"], allow_redirects=True, timeout=60)
    answer.raise_for_status()
    return int(answer.headers["Content-Length"])


def unpacked_bytes(url: str, size: int) -> int:
    """What a wheel takes when it is unpacked: read from its directory, at its end."""
    with zipfile.ZipFile(io.BufferedReader(_Remote(url, size), 65536)) as archive:
        return sum(entry.file_size for entry in archive.infolist())


class _Remote(io.RawIOBase):
    """A file on a server, read in pieces; *size* in bytes."""

    def __init__(self, url: str, size: int) -> None:
        self._url, self._size, self._at = url, size, 0
        self._session = requests.Session()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + {0: 0, 1: self._at, 2: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        last = min(self._size, self._at + len(buffer)) - 1
        if last < self._at:
            return 0
        answer = self._session.get(
            self._url, headers={"Range": f"bytes={self._at}-{last}"}, timeout=60
        )
        answer.raise_for_status()
        count = last + 1 - self._at
        if answer.status_code != 206 or len(answer.content) != count:
            raise OSError(f"{self._url}: the server does not give parts of files")
        buffer[:count] = answer.content
        self._at += count
        return count


# --- checked --------------------------------------------------------------------------------------


def wanted(target: Target) -> list[Requirement]:
    """What pyproject.toml asks for, of *target*'s flavour and system."""
    system = {"linux": "linux", "windows": "win32", "apple": "darwin"}
    (found,) = {name for part, name in system.items() if part in target.platform}
    needs = map(Requirement, requirements(target.extra))
    return [n for n in needs if n.marker is None or n.marker.evaluate({"sys_platform": found})]


def problems(target: Target) -> list[str]:
    """What does not fit: names and bounds of pyproject.toml, pins of the constraints, hashes."""
    try:
        lock = read_lock(target.file.read_text("utf-8"))
    except OSError:
        return [f"{target.file.name} is missing"]
    found = []
    for need in wanted(target):
        name = canonical(need.name)
        if name in target.left_out:
            continue
        if name not in lock:
            found.append(f"{need.name} is not in it")
        elif not need.specifier.contains(lock[name][0].partition("+")[0], prereleases=True):
            found.append(f"{need.name} {lock[name][0]} does not fit {need.specifier}")
    if lock.get("torch", ("",))[0] != target.torch:
        found.append(f"torch is {lock.get('torch', ('absent',))[0]} instead of {target.torch}")
    for name, (version, hashes) in lock.items():
        if not hashes:
            found.append(f"{name} has no hash")
        pinned = constraints().get(name, version)
        if name != "torch" and pinned != version:
            found.append(f"{name} is {version} here and {pinned} in the constraints")
    return found


def constraints() -> dict[str, str]:
    """Name → version of ``constraints/base.txt``."""
    text = (CONSTRAINTS / "base.txt").read_text("utf-8")
    return {canonical(name): version for name, version in _NAME.findall(text)}


def main(arguments: list[str]) -> int:
    """See the module's text."""
    parser = argparse.ArgumentParser(description="Make or check the lock files.")
    parser.add_argument("--check", action="store_true", help="only look whether they fit")
    parser.add_argument("names", nargs="*", metavar="NAME", help="all that can be made")
    options = parser.parse_args(arguments)
    known = {target.name: target for target in TARGETS}
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"{unknown[0]}: the lock files are {', '.join(known)}")
    chosen = [known[name] for name in options.names] or list(TARGETS)
    code = 0
    for target in chosen:
        if options.check:
            if target.at_release and not target.file.is_file():
                continue
            for problem in problems(target):
                print(f"{target.name}: {problem}")
                code = 1
            continue
        make(target)
        print(
            f"{target.file.relative_to(ROOT)}: {len(read_lock(target.file.read_text()))} packages"
        )
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
