"""What the program advises fits the installation that it runs from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from phi3studio.app.advice import from_source, is_installed_app, repair
from phi3studio.app.azure_sdk import install_command, no_azure
from phi3studio.app.paths import Home
from phi3studio.app.release import REPOSITORY
from phi3studio.doctor import examine, is_cpu_torch
from phi3studio.domain.messages import say
from phi3studio.resources import resources
from phi3studio.runtime_pack.place import no_pack


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The installed app; returns the folder with everything but its executable."""
    inside = tmp_path / "_internal"
    inside.mkdir()
    (inside / "resources").symlink_to(resources())
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(inside), raising=False)
    return inside


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A machine with an NVIDIA GPU, as far as its driver's tool tells."""
    tool = tmp_path / "tools" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho 'NVIDIA Test 1, 8192'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=":")
    return "NVIDIA Test 1"


def test_the_source_is_set_up_again_by_a_script_that_is_there() -> None:
    assert from_source()
    words = say(repair("--fresh doctor")).message.rstrip(".").split()
    script = next(word for word in words if word.endswith(".py"))
    assert (resources().parent / script).is_file()


@pytest.mark.usefixtures("installed")
def test_the_installed_app_is_installed_again() -> None:
    assert is_installed_app()
    assert not from_source()
    expected = "Install Phi-3 Studio again; your runs, models and settings stay."
    assert say(repair()).message == expected


def test_the_python_of_a_runtime_pack_runs_the_installed_apps_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "build.json").write_text("{}")
    monkeypatch.setenv("PHI3STUDIO_RESOURCES", str(tmp_path))
    assert is_installed_app()
    assert "bootstrap" not in say(repair()).message


@pytest.mark.usefixtures("installed")
def test_azures_packages_cannot_be_added_to_the_installed_app() -> None:
    assert install_command() is None
    hint = no_azure().hint
    assert "cannot be added to the installed app" in hint
    assert REPOSITORY in hint, "the script that it names is in the source"
    assert "pip" not in hint


def test_azures_packages_are_added_to_an_environment() -> None:
    command = install_command()
    assert command is not None
    assert command.startswith(f'"{sys.executable}" -m pip install azure-ai-ml ')


@pytest.mark.skipif(sys.platform != "linux", reason="the driver's tool is a script here")
@pytest.mark.parametrize("there", [True, False], ids=["with a pack", "without"])
def test_a_gpu_that_is_not_used_is_reported_with_what_helps_here(
    gpu: str, there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not there:
        monkeypatch.setenv("PHI3STUDIO_PACK_LOCKS", str(tmp_path / "none"))
    report = examine(Home(tmp_path / "home"))
    assert report.gpu == gpu
    assert report.cuda_reason == "cpu_torch"
    (found,) = [one for one in report.findings if one.code.startswith("install.gpu")]
    if there:
        assert found.code == "install.gpu_unused"
        assert "phi3studio runtime install cuda" in say(found).hint
    else:
        assert found.code == "install.gpu_out_of_reach"
        assert "no CUDA runtime pack" in say(found).message
        assert "runtime install" not in say(found).hint


@pytest.mark.parametrize(
    ("version", "system", "cpu"),
    [
        ("2.13.0+cpu", "linux", True),
        ("2.13.0", "linux", False),
        ("2.13.0", "win32", True),
        ("2.13.0", "darwin", True),
        ("2.13.0+cu126", "win32", False),
        (None, "win32", False),
    ],
)
def test_a_cpu_build_of_pytorch_is_known_by_version_and_system(
    version: str | None, system: str, cpu: bool
) -> None:
    assert is_cpu_torch(version, system) is cpu


@pytest.mark.parametrize(
    ("system", "machine", "code", "said"),
    [
        ("Darwin", "arm64", "runtime.no_platform", "Linux and Windows"),
        ("Linux", "aarch64", "runtime.no_platform", "Linux and Windows"),
        ("Windows", "AMD64", "runtime.not_in_build", "PyTorch's own index"),
        ("Linux", "x86_64", "runtime.not_in_build", "uses the processor"),
    ],
)
def test_a_build_without_a_runtime_pack_says_why(
    system: str, machine: str, code: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    error = no_pack("cuda")
    assert error.code == code
    assert said in error.hint
    assert ("DirectML" in error.hint) is (system == "Windows")
