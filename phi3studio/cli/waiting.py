"""Commands that ask a service wait for its answer."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def wait_for(answer: Coroutine[Any, Any, Result]) -> Result:
    """Run *answer* to its end. asyncio is imported here alone: half of the commands never need it
    and all of them would wait for it."""
    import asyncio

    return asyncio.run(answer)
