"""The tarball, for any Linux, and the AppImage: one file that runs where it lies."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from installers.linux.appimage_runtime import find_runtime
from installers.linux.files import ICON_SIZES, write_share
from installers.product import APP_ID, BUILD, NAME, SLUG, Product
from installers.tools import run, say

_START = f"""#!/bin/sh
# Starts {NAME} from where this folder lies.
program="$(dirname "$(readlink -f "$0")")/usr/lib/{SLUG}/{SLUG}"
# Runs go on without the window, and need this folder. Mounted from an AppImage it stays for as long
# as a process holds what it inherited from the runtime: this loop does, until the last run ended.
if [ -n "$APPIMAGE" ]; then
    (
        sleep 2
        while ls -l /proc/[0-9]*/exe 2>/dev/null | grep -qF -- "-> $program"; do sleep 2; done
    ) </dev/null >/dev/null 2>&1 &
fi
exec "$program" "$@"
"""
_README = """@NAME@ @VERSION@

Start it: ./phi3studio/phi3studio (a double click opens the window); commands: --help.
Nothing has to be installed, and nothing is written into this folder.
For a menu entry copy share/ to ~/.local/share and put a link to the program into a folder of
your PATH. To remove it, delete this folder; your runs, models and settings are in
~/.local/share/phi3studio and stay.
"""


def make_tarball(bundle: Path, out: Path, product: Product, python: Path) -> Path:
    """Pack *bundle* as ``phi3studio-<version>-linux-<machine>.tar.zst``; returns the file."""
    name = f"{SLUG}-{product.version}"
    root = BUILD / "tarball"
    shutil.rmtree(root, ignore_errors=True)
    top = root / name
    top.mkdir(parents=True)
    shutil.copytree(bundle, top / SLUG, symlinks=True, copy_function=os.link)
    write_share(top / "share", product, python, SLUG)
    text = _README.replace("@NAME@", NAME).replace("@VERSION@", product.version)
    (top / "README.txt").write_text(text, "utf-8")
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"{name}-linux-{product.machine}.tar.zst"
    run(
        [
            "tar", "--create", "--file", file, "--use-compress-program", "zstd -T0 -9 -q",
            "--sort=name", f"--mtime=@{product.epoch}", "--owner=0", "--group=0",
            "--numeric-owner", "--mode=go-w", "--format=gnu", "--directory", root, name,
        ],
        environment=product.environment(),
    )  # fmt: skip
    return file


def make_app_dir(bundle: Path, product: Product, python: Path) -> Path:
    """Lay out the AppDir that becomes the AppImage; returns its folder."""
    folder = BUILD / f"{SLUG}.AppDir"
    shutil.rmtree(folder, ignore_errors=True)
    library = folder / "usr" / "lib" / SLUG
    library.parent.mkdir(parents=True)
    shutil.copytree(bundle, library, symlinks=True, copy_function=os.link)
    share = folder / "usr" / "share"
    write_share(share, product, python, SLUG)
    # An AppImage looks for its metadata under the older name too.
    shutil.copyfile(
        share / "metainfo" / f"{APP_ID}.metainfo.xml",
        share / "metainfo" / f"{SLUG}.appdata.xml",
    )
    start = folder / "AppRun"
    start.write_text(_START, "utf-8")
    start.chmod(0o755)
    shutil.copyfile(share / "applications" / f"{SLUG}.desktop", folder / f"{SLUG}.desktop")
    largest = f"{max(ICON_SIZES)}x{max(ICON_SIZES)}"
    shutil.copyfile(
        share / "icons" / "hicolor" / largest / "apps" / f"{SLUG}.png", folder / f"{SLUG}.png"
    )
    (folder / ".DirIcon").symlink_to(f"{SLUG}.png")
    return folder


def make_appimage(bundle: Path, out: Path, product: Product, python: Path) -> tuple[Path, str]:
    """Make the AppImage; returns the file and what is missing of it, if anything.

    An AppImage is a small program, its runtime, with the folder packed behind it. Where the
    runtime cannot be had, the packed folder alone is made.
    """
    runtime, reason = find_runtime(product.machine)
    folder = make_app_dir(bundle, product, python)
    out.mkdir(parents=True, exist_ok=True)
    stem = f"{SLUG}-{product.version}-{product.machine}"
    packed = out / f"{stem}.squashfs"
    file = out / f"{stem}.AppImage"
    for old in (packed, file):
        old.unlink(missing_ok=True)
    run(
        [
            "mksquashfs", folder, packed, "-all-root", "-noappend", "-no-progress", "-quiet",
            "-comp", "zstd", "-Xcompression-level", "9", "-b", "256K", "-no-xattrs",
        ],
        environment=product.environment(),
    )  # fmt: skip
    if runtime is None:
        return packed, reason
    with file.open("wb") as target:
        target.write(runtime.read_bytes())
        with packed.open("rb") as source:
            shutil.copyfileobj(source, target, 16 * 1024 * 1024)
    file.chmod(0o755)
    packed.unlink()
    say(f"  runtime: {runtime}")
    return file, ""
