"""``phi3studio runtime``, and runs that are started in a pack, or without a broken one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from phi3studio.app.paths import Home
from phi3studio.app.process_tree import process_tree
from phi3studio.domain.events.run_events import Notice, Started
from phi3studio.runs import launch
from phi3studio.runs.store import RunStore
from phi3studio.runtime_pack.place import PackPlace, pack_source
from tests.cli.conftest import Studio, command
from tests.package_index import PackageIndex, library, make_wheel, write_lock
from tests.worker.running import completed, tiny_recipe, wait_for_event, write_rows

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform == "darwin", reason="there are no packs for macOS"),
]
PLATFORM = "windows" if os.name == "nt" else "linux"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    """An index with a library, and with one that lends this environment's libraries to a pack."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    library(folder, "heavytorch")
    here = next(place for place in sys.path if place.endswith("site-packages"))
    make_wheel(folder, "borrowed", "1.0", {"borrowed.pth": f"{here}\n".encode()})
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("PHI3STUDIO_PACK_LOCKS", str(tmp_path / "locks"))
    with PackageIndex(folder) as found:
        write_lock(
            tmp_path / "locks",
            found,
            {"heavytorch": "1.0", "borrowed": "1.0"},
            platform=PLATFORM,
            imports=("heavytorch", "torch"),
        )
        yield found


def place(home: Home) -> PackPlace:
    source = pack_source("cuda")
    assert source is not None
    return PackPlace(home, "cuda", source.id)


def test_the_life_of_a_pack(studio: Studio, index: PackageIndex, home: Home) -> None:
    assert "not installed" in studio("runtime", "status").out
    said = studio("runtime", "install", "cuda")
    assert said.code == 0, said.err
    assert "installed" in said.out
    assert "trying the libraries" in said.err
    document = studio("runtime", "status", "cuda", "--check", "--json").document
    assert (document["state"], document["usable"]) == ("whole", True)
    assert document["versions"]["heavytorch"] == "1.0"
    (place(home).packages / "heavytorch" / "lib.bin").unlink()
    said = studio("runtime", "status")
    assert (said.code, "lib.bin is gone" in said.out) == (1, True)
    # The doctor says so, and what to do about it.
    found = {item["code"] for item in studio("doctor", "--json").document["findings"]}
    assert "runtime.damaged" in found
    assert studio("runtime", "install").code == 0
    assert studio("runtime", "remove", "--json").document["removed"] is True
    assert "Nothing is installed" in studio("runtime", "remove").out


def test_wrong_input_is_explained(studio: Studio, index: PackageIndex) -> None:
    said = studio("runtime", "install", "rocm")
    assert (said.code, "[runtime.unknown]" in said.err) == (2, True)
    index.close()
    said = studio("runtime", "install", "--json")
    assert said.code == 1
    assert said.document["error"]["code"] == "runtime.offline"


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT to another process")
def test_ctrl_c_keeps_what_has_arrived(studio: Studio, index: PackageIndex, home: Home) -> None:
    index.held.add("heavytorch")
    process = subprocess.Popen(
        command("runtime", "install"),
        env=os.environ | {"PHI3STUDIO_HOME": str(home.root)},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 30
    while not index.asked["heavytorch-1.0-py3-none-any.whl"] and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    index.go_on.set()
    assert (process.returncode, "Traceback" in err) == (130, False), err
    assert json.loads(studio("runtime", "status", "--json").out)["state"] == "partial"


@pytest.mark.slow
def test_a_run_is_trained_by_the_packs_python(
    studio: Studio, index: PackageIndex, home: Home, tiny_phi3: Path, tmp_path: Path
) -> None:
    assert studio("runtime", "install").code == 0
    rows = write_rows(tmp_path / "rows.jsonl", 40)
    run = RunStore(home).create(tiny_recipe(tiny_phi3, rows, train_on="auto"))
    launch.start(run)
    wait_for_event(run, lambda event: event.payload.type == "started")
    worker = run.worker()
    assert worker is not None
    pythons = {process.cmdline()[0] for process in process_tree(worker)}
    assert pythons == {str(place(home).python)}
    completed(run)
    notices = [e.payload.code for e in run.events() if isinstance(e.payload, Notice)]
    assert "runtime.broken" not in notices
    assert run.view().artifacts.keys() >= {"model", "adapter"}


@pytest.mark.parametrize("train_on", [pytest.param("auto", marks=pytest.mark.slow), "cuda"])
def test_a_run_goes_on_the_processor_when_the_pack_is_broken_and_says_so(
    studio: Studio,
    index: PackageIndex,
    home: Home,
    tiny_phi3: Path,
    tmp_path: Path,
    train_on: str,
) -> None:
    assert studio("runtime", "install").code == 0
    (place(home).packages / "heavytorch" / "lib.bin").unlink()
    rows = write_rows(tmp_path / "rows.jsonl", 40)
    run = RunStore(home).create(tiny_recipe(tiny_phi3, rows, train_on=train_on))
    launch.start(run)
    completed(run)
    events = [event.payload for event in run.events()]
    started = next(p for p in events if isinstance(p, Started))
    assert started.device == "cpu"
    told = next(p for p in events if isinstance(p, Notice) and p.code == "runtime.broken")
    assert (told.level, "lib.bin is gone" in told.said().message) == ("warning", True)
    assert "lib.bin is gone" in studio("show", run.name).out


def at_work_in(home: Home) -> list[psutil.Process]:
    """The processes of this home, whoever started them: a service has a session of its own."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("PHI3STUDIO_HOME") == str(home.root):
                found.append(process)
    return [process for process in found if process.pid != os.getpid()]


def test_a_service_starts_in_the_pack_and_without_it_when_it_fails(
    studio: Studio, index: PackageIndex, home: Home, wait_for: Callable[..., None]
) -> None:
    assert studio("runtime", "install").code == 0
    assert studio("doctor", "--json").code == 0
    # Whole to the look, but its Python cannot import the program's needs.
    (place(home).packages / "borrowed.pth").write_text("")
    document = studio("doctor", "--json").document
    assert document["devices"]["train_on"], "the service did not answer"
    wait_for(lambda: not at_work_in(home), what="the services' end")


def test_about_says_what_this_is_and_asks_only_when_asked(
    studio: Studio, index: PackageIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHI3STUDIO_RELEASES", "http://127.0.0.1:9/")
    document = studio("about", "--licences", "--json").document
    assert document["licence"] == "MIT"
    assert {"numpy", "torch", "transformers"} <= {part["name"] for part in document["parts"]}
    said = studio("about", "--check")
    assert (said.code, "[update.unreachable]" in said.err) == (1, True)


def test_the_check_for_a_newer_version_is_a_setting(studio: Studio, index: PackageIndex) -> None:
    assert studio("settings", "--json").document["update_check"] is False
    assert studio("settings", "--update-check", "on", "--json").document["update_check"] is True
    said = studio("settings", "--update-check", "perhaps")
    assert (said.code, "[settings.switch]" in said.err) == (2, True)
    assert "not looked for" in studio("settings", "--update-check", "off").out
