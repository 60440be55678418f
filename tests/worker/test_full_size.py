"""Full-size shapes go the whole way: LoRA, merge, int4, an answer. Minutes and gigabytes each.

python -m pytest -m full_size tests/worker/test_full_size.py
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.full_size import SHAPES


@pytest.mark.full_size
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shape", SHAPES)
def test_it_goes_from_lora_to_an_answer_within_14_gigabytes(shape: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.large_model", "--shape", shape]
    done = subprocess.run(
        [*command, "--keep", str(tmp_path)], capture_output=True, text=True, timeout=3500
    )
    said = done.stdout + done.stderr[-4000:]
    assert done.returncode == 0, said
    assert re.search(r"^completed", done.stdout, re.MULTILINE), said
    assert re.search(r"^ok   peak of any process", done.stdout, re.MULTILINE), said
    assert re.search(r"an answer of \d+ tokens", done.stdout), said
