"""The set-up script: what it refuses, when it installs, what it passes on."""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "installers" / "bootstrap.py"


PROJECT = """
[project]
dependencies = ["base>=1", "onnxruntime==1"]
[project.optional-dependencies]
azure = ["azure>=1"]
[dependency-groups]
cuda = ["onnxruntime-gpu==1"]
dev = ["dev>=1"]
"""


@pytest.fixture
def bootstrap(tmp_path, monkeypatch) -> ModuleType:
    """The script as a module, working on a project folder of its own."""
    spec = importlib.util.spec_from_file_location("bootstrap", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    constraints = tmp_path / "installers" / "constraints"
    constraints.mkdir(parents=True)
    for name in ("base", "cpu", "cuda", "directml"):
        (constraints / f"{name}.txt").write_text(f"# {name}\n")
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "CONSTRAINTS", constraints)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "phi3studio-setup.json")
    return module


@pytest.fixture
def commands(bootstrap, monkeypatch) -> list[list[str]]:
    """Every command that would have been run; making an environment makes its interpreter."""
    seen: list[list[str]] = []

    def run(command, **_):
        seen.append(list(command))
        return subprocess.CompletedProcess(command, 0)

    def call(command, **_):
        seen.append(list(command))
        return 0

    class Builder:
        def __init__(self, **_): ...

        def create(self, folder):
            seen.append(["venv", str(folder)])
            python = bootstrap.python_of(Path(folder))
            python.parent.mkdir(parents=True, exist_ok=True)
            python.write_text("")

    monkeypatch.setattr(bootstrap.subprocess, "run", run)
    monkeypatch.setattr(bootstrap.subprocess, "call", call)
    monkeypatch.setattr(bootstrap.venv, "EnvBuilder", Builder)
    return seen


def installs(commands: list[list[str]]) -> list[list[str]]:
    """The calls that install requirements; each is followed by one that installs the tree."""
    return [command for command in commands if "pip" in command and "-c" in command]


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [(3, 11), (3, 12)])
def test_these_pythons_are_accepted(bootstrap, version) -> None:
    bootstrap.check_python(version)


@pytest.mark.parametrize("version", [(2, 7), (3, 9), (3, 10), (3, 13), (3, 14)])
def test_other_pythons_are_refused_with_what_to_do(bootstrap, version) -> None:
    with pytest.raises(bootstrap.SetupError) as caught:
        bootstrap.check_python(version)
    text = str(caught.value)
    assert f"{version[0]}.{version[1]}" in text
    assert "python3.12" in text


@pytest.mark.parametrize(
    ("flavour", "system", "machine"),
    [
        ("cpu", "Linux", "x86_64"),
        ("cpu", "Linux", "aarch64"),
        ("cpu", "Darwin", "arm64"),
        ("cpu", "Windows", "AMD64"),
        ("cuda", "Linux", "x86_64"),
        ("cuda", "Windows", "AMD64"),
        ("directml", "Windows", "AMD64"),
    ],
)
def test_flavours_that_fit_are_accepted(bootstrap, flavour, system, machine) -> None:
    bootstrap.check_flavour(flavour, system, machine)


@pytest.mark.parametrize(
    ("flavour", "system", "machine", "reason"),
    [
        ("directml", "Linux", "x86_64", "Windows only"),
        ("directml", "Darwin", "arm64", "Windows only"),
        ("cuda", "Darwin", "arm64", "macOS"),
        ("cuda", "Linux", "aarch64", "aarch64"),
    ],
)
def test_flavours_that_do_not_fit_are_refused_with_the_reason(
    bootstrap, flavour, system, machine, reason
) -> None:
    with pytest.raises(bootstrap.SetupError) as caught:
        bootstrap.check_flavour(flavour, system, machine)
    assert reason in str(caught.value)
    assert "--flavour cpu" in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="directml fits Windows")
def test_a_refused_flavour_ends_with_2_and_touches_nothing(bootstrap, commands, capsys) -> None:
    assert bootstrap.main(["--flavour", "directml", "demo"]) == 2
    assert commands == []
    assert not bootstrap.VENV.exists()
    assert "Error: The directml flavour" in capsys.readouterr().err


