"""The macOS app as far as Linux can tell: property list and the layout of what is added."""

from __future__ import annotations

import plistlib
import sys
from pathlib import Path

import pytest

from installers.macos import build, info
from installers.product import BuildError, read_product
from phi3studio import __version__


def test_the_property_list_names_program_version_and_recipes() -> None:
    values = plistlib.loads(plistlib.dumps(info.info(read_product())))
    assert values["CFBundleShortVersionString"] == values["CFBundleVersion"] == __version__
    assert values["CFBundleExecutable"] == "phi3studio"
    assert values["LSMinimumSystemVersion"] == "14.0"
    assert values["CFBundleIconFile"] == build.ICNS.name
    (kind,) = values["UTExportedTypeDeclarations"]
    (document,) = values["CFBundleDocumentTypes"]
    assert document["LSItemContentTypes"] == [kind["UTTypeIdentifier"]]
    assert kind["UTTypeTagSpecification"]["public.filename-extension"] == ["phi3studio"]


def test_the_entitlements_are_readable() -> None:
    values = plistlib.loads(build.ENTITLEMENTS.read_bytes())
    assert set(values.values()) == {True}
    assert all(key.startswith("com.apple.security.cs.") for key in values)


def test_what_the_build_adds_lies_where_a_signature_wants_it(tmp_path: Path) -> None:
    """As PyInstaller does it: code in Frameworks, data in Resources, links between."""
    bundle, app = tmp_path / "phi3studio", tmp_path / info.APP
    inside = bundle / "_internal"
    for name in ("models/starter.whl", "resources/build.json", "resources/icons/app.svg", "t/x.py"):
        (inside / name).parent.mkdir(parents=True, exist_ok=True)
        (inside / name).write_text(name)
    (inside / "t" / "code.so").write_text("code")
    (bundle / "LICENSE").write_text("MIT")
    contents = app / "Contents"
    # What PyInstaller has put into the app already.
    (contents / "Frameworks" / "t").mkdir(parents=True)
    (contents / "Frameworks" / "t" / "code.so").write_text("code")
    (contents / "Resources" / "resources" / "icons").mkdir(parents=True)
    (contents / "Resources" / "resources" / "icons" / "app.svg").write_text("kept")
    (contents / "Frameworks" / "resources").symlink_to(Path("..") / "Resources" / "resources")
    build.finish_app(bundle, app, read_product())
    for name in ("models/starter.whl", "resources/build.json", "t/x.py", "t/code.so"):
        assert (contents / "Frameworks" / name).read_bytes() == (inside / name).read_bytes()
    assert (contents / "Resources/resources/icons/app.svg").read_text() == "kept"
    links = [path for path in (contents / "Frameworks").rglob("*") if path.is_symlink()]
    assert {path.relative_to(contents / "Frameworks").as_posix() for path in links} == {
        "models", "resources", "t/x.py",
    }  # fmt: skip
    assert all(not Path(path.readlink()).is_absolute() for path in links)
    assert plistlib.loads((contents / "Info.plist").read_bytes())["CFBundleName"] == "Phi-3 Studio"
    assert (contents / "Resources" / build.ICNS.name).read_bytes()[:4] == b"icns"
    assert (contents / "Resources" / "LICENSE").read_text() == "MIT"


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac can do it")
def test_another_system_says_why_it_cannot(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="on a Mac only"):
        build.build(tmp_path, tmp_path, "cpu")


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An app with code in all places where PyInstaller and the build put some."""
    contents = tmp_path / info.APP / "Contents"
    code = bytes.fromhex("cffaedfe") + b"code"
    for name in (
        "MacOS/phi3studio",
        "Frameworks/libone.dylib",
        "Frameworks/torch/_C.so",
        "Resources/runtime/uv",
    ):
        (contents / name).parent.mkdir(parents=True, exist_ok=True)
        (contents / name).write_bytes(code)
    (contents / "Resources" / "data.txt").write_text("text")
    (contents / "Frameworks" / "runtime").symlink_to(Path("..") / "Resources" / "runtime")
    (contents / "Resources" / "libone.dylib").symlink_to(Path("..") / "Frameworks/libone.dylib")
    return contents.parent


@pytest.fixture
def codesign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for Apple's tool; the file lists how it was called."""
    tool, calls = tmp_path / "tools" / "codesign", tmp_path / "calls"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\necho "$*" >> "{calls}"\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=":")
    return calls


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script")
@pytest.mark.parametrize("identity", ["", "Developer ID Application: X"])
def test_all_code_is_signed_and_the_app_last(
    app: Path,
    codesign: Path,
    identity: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without a certificate too: what the build adds breaks PyInstaller's signature."""
    monkeypatch.setenv(build.IDENTITY, identity)
    build.sign(app)
    *signed, verified = codesign.read_text().splitlines()
    assert [line.removeprefix(str(app)).rpartition(f"{app}")[2] for line in signed] == [
        "/Contents/Frameworks/libone.dylib",
        "/Contents/Frameworks/torch/_C.so",
        "/Contents/Resources/runtime/uv",
        "",
    ]
    assert verified == f"--verify --deep --strict {app}"
    for line in signed:
        assert f"--sign {identity or '-'} " in line
        assert ("--options runtime" in line) is bool(identity)
    assert ("--entitlements" in signed[-1]) is bool(identity)
    assert ("Not signed with a name" in capsys.readouterr().err) is not bool(identity)


def test_without_a_profile_nothing_is_notarised_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(build.NOTARY, raising=False)
    build.notarise(tmp_path / "x.dmg")
    assert "Not notarised" in capsys.readouterr().err
