"""Inputs that once broke a reader, and a moment of new ones; ``fuzz.py`` makes the corpus."""

from __future__ import annotations

import os
import random
import time

import pytest

from tests.torture.fuzz import CORPUS, mutated
from tests.torture.readers import READERS, fault, seeds

KEPT = sorted(file for file in CORPUS.iterdir() if "-" in file.name)
SEED = int(os.environ.get("TORTURE_SEED", random.randrange(10**6)))
_SLICE_S, _LONG_S = 1.0, 120.0


@pytest.mark.parametrize("file", KEPT, ids=lambda file: file.name)
def test_what_once_broke_a_reader_is_read_or_refused(file) -> None:
    assert fault(file.name.rpartition("-")[0], file.read_bytes()) is None


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("seconds", [_SLICE_S, pytest.param(_LONG_S, marks=pytest.mark.slow)])
def test_what_nobody_wrote_is_read_or_refused(reader, seconds) -> None:
    chance = random.Random(f"{SEED} {reader}")
    whole = seeds(reader)
    for content in whole:
        assert fault(reader, content) is None
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        content = mutated(chance.choice(whole), chance)
        said = fault(reader, content)
        assert said is None, f"TORTURE_SEED={SEED}: {said}: {content[:300]!r}"
