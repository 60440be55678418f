"""Which interpreter a worker or service is started with: the program's own, or a pack's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from phi3studio.app.paths import Home
from phi3studio.app.program import program
from phi3studio.domain.recipe import Recipe
from phi3studio.resources import RESOURCES_VARIABLE, resources
from phi3studio.runtime_pack.damage import quick_damage
from phi3studio.runtime_pack.installed import bundled, found_pack, library_environment, python_works
from phi3studio.runtime_pack.pack_files import pack_state, wants_cuda
from phi3studio.runtime_pack.place import PackPlace, PackSource, pack_source

BROKEN_VARIABLE = "PHI3STUDIO_RUNTIME_BROKEN"
"""Tells a worker that it runs without the pack that was meant for it, and why."""

SERVICES = frozenset({"chat", "evaluator", "gguf", "probe", "estimator"})
"""The services that use a GPU where they have one."""


@dataclass(frozen=True)
class Runtime:
    """What a process of the program is started with.

    ``place`` of a pack, or ``None`` for the program itself; ``app``: the folder that a pack's
    Python imports the program from; ``broken``: what is wrong with the pack that would have been
    used.
    """

    place: PackPlace | None = None
    app: Path | None = None
    broken: str = ""

    @property
    def python(self) -> Path | None:
        """The pack's interpreter."""
        return self.place.python if self.place is not None else None

    def program(self, *arguments: str) -> list[str]:
        """The command line of a process."""
        if self.python is None:
            return program(*arguments)
        return [str(self.python), "-P", "-m", "phi3studio", *arguments]

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of a process; *base* is what it would be without a pack."""
        environment = dict(os.environ if base is None else base)
        environment.pop(BROKEN_VARIABLE, None)
        if self.broken:
            environment[BROKEN_VARIABLE] = self.broken
        if self.place is None:
            return environment
        # It is another Python, with places of its own.
        for name in ("PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"):
            environment.pop(name, None)
        environment["PYTHONPATH"] = str(self.app)
        environment["PYTHONNOUSERSITE"] = "1"
        # Nothing is imported from the folder that the program happened to be started in.
        environment["PYTHONSAFEPATH"] = "1"
        # The program's folder may be read-only.
        environment["PYTHONPYCACHEPREFIX"] = str(self.place.home.cache / "pycache")
        environment[RESOURCES_VARIABLE] = str(resources())
        return library_environment(self.place, environment)


def runtime_for(recipe: Recipe, home: Home) -> Runtime:
    """What the worker of *recipe* is started with."""
    return _cuda(home) if wants_cuda(recipe) else Runtime()


def runtime_for_service(name: str, home: Home) -> Runtime:
    """What the service *name* is started with."""
    return _cuda(home) if name in SERVICES else Runtime()


def _cuda(home: Home) -> Runtime:
    # Most homes have none: no lock file is read for that.
    if not (home.root / "runtime" / "cuda").is_dir() or bundled():
        return Runtime()
    source = pack_source("cuda")
    return Runtime() if source is None else pack_runtime(home, source)


def pack_runtime(home: Home, source: PackSource) -> Runtime:
    """The pack of *source*, or an older one that still runs; without, the program itself."""
    place, record = found_pack(home, source)
    if record is None:
        return Runtime()
    damage = quick_damage(place)
    state = pack_state(record, source.id, damage)
    if state == "unusable":
        return Runtime(broken="it was made for another version of Phi-3 Studio")
    if state == "broken":
        return Runtime(broken=damage)
    if not python_works(place.python):
        return Runtime(broken="its Python does not start")
    return Runtime(place, source.app)
