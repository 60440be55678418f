"""Everything that Linux gets: package, tarball, AppImage."""

from __future__ import annotations

from pathlib import Path

from installers.environment import build_environment
from installers.linux.archives import make_appimage, make_tarball
from installers.linux.deb import make_deb
from installers.product import Product
from installers.tools import Step, need

TOOLS = ("readelf", "strip", "tar", "zstd")


def build(bundle: Path, out: Path, flavour: str, product: Product) -> tuple[list[Path], list[str]]:
    """Build what this system can from *bundle*; returns the files, and what is lacking of them."""
    python = build_environment(flavour)
    files: list[Path] = []
    lacking: list[str] = []
    need("dpkg-deb", "zstd")
    with Step(".deb"):
        files.append(make_deb(bundle, out, product, python))
    with Step("tarball"):
        files.append(make_tarball(bundle, out, product, python))
    need("mksquashfs")
    with Step("AppImage"):
        file, missing = make_appimage(bundle, out, product, python)
    files.append(file)
    if missing:
        lacking.append(f"AppImage: {missing}")
    return files, lacking
