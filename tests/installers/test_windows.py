"""The Windows installer: what goes into it, and its whole life under wine."""

from __future__ import annotations

import re
import shutil
import struct
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from installers import icons
from installers.product import NAME, BuildError, read_product
from installers.windows import build, verify
from installers.windows.build import PROGRAM, listing, version4


def bundle(folder: Path) -> Path:
    """A folder like a bundle for Windows."""
    made = folder / "bundle"
    (made / "_internal" / "deep").mkdir(parents=True)
    (made / "_internal" / "deep" / "file.dll").write_bytes(b"MZ" * 1000)
    (made / PROGRAM).write_bytes(b"MZ" * 5000)
    (made / "phi3studio.exe").write_bytes(b"MZ" * 5000)
    (made / "LICENSE").write_text("MIT")
    return made


def test_exactly_what_is_installed_is_removed(tmp_path: Path) -> None:
    made = bundle(tmp_path)
    files, remove = listing(made)
    assert f'File /r "{made / "_internal"}' in files
    assert sorted(remove.splitlines()) == [
        'Delete "$INSTDIR\\LICENSE"',
        'Delete "$INSTDIR\\phi3studio.exe"',
        f'Delete "$INSTDIR\\{PROGRAM}"',
        'RMDir /r "$INSTDIR\\_internal"',
    ]


def test_the_script_never_removes_a_folder_that_the_user_chose() -> None:
    script = build.SCRIPT.read_text("utf-8")
    assert re.findall(r"RMDir /r (.*)", script) == ['"${DATA}"', '"${DATA}"']
    assert "RequestExecutionLevel user" in script
    assert "HKLM" not in script, "an installation for one user writes to that user's registry"


def test_versions_in_windows_form() -> None:
    assert version4("1.2.3") == "1.2.3.0"
    assert version4("0.1.0") == "0.1.0.0"


def test_a_bundle_of_another_system_is_refused(tmp_path: Path) -> None:
    (tmp_path / "phi3studio").write_bytes(b"\x7fELF")
    with pytest.raises(BuildError, match=r"has to be built on Windows"):
        build.build(tmp_path, tmp_path / "out", "cpu")


@pytest.mark.skipif(shutil.which("makensis") is None, reason="makensis is missing (Debian: nsis)")
def test_an_installer_is_made_and_says_what_it_is(tmp_path: Path) -> None:
    made = build.build(bundle(tmp_path), tmp_path / "out", "directml")
    assert made.name == "Phi3Studio-Setup-directml.exe"
    data = made.read_bytes()
    assert data[:2] == b"MZ"
    (header,) = struct.unpack_from("<I", data, 60)
    (machine,) = struct.unpack_from("<H", data, header + 4)
    assert machine == 0x8664, "not a program for 64 bits"
    for text in (NAME, read_product().version, f"{NAME} Setup"):
        assert text.encode("utf-16-le") in data
    # No administrator is asked for.
    assert b'level="asInvoker"' in data


def test_the_icon_files_are_of_the_present_drawing(tmp_path: Path) -> None:
    """They are drawn anew and compared picture by picture."""
    icons.write_ico(tmp_path / "new.ico")
    icons.write_icns(tmp_path / "new.icns")
    kept, new = pictures(icons.ICO), pictures(tmp_path / "new.ico")
    assert [image.width() for image in kept] == list(icons.ICO_SIZES)
    kept += pictures(icons.ICNS)
    new += pictures(tmp_path / "new.icns")
    assert [image.width() for image in kept][len(icons.ICO_SIZES) :] == list(
        icons.ICNS_TYPES.values()
    )
    for old, drawn in zip(kept, new, strict=True):
        assert difference(old, drawn) < 2, f"python installers/icons.py ({old.width()} pixels)"
    assert difference(kept[5], QImage(128, 128, kept[5].format())) > 20


def pictures(file: Path) -> list[QImage]:
    """The PNG pictures inside an icon file, in their order."""
    data = file.read_bytes()
    starts = [match.start() for match in re.finditer(rb"\x89PNG\r\n\x1a\n", data)]
    return [QImage.fromData(data[start:]) for start in starts]


def difference(one: QImage, other: QImage) -> float:
    """Mean difference of the pixels' channels, from 0 to 255."""
    a, b = (
        bytes(image.convertToFormat(QImage.Format.Format_ARGB32).constBits())  # type: ignore[arg-type]
        for image in (one, other)
    )
    return sum(abs(x - y) for x, y in zip(a, b, strict=True)) / len(a)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="wine runs on Linux")
def test_the_whole_life_of_an_installation_under_wine(tmp_path: Path) -> None:
    """Silent, associated, upgraded, uninstalled; about a minute."""
    reason = verify.missing()
    if reason:
        pytest.skip(reason)
    proven = list(verify.verify(tmp_path))
    assert len(proven) == 6
