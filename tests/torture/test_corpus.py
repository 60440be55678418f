"""Inputs that once broke a reader, and some new ones; ``fuzz.py`` makes the corpus.

The short slice is the same in every run; ``TORTURE_SEED`` asks for another one.
"""

from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Callable

import pytest

from tests.torture.fuzz import CORPUS, mutated
from tests.torture.readers import READERS, fault, seeds

KEPT = sorted(file for file in CORPUS.iterdir() if "-" in file.name)
SEED = int(os.environ.get("TORTURE_SEED", "1"))
_SLICE, _LONG_S = 200, 120.0


@pytest.mark.parametrize("file", KEPT, ids=lambda file: file.name)
def test_what_once_broke_a_reader_is_read_or_refused(file) -> None:
    assert fault(file.name.rpartition("-")[0], file.read_bytes()) is None


def look(reader: str, seed: int, goes_on: Callable[[int], bool]) -> None:
    chance = random.Random(f"{seed} {reader}")
    whole = seeds(reader)
    for content in whole:
        assert fault(reader, content) is None
    for number in itertools.count():
        if not goes_on(number):
            return
        content = mutated(chance.choice(whole), chance)
        said = fault(reader, content)
        assert said is None, f"TORTURE_SEED={seed}: {said}: {content[:300]!r}"


@pytest.mark.parametrize("reader", READERS)
def test_what_nobody_wrote_is_read_or_refused(reader) -> None:
    look(reader, SEED, lambda number: number < _SLICE)


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_two_minutes_of_what_nobody_wrote_is_read_or_refused(reader) -> None:
    end = time.monotonic() + _LONG_S
    look(reader, random.randrange(10**6), lambda _: time.monotonic() < end)
