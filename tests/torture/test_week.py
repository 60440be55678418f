"""A day of ``week.py``: nothing of its runs is left."""

from __future__ import annotations

import os
import random
import sys

import pytest

from tests.torture.week import live

SEED = int(os.environ.get("TORTURE_SEED", random.randrange(10**6)))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_after_dozens_of_runs_nothing_is_left(home, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TMPDIR", "")  # put back afterwards
    print(f"TORTURE_SEED={SEED}")
    leaks, done = live(tmp_path, 60, SEED)
    assert not leaks, leaks
    assert done["cancelled"]
    assert done["completed"]
