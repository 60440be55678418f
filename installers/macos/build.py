"""``Phi3Studio-<version>-arm64.dmg`` from the app that PyInstaller made, on a Mac.

Signing and notarisation are done where the environment names an identity and a key, and left out
with a line that says so where it does not.

PyInstaller's own ``BUNDLE`` makes the app, because only it knows how code and data are to be laid
out for a signature. What the build adds afterwards (starter model, build.json) is put into the
app here in the same layout.
"""

from __future__ import annotations

import os
import plistlib
import shutil
import sys
import tempfile
from pathlib import Path

from installers.icons import ICNS
from installers.macos.info import APP, info
from installers.product import BuildError, Product, read_product
from installers.tools import run, say

HERE = Path(__file__).resolve().parent
ENTITLEMENTS = HERE / "entitlements.plist"
IDENTITY = "PHI3STUDIO_SIGN_IDENTITY"
"""Name of the signing certificate in the keychain."""
NOTARY = "PHI3STUDIO_NOTARY_PROFILE"
"""Name of the profile that ``notarytool store-credentials`` has put into the keychain."""


def build(bundle: Path, out: Path, flavour: str, *, product: Product | None = None) -> Path:
    """Make the disk image in *out*; *bundle* is the folder beside which the app lies.

    Raises :class:`BuildError` when this is no Mac, or the app is missing.
    """
    if sys.platform != "darwin":
        raise BuildError("A disk image for macOS can be made on a Mac only (hdiutil, codesign).")
    product = product or read_product()
    app = bundle.with_name(APP)
    if not app.is_dir():
        raise BuildError(f"{app} is not there: PyInstaller makes it beside {bundle}.")
    finish_app(bundle, app, product)
    sign(app)
    out.mkdir(parents=True, exist_ok=True)
    image = out / f"Phi3Studio-{product.version}-arm64.dmg"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(["ditto", app, folder / APP])
        (folder / "Applications").symlink_to("/Applications")
        run(
            ["hdiutil", "create", "-volname", "Phi-3 Studio", "-srcfolder", folder, "-ov",
             "-format", "ULFO", "-fs", "HFS+", image]
        )  # fmt: skip
    notarise(image)
    return image


def finish_app(bundle: Path, app: Path, product: Product) -> None:
    """Icon, property list, and what *bundle* has and the app has not.

    Data lies in ``Contents/Resources``; ``Contents/Frameworks``, where the program looks, holds a
    link to it.
    """
    contents = app / "Contents"
    resources, frameworks = contents / "Resources", contents / "Frameworks"
    inside = bundle / "_internal"
    for folder in (resources, frameworks):
        folder.mkdir(parents=True, exist_ok=True)
    for item in sorted(inside.rglob("*")):
        name = item.relative_to(inside)
        if not item.is_file() or (frameworks / name).exists():
            continue
        (resources / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(item, resources / name)
        top = frameworks / name.parts[0]
        if not top.exists():
            top.symlink_to(Path("..") / "Resources" / name.parts[0])
        elif not (frameworks / name).exists():
            # A folder of code and data: linked file by file.
            (frameworks / name).parent.mkdir(parents=True, exist_ok=True)
            up = Path(*[".."] * len(name.parts))
            (frameworks / name).symlink_to(up / "Resources" / name)
    shutil.copyfile(ICNS, resources / ICNS.name)
    with (contents / "Info.plist").open("wb") as file:
        plistlib.dump(info(product), file)


def sign(app: Path) -> None:
    """Sign the app with the hardened runtime, or say that it is not signed."""
    identity = os.environ.get(IDENTITY)
    if not identity:
        say(f"Not signed: {IDENTITY} names no certificate.")
        return
    flags = ["--force", "--timestamp", "--options", "runtime", "--sign", identity]
    for library in sorted((app / "Contents" / "Frameworks").rglob("*")):
        if library.is_file() and not library.is_symlink() and _is_code(library):
            run(["codesign", *flags, library])
    run(["codesign", *flags, "--entitlements", ENTITLEMENTS, app])
    run(["codesign", "--verify", "--deep", "--strict", app])


def notarise(image: Path) -> None:
    """Have Apple look at the image, or say that it has not."""
    profile = os.environ.get(NOTARY)
    if not profile or not os.environ.get(IDENTITY):
        say(f"Not notarised: {NOTARY} names no profile of the keychain.")
        return
    run(["xcrun", "notarytool", "submit", image, "--keychain-profile", profile, "--wait"])
    run(["xcrun", "stapler", "staple", image])


def _is_code(file: Path) -> bool:
    """Whether the file is Mach-O."""
    with file.open("rb") as content:
        return content.read(4) in (b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
