"""A client has so long for its request: one that dribbles or says nothing does not hold a place."""

from __future__ import annotations

import asyncio
from typing import Any

REQUEST_S = 20.0
"""Seconds from a request's first byte, or the connection's beginning, to its last byte."""

MOST_WAITING = 64
"""Connections whose request is not whole. One more closes the oldest of them: who opens many and
says nothing takes the places from himself."""


def request_in_time(limit_s: float = REQUEST_S) -> type[asyncio.Protocol]:
    """uvicorn's HTTP protocol that closes connections whose request does not come in time.

    An answer may take as long as it takes; between requests uvicorn's own limit holds.
    """
    from uvicorn.protocols.http.h11_impl import H11Protocol

    waiting: dict[Any, None] = {}

    class InTime(H11Protocol):  # type: ignore[misc, unused-ignore]
        _limit: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._look()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._look()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._relax()

        def _look(self) -> None:
            if str(self.conn.their_state) not in ("IDLE", "SEND_BODY"):  # h11's own names
                self._relax()
            elif self._limit is None:
                self._limit = self.loop.call_later(limit_s, self.transport.abort)
                waiting[self] = None
                if len(waiting) > MOST_WAITING:
                    oldest = next(iter(waiting))
                    oldest._relax()
                    oldest.transport.abort()

        def _relax(self) -> None:
            if self._limit is not None:
                self._limit.cancel()
                self._limit = None
                del waiting[self]

    return InTime
