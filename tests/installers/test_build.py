"""``installers/build.py``: what it says and how it ends where something is lacking."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from installers import build, tools
from installers.linux import reproduce, verify
from installers.product import SLUG, BuildError, read_product

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="of the builds on Linux")


@pytest.mark.parametrize("what", ["windows", "macos"])
def test_what_another_system_builds_is_said_and_ends_with_2(
    what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build.main([what]) == 2
    assert f"{what}: cannot be built on Linux." in capsys.readouterr().err


def test_a_bundle_that_is_not_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "BUILD", tmp_path)
    assert build.main(["linux", "--keep-bundle"]) == 1
    assert "build without --keep-bundle" in capsys.readouterr().err


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--complete"], 1)])
def test_what_is_not_finished_is_said_and_fails_a_complete_build(
    options: list[str],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "bundle-cpu" / SLUG
    folder.mkdir(parents=True)
    monkeypatch.setattr(build, "BUILD", tmp_path)
    monkeypatch.setattr(build, "installers", lambda *rest: ([], ["AppImage: no runtime"]))
    assert build.main(["linux", "--keep-bundle", *options]) == code
    assert "Not finished: AppImage: no runtime." in capsys.readouterr().err


def test_the_proof_needs_root_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert build.main(["verify-linux", "--out", str(tmp_path)]) == 1
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error")]
    assert said == ["Error: verify-linux needs root, for a Debian of its own: start it with sudo."]


def test_the_proof_needs_a_package_and_says_how_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert build.main(["verify-linux", "--out", str(tmp_path)]) == 1
    assert "python3 installers/build.py linux" in capsys.readouterr().err


def test_tools_that_cannot_be_had_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on a system without apt, and without debootstrap."""
    (tmp_path / f"{SLUG}_{read_product().version}_amd64.deb").write_bytes(b"")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(tools, "_path", lambda: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert build.main(["verify-linux", "--out", str(tmp_path)]) == 1
    (error,) = [line for line in capsys.readouterr().err.splitlines() if "Missing" in line]
    for name in ("debootstrap", "xvfb", "lintian", "util-linux"):
        assert name in error


def test_libraries_that_cannot_be_had_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a user, or on a system without apt: Qt's libraries are looked for before the build."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    wanted = {"libc.so.6": "libc6", "libno-such-thing.so.7": "libno-such-thing7"}
    with pytest.raises(BuildError, match=r"^Missing: libno-such-thing7\. "):
        tools.need("sh", libraries=wanted)


def test_wine_may_be_absent_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify.setup_program, "wine_command", lambda: None)
    proof = verify._Proof(Path("x.deb"), Path("out"), read_product())
    proof._check("installer for Windows, under wine", proof.windows)
    (check,) = proof.checks
    assert (check.held, check.seen) == (None, "wine is not installed")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git checkout with a changed, a new, a removed and an ignored file."""
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    for name in ("kept.txt", "changed.txt", "removed.txt", "sub/run.sh"):
        (root / name).write_text("old")
    (root / "sub/run.sh").chmod(0o755)
    (root / ".gitignore").write_text("ignored.txt\n")
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@x", "-C", str(root)]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *command], check=True)
    (root / "changed.txt").write_text("new")
    (root / "added.txt").write_text("new")
    (root / "ignored.txt").write_text("mine")
    (root / "removed.txt").unlink()
    return root


def test_the_copy_holds_what_belongs_to_the_source(checkout: Path, tmp_path: Path) -> None:
    for turn, name in enumerate(reproduce.PLACES):
        place = tmp_path / name
        reproduce.copy_source(place, backwards=turn == 1, root=checkout)
        files = {
            path.relative_to(place).as_posix(): path.read_text()
            for path in place.rglob("*")
            if path.is_file()
        }
        assert files == {
            "kept.txt": "old",
            "changed.txt": "new",
            "added.txt": "new",
            "sub/run.sh": "old",
            ".gitignore": "ignored.txt\n",
        }
        assert os.access(place / "sub/run.sh", os.X_OK)


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="packages are made on Debian")
def test_what_differs_between_two_packages_is_named(tmp_path: Path) -> None:
    packages = []
    for name, files in (
        ("one", {"same": "a", "content": "a", "rights": "a", "gone": "a"}),
        ("other", {"same": "a", "content": "b", "rights": "a"}),
    ):
        root = tmp_path / name
        (root / "DEBIAN").mkdir(parents=True)
        (root / "DEBIAN/control").write_text(
            "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n"
        )
        for file, text in files.items():
            (root / file).write_text(text)
        (root / "rights").chmod(0o755 if name == "one" else 0o644)
        for path in [root, *root.rglob("*")]:
            os.utime(path, (1, 1))
        package = tmp_path / f"{name}.deb"
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Znone", "--build", root, package],
            check=True,
            capture_output=True,
        )
        packages.append(package)
    found = [line for line in reproduce.differences(*packages) if not line.startswith(".:")]
    assert found == [
        "content: content",
        f"gone: only in {packages[0]}",
        "rights: rights",
    ]
