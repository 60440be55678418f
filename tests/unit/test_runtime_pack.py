"""Runtime packs: made by the real uv from an index on loopback, broken, mended, removed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from phi3studio.app import frozen
from phi3studio.app.download_log import DownloadLog
from phi3studio.app.paths import Home
from phi3studio.domain.errors import Cancelled, InputError, UserFacingError
from phi3studio.domain.recipe import Model, Recipe, Target
from phi3studio.runtime_pack import installed
from phi3studio.runtime_pack.install import find_uv, install_pack
from phi3studio.runtime_pack.installed import pack_status, remove_pack
from phi3studio.runtime_pack.pack_files import (
    GENERATION,
    PackProgress,
    PackRecord,
    PackStatus,
    lock_id,
    pack_platform,
    pack_state,
    parse_facts,
    parse_record,
    wants_cuda,
)
from phi3studio.runtime_pack.place import PackPlace, pack_source
from phi3studio.runtime_pack.use import BROKEN_VARIABLE, runtime_for, runtime_for_service
from tests.package_index import PackageIndex, library, make_wheel, write_lock
from tests.small_disks import mounted

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith(("linux", "win")), reason="there are no packs for macOS"
)
PLATFORM = "windows" if os.name == "nt" else "linux"
LIBRARIES = {"heavytorch": "1.0", "heavyort": "1.0", "heavygenai": "1.0"}


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    """An index with three libraries, and a lock file over them that this program finds."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in LIBRARIES:
        library(folder, name)
        library(folder, name, "2.0")
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("PHI3STUDIO_PACK_LOCKS", str(tmp_path / "locks"))
    with PackageIndex(folder) as found:
        write_lock(tmp_path / "locks", found, LIBRARIES, platform=PLATFORM)
        # Space for the packs of the tests is enough, whatever the machine has.
        monkeypatch.setattr("phi3studio.runtime_pack.install._SPARE_BYTES", 50_000_000)
        yield found


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    return tmp_path / "locks"


def status(home: Home, *, thorough: bool = False) -> PackStatus:
    found = pack_status(home, "cuda", thorough=thorough)
    assert found is not None
    return found


def place(home: Home) -> PackPlace:
    source = pack_source("cuda")
    assert source is not None
    return PackPlace(home, "cuda", source.id)


