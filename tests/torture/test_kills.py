"""A moment of ``kills.py`` at each run of the tests, and an hour of it with ``-m slow``."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest

from phi3studio.runs.store import RunStore
from tests.torture.kills import Table, disturb, recipes, undisturbed

SEED = int(os.environ.get("TORTURE_SEED", random.randrange(10**6)))
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")


def test_a_run_that_is_hit_at_random_comes_out_the_same(home, tmp_path) -> None:
    print(f"TORTURE_SEED={SEED}")
    store, table = RunStore(home), Table()
    _, merged = recipes(tmp_path)
    whole = undisturbed(store, merged)
    disturb(store.create(merged), whole, random.Random(SEED), table, hits=3)
    print(table)


@pytest.mark.slow
@pytest.mark.timeout(5000)
def test_hundreds_of_hits_lose_nothing() -> None:
    command = [sys.executable, "-m", "tests.torture.kills", "--count", "300", "--seed", str(SEED)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:]
    print(done.stdout[-2000:])
