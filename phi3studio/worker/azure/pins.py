"""The packages of a job's environment, each with its version, from the project's own pins."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from phi3studio.app.about import installed_version
from phi3studio.app.advice import repair
from phi3studio.domain.errors import RunError
from phi3studio.resources import resources

PYTHON = "3.11"
# The window and the command line stay at home.
_NOT_IN_JOB = frozenset({"pyside6", "qasync", "pyqtgraph", "typer", "keyring"})
_LINUX = {
    "python_version": PYTHON,
    "python_full_version": f"{PYTHON}.0",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "os_name": "posix",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
}
_PIN = re.compile(r"^\s*([A-Za-z0-9_.-]+)\s*==\s*([^\s;#]+)", re.MULTILINE)


def job_requirements(flavour: str, extras: tuple[str, ...] = ()) -> list[str]:
    """``name==version`` of every package that a job needs, sorted by name.

    *flavour* is the ONNX Runtime flavour (``cpu`` or ``cuda``), *extras* are further package
    names. Versions are those of ``installers/constraints`` where this is a source tree, else of
    the installed packages. Raises :class:`RunError` where neither has one.
    """
    pins = _constraints(flavour)
    found: dict[str, str] = {}
    waiting = [*_roots(flavour), *(Requirement(name) for name in extras)]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found or name in _NOT_IN_JOB:
            continue
        # Local builds (2.13.0+cpu) are nowhere else.
        here = (installed_version(name) or "").partition("+")[0]
        version = pins.get(name) or _exact(requirement) or here
        if version is None:
            # Other flavours' own dependencies are not installed here; pip resolves them.
            if requirement.specifier:
                found[name] = str(requirement.specifier)
                continue
            advice = repair("--azure --fresh doctor")
            raise RunError("azure.no_pin", package=requirement.name, repair=advice)
        extras_of = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
        found[name] = f"{extras_of}=={version}"
        waiting += _needs(name, requirement.extras)
    return sorted(f"{name}{version}" for name, version in found.items())


def _roots(flavour: str) -> Iterator[Requirement]:
    """Our own requirements, with those of the flavour: of the source tree, or as installed."""
    project = resources().parent / "pyproject.toml"
    if project.is_file():
        said = tomllib.loads(project.read_text("utf-8"))
        lines = said["project"]["dependencies"]
        if flavour != "cpu":
            lines = [line for line in lines if not line.startswith("onnxruntime")]
            lines += said["dependency-groups"][flavour]
        yield from _on_linux(lines)
        return
    try:
        lines = importlib.metadata.requires("phi3studio") or []
    except importlib.metadata.PackageNotFoundError as exc:
        advice = repair("--azure --fresh doctor")
        raise RunError("azure.not_installed", repair=advice) from exc
    yield from _on_linux(lines, flavour)


def _on_linux(lines: Iterable[str], *extras: str) -> Iterator[Requirement]:
    """The requirements that hold on the job's system, without an extra or with one of *extras*."""
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        wanted = ["", *extras]
        if marker is None or any(marker.evaluate({**_LINUX, "extra": one}) for one in wanted):
            yield requirement


def _needs(name: str, extras: set[str]) -> Iterator[Requirement]:
    """What an installed package needs on the job's system."""
    try:
        lines = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return
    yield from _on_linux(lines, *sorted(extras))


def _exact(requirement: Requirement) -> str | None:
    """The version of a requirement that allows only one."""
    only = list(requirement.specifier)
    if len(only) == 1 and only[0].operator == "==" and not only[0].version.endswith("*"):
        return only[0].version
    return None


def _constraints(flavour: str) -> Mapping[str, str]:
    """The versions of ``installers/constraints``; empty where there is no source tree."""
    folder = resources().parent / "installers" / "constraints"
    pins: dict[str, str] = {}
    for file in (folder / "base.txt", folder / f"{flavour}.txt"):
        if file.is_file():
            found = _PIN.findall(file.read_text("utf-8"))
            pins |= {canonicalize_name(name): version for name, version in found}
    return pins
