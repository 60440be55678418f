#!/usr/bin/env python3
"""Build the installers that this system can build.

    python3 installers/build.py linux          .deb, tarball, AppImage
    python3 installers/build.py windows        setup program (the bundle itself needs Windows)
    python3 installers/build.py macos          disk image (needs macOS)
    python3 installers/build.py all-here       whatever can be built here
    python3 installers/build.py bundle         the program's folder alone
    python3 installers/build.py verify-linux   the .deb in a bare Debian, without a network

Files go to ``dist/``, what they are made of to ``.build/``. Standard library only; each platform
has a module ``installers/<platform>/build.py`` with ``build(bundle, out, flavour)``.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import platform
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from installers.product import BUILD, DIST, ROOT, SLUG, BuildError, Product, read_product
from installers.tools import need, say, sha256, tree_bytes

HERE = {"Linux": "linux", "Windows": "windows", "Darwin": "macos"}.get(platform.system(), "")
PLATFORMS = ("linux", "windows", "macos")
WHAT = (*PLATFORMS, "all-here", "bundle", "verify-linux")


def main(arguments: list[str]) -> int:
    """Build what was asked for; 0 done, 1 a tool failed, 2 this system cannot."""
    parser = argparse.ArgumentParser(description="Build the installers of Phi-3 Studio.")
    parser.add_argument("what", choices=WHAT)
    parser.add_argument(
        "--flavour", choices=("cpu", "directml"), default="cpu", help="flavour of ONNX Runtime"
    )
    parser.add_argument(
        "--keep-bundle", action="store_true", help="pack the bundle that an earlier build left"
    )
    parser.add_argument("--out", type=Path, default=DIST, help="folder for the installers")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    try:
        product = read_product()
        if options.what == "verify-linux":
            from installers.linux.verify import verify

            return verify(options.out, product)
        code = build(options.what, options.flavour, options.out, product, options.keep_bundle)
    except BuildError as exc:
        say(f"Error: {exc}")
        return 1
    say(f"Took {time.monotonic() - began:.0f} s.")
    return code


def build(what: str, flavour: str, out: Path, product: Product, keep: bool) -> int:
    """Build the bundle, then the installers; prints sizes, hashes, and what cannot be built."""
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
    bundle = existing_bundle(flavour) if keep else new_bundle(product, flavour)
    if what == "bundle":
        print(f"{bundle}  {tree_bytes(bundle) / 1e6:.0f} MB")
        return 0
    files, lacking = installers(HERE, bundle, out, flavour, product)
    report(files, bundle)
    for text in lacking:
        say(f"Not finished: {text}.")
    return 0


def new_bundle(product: Product, flavour: str) -> Path:
    """Make the bundle; what the system has to bring is looked for first."""
    from installers.bundle.make import make_bundle

    if HERE == "linux":
        need("readelf", "strip")
    return make_bundle(product, flavour)


def existing_bundle(flavour: str) -> Path:
    """The bundle of an earlier build."""
    folder = BUILD / f"bundle-{flavour}" / SLUG
    if not folder.is_dir():
        raise BuildError(f"There is no bundle in {folder}: build without --keep-bundle.")
    return folder


def installers(
    name: str, bundle: Path, out: Path, flavour: str, product: Product
) -> tuple[list[Path], list[str]]:
    """Call the platform's module; returns its files, and what it says is lacking."""
    module = importlib.import_module(f"installers.{name}.build")
    known = inspect.signature(module.build).parameters
    more = {"product": product} if "product" in known else {}
    made = module.build(bundle, out, flavour, **more)
    if isinstance(made, tuple):
        return made
    return (made if isinstance(made, list) else [made]), []


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
