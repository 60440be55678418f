"""``Phi3Studio-Setup-<flavour>.exe`` from a bundle, by makensis: on Windows, or Debian's."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from installers.icons import ICO
from installers.product import (
    MIME_TYPE,
    NAME,
    PUBLISHER,
    RECIPE_SUFFIX,
    ROOT,
    SLUG,
    BuildError,
    Product,
    read_product,
)
from installers.tools import need, run, tree_bytes

HERE = Path(__file__).resolve().parent
SCRIPT = HERE / "phi3studio.nsi"
PROGRAM = "phi3studiow.exe"
"""The program without a terminal; ``phi3studio.exe`` next to it is the same for commands."""
LARGEST = 2_000_000_000
"""NSIS addresses its data with 31 bits."""


def build(bundle: Path, out: Path, flavour: str, *, product: Product | None = None) -> Path:
    """Pack *bundle* (the folder with the program) into *out*; returns the installer's path.

    Raises :class:`BuildError` when makensis is missing or fails, or the bundle is no Windows one.
    """
    product = product or read_product()
    if not (bundle / PROGRAM).is_file():
        raise BuildError(f"{bundle} holds no {PROGRAM}: the bundle has to be built on Windows.")
    if tree_bytes(bundle) > LARGEST:
        raise BuildError(f"{bundle} is larger than 2 GB, which NSIS cannot pack.")
    makensis = find_makensis()
    out.mkdir(parents=True, exist_ok=True)
    installer = (out / f"Phi3Studio-Setup-{flavour}.exe").resolve()
    with tempfile.TemporaryDirectory(prefix="phi3studio-nsis-") as name:
        lists = Path(name)
        files, remove = listing(bundle)
        # A byte order mark tells makensis that it is UTF-8.
        (lists / "files.nsh").write_text(files, "utf-8-sig")
        (lists / "remove.nsh").write_text(remove, "utf-8-sig")
        licence = lists / "licence.txt"
        licence.write_text((ROOT / "LICENSE").read_text("utf-8"), "utf-8-sig", newline="\r\n")
        defines = {
            "NAME": NAME,
            "SLUG": SLUG,
            "VERSION": product.version,
            "VERSION4": version4(product.version),
            "PUBLISHER": PUBLISHER,
            "URL": homepage(),
            "PROGRAM": PROGRAM,
            "MIME": MIME_TYPE,
            "SUFFIX": RECIPE_SUFFIX,
            "SIZE_KB": str(tree_bytes(bundle) // 1024),
            "ICON": str(ICO),
            "LICENCE": str(licence),
            "LISTS": name,
            "OUT": str(installer),
            "COMPRESSOR": os.environ.get("PHI3STUDIO_NSIS_COMPRESSOR", "/SOLID lzma"),
        }
        flags = [f"-D{key}={value}" for key, value in defines.items()]
        run(
            [makensis, "-V2", "-WX", "-INPUTCHARSET", "UTF8", *flags, SCRIPT],
            environment=product.environment(),
        )
    return installer


def find_makensis() -> str:
    """The compiler of NSIS; raises :class:`BuildError` with what to install."""
    for folder in (None, r"C:\Program Files (x86)\NSIS", r"C:\Program Files\NSIS"):
        found = shutil.which("makensis", path=folder)
        if found is not None:
            return found
    if sys.platform == "linux":
        need("makensis")
        return "makensis"
    raise BuildError("NSIS is missing: install it from https://nsis.sourceforge.io/.")


def listing(bundle: Path) -> tuple[str, str]:
    """What is installed and what is removed, as commands of NSIS.

    The uninstaller removes the folders and files that this version brought, by name, and never
    the folder that the user chose with all that may lie in it.
    """
    files, remove = [], []
    for item in sorted(bundle.iterdir()):
        if item.is_dir():
            files.append(f'SetOutPath "$INSTDIR\\{item.name}"')
            files.append(f'File /r "{item.resolve()}{os.sep}*.*"')
            remove.append(f'RMDir /r "$INSTDIR\\{item.name}"')
        else:
            files.append('SetOutPath "$INSTDIR"')
            files.append(f'File "{item.resolve()}"')
            remove.append(f'Delete "$INSTDIR\\{item.name}"')
    return "\n".join(files) + "\n", "\n".join(remove) + "\n"


def version4(version: str) -> str:
    """Windows' form of a version: four numbers."""
    numbers = [part for part in version.split(".") if part.isdigit()]
    return ".".join([*numbers, "0", "0", "0", "0"][:4])


def homepage() -> str:
    """The project's page, from the one place that names it."""
    from phi3studio.app.release import REPOSITORY

    return REPOSITORY
