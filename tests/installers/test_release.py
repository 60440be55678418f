"""The workflows: valid, with least rights, pinned, and no secret on a command line."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from installers import build, lock, sbom

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))


def read(file: Path) -> dict[str, Any]:
    """A workflow; its key ``on`` is read as True by YAML 1.1."""
    return dict(yaml.safe_load(file.read_text("utf-8")))


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def tool(name: str) -> str:
    found = Path(sys.executable).with_name(name)
    if not found.is_file():
        pytest.skip(f"{name} is not installed")
    return str(found)


def test_all_are_there() -> None:
    assert [file.name for file in WORKFLOWS] == ["canary.yml", "ci.yml", "release.yml"]


def test_they_are_of_githubs_schema() -> None:
    done = subprocess.run(
        [tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", *WORKFLOWS],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_security_audit_finds_nothing() -> None:
    done = subprocess.run(
        [tool("zizmor"), "--offline", "--no-progress", "--persona", "regular", FOLDER],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# A draft is written; PyPI wants a token that says which workflow it is.
_RIGHTS = {"draft": {"contents": "write"}, "publish": {"id-token": "write"}}


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_rights_are_the_least_and_actions_are_pinned(file: Path) -> None:
    workflow = read(file)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        wanted = _RIGHTS.get(name, {"contents": "read"})
        assert job["permissions"] == wanted, name
        assert job["timeout-minutes"] <= 120
    for line in file.read_text("utf-8").splitlines():
        if "uses:" in line:
            pinned = r"uses: (actions|pypa)/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$"
            assert re.search(pinned, line), line


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_no_secret_and_no_expression_stands_in_a_script(file: Path) -> None:
    for step in steps(read(file)):
        script = step.get("run", "")
        assert "${{" not in script, step.get("name")
        # printenv, openssl's env: and PowerShell's $env: leave it in the environment.
        secrets = r"\$\{?(CERTIFICATE|CERTIFICATE_PASSWORD|NOTARY_KEY)\b(?!_)"
        assert not re.search(secrets, script), step.get("name")


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_the_scripts_are_bash(file: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is missing")
    scripts = [s["run"] for s in steps(read(file)) if "run" in s and s.get("shell") != "pwsh"]
    assert scripts
    for script in scripts:
        done = subprocess.run([bash, "-n"], input=script, capture_output=True, text=True)
        assert done.returncode == 0, f"{done.stderr}\n{script}"


def test_a_release_goes_the_whole_way_before_it_is_drafted() -> None:
    jobs = read(FOLDER / "release.yml")["jobs"]
    assert jobs["build"]["needs"] == "test"
    assert jobs["reproduce"]["needs"] == "test"
    assert jobs["draft"]["needs"] == ["build", "reproduce"]
    built = {(e["system"], e["flavour"]) for e in jobs["build"]["strategy"]["matrix"]["include"]}
    assert built == {
        ("linux", "cpu"), ("windows", "cpu"), ("windows", "directml"), ("macos", "cpu"),
    }  # fmt: skip
    names = [step.get("name", step.get("uses", "")) for step in jobs["build"]["steps"]]
    order = [
        "Bundle",
        "The frozen pipeline, from data to an answer",
        "The frozen program's processes",
        "Sign the programs for Windows",
        "Installer",
        "Sign the setup program for Windows",
        "Install on Linux and try",
        "Install on Windows and try",
        "Install on macOS and try",
        "Bill of materials and checksums",
    ]
    assert [name for name in names if name in order] == order
    (draft,) = [step for step in jobs["draft"]["steps"] if step.get("name") == "Draft"]
    assert "--draft" in draft["run"]


def test_signing_is_skipped_without_secrets() -> None:
    build = read(FOLDER / "release.yml")["jobs"]["build"]
    signing = [step for step in build["steps"] if "CERTIFICATE" in str(step.get("env", ""))]
    assert len(signing) == 2
    signing += [step for step in build["steps"] if "THUMBPRINT" in step.get("run", "")]
    for step in signing:
        assert re.search(r"env\.SIGN_(WINDOWS|MACOS) == 'true'", step["if"])


def test_the_commands_of_the_workflows_exist() -> None:
    text = "".join(file.read_text("utf-8") for file in WORKFLOWS)
    for script in set(re.findall(r"python (installers/\S+\.py)", text)):
        assert (ROOT / script).is_file(), script
    for module in set(re.findall(r"python -m (tools\.\w+)", text)):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?", sbom.uv_version())


def test_the_options_of_the_builds_in_the_workflows_exist() -> None:
    text = "".join(file.read_text("utf-8") for file in WORKFLOWS)
    found = re.findall(r"python installers/build\.py (.+)", text)
    assert len(found) >= 4
    for line in found:
        words = shlex.split(line.replace("$SYSTEM", "linux").replace("$FLAVOUR", "cpu"))
        build.parse(words)  # ends the process for what it does not know
    for line in re.findall(r"python installers/lock\.py (\S+)", text):
        assert line == "--check" or line in {target.name for target in lock.TARGETS}


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_no_step_hides_its_failure(file: Path) -> None:
    for step in steps(read(file)):
        assert "continue-on-error" not in step
        assert not re.search(r"\|\|\s*(true|:|echo)", step.get("run", "")), step.get("name")


def test_actionlint_finds_nothing() -> None:
    found = shutil.which("actionlint")
    if found is None:
        pytest.skip("actionlint is not installed")
    done = subprocess.run([found, *WORKFLOWS], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_bill_of_materials_says_what_is_inside_and_nothing_of_the_builder() -> None:
    bill: dict[str, Any] = {
        "metadata": {"component": {"name": "phi3studio", "bom-ref": "root"}},
        "components": [
            {
                "bom-ref": "torch",
                "name": "torch",
                "properties": [{"name": "cdx:python:path", "value": "/home/x"}],
                "externalReferences": [{"type": "distribution", "url": "file:///home/x/t.whl"}],
            },
            {"bom-ref": "pyi", "name": "pyinstaller"},
            {"bom-ref": "own", "name": "phi3studio"},
        ],
        "dependencies": [
            {"ref": "root", "dependsOn": ["pyi", "torch"]},
            {"ref": "torch"},
            {"ref": "pyi"},
        ],
    }
    sbom.complete(bill, "1.2.3")
    assert bill["metadata"]["component"]["version"] == "1.2.3"
    assert [part["name"] for part in bill["components"]] == ["SmolLM2-135M-Instruct", "torch"]
    assert "/home/x" not in str(bill)
    assert bill["dependencies"] == [{"ref": "root", "dependsOn": ["torch"]}, {"ref": "torch"}]
