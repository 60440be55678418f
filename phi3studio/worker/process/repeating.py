"""Something that is done again and again beside other work."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Self


class Repeating:
    """Calls *look* every so many seconds while the block runs, in a thread of its own."""

    def __init__(self, name: str, every_s: float, look: Callable[[], object]) -> None:
        self._every_s = every_s
        self._look = look
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _repeat(self) -> None:
        while not self._done.wait(self._every_s):
            self._look()
