"""What mends this installation of the program: said where a part of it is missing or broken."""

from __future__ import annotations

from phi3studio.app import frozen
from phi3studio.app.paths import resources
from phi3studio.app.release import REPOSITORY

_SCRIPT = "installers/bootstrap.py"
WITH_AZURE = f"python3 {_SCRIPT} --azure app"
"""The command that starts the source with what jobs in Azure ML need."""


def is_installed_app() -> bool:
    """Whether this is the installed app, which is closed: nothing can be added to it.

    The Python of a runtime pack runs the app's code too; a build leaves its mark beside it.
    """
    return frozen.bundle() is not None or (resources() / "build.json").is_file()


def from_source() -> bool:
    """Whether the program runs in its source tree, where the set-up script is."""
    return not is_installed_app() and (resources().parent / _SCRIPT).is_file()


def how_to_repair(options: str = "--fresh doctor") -> str:
    """A sentence: how this very installation is made whole again.

    *options* go to the set-up script of the source tree.
    """
    if is_installed_app():
        return "Install Phi-3 Studio again; your runs, models and settings stay."
    if from_source():
        return f"Set the environment up anew: python3 {_SCRIPT} {options}."
    return "Install the package phi3studio again with pip."


def source_with_azure() -> str:
    """A sentence: how jobs in Azure ML are started by one who has the installed app."""
    return f"Get the source from {REPOSITORY} and start it: {WITH_AZURE}. It shows the same runs."
