"""What a service is doing, in place on a terminal."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import typer

from phi3studio.cli.output import rewrite

if TYPE_CHECKING:
    from phi3studio.services.connection import Stream


class Activity:
    """Shows items of ``{"activity", "step", "total"}``; without a terminal each activity once."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._in_place = sys.stderr.isatty()
        self._last = ""

    def show(self, item: dict[str, Any]) -> None:
        if self._quiet:
            return
        activity = item["activity"]
        if self._in_place:
            with contextlib.suppress(OSError):
                count = f" {item['step']}/{item['total']}" if item["total"] else " …"
                rewrite(sys.stderr, f"  {activity}{count}")
        elif activity != self._last:
            typer.echo(f"  {activity} …", err=True)
        self._last = activity

    async def follow(self, stream: Stream) -> Any:
        """Show the items of a service's answer as they come; returns its result."""
        try:
            async for item in stream:
                self.show(item)
        finally:
            self.clear()
        return stream.result

    def clear(self) -> None:
        if self._in_place and self._last:
            rewrite(sys.stderr)
            self._last = ""
