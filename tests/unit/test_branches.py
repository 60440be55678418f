"""Every branch of the domain and of the wizard is taken by a test under tests/unit.

They decide and do no I/O: what no test reaches there is a decision that nobody has looked at, or
dead. The tests that reach them run again here, measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
TESTS = (
    "azure_form azure_section browser errors estimate events fidelity flow flow_steps "
    "foundry_local gguf held_answers machine_speed messages models_catalogue parsing proposal "
    "open_values quantisation_table recipe recipe_gaps recovery row_slice row_view rows run_view "
    "limits preference_figures programs ratings search template tuning watchdog"
)
# File → text of a line that no test reaches, and why.
EXCUSED: dict[str, dict[str, str]] = {}
SETTINGS = """
[run]
branch = true
source = phi3studio.domain,phi3studio.wizard
[report]
exclude_also =
    if TYPE_CHECKING:
"""


def test_every_branch_of_domain_and_wizard_is_tested(tmp_path: Path) -> None:
    settings, data, report = (tmp_path / name for name in ("coverage.ini", "data", "report.json"))
    settings.write_text(SETTINGS)
    coverage = [sys.executable, "-m", "coverage"]
    files = [f"tests/unit/test_{name}.py" for name in TESTS.split()]
    environment = os.environ | {"COVERAGE_RCFILE": str(settings), "COVERAGE_FILE": str(data)}
    for command in (
        [*coverage, "run", "-m", "pytest", "-q", "-p", "no:cacheprovider", *files],
        [*coverage, "json", "-q", "-o", str(report)],
    ):
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = json.loads(report.read_text())["files"]
    assert len(found) > 30
    missed: list[str] = []
    needless = {name: dict(lines) for name, lines in EXCUSED.items()}
    for name, facts in found.items():
        lines = (ROOT / name).read_text("utf-8").splitlines()
        branches = {start for start, _ in facts["missing_branches"]}
        for number in sorted({*facts["missing_lines"], *branches}):
            text = lines[number - 1].strip()
            needless.get(name, {}).pop(text, None)
            if text not in EXCUSED.get(name, {}):
                missed.append(f"{name}:{number}: {text}")
    assert not missed, "test these, remove them, or say above why not"
    assert not any(needless.values()), f"needless excuses: {needless}"
