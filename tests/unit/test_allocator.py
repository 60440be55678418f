"""Which heap a process that computes uses, and that nothing else gets it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from phi3studio.app import allocator
from phi3studio.runs import launch

CHILD = """
import os, subprocess, sys
from pathlib import Path
from phi3studio.app import allocator

print(allocator.LIBRARY in Path("/proc/self/maps").read_text())
allocator.keep_to_ourselves(os.environ)
left = "import os; print([name for name in os.environ if name in ('LD_PRELOAD', 'MINE')])"
print(subprocess.run([sys.executable, "-c", left], capture_output=True, text=True).stdout, end="")
"""


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    library = allocator.find()
    if library is None:
        pytest.skip("the system has no tcmalloc")
    return str(library)


def test_a_process_that_computes_has_it_and_its_children_do_not(found: str) -> None:
    environment = launch.computing(os.environ | {"MINE": "1"})
    assert environment["LD_PRELOAD"] == found
    done = subprocess.run(
        [sys.executable, "-c", CHILD], env=environment, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("True\n['MINE']\n", "")


def test_what_the_user_loads_first_stays(found: str) -> None:
    environment = launch.computing({"LD_PRELOAD": "/their/own.so", "GOMP_SPINCOUNT": "7"})
    assert (environment["LD_PRELOAD"], environment["GOMP_SPINCOUNT"]) == ("/their/own.so", "7")
    assert not any(name.startswith("TCMALLOC") for name in environment)


def test_without_it_all_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator, "find", lambda: None)
    assert "LD_PRELOAD" not in launch.computing({})
    environment = {"LD_PRELOAD": "/their/own.so"}
    allocator.keep_to_ourselves(environment)
    assert environment == {"LD_PRELOAD": "/their/own.so"}


def test_a_runtime_packs_python_knows_what_the_app_brought(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Path("/opt/phi3studio/_internal/allocator") / allocator.LIBRARY
    monkeypatch.setattr(allocator, "find", lambda: library)
    environment = launch.computing({"MINE": "1"})
    assert environment["LD_PRELOAD"] == str(library)
    monkeypatch.setattr(allocator, "find", lambda: None)
    allocator.keep_to_ourselves(environment)
    assert environment == {"MINE": "1", **launch.COMPUTING}


def test_the_app_brings_its_own(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    look = allocator.find.__wrapped__
    assert look() is None, "the system's may be of another kind"
    file = tmp_path / allocator.FOLDER / allocator.LIBRARY
    file.parent.mkdir()
    file.touch()
    assert look() == file
    monkeypatch.setattr(sys, "platform", "win32")
    assert look() is None
