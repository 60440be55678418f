"""No display, or no library for it: a message that says what to do, never an abort of Qt."""

from __future__ import annotations

import ctypes
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from phi3studio.domain.errors import UserFacingError
from phi3studio.gui import display

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system brings it")


def start(home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start the window as a user does, with nothing of this session's display."""
    dropped = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return subprocess.run(
        [sys.executable, "-m", "phi3studio"],
        env=kept | {"PHI3STUDIO_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_a_display_a_message_is_printed(tmp_path: Path) -> None:
    done = start(tmp_path)
    assert done.returncode == 1
    assert "There is no display" in done.stderr
    assert "phi3studio --help" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_display_that_does_not_answer_is_named(tmp_path: Path) -> None:
    try:
        display.check({"DISPLAY": ":987"})
    except UserFacingError as error:
        if error.code == "display.library":
            pytest.skip(f"this system cannot show windows: {error.message}")
    done = start(tmp_path, DISPLAY=":987")
    assert done.returncode == 1
    assert "The display :987 does not answer." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_library_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise ImportError("libEGL.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(UserFacingError) as caught:
        display.check({"DISPLAY": ":0"})
    assert caught.value.code == "display.library"
    assert "libEGL.so.1 is missing" in caught.value.message
    assert "sudo apt install libegl1" in caught.value.hint


def test_a_platform_that_was_chosen_is_left_to_qt() -> None:
    display.check({"QT_QPA_PLATFORM": "offscreen"})


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libEGL.so.1", "libegl1"),
        ("libGL.so.1", "libgl1"),
        ("libxcb.so.1", "libxcb1"),
        ("libX11-xcb.so.1", "libx11-xcb1"),
        ("libX11.so.6", "libx11-6"),
        ("libdbus-1.so.3", "libdbus-1-3"),
        ("libxcb-cursor.so.0", "libxcb-cursor0"),
        ("libwayland-client.so.0", "libwayland-client0"),
        ("libglib-2.0.so.0", "libglib2.0-0"),
        ("libfontconfig.so.1.12.0", "libfontconfig1"),
    ],
)
def test_packages_are_named_as_debian_does(library: str, package: str) -> None:
    assert display.package_of(library) == package


def test_all_missing_libraries_are_named_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ldd = tmp_path / "ldd"
    ldd.write_text(
        "#!/bin/sh\n"
        'echo "\tlibxcb-icccm.so.4 => not found"\n'
        'echo "\tlibc.so.6 => /lib/libc.so.6 (0x1)"\n'
        'echo "\tlibxcb-image.so.0 => not found"\n'
    )
    ldd.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    lost = "libxcb-cursor.so.0: cannot open shared object file: No such file or directory"

    def fail(name: str) -> None:
        raise OSError(lost)

    monkeypatch.setattr(ctypes, "CDLL", fail)
    with pytest.raises(UserFacingError) as caught:
        display.check({"DISPLAY": ":0"})
    said = caught.value.said()
    assert "libxcb-cursor.so.0, libxcb-icccm.so.4, libxcb-image.so.0" in said.message
    assert "apt install libxcb-cursor0 libxcb-icccm4 libxcb-image0)" in said.hint
