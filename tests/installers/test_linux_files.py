"""What a Linux desktop reads of the package, and that the same bundle gives the same bytes."""

from __future__ import annotations

import configparser
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ET
from io import BytesIO
from pathlib import Path

import pytest

import phi3studio
from installers import product as products
from installers.bundle.contents import is_pruned
from installers.linux import archives, deb, files
from installers.product import APP_ID, MIME_TYPE, NAME, RECIPE_SUFFIX, SLUG, Product
from phi3studio.runs.recipe_files import SUFFIX

PRODUCT = Product("1.2.3", "From a file to a model", "MIT", "c0ffee", 1_700_000_000)


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything below ``/usr/share``, written once."""
    folder = tmp_path_factory.mktemp("share")
    files.write_share(folder, PRODUCT, Path(sys.executable), f"/opt/{SLUG}/{SLUG}")
    files.write_documents(folder, PRODUCT)
    return folder


def test_the_version_comes_from_the_package_and_the_date_from_the_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    found = products.read_product()
    assert found.version == phi3studio.__version__
    assert found.epoch == 1_700_000_000
    assert found.environment()["SOURCE_DATE_EPOCH"] == "1700000000"
    assert found.environment()["PYTHONHASHSEED"] == "0"


def test_the_menu_entry_opens_the_window_with_a_recipe(share: Path) -> None:
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str  # type: ignore[assignment,method-assign]
    entry.read(share / "applications" / f"{SLUG}.desktop", "utf-8")
    values = entry["Desktop Entry"]
    assert values["Name"] == NAME
    assert values["Exec"] == f"/opt/{SLUG}/{SLUG} gui %f"
    assert values["MimeType"] == f"{MIME_TYPE};"
    assert values["Icon"] == SLUG
    assert values["Terminal"] == "false"
    assert values["StartupWMClass"] == SLUG


def test_the_file_type_is_the_recipes(share: Path) -> None:
    assert RECIPE_SUFFIX == SUFFIX
    space = "{http://www.freedesktop.org/standards/shared-mime-info}"
    kind = ET.parse(share / "mime" / "packages" / f"{SLUG}.xml").getroot()[0]
    assert kind.get("type") == MIME_TYPE
    assert [glob.get("pattern") for glob in kind.iter(f"{space}glob")] == [f"*{RECIPE_SUFFIX}"]


def test_the_metadata_names_menu_entry_version_and_licence(share: Path) -> None:
    root = ET.parse(share / "metainfo" / f"{APP_ID}.metainfo.xml").getroot()
    assert root.findtext("id") == APP_ID
    assert root.findtext("launchable") == f"{SLUG}.desktop"
    assert root.findtext("project_license") == "MIT"
    release = root.find("releases/release")
    assert release is not None
    assert (release.get("version"), release.get("date")) == ("1.2.3", "2023-11-14")


def test_no_name_is_left_to_be_filled(share: Path) -> None:
    for file in share.rglob("*"):
        if file.suffix in (".desktop", ".xml"):
            assert not re.search(r"@[A-Z_]+@", file.read_text("utf-8")), file


def test_the_icons_have_the_sizes_that_their_folders_say(share: Path) -> None:
    for size in files.ICON_SIZES:
        head = (share / f"icons/hicolor/{size}x{size}/apps/{SLUG}.png").read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        assert int.from_bytes(head[16:20], "big") == int.from_bytes(head[20:24], "big") == size


@pytest.mark.skipif(shutil.which("desktop-file-validate") is None, reason="no validator here")
def test_the_menu_entry_is_valid(share: Path) -> None:
    done = subprocess.run(
        ["desktop-file-validate", str(share / "applications" / f"{SLUG}.desktop")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.skipif(shutil.which("appstreamcli") is None, reason="no validator here")
def test_the_metadata_is_valid(share: Path) -> None:
    done = subprocess.run(
        ["appstreamcli", "validate", "--no-net", str(share / f"metainfo/{APP_ID}.metainfo.xml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_control_file_says_what_a_package_needs() -> None:
    text = deb.control(PRODUCT, "amd64", ["libc6 (>= 2.36)", "libgl1"], 1_048_577)
    fields = dict(re.findall(r"^([A-Z][\w-]*): (.*)$", text, re.MULTILINE))
    assert fields["Package"] == SLUG
    assert fields["Version"] == "1.2.3"
    assert fields["Depends"] == "libc6 (>= 2.36), libgl1"
    assert fields["Installed-Size"] == "1025"
    assert all(len(line) <= 80 for line in text.splitlines() if line.startswith(" "))


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A bundle that is small: one real program, a link, a text."""
    bundle = tmp_path / "bundle"
    inner = bundle / "_internal"
    inner.mkdir(parents=True)
    shutil.copy("/bin/true", bundle / SLUG)
    (inner / "text.txt").write_text("text")
    (inner / "link").symlink_to("text.txt")
    return bundle