def run_in(pack: PackPlace, code: str) -> str:
    done = subprocess.run(
        [str(pack.python), "-I", "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def on_cuda(**target: str) -> Recipe:
    """A recipe that needs no data."""
    return Recipe(steps=["quantise"], model=Model(source="starter"), target=Target(**target))


# --- made ---------------------------------------------------------------------------------------


def test_a_pack_is_made_proven_and_used(index: PackageIndex, home: Home) -> None:
    assert status(home).state == "absent"
    told: list[PackProgress] = []
    record = install_pack(home, "cuda", told.append)
    found = status(home)
    assert (found.state, found.usable, found.damage) == ("whole", True, "")
    assert found.bytes == record.bytes > 3 * 1_200_000
    assert {name: record.versions[name] for name in LIBRARIES} == LIBRARIES
    pack = place(home)
    assert run_in(pack, "import heavytorch; print(heavytorch.VERSION)") == "1.0"
    assert not pack.cache.exists(), "what was fetched is there twice"
    assert next(p.activity for p in told) == "python"
    assert told[-1].activity == "proof"
    assert (told[-1].packages, told[-1].packages_total) == (3, 3)
    assert 0 < told[-1].bytes <= told[-1].bytes_total
    # What was brought from outside is told.
    (entry,) = DownloadLog(home.root).read()
    assert (entry.kind, entry.hosts, entry.outcome) == ("runtime", ("127.0.0.1",), "done")
    # A worker that wants the GPU is started in it, another one is not.
    runtime = runtime_for(on_cuda(provider="cuda"), home)
    assert runtime.program("worker", "run", "x") == [
        str(pack.python), "-P", "-m", "phi3studio", "worker", "run", "x",
    ]  # fmt: skip
    assert runtime_for(on_cuda(provider="cpu"), home).python is None
    assert runtime_for_service("chat", home).python == pack.python
    assert runtime_for_service("inspector", home).python is None
    environment = runtime.environment({"PATH": "p", "PYTHONHOME": "x", BROKEN_VARIABLE: "old"})
    assert "PYTHONHOME" not in environment
    assert BROKEN_VARIABLE not in environment
    # The program's own code comes from the program.
    said = subprocess.run(
        [str(pack.python), "-c", "import phi3studio.app.frozen as f; print(f.__file__)"],
        env=runtime.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(said.stdout.strip()) == Path(frozen.__file__)


def test_one_installation_at_a_time(index: PackageIndex, home: Home) -> None:
    with place(home).held(), pytest.raises(InputError) as caught:
        install_pack(home, "cuda")
    assert caught.value.code == "runtime.busy"


def test_a_home_with_spaces_and_other_letters(index: PackageIndex, tmp_path: Path) -> None:
    home = Home(tmp_path / "Zoë’s größe home")
    install_pack(home, "cuda")
    assert run_in(place(home), "import heavyort; print(heavyort.VERSION)") == "1.0"
    assert status(home, thorough=True).state == "whole"


def test_the_frozen_program_uses_what_it_brings(
    index: PackageIndex, home: Home, locks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uv, lock files and its own code as plain source, from its own folder that is read-only."""
    inside = tmp_path / "opt" / "_internal"
    bring = inside / "runtime"
    shutil.copytree(locks, bring / "locks")
    shutil.copy(find_uv(), bring / find_uv().name)
    source = Path(installed.__file__).parents[1]
    left_out = shutil.ignore_patterns("__pycache__", "gui", "cli")
    shutil.copytree(source, bring / "app" / "phi3studio", ignore=left_out)
    (inside / "resources").mkdir()
    # There is no network here from which uv could fetch a Python.
    monkeypatch.setenv("UV_PYTHON_PREFERENCE", "only-system")
    monkeypatch.delenv("PHI3STUDIO_PACK_LOCKS")
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(inside), raising=False)
    monkeypatch.setenv("PATH", f"{Path(sys.base_prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert find_uv() == bring / find_uv().name
    install_pack(home, "cuda")
    runtime = runtime_for(on_cuda(provider="cuda"), home)
    environment = runtime.environment()
    assert environment["PHI3STUDIO_RESOURCES"] == str(inside / "resources")
    code = "import phi3studio.resources as p; print(p.__file__, p.resources())"
    for folder in (bring / "app").rglob("*/"):
        folder.chmod(0o555)
    said = subprocess.run(
        [*runtime.program()[:1], "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert said == [
        str(bring / "app" / "phi3studio" / "resources.py"),
        str(inside / "resources"),
    ]
    assert not list((bring / "app").rglob("__pycache__"))


# --- interrupted --------------------------------------------------------------------------------


def test_a_cancelled_installation_goes_on_where_it_was(index: PackageIndex, home: Home) -> None:
    cancelled = threading.Event()

    def tell(progress: PackProgress) -> None:
        # One library hangs half-way; the others have arrived.
        if progress.packages >= 2:
            cancelled.set()

    index.held.add("heavytorch")
    with pytest.raises(Cancelled):
        install_pack(home, "cuda", tell, cancelled)
    assert not index.go_on.is_set(), "it did not wait for the library that hangs"
    index.held.clear()
    index.go_on.set()
    found = status(home)
    assert (found.state, found.usable) == ("partial", False)
    assert found.bytes > 2_000_000, "nothing was kept"
    assert runtime_for(on_cuda(provider="cuda"), home).python is None
    before = dict(index.asked)
    install_pack(home, "cuda")
    assert status(home).state == "whole"
    again = {name for name, count in index.asked.items() if count > before.get(name, 0)}
    assert again == {"heavytorch-1.0-py3-none-any.whl"}, "what had arrived was fetched again"
    outcomes = [entry.outcome for entry in DownloadLog(home.root).read()]
    assert outcomes == ["done", "stopped"]


def test_a_connection_that_breaks_off_is_reported_and_survived(
    index: PackageIndex, home: Home
) -> None:
    index.broken.add("heavygenai")
    with pytest.raises(UserFacingError) as caught:
        install_pack(home, "cuda")
    assert caught.value.code == "runtime.failed"
    assert "heavygenai" in caught.value.message
    assert status(home).state == "partial"
    index.broken.clear()
    before = dict(index.asked)
    install_pack(home, "cuda")
    assert status(home).state == "whole"
    assert (
        index.asked["heavygenai-1.0-py3-none-any.whl"] > before["heavygenai-1.0-py3-none-any.whl"]
    )


def test_a_server_that_is_gone_is_named(index: PackageIndex, home: Home) -> None:
    index.close()
    with pytest.raises(UserFacingError) as caught:
        install_pack(home, "cuda")
    assert caught.value.code == "runtime.offline"
    assert "127.0.0.1" in caught.value.message


def test_a_file_with_another_hash_is_refused(index: PackageIndex, home: Home) -> None:
    index.changed.add("heavytorch")
    with pytest.raises(UserFacingError) as caught:
        install_pack(home, "cuda")
    assert caught.value.code == "runtime.failed"
    assert "hash" in caught.value.message.lower()
    assert not list(place(home).packages.glob("heavytorch*")), "the wrong file was installed"
    assert status(home).state == "partial"


def test_a_disk_that_is_too_small_is_said_before_anything_is_downloaded(
    index: PackageIndex, home: Home, locks: Path
) -> None:
    write_lock(locks, index, LIBRARIES, platform=PLATFORM, installed_bytes=10**16)
    with pytest.raises(UserFacingError) as caught:
        install_pack(home, "cuda")
    assert caught.value.code == "runtime.no_space"
    assert not index.asked


def test_a_disk_that_becomes_full_is_reported_and_survived(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As when another program takes the space meanwhile.
    monkeypatch.setattr("phi3studio.runtime_pack.install._SPARE_BYTES", -50_000_000)
    with mounted(tmp_path / "small", "size=7m") as small:
        home = Home(small / "home")
        ballast = small / "ballast"
        ballast.write_bytes(b"x" * 5_000_000)
        with pytest.raises(UserFacingError) as caught:
            install_pack(home, "cuda")
        assert caught.value.code == "runtime.disk_full"
        assert status(home).state == "partial"
        ballast.unlink()
        install_pack(home, "cuda")
        assert status(home).state == "whole"


def test_libraries_that_cannot_be_loaded_are_no_pack(
    index: PackageIndex, home: Home, locks: Path
) -> None:
    names = (*LIBRARIES, "driver_that_is_missing")
    write_lock(locks, index, LIBRARIES, platform=PLATFORM, imports=names)
    with pytest.raises(UserFacingError) as caught:
        install_pack(home, "cuda")
    assert caught.value.code == "runtime.unproven"
    assert "driver_that_is_missing" in caught.value.message
    assert not status(home).usable


def test_the_proof_reports_nothing_to_the_libraries_makers(
    index: PackageIndex, home: Home, locks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = "import os\nassert os.environ['ORT_DISABLE_TELEMETRY'] == '1'\n"
    make_wheel(index.folder, "reports", "1.0", {"reports.py": asks.encode()})
    names = (*LIBRARIES, "reports")
    write_lock(locks, index, {**LIBRARIES, "reports": "1.0"}, platform=PLATFORM, imports=names)
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY")
    install_pack(home, "cuda")
    assert status(home).usable


def test_an_interpreter_with_another_hash_is_refused(
    index: PackageIndex, home: Home, locks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the frozen program does, which has no Python to lend: uv fetches one."""
    write_lock(locks, index, LIBRARIES, platform=PLATFORM, python="3.13")
    monkeypatch.setenv("UV_PYTHON_PREFERENCE", "only-managed")
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", index.url.replace("/simple", "/python"))
    with pytest.raises(UserFacingError) as caught:
        install_pack(home, "cuda")
    assert caught.value.code == "runtime.failed"
    asked = [name for name in index.asked if name.startswith("cpython-3.13")]
    assert asked, "it was not looked for at the mirror"
    assert status(home).state == "partial"


# --- broken -------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["shorter", "gone", "other", "python", "list"])
def test_a_broken_pack_is_noticed_not_used_and_mended(
    index: PackageIndex, home: Home, damage: str
) -> None:
    install_pack(home, "cuda")
    pack = place(home)
    blob = pack.packages / "heavytorch" / "lib.bin"
    if damage == "shorter":
        os.truncate(blob, 1000)
    elif damage == "gone":
        blob.unlink()
    elif damage == "other":
        # The same size, other content.
        data = bytearray(blob.read_bytes())
        data[1000] ^= 1
        blob.unlink()
        blob.write_bytes(data)
    elif damage == "python":
        pack.python.unlink()
    else:
        (pack.folder / "files.json").write_text("{")
    found = status(home)
    assert (found.state, found.usable) == ("broken", False)
    runtime = runtime_for(on_cuda(provider="cuda"), home)
    assert runtime.python is None
    assert runtime.environment({})[BROKEN_VARIABLE] == found.damage != ""
    install_pack(home, "cuda")
    assert status(home, thorough=True).state == "whole"
    assert run_in(pack, "import heavytorch; print(heavytorch.VERSION)") == "1.0"


def test_a_small_file_that_changed_is_found_by_the_thorough_look(
    index: PackageIndex, home: Home
) -> None:
    install_pack(home, "cuda")
    module = place(home).packages / "heavyort" / "__init__.py"
    module.unlink()
    module.write_text("VERSION = 'x'\n")
    assert status(home).state == "whole"
    found = status(home, thorough=True)
    assert (found.state, "heavyort/__init__.py" in found.damage) == ("broken", True)


def test_a_python_that_does_not_start_is_not_used(index: PackageIndex, home: Home) -> None:
    install_pack(home, "cuda")
    pack = place(home)
    pack.python.unlink()
    pack.python.write_text("#!/bin/sh\nexit 3\n")
    pack.python.chmod(0o755)
    runtime = runtime_for(on_cuda(provider="cuda"), home)
    assert (runtime.python, runtime.broken) == (None, "its Python does not start")


def test_a_copied_home_keeps_a_working_pack(
    index: PackageIndex, home: Home, tmp_path: Path
) -> None:
    install_pack(home, "cuda")
    # Other times of the files, the same content.
    shutil.copytree(home.root, tmp_path / "copy", symlinks=True, copy_function=shutil.copyfile)
    copy = Home(tmp_path / "copy")
    for script in place(copy).folder.glob("bin/python*"):
        if not script.is_symlink():
            script.chmod(0o755)
    assert status(copy).state == "whole"
    assert runtime_for(on_cuda(provider="cuda"), copy).python == place(copy).python


# --- versions -----------------------------------------------------------------------------------


def test_an_update_of_the_program_keeps_using_the_older_pack_until_it_is_renewed(
    index: PackageIndex, home: Home, locks: Path
) -> None:
    install_pack(home, "cuda")
    old = place(home)
    newer = dict.fromkeys(LIBRARIES, "2.0")
    write_lock(locks, index, newer, platform=PLATFORM)
    found = status(home)
    assert (found.state, found.usable) == ("renewable", True)
    assert runtime_for(on_cuda(provider="cuda"), home).python == old.python
    install_pack(home, "cuda")
    assert status(home).state == "whole"
    assert run_in(place(home), "import heavytorch; print(heavytorch.VERSION)") == "2.0"
    assert not old.folder.exists(), "the older one still takes the disk"
    # The older program beside this one now uses the newer pack.
    write_lock(locks, index, LIBRARIES, platform=PLATFORM)
    found = status(home)
    assert (found.state, found.usable) == ("renewable", True)


def test_a_pack_of_another_generation_is_said_not_used(
    index: PackageIndex, home: Home, locks: Path
) -> None:
    install_pack(home, "cuda")
    record = place(home).record()
    assert record is not None
    (place(home).folder / "pack.json").write_text(
        replace(record, generation=GENERATION + 1).to_json()
    )
    assert status(home).state == "unusable"
    runtime = runtime_for(on_cuda(provider="cuda"), home)
    assert runtime.python is None
    assert "another version" in runtime.broken


# --- removed ------------------------------------------------------------------------------------


def test_a_pack_is_removed_whole_but_not_while_it_is_used(index: PackageIndex, home: Home) -> None:
    install_pack(home, "cuda")
    pack = place(home)
    size = status(home).bytes
    user = subprocess.Popen([str(pack.python), "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with pytest.raises(InputError) as caught:
            remove_pack(home, "cuda")
        assert caught.value.code == "runtime.in_use"
        assert str(user.pid) in caught.value.message
    finally:
        user.communicate(b"\n")
    assert remove_pack(home, "cuda") >= size
    assert status(home).state == "absent"
    assert sorted(item.name for item in pack.root.iterdir()) in (["cuda.lock"], [])
    assert remove_pack(home, "cuda") == 0


# --- pure ---------------------------------------------------------------------------------------


def test_which_runs_want_the_gpu() -> None:
    assert wants_cuda(on_cuda(provider="cuda"))
    assert not wants_cuda(on_cuda(provider="cpu"))
    assert not wants_cuda(on_cuda(provider="cpu", train_on="cuda")), "it does not train"


def test_platforms_without_a_pack() -> None:
    assert pack_platform("Linux", "x86_64") == "linux"
    assert pack_platform("Windows", "AMD64") == "windows"
    assert pack_platform("Darwin", "arm64") is None
    assert pack_platform("Linux", "aarch64") is None


def test_the_name_of_a_pack_does_not_depend_on_line_ends() -> None:
    assert lock_id("a==1\nb==2\n") == lock_id("a==1\r\nb==2\r\n") != lock_id("a==1\n")


def test_records_are_read_as_written_and_damaged_ones_are_none() -> None:
    record = PackRecord("abc", GENERATION, "0.1.0", "3.11.9", 12.5, 99, {"torch": "2"})
    assert parse_record(record.to_json()) == record
    for text in ("", "[]", "{}", '{"v": 2}', json.dumps({"v": 1, "lock": "x"})):
        assert parse_record(text) is None
    assert pack_state(record, "abc", "") == "whole"
    assert pack_state(record, "other", "") == "renewable"
    assert pack_state(record, "abc", "gone") == "broken"
    with pytest.raises(ValueError, match=r".+"):
        parse_facts("{}")


def test_uv_is_found() -> None:
    done = subprocess.run([str(find_uv()), "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("uv ")
