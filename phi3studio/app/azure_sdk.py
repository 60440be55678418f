"""Whether Azure's packages (the extra ``azure``) are here: found out without importing them."""

from __future__ import annotations

import sys
from importlib.metadata import Distribution

from phi3studio.app.advice import WITH_AZURE, from_source, is_installed_app
from phi3studio.app.release import REPOSITORY
from phi3studio.domain.errors import InputError

PACKAGES = ("azure-ai-ml", "azure-identity", "azure-storage-blob", "azure-keyvault-secrets")


def has_azure() -> bool:
    """Whether all of them are installed in this program's environment."""
    # Only found: to read their versions as well takes longer than to draw the page that asks.
    return all(any(Distribution.discover(name=name)) for name in PACKAGES)


def no_azure() -> InputError:
    """They are not here, and how to get them."""
    command = install_command()
    if command is None:
        return InputError(
            "azure.no_sdk", variant="installed_app", repository=REPOSITORY, command=WITH_AZURE
        )
    return InputError("azure.no_sdk", variant="source" if from_source() else "", command=command)


def install_command() -> str | None:
    """The command that installs them, for a person to copy; ``None`` in the installed app, which
    is closed."""
    if is_installed_app():
        return None
    return f'"{sys.executable}" -m pip install {" ".join(PACKAGES)}'
