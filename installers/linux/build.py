"""Everything that Linux gets: package, tarball, AppImage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from installers.environment import build_environment
from installers.linux.archives import make_appimage, make_tarball
from installers.linux.deb import make_deb
from installers.product import Product
from installers.tools import Step, need


def build(
    bundle: Path, out: Path, flavour: str, product: Product, only: Sequence[str]
) -> tuple[list[Path], list[str]]:
    """Build what this system can from *bundle*; returns the files, and what is lacking of them.

    *only*: the kinds that are wanted, of ``deb``, ``tarball`` and ``appimage``.
    """
    python = build_environment(flavour)
    files: list[Path] = []
    lacking: list[str] = []
    if "deb" in only:
        need("dpkg-deb", "zstd")
        with Step(".deb"):
            files.append(make_deb(bundle, out, product, python))
    if "tarball" in only:
        need("tar", "zstd")
        with Step("tarball"):
            files.append(make_tarball(bundle, out, product, python))
    if "appimage" in only:
        need("mksquashfs")
        with Step("AppImage"):
            file, missing = make_appimage(bundle, out, product, python)
        files.append(file)
        if missing:
            lacking.append(f"AppImage: {missing}")
    return files, lacking
