"""How many processes the window keeps while nothing runs."""

from __future__ import annotations

import time

from phi3studio.gui.shortcuts import PAGES
from tests.display.conftest import Open
from tests.display.test_hands import MOST_HELPERS, with_sample

_SETTLE_S = 2.0


def test_no_page_keeps_more_than_three_helpers(opened: Open) -> None:
    program = opened()
    with_sample(program)
    counts: dict[str, int] = {}
    for _ in range(2):
        for number, page in enumerate(PAGES, start=1):
            program.press(f"ctrl+{number}")
            most, end = 0, time.monotonic() + _SETTLE_S
            while time.monotonic() < end:
                most = max(most, len(program.helpers()))
            counts[page] = max(most, counts.get(page, 0))
    assert len(counts) == len(PAGES)
    assert max(counts.values()) <= MOST_HELPERS, counts
