"""A moment of ``kills.py`` at each run of the tests, and an hour of it with ``-m slow``."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest

from phi3studio.app.settings import set_threads
from phi3studio.runs.store import RunStore
from tests.torture.kills import Table, disturb, recipes, undisturbed

SEED = int(os.environ.get("TORTURE_SEED", random.randrange(10**6)))
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")


@pytest.mark.slow
def test_a_run_that_is_hit_at_random_comes_out_the_same(home, tmp_path) -> None:
    print(f"TORTURE_SEED={SEED}")
    store, table = RunStore(home), Table()
    _, merged = recipes(tmp_path)
    whole = undisturbed(store, merged)
    disturb(store.create(merged), whole, random.Random(SEED), table, hits=3)
    print(table)


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["quality", "fast", "small"])
def test_the_same_recipe_makes_the_same_bytes(home, tmp_path, preset: str) -> None:
    """Whatever the number of threads: another program may take a core at any time."""
    store = RunStore(home)
    whole, _ = recipes(tmp_path)
    target = whole.target.model_copy(update={"quantisation": "int4", "int4": preset})
    results = []
    for threads in (1, 2):
        set_threads(home, threads)
        results.append(undisturbed(store, whole.model_copy(update={"target": target})).result)
    assert results[0].differences(results[1]) == []


@pytest.mark.slow
@pytest.mark.timeout(5000)
def test_hundreds_of_hits_lose_nothing() -> None:
    command = [sys.executable, "-m", "tests.torture.kills", "--count", "300", "--seed", str(SEED)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:]
    print(done.stdout[-2000:])