@pytest.mark.skipif(
    shutil.which("dpkg-deb") is None or shutil.which("readelf") is None,
    reason="packages are made on Debian, with binutils",
)
def test_the_same_bundle_gives_the_same_package(
    stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = set()
    for turn in ("first", "second"):
        monkeypatch.setattr(deb, "BUILD", tmp_path / turn)
        made = deb.make_deb(stand_in, tmp_path / turn / "out", PRODUCT, Path(sys.executable))
        digests.add(hashlib.sha256(made.read_bytes()).hexdigest())
        os.utime(stand_in / "_internal")
    assert made.name.startswith(f"{SLUG}_1.2.3_")
    assert len(digests) == 1
    packed = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", str(made)], capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        members = {member.name: member for member in archive}
    assert members[f"./opt/{SLUG}/_internal/link"].linkname == "text.txt"
    assert members[f"./usr/bin/{SLUG}"].linkname == f"/opt/{SLUG}/{SLUG}"
    assert {(m.uid, m.gid, m.mtime) for m in members.values()} == {(0, 0, PRODUCT.epoch)}
    depends = subprocess.run(
        ["dpkg-deb", "--field", str(made), "Depends"], capture_output=True, text=True, check=True
    ).stdout
    assert depends.startswith("libc6 (>= 2.")


def test_the_appdir_starts_the_bundle_and_carries_its_entry(
    stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "BUILD", tmp_path)
    folder = archives.make_app_dir(stand_in, PRODUCT, Path(sys.executable))
    assert subprocess.run([str(folder / "AppRun")], check=False).returncode == 0
    assert (folder / f"{SLUG}.desktop").is_file()
    assert (folder / ".DirIcon").resolve() == folder / f"{SLUG}.png"


@pytest.mark.parametrize(
    ("path", "pruned"),
    [
        ("torch/include/ATen/ATen.h", True),
        ("torch/bin/protoc", True),
        ("torch/bin/torch_shm_manager", False),
        ("torch/lib/libtorch_cpu.so", False),
        ("torch/testing/_internal/common_utils.py", False),
        ("bitsandbytes/libbitsandbytes_cuda128.so", True),
        ("bitsandbytes/libbitsandbytes_cpu.so", False),
        ("pyarrow/libarrow_flight.so.2600", True),
        ("pyarrow/_flight.cpython-311-x86_64-linux-gnu.so", True),
        ("pyarrow/_s3fs.cpython-311-x86_64-linux-gnu.so", True),
        ("pyarrow/libarrow.so.2600", False),
        ("pyarrow/libarrow_substrait.so.2600", False),
        ("pyarrow/libarrow_python.so.2600", False),
        ("pyarrow/libarrow_python.so.2600.1.0", True),
        ("PySide6/Qt/lib/libQt6EglFSDeviceIntegration.so.6", True),
        ("pyarrow/_fs.cpython-311-x86_64-linux-gnu.so", False),
        ("pyarrow/_parquet.cpython-311-x86_64-linux-gnu.so", False),
        ("PySide6/Qt/plugins/platforms/libqxcb.so", False),
        ("PySide6/Qt/plugins/platforms/libqwayland.so", False),
        ("PySide6/Qt/plugins/platforms/libqeglfs.so", True),
        ("PySide6/Qt/translations/qtbase_it.qm", False),
        ("PySide6/Qt/translations/qtbase_de.qm", True),
        ("torch-2.13.0.dist-info/direct_url.json", True),
        ("torch-2.13.0.dist-info/RECORD", False),
        ("resources/samples/emotions.jsonl", False),
        ("resources/screenshots/chat-light-en.png", True),
    ],
)
def test_what_is_left_out_of_the_bundle(path: str, pruned: bool) -> None:
    assert is_pruned(path) is pruned
