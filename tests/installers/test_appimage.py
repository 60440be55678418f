"""The AppImage: its runtime is the pinned one, and the packed folder lies right behind it."""

from __future__ import annotations

import hashlib
import http.server
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from installers.linux import appimage_runtime, archives
from installers.linux.appimage_runtime import find_runtime
from installers.product import SLUG, BuildError, Product

PRODUCT = Product("1.2.3", "From a file to a model", "MIT", "c0ffee", 1_700_000_000)


def runtime(folder: Path) -> Path:
    """A program with the mark of a runtime; like the real one it runs whatever follows it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"runtime-{PRODUCT.machine}"
    data = bytearray(Path(shutil.which("true") or "/bin/true").read_bytes())
    data[8:11] = b"AI\x02"
    file.write_bytes(data)
    return file


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A download host on loopback; returns the runtime that it serves, which is the pinned one."""
    file = runtime(tmp_path / "served")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, directory=str(file.parent), **options)  # type: ignore[arg-type]

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.delenv(appimage_runtime.VARIABLE, raising=False)
    monkeypatch.setitem(appimage_runtime.HASHES, PRODUCT.machine, digest)
    monkeypatch.setattr(
        appimage_runtime, "URL", f"http://127.0.0.1:{found.server_port}/runtime-{{machine}}"
    )
    yield file
    found.shutdown()
    found.server_close()
    thread.join()


def test_it_is_downloaded_once(server: Path, tmp_path: Path) -> None:
    first, reason = find_runtime(PRODUCT.machine, tmp_path / "cache")
    assert (first and first.read_bytes(), reason) == (server.read_bytes(), "")
    server.unlink()
    assert find_runtime(PRODUCT.machine, tmp_path / "cache") == (first, "")


def test_another_file_under_its_address_is_refused(server: Path, tmp_path: Path) -> None:
    server.write_bytes(server.read_bytes() + b"and more")
    with pytest.raises(BuildError, match="not the file that is pinned"):
        find_runtime(PRODUCT.machine, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_damaged_copy_is_downloaded_again(server: Path, tmp_path: Path) -> None:
    first, _ = find_runtime(PRODUCT.machine, tmp_path / "cache")
    assert first is not None
    first.write_bytes(b"half")
    assert find_runtime(PRODUCT.machine, tmp_path / "cache")[0] == first
    assert first.read_bytes() == server.read_bytes()


def test_without_a_way_to_the_host_the_reason_is_said(server: Path, tmp_path: Path) -> None:
    server.unlink()
    found, reason = find_runtime(PRODUCT.machine, tmp_path / "cache")
    assert found is None
    assert "cannot be fetched" in reason
    assert appimage_runtime.VARIABLE in reason


def test_one_of_the_users_own_has_to_be_a_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(appimage_runtime.VARIABLE, shutil.which("true") or "/bin/true")
    with pytest.raises(BuildError, match="no AppImage runtime of type 2"):
        find_runtime(PRODUCT.machine, tmp_path)
    mine = runtime(tmp_path / "mine")
    monkeypatch.setenv(appimage_runtime.VARIABLE, str(mine))
    assert find_runtime(PRODUCT.machine, tmp_path) == (mine, "")
    assert "another runtime than the pinned one" in capsys.readouterr().err


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_pinned_ones_are_hashes(machine: str) -> None:
    assert len(bytes.fromhex(appimage_runtime.HASHES[machine])) == 32
    assert appimage_runtime.URL.startswith("https://github.com/AppImage/type2-runtime/releases/")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / SLUG).write_text('#!/bin/sh\necho "called with $*"\n')
    (folder / SLUG).chmod(0o755)
    return folder


@pytest.mark.skipif(shutil.which("mksquashfs") is None, reason="squashfs-tools are missing")
@pytest.mark.usefixtures("server")
def test_the_folder_lies_right_behind_the_runtime_and_runs(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "BUILD", tmp_path / "build")
    served = runtime(tmp_path / "again")
    monkeypatch.setenv(appimage_runtime.VARIABLE, str(served))
    made, lacking = archives.make_appimage(bundle, tmp_path, PRODUCT, Path(sys.executable))
    assert lacking == ""
    assert made.name == f"{SLUG}-1.2.3-{PRODUCT.machine}.AppImage"
    assert subprocess.run([made], check=False).returncode == 0, "it is the runtime that starts"
    length = served.stat().st_size
    assert made.read_bytes()[:length] == served.read_bytes()
    unpacked = tmp_path / "unpacked"
    subprocess.run(
        ["unsquashfs", "-q", "-no-progress", "-o", str(length), "-d", unpacked, made],
        check=True,
        capture_output=True,
    )
    said = subprocess.run([unpacked / "AppRun", "gui", "a b"], capture_output=True, text=True)
    assert said.stdout == "called with gui a b\n"
    assert (unpacked / "usr/share/applications" / f"{SLUG}.desktop").is_file()
    assert not list(tmp_path.glob("*.squashfs"))


def test_the_mounted_folder_stays_until_the_last_run_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runtime unmounts it when nobody holds the pipe any more that it gave to AppRun."""
    monkeypatch.setattr(archives, "BUILD", tmp_path / "build")
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    shutil.copy(shutil.which("sleep") or "/bin/sleep", bundle / SLUG)
    folder = archives.make_app_dir(bundle, PRODUCT, Path(sys.executable))
    run = subprocess.Popen([folder / "usr" / "lib" / SLUG / SLUG, "5"])
    held, mine = os.pipe()
    window = subprocess.run(
        [folder / "AppRun", "0.1"],
        pass_fds=(held,),
        env=os.environ | {"APPIMAGE": "/home/me/studio.AppImage"},
        check=False,
    )
    os.close(held)
    assert window.returncode == 0
    time.sleep(3)
    os.write(mine, b"x")  # somebody still holds the other end
    assert run.wait() == 0
    assert _let_go(mine, within_s=15), "the folder would stay mounted for ever"
    os.close(mine)


def _let_go(pipe: int, within_s: float) -> bool:
    """Whether the last holder of a pipe's other end goes in time."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            os.write(pipe, b"x")
        except BrokenPipeError:
            return True
        time.sleep(0.2)
    return False


@pytest.mark.skipif(shutil.which("mksquashfs") is None, reason="squashfs-tools are missing")
def test_without_a_runtime_the_packed_folder_is_made_and_said_to_be_unfinished(
    server: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.unlink()
    monkeypatch.setattr(archives, "BUILD", tmp_path / "build")
    monkeypatch.setattr(appimage_runtime, "BUILD", tmp_path / "build")
    stale = tmp_path / f"{SLUG}-1.2.3-{PRODUCT.machine}.AppImage"
    stale.write_bytes(b"of an older build")
    monkeypatch.setattr(
        archives, "find_runtime", lambda machine: find_runtime(machine, tmp_path / "cache")
    )
    made, lacking = archives.make_appimage(bundle, tmp_path, PRODUCT, Path(sys.executable))
    assert made.suffix == ".squashfs"
    assert made.stat().st_size > 0
    assert "cannot be fetched" in lacking
    assert not stale.exists(), "an older one would be taken for this build's"
    assert os.access(made, os.R_OK)
