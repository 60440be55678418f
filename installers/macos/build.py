"""``Phi3Studio-<version>-arm64.dmg`` from the app that PyInstaller made, on a Mac.

Where the environment names an identity and a key, the app is signed with it and notarised. Where
it does not, a line says so, and the app gets a signature without a name: what the build adds to it
breaks the one that PyInstaller gave, and macOS calls an app with a broken signature damaged.

PyInstaller's own ``BUNDLE`` makes the app, because only it knows how code and data are to be laid
out for a signature: code in ``Contents/Frameworks``, data in ``Contents/Resources``, links between
them. What the build adds afterwards (starter model, uv, build.json) is put into the app here in the
same layout.
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
from installers.product import SLUG, BuildError, Product, read_product
from installers.tools import run, say

HERE = Path(__file__).resolve().parent
ENTITLEMENTS = HERE / "entitlements.plist"
IDENTITY = "PHI3STUDIO_SIGN_IDENTITY"
"""Name of the signing certificate in the keychain."""
NOTARY = "PHI3STUDIO_NOTARY_PROFILE"
"""Name of the profile that ``notarytool store-credentials`` has put into the keychain."""


def build(bundle: Path, out: Path, flavour: str, *, product: Product | None = None) -> Path:
    """Make the disk image in *out*; *bundle* is the folder next to which the app lies.

    Raises :class:`BuildError` when this is no Mac, or the app is missing.
    """
    if sys.platform != "darwin":
        raise BuildError("A disk image for macOS can be made on a Mac only (hdiutil, codesign).")
    product = product or read_product()
    app = bundle.with_name(APP)
    if not app.is_dir():
        raise BuildError(f"{app} is not there: PyInstaller makes it next to {bundle}.")
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
    identity = os.environ.get(IDENTITY)
    if identity:
        run(["codesign", "--force", "--timestamp", "--sign", identity, image])
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
    shutil.copyfile(bundle / "LICENSE", resources / "LICENSE")
    shutil.copyfile(ICNS, resources / ICNS.name)
    with (contents / "Info.plist").open("wb") as file:
        plistlib.dump(info(product), file)


def sign(app: Path) -> None:
    """Sign the app with the hardened runtime, or without a name, which is said.

    Everything inside comes first and the app last, because its signature lists the others'.
    """
    identity = os.environ.get(IDENTITY)
    if identity:
        flags = ["--force", "--timestamp", "--options", "runtime", "--sign", identity]
    else:
        say(f"Not signed with a name: {IDENTITY} names no certificate.")
        flags = ["--force", "--sign", "-"]
    for file in code_files(app):
        run(["codesign", *flags, file])
    run(["codesign", *flags, *(["--entitlements", ENTITLEMENTS] if identity else []), app])
    run(["codesign", "--verify", "--deep", "--strict", app])


def code_files(app: Path) -> list[Path]:
    """What has to be signed by itself before the app: every library, and every program but the
    app's own. Also uv, which lies among the data, where ``codesign --deep`` does not look."""
    contents = app / "Contents"
    return [
        file
        for part in ("Frameworks", "Resources", "MacOS")
        for file in sorted((contents / part).rglob("*"))
        if file.is_file()
        and not file.is_symlink()
        and file != contents / "MacOS" / SLUG
        and _is_code(file)
    ]


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
        # One processor's, or several in one file.
        return content.read(4) in (b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
