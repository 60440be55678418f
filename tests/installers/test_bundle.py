"""The frozen program itself: ``python3 installers/build.py bundle`` has to have built it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from installers.product import BUILD, SLUG

PROGRAM = BUILD / "bundle-cpu" / SLUG / (f"{SLUG}.exe" if os.name == "nt" else SLUG)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PROGRAM.is_file(), reason="no bundle: python3 installers/build.py bundle makes it"
    ),
]

# What a process of ours may be: anything else would be a second window.
_ROLES = re.compile(
    r"(worker (run|attempt|exported)|service \w+|demo|run |--multiprocessing-fork|"
    r"-c from multiproc\w+\.resource_tracker)"
)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home with spaces and letters that ASCII lacks, and nothing of a development machine."""
    home = tmp_path / "José Müller" / "home"
    home.mkdir(parents=True)
    kept = {"PATH", "LANG", "TMPDIR", "SYSTEMROOT", "TEMP", "TMP"}
    return {name: value for name, value in os.environ.items() if name in kept} | {
        "HOME": str(home.parent),
        "USERPROFILE": str(home.parent),
        "PHI3STUDIO_HOME": str(home),
    }


def call(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROGRAM), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )


def ours() -> Iterator[psutil.Process]:
    """Every living process of the bundle."""
    for process in psutil.process_iter(["exe", "status"]):
        if process.info["exe"] == str(PROGRAM) and process.info["status"] != "zombie":
            yield process


def command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()[1:])
    except psutil.Error:
        return "demo"


def test_it_says_where_it_came_from(environment: dict[str, str]) -> None:
    done = call(environment, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    build = json.loads(
        (PROGRAM.parent / "_internal" / "resources" / "build.json").read_text("utf-8")
    )
    assert done.stdout == f"phi3studio {build['version']}\n"
    assert re.fullmatch(r"[0-9a-f]{40}|unknown", build["commit"])


def test_the_doctor_finds_everything(environment: dict[str, str]) -> None:
    done = call(environment, "doctor", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["flavours"] == ["cpu"]
    assert {"torch", "transformers", "peft", "olive-ai", "pyside6"} <= set(report["versions"])
    assert not [one for one in report["findings"] if one["level"] == "error"]


def test_the_starter_model_comes_with_it(environment: dict[str, str]) -> None:
    done = call(environment, "models", "list")
    line = next(line for line in done.stdout.splitlines() if line.startswith("starter"))
    assert line.endswith("comes with the program")


@pytest.mark.skipif(sys.platform != "linux", reason="reads what a program on Linux was given")
def test_outside_programs_get_the_users_environment(
    environment: dict[str, str], tmp_path: Path
) -> None:
    tool = tmp_path / "nvidia-smi"
    seen = tmp_path / "seen"
    tool.write_text(f'#!/bin/sh\nenv > "{seen}"\nexit 9\n')
    tool.chmod(0o755)
    environment |= {"PATH": f"{tmp_path}:{environment['PATH']}", "LD_LIBRARY_PATH": "/mine/lib"}
    call(environment, "doctor")
    found = dict(line.partition("=")[::2] for line in seen.read_text().splitlines())
    assert not [name for name in found if name.startswith(("_PYI", "_MEI"))]
    assert found["LD_LIBRARY_PATH"] == "/mine/lib"
    assert not {"LD_LIBRARY_PATH_ORIG", "QT_PLUGIN_PATH", "QML2_IMPORT_PATH"} & set(found)


def test_the_quick_demo_opens_no_window_and_leaves_no_process(
    environment: dict[str, str],
) -> None:
    before = {path: path.stat().st_mtime_ns for path in PROGRAM.parent.rglob("*")}
    demo = subprocess.Popen(
        [str(PROGRAM), "demo", "--quick", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    roles: set[str] = set()
    while demo.poll() is None:
        roles |= {command(process) for process in ours()}
        time.sleep(0.1)
    said, trouble = demo.communicate()
    assert demo.returncode == 0, said[-2000:] + trouble[-2000:]
    assert [role for role in roles if not _ROLES.match(role)] == []
    assert any(role.startswith("worker attempt") for role in roles)
    end = time.monotonic() + 10
    while (left := list(ours())) and time.monotonic() < end:
        time.sleep(0.2)
    assert left == []
    assert {path: path.stat().st_mtime_ns for path in PROGRAM.parent.rglob("*")} == before
    done = call(environment, "chat", "latest", "--prompt", "A cold wind blew.")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_everything_ends_with_a_cancel(environment: dict[str, str]) -> None:
    environment["OMP_NUM_THREADS"] = "1"
    demo = subprocess.Popen(
        [str(PROGRAM), "demo"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    events: list[Path] = []
    end = time.monotonic() + 300
    while time.monotonic() < end:
        events = list(Path(environment["PHI3STUDIO_HOME"]).glob("runs/*/events.jsonl"))
        if events and '"name": "train"' in events[0].read_text("utf-8"):
            break
        assert demo.poll() is None
        time.sleep(0.2)
    done = call(environment, "cancel", "latest")
    assert done.returncode == 0, done.stderr
    demo.communicate(timeout=30)
    assert '"outcome":"cancelled"' in events[0].read_text("utf-8").replace(" ", "")
    end = time.monotonic() + 10
    while (left := list(ours())) and time.monotonic() < end:
        time.sleep(0.2)
    assert left == []
