"""Other programs of the system are found where the user has them, never where they stand."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from phi3studio.__main__ import main
from phi3studio.app.program import find_program


def tool(folder: Path, name: str = "tool") -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


def test_the_search_path_comes_before_other_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, other = tool(tmp_path / "bin"), tool(tmp_path / "more")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert find_program("tool", other.parent) == str(first)
    first.unlink()
    assert find_program("tool", other.parent) == str(other)
    assert find_program("tool") is None


def test_the_working_folder_is_not_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", "sub/.."]))
    assert find_program("tool") is None


def test_a_file_that_cannot_be_run_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool(tmp_path / "bin").chmod(0o644)
    (tmp_path / "bin" / "other").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert find_program("tool") is None
    assert find_program("other") is None


def test_windows_loads_no_library_of_the_working_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    named: list[str] = []
    kernel = SimpleNamespace(SetDllDirectoryW=named.append)
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel), raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "argv", ["phi3studio", "worker"])
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    assert main() == 2
    # An empty name takes the working folder out of the search; no name puts it back.
    assert named == [""]