def test_an_unknown_flavour_ends_with_2(bootstrap, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        bootstrap.parse(["--flavour", "rocm", "demo"])
    assert caught.value.code == 2
    assert "directml" in capsys.readouterr().err


# --- when it installs ---------------------------------------------------------------------------


def test_the_first_time_an_environment_is_made_with_the_pinned_versions(
    bootstrap, commands
) -> None:
    assert bootstrap.main(["--flavour", "cpu", "demo", "--quick"]) == 0
    python = str(bootstrap.python_of(bootstrap.VENV))
    assert commands == [
        ["venv", str(bootstrap.VENV)],
        [
            python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            "-c", str(bootstrap.CONSTRAINTS / "cpu.txt"), "base>=1", "onnxruntime==1",
        ],
        [
            python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            "--no-deps", "-e", str(bootstrap.ROOT),
        ],
        [python, "-P", "-m", "phi3studio", "demo", "--quick"],
    ]  # fmt: skip


def test_the_second_time_nothing_is_installed(bootstrap, commands) -> None:
    bootstrap.main(["demo"])
    commands.clear()
    assert bootstrap.main(["runs", "--json"]) == 0
    python = str(bootstrap.python_of(bootstrap.VENV))
    assert commands == [[python, "-P", "-m", "phi3studio", "runs", "--json"]]


@pytest.mark.parametrize("name", ["pyproject.toml", "cpu.txt", "base.txt"])
def test_a_changed_input_is_installed_again_into_the_same_environment(
    bootstrap, commands, name
) -> None:
    bootstrap.main(["demo"])
    commands.clear()
    file = bootstrap.ROOT / name if name == "pyproject.toml" else bootstrap.CONSTRAINTS / name
    file.write_text(file.read_text() + "# changed\n")
    bootstrap.main(["demo"])
    assert len(installs(commands)) == 1
    assert ["venv", str(bootstrap.VENV)] not in commands
    commands.clear()
    bootstrap.main(["demo"])
    assert installs(commands) == []


def test_another_flavours_constraints_change_nothing(bootstrap, commands) -> None:
    bootstrap.main(["demo"])
    commands.clear()
    (bootstrap.CONSTRAINTS / "cuda.txt").write_text("# changed\n")
    bootstrap.main(["demo"])
    assert installs(commands) == []


def test_another_flavour_never_goes_over_the_old_one(bootstrap, commands) -> None:
    bootstrap.main(["demo"])
    old = bootstrap.VENV / "old-file"
    old.write_text("")
    commands.clear()
    bootstrap.set_up("cuda", dev=False, fresh=False)
    assert not old.exists()
    assert commands[0] == ["venv", str(bootstrap.VENV)]
    assert commands[1][-2:] == ["base>=1", "onnxruntime-gpu==1"]


def test_without_a_flavour_the_present_one_stays(bootstrap, commands) -> None:
    bootstrap.set_up("cuda", dev=False, fresh=False)
    assert bootstrap.parse(["demo"])[0].flavour == "cuda"
    assert bootstrap.parse(["--fresh", "demo"])[0].flavour == "cpu"
    assert bootstrap.parse(["--flavour", "cpu", "demo"])[0].flavour == "cpu"


def test_tests_need_the_tools_once_and_keep_them(bootstrap, commands) -> None:
    bootstrap.main(["demo"])
    bootstrap.main(["test", "-x"])
    assert installs(commands)[1][-2:] == ["azure>=1", "dev>=1"]
    commands.clear()
    bootstrap.main(["demo"])
    bootstrap.main(["test"])
    assert installs(commands) == []
    with (bootstrap.ROOT / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    bootstrap.main(["demo"])
    assert installs(commands)[0][-2:] == ["azure>=1", "dev>=1"]


def test_a_set_up_that_failed_is_done_again(bootstrap, commands, monkeypatch, capsys) -> None:
    def fail(command, **_):
        raise subprocess.CalledProcessError(1, command)

    with monkeypatch.context() as patch:
        patch.setattr(bootstrap.subprocess, "run", fail)
        assert bootstrap.main(["demo"]) == 1
    assert "set-up failed" in capsys.readouterr().err
    assert bootstrap.read_stamp() == {}
    bootstrap.main(["demo"])
    assert len(installs(commands)) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_damaged_stamp_counts_as_none(bootstrap, text) -> None:
    bootstrap.STAMP.parent.mkdir()
    bootstrap.STAMP.write_text(text)
    assert bootstrap.read_stamp() == {}


def test_the_stamp_says_what_the_environment_was_made_from(bootstrap, commands) -> None:
    bootstrap.main(["demo"])
    stamp = json.loads(bootstrap.STAMP.read_text())
    assert stamp["flavour"] == "cpu"
    assert stamp["dev"] is False
    assert stamp["inputs"] == bootstrap.fingerprint(bootstrap.CONSTRAINTS / "cpu.txt")


# --- what it runs -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "passed"),
    [
        (["app"], ["gui"]),
        (["app", "recipe.yaml"], ["gui", "recipe.yaml"]),
        ([], ["--help"]),
        (["run", "r.yaml", "--json"], ["run", "r.yaml", "--json"]),
        (["--flavour", "cpu", "show", "--fresh"], ["show", "--fresh"]),
    ],
)
def test_commands_are_passed_on(bootstrap, commands, arguments, passed) -> None:
    assert bootstrap.main(arguments) == 0
    assert commands[-1][4:] == passed


def test_the_exit_code_of_the_command_is_the_scripts(bootstrap, commands, monkeypatch) -> None:
    monkeypatch.setattr(bootstrap.subprocess, "call", lambda *_, **__: 130)
    assert bootstrap.main(["demo"]) == 130


def test_the_checks_stop_at_the_first_failure(bootstrap, monkeypatch) -> None:
    seen: list[str] = []

    def call(command, **_):
        seen.append(command[2] if command[1] == "-m" else Path(command[0]).name)
        return 3 if "mypy" in command else 0

    monkeypatch.setattr(bootstrap.subprocess, "call", call)
    assert bootstrap.run_checks([]) == 3
    assert seen == ["ruff", "ruff", "mypy"]


def test_it_needs_the_standard_library_only() -> None:
    names = set()
    for node in ast.walk(ast.parse(SCRIPT.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    assert names <= sys.stdlib_module_names


def test_the_real_constraints_pin_every_flavour() -> None:
    folder = SCRIPT.parent / "constraints"
    for flavour in ("base", "cpu", "cuda", "directml"):
        lines = (folder / f"{flavour}.txt").read_text("utf-8").splitlines()
        pins = [line for line in lines if line.strip() and not line.startswith(("#", "-"))]
        assert pins or flavour != "base"
        assert all("==" in pin for pin in pins), flavour
