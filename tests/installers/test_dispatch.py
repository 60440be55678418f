"""One executable for everything: what the frozen program does with its arguments."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from phi3studio.app import frozen

# Runs our entry as the frozen program would: the same code with PyInstaller's marks.
PROGRAM = """#!{python}
import sys
sys.frozen, sys._MEIPASS = True, {folder!r}
from phi3studio.__main__ import main
sys.exit(main())
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A stand-in for the frozen executable, which is built in minutes."""
    (tmp_path / "_internal").mkdir()
    file = tmp_path / "phi3studio"
    file.write_text(PROGRAM.format(python=sys.executable, folder=str(tmp_path / "_internal")))
    file.chmod(0o755)
    return file


def call(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    root = str(Path(frozen.__file__).parents[2])
    return subprocess.run(
        list(map(str, command)),
        env=os.environ | {"PYTHONPATH": root, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.skipif(os.name != "posix", reason="the tracker is a process on POSIX only")
def test_the_resource_tracker_of_multiprocess_opens_no_window(program: Path) -> None:
    """The library itself starts it, through the executable, as the datasets library makes it do."""
    code = f"""
        import sys, time
        import psutil
        from multiprocess import resource_tracker, spawn
        spawn.set_executable({str(program)!r})
        resource_tracker.ensure_running()
        tracker = psutil.Process(resource_tracker._resource_tracker._pid)
        time.sleep(1.5)
        loaded = [m.path for m in tracker.memory_maps()]
        assert tracker.is_running() and tracker.status() != "zombie", tracker
        assert {str(program)!r} in " ".join(tracker.cmdline()), tracker.cmdline()
        assert not [path for path in loaded if "Qt6" in path], "it loaded Qt"
        resource_tracker._resource_tracker._stop()
        print("ended" if not tracker.is_running() else "goes on")
    """
    done = call(sys.executable, "-c", textwrap.dedent(code))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["ended"]


@pytest.mark.parametrize(
    "code",
    [
        "print('hello')",
        "from multiprocess.resource_tracker import main;main(3);print(1)",
        "from multiprocess.forkserver import main; main(3, 4)",
        "",
    ],
)
def test_other_code_in_the_arguments_is_not_run(program: Path, code: str) -> None:
    done = call(program, "-c", code)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "-c is for its own helper processes" in done.stderr


def test_flags_of_the_interpreter_may_come_before_the_code() -> None:
    assert frozen.python_child(["-B", "-S", "-c", "no"]) == 2
    assert frozen.python_child(["-c"]) == 2


@pytest.mark.parametrize("arguments", [[], ["gui"], ["run", "a.yaml"], ["chat", "-c", "latest"]])
def test_commands_are_no_python_children(arguments: list[str]) -> None:
    assert frozen.python_child(arguments) is None


def test_the_frozen_command_line_answers(program: Path) -> None:
    done = call(program, "--version")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("phi3studio ")


def test_programs_that_it_starts_get_the_users_environment(program: Path, tmp_path: Path) -> None:
    """A driver's tool, as any other program, must not load our libraries."""
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    seen = tmp_path / "seen"
    tool.write_text(f"#!/bin/sh\nenv > {seen}\nexit 9\n")
    tool.chmod(0o755)
    inside = tmp_path / "_internal"
    done = call(
        program,
        "doctor",
        "--json",
        PATH=f"{tool.parent}:{os.environ['PATH']}",
        PHI3STUDIO_HOME=str(tmp_path / "home"),
        LD_LIBRARY_PATH=str(inside),
        LD_LIBRARY_PATH_ORIG="/usr/local/mine",
        QT_PLUGIN_PATH=f"{inside}/PySide6/Qt/plugins",
        _PYI_ARCHIVE_FILE=str(program),
        _PYI_APPLICATION_HOME_DIR=str(inside),
    )
    assert seen.is_file(), done.stderr
    found = dict(line.partition("=")[::2] for line in seen.read_text().splitlines())
    assert not [name for name in found if name.startswith(("_PYI", "_MEI"))]
    assert found["LD_LIBRARY_PATH"] == "/usr/local/mine"
    assert not {"LD_LIBRARY_PATH_ORIG", "QT_PLUGIN_PATH"} & set(found)


def test_only_what_is_ours_is_taken_out_of_the_environment(tmp_path: Path) -> None:
    inside = tmp_path / "_internal"
    environment = {
        "HOME": "/home/me",
        "PATH": os.pathsep.join([str(inside), "/usr/bin"]),
        "LD_LIBRARY_PATH": os.pathsep.join([str(inside / "torch"), "/opt/mine"]),
        "QT_PLUGIN_PATH": str(inside / "plugins"),
        "QML2_IMPORT_PATH": "/usr/lib/qml",
        "_PYI_PARENT_PROCESS_LEVEL": "1",
        "_MEIPASS2": str(inside),
        "_OTHER": "stays",
    }
    frozen.clean_environment(environment, inside)
    assert environment == {
        "HOME": "/home/me",
        "PATH": "/usr/bin",
        "LD_LIBRARY_PATH": "/opt/mine",
        "QML2_IMPORT_PATH": "/usr/lib/qml",
        "_OTHER": "stays",
    }


def test_an_empty_search_path_of_the_user_comes_back_empty(tmp_path: Path) -> None:
    environment = {"LD_LIBRARY_PATH": str(tmp_path), "LD_LIBRARY_PATH_ORIG": ""}
    frozen.clean_environment(environment, tmp_path)
    assert environment in ({}, {"LD_LIBRARY_PATH": ""})


def test_from_source_nothing_is_frozen() -> None:
    assert frozen.bundle() is None


def test_a_windowed_program_without_streams_gets_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    frozen.give_streams()
    given = (sys.stdout, sys.stderr)
    for stream in given:
        assert stream is not None
        stream.write("into the void")
        stream.close()
