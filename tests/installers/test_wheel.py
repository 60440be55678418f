"""The wheel: everything that the program reads is in it, and it runs outside of the sources."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the wheel of this tree unpacked by pip, without its requirements."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, ROOT], check=True
    )
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "site", wheel], check=True)
    return folder / "site"


def run(installed: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "phi3studio", *arguments],
        env=os.environ | {"PYTHONPATH": str(installed), "PHI3STUDIO_HOME": str(home)},
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_runs_outside_of_the_sources(installed: Path, tmp_path: Path) -> None:
    code = "from phi3studio.resources import resources; print(resources())"
    where = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(installed)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert where.startswith(str(installed))
    listed = run(installed, tmp_path / "home", "models", "list")
    assert listed.returncode == 0, listed.stderr
    assert "starter" in listed.stdout
    sample = installed / "phi3studio" / "data" / "resources" / "samples" / "faq.csv"
    shapes = run(installed, tmp_path / "home", "data", "shapes", str(sample))
    assert shapes.returncode == 0, shapes.stderr


def test_all_that_the_program_reads_is_in_it(installed: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "resources", "installers/locks", "installers/constraints"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    data = installed / "phi3studio" / "data"
    assert [name for name in tracked if not (data / name).is_file()] == []


def test_a_cpu_is_the_default_and_nothing_of_a_build_is_required(installed: Path) -> None:
    (metadata,) = installed.glob("phi3studio-*.dist-info/METADATA")
    needs = [line for line in metadata.read_text("utf-8").splitlines() if "Requires-Dist" in line]
    runtimes = [line.split()[1] for line in needs if "onnxruntime" in line]
    assert [name.partition("==")[0] for name in runtimes] == ["onnxruntime-genai", "onnxruntime"]
    assert not [line for line in needs if "pytest" in line or "pyinstaller" in line]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_bare_environment_gets_the_command_the_window_and_the_demo(
    installed: Path, tmp_path: Path
) -> None:
    (wheel,) = installed.parent.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "bare"], check=True)
    scripts = tmp_path / "bare" / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([scripts / "python", "-m", "pip", "--quiet", "install", wheel], check=True)
    environment = os.environ | {
        "PHI3STUDIO_HOME": str(tmp_path / "home"),
        "QT_QPA_PLATFORM": "offscreen",
    }
    environment.pop("PYTHONPATH", None)
    for arguments in (["models", "list"], ["doctor"], ["demo", "--quick"]):
        done = subprocess.run(
            [scripts / "phi3studio", *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    window = "import phi3studio.gui.start, phi3studio.gui.pages.wizard.wizard_page"
    subprocess.run([scripts / "python", "-c", window], env=environment, cwd=tmp_path, check=True)
