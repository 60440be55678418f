"""The computer does not sleep while a run works, and may again afterwards, whatever happens."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from phi3studio.worker.process.awake import awake, command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the system's own call there")


@pytest.fixture
def inhibitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in place of systemd-inhibit that writes down what it is asked."""
    file = tmp_path / "systemd-inhibit"
    log = tmp_path / "asked"
    file.write_text(f'#!/bin/sh\necho "$@" > {log}\nexec cat\n')
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return log


@pytest.fixture
def children() -> Callable[[], list[psutil.Process]]:
    """This process's children from now on; a library may have had one before."""

    def living() -> list[psutil.Process]:
        return [p for p in psutil.Process().children() if p.status() != psutil.STATUS_ZOMBIE]

    before = living()
    return lambda: [process for process in living() if process not in before]


def test_it_is_held_awake_only_inside_and_only_if_wanted(
    inhibitor: Path, children: Callable[[], list[psutil.Process]]
) -> None:
    with awake(True, "linux"):
        for _ in range(200):
            if inhibitor.exists() and inhibitor.read_text():
                break
            time.sleep(0.02)
        assert "--what=sleep:idle" in inhibitor.read_text()
        assert len(children()) == 1
    assert children() == []
    inhibitor.unlink()
    with awake(False, "linux"):
        assert children() == []
    assert not inhibitor.exists()


def test_a_killed_worker_holds_nothing(inhibitor: Path) -> None:
    code = (
        "import time\nfrom phi3studio.worker.process.awake import awake\n"
        "with awake(True, 'linux'):\n    print('in', flush=True)\n    time.sleep(60)\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"in\n"
    (holder,) = psutil.Process(worker.pid).children()
    worker.kill()
    worker.wait()
    worker.stdout.close()
    assert holder.wait(10) is None or not holder.is_running()


def test_a_system_without_the_program_trains_all_the_same(
    monkeypatch: pytest.MonkeyPatch, children: Callable[[], list[psutil.Process]]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with awake(True, "linux"):
        assert children() == []


def test_a_mac_waits_for_this_process() -> None:
    assert command("darwin") == ["caffeinate", "-i", "-w", str(os.getpid())]
