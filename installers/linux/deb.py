"""The Debian package: the bundle below ``/opt``, a command, a menu entry, a file type."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from installers.bundle.libraries import binaries, from_system, newest_glibc
from installers.linux.files import maintainer, write_documents, write_share
from installers.product import BUILD, NAME, SLUG, BuildError, Product
from installers.tools import run

PREFIX = Path("opt") / SLUG
# 3 is quicker and 7 % larger, 19 would need minutes.
LEVEL = 12
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# Loaded by name at run time, so no file names them: fonts, without which a window is empty, and
# what Qt needs to draw through OpenGL.
_ALSO = ("fontconfig-config", "fonts-dejavu-core | fonts-freefont-ttf | fonts-noto-core")
_RECOMMENDED = ("xdg-utils", "desktop-file-utils", "shared-mime-info")
# The libraries that a bundle takes from the system, because they belong to its graphics driver or
# its C library, and the packages that bring them.
_SYSTEM = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libxcb.so.1": "libxcb1",
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libwayland-egl.so.1": "libwayland-egl1",
}
_GLIBC = re.compile(r"(ld-linux.*|lib(c|dl|m|pthread|resolv|rt|util))\.so\.\d+")


def make_deb(bundle: Path, out: Path, product: Product, python: Path) -> Path:
    """Pack *bundle* as ``phi3studio_<version>_<architecture>.deb`` into *out*; returns the file.

    The same bundle and commit give the same bytes. Raises :class:`BuildError`.
    """
    architecture = _ARCHITECTURES.get(platform.machine().lower())
    if architecture is None:
        raise BuildError(f"No Debian package is made for processors of type {platform.machine()}.")
    root = BUILD / "deb"
    shutil.rmtree(root, ignore_errors=True)
    place = root / PREFIX
    place.parent.mkdir(parents=True)
    # Links instead of copies: a gigabyte less to write.
    shutil.copytree(bundle, place, symlinks=True, copy_function=os.link)
    share = root / "usr" / "share"
    write_share(share, product, python, f"/{PREFIX}/{SLUG}")
    write_documents(share, product)
    overrides = share / "lintian" / "overrides" / SLUG
    overrides.parent.mkdir(parents=True)
    shutil.copyfile(Path(__file__).with_name("lintian-overrides"), overrides)
    command = root / "usr" / "bin" / SLUG
    command.parent.mkdir(parents=True)
    command.symlink_to(f"/{PREFIX}/{SLUG}")
    _describe(root, product, architecture, depends(bundle))
    _settle(root, product.epoch)
    file = out / f"{SLUG}_{product.version}_{architecture}.deb"
    out.mkdir(parents=True, exist_ok=True)
    run(
        ["dpkg-deb", "--root-owner-group", "-Zzstd", f"-z{LEVEL}", "--build", root, file],
        environment=product.environment(),
    )
    return file


def depends(bundle: Path) -> list[str]:
    """The packages that the bundle's files need of the system, by what they load.

    Raises :class:`BuildError` for a library that is neither in the bundle nor known to be a part
    of the system: the program would not start elsewhere.
    """
    found = binaries(bundle)
    wanted = {name for name in from_system(found) if not _GLIBC.fullmatch(name)}
    strange = sorted(wanted - _SYSTEM.keys())
    if strange:
        raise BuildError(
            f"The bundle loads {', '.join(strange)}, which is not in it. Take it into the bundle, "
            "leave out what needs it, or say in installers/linux/deb.py which package brings it."
        )
    named = sorted(_SYSTEM[name] for name in wanted)
    return [f"libc6 (>= {newest_glibc(found)})", *named, *_ALSO]


def control(product: Product, architecture: str, needs: Iterable[str], installed_bytes: int) -> str:
    """The package's control file."""
    return (
        f"Package: {SLUG}\n"
        f"Version: {product.version}\n"
        f"Architecture: {architecture}\n"
        f"Maintainer: {maintainer()}\n"
        f"Installed-Size: {-(-installed_bytes // 1024)}\n"
        f"Depends: {', '.join(needs)}\n"
        f"Recommends: {', '.join(_RECOMMENDED)}\n"
        "Section: science\n"
        "Priority: optional\n"
        "Description: fine-tune small language models on your own computer\n"
        f" {NAME} takes a data file to an int4 ONNX model that answers. It\n"
        " shows what the model will see, trains an adapter with Microsoft Olive in\n"
        " the background, exports the model and proves on rows held out that the\n"
        " export is as good as what was trained.\n"
        " .\n"
        " No cloud, no account, no GPU needed; nothing leaves the computer. A small\n"
        " model and sample data come with it, so the first fine-tune works offline.\n"
    )


def _describe(root: Path, product: Product, architecture: str, needs: list[str]) -> None:
    """Write ``DEBIAN/control`` and the list of hashes."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    lines = []
    for file in files:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "md5").hexdigest()
        lines.append(f"{digest}  {file.relative_to(root)}\n")
    size = sum(file.stat().st_size for file in files)
    folder = root / "DEBIAN"
    folder.mkdir()
    (folder / "control").write_text(control(product, architecture, needs, size), "utf-8")
    (folder / "md5sums").write_text("".join(lines), "utf-8")


def _settle(root: Path, epoch: int) -> None:
    """One date for all, and plain rights for what is not of the bundle, which has its own."""
    bundle = root / PREFIX
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink() and not path.is_relative_to(bundle):
            path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)
