"""What the user set: number of threads, place of the data directory, list of downloads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from phi3studio.app.download_log import DownloadLog
from phi3studio.app.paths import Home, default_home, pointer_file, user_home
from phi3studio.app.settings import Settings, read_settings, set_threads, thread_limit
from phi3studio.domain.errors import Cancelled, InputError
from phi3studio.runs import relocate


@pytest.fixture
def own_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A computer without ``PHI3STUDIO_HOME``, whose folders lie in a place of the test's."""
    monkeypatch.delenv("PHI3STUDIO_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user" / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user" / "config"))
    if sys.platform != "linux":
        pytest.skip("the system's folders are moved by XDG variables")
    return tmp_path


def fill(root: Path) -> dict[str, bytes]:
    """Things in a home; returns them."""
    files = {"settings.json": b"{}", "runs/a/recipe.json": b"{}", "models/m/w.bin": b"x" * 5000}
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return files


def content(root: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()
    }


# --- threads ------------------------------------------------------------------------------------


def test_the_number_of_threads_is_kept(home: Home) -> None:
    assert read_settings(home) == Settings()
    set_threads(home, 3)
    assert read_settings(home) == Settings(3)
    assert thread_limit() == 3
    set_threads(home, None)
    assert thread_limit() is None


@pytest.mark.parametrize("threads", [0, -1, 5000])
def test_an_impossible_number_is_refused(home: Home, threads: int) -> None:
    with pytest.raises(InputError) as caught:
        set_threads(home, threads)
    assert caught.value.code == "settings.threads"
    assert read_settings(home) == Settings()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 2, "threads": 1}', '{"version": 1, "threads": "many"}']
)
def test_damaged_settings_count_as_none(home: Home, text: str) -> None:
    home.root.mkdir(parents=True)
    (home.root / "settings.json").write_text(text)
    assert read_settings(home) == Settings()


def test_the_environment_comes_first(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    set_threads(home, 3)
    monkeypatch.setenv("PHI3STUDIO_THREADS", "1")
    assert thread_limit() == 1
    monkeypatch.setenv("PHI3STUDIO_THREADS", "lots")
    assert thread_limit() == 3


def test_every_process_that_computes_keeps_to_it(home: Home) -> None:
    code = "from phi3studio.worker.process.threads import usable_cores; print(usable_cores())"

    def cores() -> int:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PHI3STUDIO_HOME": str(home.root)},
            capture_output=True,
            text=True,
            check=True,
        )
        return int(done.stdout)

    set_threads(home, 1)
    assert cores() == 1
    set_threads(home, 1000)
    assert cores() >= 1, "more than there are cores changes nothing"


# --- the data directory -------------------------------------------------------------------------


def test_everything_moves_with_the_home(own_system: Path) -> None:
    old, new = default_home(), own_system / "disk" / "studio"
    files = fill(old)
    relocate.plan(new, move=True)
    assert user_home() == Home(old), "the plan is for the next start of the window"
    planned = relocate.pending()
    assert planned == relocate.Pending(new, True)
    assert relocate.apply(planned) == Home(new)
    assert user_home() == Home(new)
    assert content(new) == files
    assert not old.exists()
    assert relocate.pending() is None


def test_the_old_home_is_kept_when_nothing_shall_move(own_system: Path) -> None:
    old, new = default_home(), own_system / "disk" / "studio"
    files = fill(old)
    assert relocate.apply(relocate.Pending(new, False)) == Home(new)
    assert content(old) == files
    assert content(new) == {}
    assert user_home() == Home(new)


def test_a_move_to_another_disk_copies_and_can_be_cancelled(
    own_system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relocate, "_same_disk", lambda old, new: False)
    old, new = default_home(), own_system / "disk" / "studio"
    files = fill(old)

    def refuse() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        relocate.apply(relocate.Pending(new, True), check=refuse)
    assert content(old) == files
    assert content(new) == {}
    assert user_home() == Home(old)
    told: list[tuple[int, int]] = []
    relocate.apply(relocate.Pending(new, True), lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] == sum(len(data) for data in files.values())
    assert content(new) == files
    assert not old.exists()


@pytest.mark.parametrize(
    ("place", "code"),
    [("", "home.same"), ("inside", "home.nested"), ("..", "home.nested")],
)
def test_a_place_that_cannot_work_is_refused(own_system: Path, place: str, code: str) -> None:
    old = default_home()
    fill(old)
    with pytest.raises(InputError) as caught:
        relocate.check_new_home(Path(os.path.normpath(old / place)), old, move=True)
    assert caught.value.code == code


def test_a_full_folder_is_not_moved_into(own_system: Path) -> None:
    old, new = default_home(), own_system / "other"
    fill(old)
    fill(new)
    with pytest.raises(InputError) as caught:
        relocate.apply(relocate.Pending(new, True))
    assert caught.value.code == "home.not_empty"
    assert relocate.apply(relocate.Pending(new, False)) == Home(new), "but it can be used"


def test_an_open_window_keeps_its_home(own_system: Path) -> None:
    old, new = default_home(), own_system / "disk"
    fill(old)
    lock = relocate.hold(old)
    assert lock is not None
    with pytest.raises(InputError) as caught:
        relocate.apply(relocate.Pending(new, True))
    assert caught.value.code == "home.busy"
    lock.release()
    assert relocate.apply(relocate.Pending(new, True)) == Home(new)


def test_a_home_that_is_gone_is_not_made_again(own_system: Path) -> None:
    new = own_system / "disk" / "studio"
    relocate.apply(relocate.Pending(new, False))
    new.rmdir()
    with pytest.raises(InputError) as caught:
        user_home()
    assert caught.value.code == "home.missing"
    assert not new.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 9, "home": "/x"}'])
def test_a_damaged_pointer_counts_as_none(own_system: Path, text: str) -> None:
    pointer_file().parent.mkdir(parents=True)
    pointer_file().write_text(text)
    assert user_home() == Home(default_home())
    assert relocate.pending() is None


def test_a_plan_can_be_forgotten(own_system: Path) -> None:
    relocate.plan(own_system / "a", move=True)
    relocate.forget_plan()
    assert relocate.pending() is None


# --- downloads ----------------------------------------------------------------------------------


def test_downloads_are_listed_newest_first(tmp_path: Path) -> None:
    log = DownloadLog(tmp_path / "home")
    assert log.read() == []
    log.record("a/b", "model", ("hub.example", "cdn.example"), 1000, "stopped")
    log.record("c/d", "data", ("hub.example",), 5, "done")
    log.record("nothing/came", "model", ("hub.example",), 0, "failed")
    assert [(d.what, d.kind, d.hosts, d.bytes, d.outcome) for d in log.read()] == [
        ("c/d", "data", ("hub.example",), 5, "done"),
        ("a/b", "model", ("hub.example", "cdn.example"), 1000, "stopped"),
    ]
    assert [d.what for d in log.read(1)] == ["c/d"]


def test_damaged_lines_are_passed_over(tmp_path: Path) -> None:
    log = DownloadLog(tmp_path)
    log.record("a/b", "model", ("h",), 1, "done")
    good = log.file.read_text()
    strange = json.loads(good) | {"v": 99}
    log.file.write_text(f"{{\n[]\n{json.dumps(strange)}\n{good}")
    assert [d.what for d in log.read()] == ["a/b"]


def test_a_list_that_cannot_be_written_harms_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    DownloadLog(tmp_path / "file").record("a/b", "model", ("h",), 1, "done")
