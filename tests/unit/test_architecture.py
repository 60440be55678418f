"""What imports what: the promises that keep the window and the command line quick."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from collections import Counter
from pathlib import Path

import pytest

from phi3studio.app.telemetry import NO_TELEMETRY

ROOT = Path(__file__).resolve().parents[2]
PYTHON_FOLDERS = ("phi3studio", "installers", "tools", "tests", "resources")
ML = {
    "torch",
    "transformers",
    "datasets",
    "olive",
    "onnxruntime",
    "onnxruntime_genai",
    "peft",
    "accelerate",
    "pyarrow",
    "pandas",
    "tokenizers",
}
QT = {"PySide6", "shiboken6", "qasync", "pyqtgraph"}


def modules_after(code: str, home: Path) -> set[str]:
    """Top-level modules that are loaded after *code* ran in a new interpreter."""
    program = (
        "import sys, json\n"
        f"{code}\n"
        "print('\\n@' + json.dumps(sorted({n.partition('.')[0] for n in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"PHI3STUDIO_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.rpartition("@")[2]))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["runs", "--json"],
        ["recipe", "schema"],
        ["models", "list"],
        ["run", "--help"],
        ["doctor", "--help"],
    ],
    ids=" ".join,
)
def test_the_command_line_starts_without_machine_learning_and_qt(tmp_path, arguments) -> None:
    code = f"from phi3studio.cli import main\nassert main({arguments!r}) == 0"
    loaded = modules_after(code, tmp_path / "home")
    assert "phi3studio" in loaded
    assert not loaded & (ML | QT)


def test_the_command_line_imports_whole_without_machine_learning(tmp_path) -> None:
    code = (
        "import pkgutil, importlib, phi3studio.cli as package\n"
        "for module in pkgutil.iter_modules(package.__path__):\n"
        "    importlib.import_module(f'phi3studio.cli.{module.name}')"
    )
    assert not modules_after(code, tmp_path) & (ML | QT)


@pytest.mark.parametrize("package", ["domain", "runs", "services"])
def test_inner_packages_import_without_machine_learning_and_qt(tmp_path, package) -> None:
    code = (
        f"import pkgutil, importlib, phi3studio.{package} as package\n"
        "for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "    importlib.import_module(module.name)"
    )
    loaded = modules_after(code, tmp_path)
    assert not loaded & (ML | QT)
    if package == "domain":
        assert not loaded & {"psutil", "filelock", "typer", "yaml", "platformdirs", "keyring"}
        assert "pydantic" in loaded


def test_the_worker_is_reached_without_importing_it_for_other_branches(tmp_path) -> None:
    code = "import phi3studio.__main__"
    loaded = modules_after(code, tmp_path)
    assert not loaded & (ML | QT | {"typer", "psutil", "pydantic"})


def test_this_check_would_notice_a_heavy_import(tmp_path) -> None:
    assert "pyarrow" in modules_after("import pyarrow", tmp_path)


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_module_is_found_from_its_name_alone() -> None:
    modules = [p for p in (ROOT / "phi3studio").rglob("*.py") if p.name != "__init__.py"]
    twice = {p.name for p in modules if sum(q.name == p.name for q in modules) > 1}
    assert not twice, f"give these names of their own: {sorted(twice)}"
    in_folder = Counter(p.parent.relative_to(ROOT).as_posix() for p in modules)
    crowded = {folder: n for folder, n in in_folder.items() if n > 16}
    assert not crowded, f"more modules than a reader keeps in mind: {crowded}"


def test_the_variables_against_telemetry_are_listed_once() -> None:
    listed = Path("phi3studio/app/telemetry.py")
    setting = re.compile(rf"""["']({"|".join(NO_TELEMETRY)})["']\s*[:,]""")
    files = [p for folder in PYTHON_FOLDERS for p in (ROOT / folder).rglob("*.py")]
    copies = {
        path.relative_to(ROOT).as_posix()
        for path in files
        if setting.search(path.read_text("utf-8")) and path not in (ROOT / listed, Path(__file__))
    }
    # the environment asserted whole; a constant of huggingface_hub's of the same name
    assert copies == {"tests/unit/test_store.py", "tests/worker/test_models_download.py"}


def test_the_libraries_still_read_the_variables_against_telemetry() -> None:
    """A renamed variable would go unnoticed: each is in the code of the library that it is for."""
    readers = {
        "DO_NOT_TRACK": "huggingface_hub/constants.py",
        "HF_HUB_DISABLE_TELEMETRY": "huggingface_hub/constants.py",
        "OLIVE_DISABLE_TELEMETRY": "olive/telemetry/telemetry.py",
        "ORT_DISABLE_TELEMETRY": "onnxruntime/capi/onnxruntime_pybind11_state*",
    }
    assert readers.keys() == NO_TELEMETRY.keys()
    packages = Path(sysconfig.get_path("purelib"))
    for name, pattern in readers.items():
        found = any(name.encode() in file.read_bytes() for file in packages.glob(pattern))
        assert found, f"{pattern} does not read {name}"
