"""Whether Azure's packages (the extra ``azure``) are here: found out without importing them."""

from __future__ import annotations

import importlib.metadata
import sys

from phi3studio.domain.errors import InputError

PACKAGES = ("azure-ai-ml", "azure-identity", "azure-storage-blob", "azure-keyvault-secrets")


def has_azure() -> bool:
    """Whether all of them are installed in this program's environment."""
    try:
        for name in PACKAGES:
            importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def no_azure() -> InputError:
    """They are not here, and how to get them."""
    return InputError(
        "azure.no_sdk",
        "Azure's packages are not installed.",
        f"Install them: {how_to_install()} (in the source tree: pip install -e '.[azure]').",
    )


def how_to_install() -> str:
    """The command that installs them, for a person to copy."""
    if getattr(sys, "frozen", False):
        # The installed app is closed: its source has them as an option.
        return "python3 installers/bootstrap.py --azure app"
    return f'"{sys.executable}" -m pip install {" ".join(PACKAGES)}'
