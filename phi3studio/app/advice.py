"""How this installation of the program is repaired, where a part is missing or broken."""

from __future__ import annotations

from phi3studio.app import frozen
from phi3studio.domain.messages import Phrase
from phi3studio.resources import resources

_SCRIPT = "installers/bootstrap.py"
WITH_AZURE = f"python3 {_SCRIPT} --azure app"
"""The command that starts the source with what jobs in Azure ML need."""


def is_installed_app() -> bool:
    """Whether this is the installed app, which is closed: nothing can be added to it.

    The Python of a runtime pack runs the app's code too; a build leaves its mark next to it.
    """
    return frozen.bundle() is not None or (resources() / "build.json").is_file()


def from_source() -> bool:
    """Whether the program runs in its source tree, where the set-up script is."""
    return not is_installed_app() and (resources().parent / _SCRIPT).is_file()


def repair(options: str = "--fresh doctor") -> Phrase:
    """How this very installation is repaired, for the value of a message.

    *options* go to the set-up script of the source tree.
    """
    if is_installed_app():
        return Phrase("app.repair", variant="installed_app")
    if from_source():
        return Phrase("app.repair", variant="source", command=f"python3 {_SCRIPT} {options}")
    return Phrase("app.repair")
