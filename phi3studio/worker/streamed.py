"""Work that reports through calls, as a generator that yields the reports."""

from __future__ import annotations

from collections.abc import Callable, Generator
from queue import SimpleQueue
from threading import Thread
from typing import Any

Item = dict[str, Any]
_TIDY_S = 1.0
Tell = Callable[[Item], None]


def streamed(work: Callable[[Tell], Item]) -> Generator[Item, None, Item]:
    """Run *work* in a thread; yield each item that it tells, return its result.

    Raises what *work* raises.
    """
    queue: SimpleQueue[Item | None] = SimpleQueue()
    results: list[Item] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work(queue.put))
        except BaseException as exc:  # handed to the thread that answers
            errors.append(exc)
        finally:
            queue.put(None)

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        while (item := queue.get()) is not None:
            yield item
    finally:
        # Nobody listens any more: *work* hears of it itself, and may still have to tidy up.
        thread.join(_TIDY_S)
    if errors:
        raise errors[0]
    return results[0]
