#!/usr/bin/env python3
"""Build the installers that this system can build.

    python3 installers/build.py linux          .deb, tarball, AppImage
    python3 installers/build.py windows        setup program (the bundle itself needs Windows)
    python3 installers/build.py macos          disk image (needs macOS)
    python3 installers/build.py all-here       whatever can be built here
    python3 installers/build.py bundle         the program's folder alone
    python3 installers/build.py verify-linux   the .deb in a bare Debian, without a network
    python3 installers/build.py reproduce      the .deb twice, in two folders: the same bytes?

Files go to ``dist/``, what they are made of to ``.build/``. Exit code 0: done; 1: a tool failed, a
check did not hold, or, with ``--complete``, something could not be finished here; 2: this system
cannot build it. Standard library only; each platform has a module of its own,
``installers/<platform>/build.py``, with ``build(bundle, out, flavour, product)``.
"""

from __future__ import annotations

import argparse
import importlib
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from installers.product import BUILD, DIST, ROOT, SLUG, BuildError, Product, read_product
from installers.tools import Step, need, say, sha256, tree_bytes

HERE = {"Linux": "linux", "Windows": "windows", "Darwin": "macos"}.get(platform.system(), "")
PLATFORMS = ("linux", "windows", "macos")
WHAT = (*PLATFORMS, "all-here", "bundle", "verify-linux", "reproduce")
KINDS = ("deb", "tarball", "appimage")


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line; ends the process with 2 for one that is not understood."""
    parser = argparse.ArgumentParser(description="Build the installers of Phi-3 Studio.")
    parser.add_argument("what", choices=WHAT)
    parser.add_argument(
        "--flavour", choices=("cpu", "directml"), default="cpu", help="flavour of ONNX Runtime"
    )
    parser.add_argument(
        "--keep-bundle", action="store_true", help="pack the bundle that an earlier build left"
    )
    parser.add_argument(
        "--only",
        choices=KINDS,
        action="append",
        help="of Linux's files only this (repeatable); verify-linux: deb leaves out the rest",
    )
    parser.add_argument(
        "--complete", action="store_true", help="fail when something cannot be finished here"
    )
    parser.add_argument("--out", type=Path, default=DIST, help="folder for the installers")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Build what was asked for; returns the exit code, see the module's text."""
    options = parse(arguments)
    began = time.monotonic()
    try:
        product = read_product()
        if options.what in ("verify-linux", "reproduce") and HERE != "linux":
            raise BuildError(f"{options.what} needs Linux; this is {platform.system()}.")
        if options.what == "verify-linux":
            from installers.linux.verify import verify

            code = verify(options.out, product, deb_alone=options.only == ["deb"])
        elif options.what == "reproduce":
            from installers.linux.reproduce import reproduce

            code = reproduce(options.out, product)
        else:
            code = build(options, product)
    except BuildError as exc:
        say(f"Error: {exc}")
        return 1
    parts = ", ".join(f"{title} {seconds:.0f} s" for title, seconds in Step.took)
    say(f"Took {time.monotonic() - began:.0f} s{f': {parts}' if parts else ''}.")
    return code


def build(options: argparse.Namespace, product: Product) -> int:
    """Build the bundle, then the installers; prints sizes, hashes, and what cannot be built."""
    what, flavour, out = options.what, options.flavour, options.out
    wanted = [HERE] if what in ("all-here", "bundle") else [what]
    if what != "bundle" and flavour == "directml" and wanted != ["windows"]:
        raise BuildError("The directml flavour exists on Windows only.")
    if wanted != [HERE]:
        say(f"{what}: cannot be built on {platform.system()}. {why_not(what)}")
        return 2
    if what == "all-here":
        for name in PLATFORMS:
            if name != HERE:
                say(f"{name}: not built here. {why_not(name)}")
    bundle = existing_bundle(flavour) if options.keep_bundle else new_bundle(product, flavour)
    if what == "bundle":
        print(f"{bundle}  {tree_bytes(bundle) / 1e6:.0f} MB")
        return 0
    files, lacking = installers(HERE, bundle, out, flavour, product, options.only)
    report(files, bundle)
    for text in lacking:
        say(f"Not finished: {text}.")
    return 1 if lacking and options.complete else 0


def new_bundle(product: Product, flavour: str) -> Path:
    """Make the bundle; what the system has to bring is looked for first."""
    from installers.bundle.libraries import OF_QT, OF_WORKERS
    from installers.bundle.make import make_bundle

    if HERE == "linux":
        need("readelf", "strip", libraries=OF_QT | OF_WORKERS)
    return make_bundle(product, flavour)


def existing_bundle(flavour: str) -> Path:
    """The bundle of an earlier build."""
    folder = BUILD / f"bundle-{flavour}" / SLUG
    if not folder.is_dir():
        raise BuildError(f"There is no bundle in {folder}: build without --keep-bundle.")
    return folder


def installers(
    name: str,
    bundle: Path,
    out: Path,
    flavour: str,
    product: Product,
    only: Sequence[str] | None = None,
) -> tuple[list[Path], list[str]]:
    """Call the platform's module; returns its files, and what it says is lacking."""
    module = importlib.import_module(f"installers.{name}.build")
    if name != "linux":
        return [module.build(bundle, out, flavour, product=product)], []
    files, lacking = module.build(bundle, out, flavour, product, only or KINDS)
    return files, lacking


def report(files: list[Path], bundle: Path) -> None:
    """Print what was made: size, hash, name; the same is kept in ``SHA256SUMS``."""
    print(f"installed  {tree_bytes(bundle) / 1e6:7.1f} MB")
    lines = []
    for file in files:
        digest = sha256(file)
        lines.append(f"{digest}  {file.name}\n")
        print(f"{file.stat().st_size / 1e6:9.1f} MB  {digest}  {_shown(file)}")
    if files:
        (files[0].parent / "SHA256SUMS").write_text("".join(sorted(lines)), "utf-8")


def why_not(name: str) -> str:
    """Why the installer of another platform cannot be built here."""
    return {
        "linux": "The bundle holds Linux libraries: build it on Linux, or let release.yml do it.",
        "windows": "PyInstaller builds for the system it runs on: the setup program needs Windows, "
        "or release.yml. installers/windows/verify.py tries the installer itself with wine.",
        "macos": "The bundle, the disk image and the signature need a Mac, or release.yml.",
    }[name]


def _shown(file: Path) -> str:
    return str(file.relative_to(ROOT) if file.is_relative_to(ROOT) else file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
