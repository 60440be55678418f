"""Asking a service that may be away for a while: again and again, more and more rarely."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from phi3studio.domain.azure import Azure
from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.events.run_events import Notice, notice
from phi3studio.worker.azure.azure_failures import TRANSIENT, translate

T = TypeVar("T")

_FIRST_WAIT_S = 5.0
_LONGEST_WAIT_S = 60.0
# An expired login needs the user; the job goes on meanwhile.
_LOGIN_WAIT_S = 900.0


class Clock:
    """The time; tests have one of their own."""

    def now(self) -> float:
        """Seconds, from whenever."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; a cancel interrupts it."""
        time.sleep(seconds)


class Patience:
    """Repeats a call until it works: through outages, throttling, and for a while an expired login.

    *wait* sleeps and checks for a pause or cancel; *tell* gets a notice of each outage and its end.
    """

    def __init__(
        self,
        azure: Azure,
        clock: Clock,
        wait: Callable[[float], None],
        tell: Callable[[Notice], None],
    ) -> None:
        self._azure = azure
        self._clock = clock
        self._wait = wait
        self._tell = tell

    def __call__(self, ask: Callable[[], T], job: str | None = None) -> T:
        """The result of *ask*. Raises our error for what does not pass on its own."""
        pause, begun, reported, renewed = _FIRST_WAIT_S, self._clock.now(), False, False
        while True:
            try:
                result = ask()
            except Exception as exc:
                error = translate(exc, self._azure, job=job)
                if not self._passes(error, begun):
                    if error is exc:
                        raise
                    raise error from exc
                if error.code == "azure.login" and not renewed:
                    renewed = True  # the client's own token was old; it asks for a new one now
                    continue
                if not reported:
                    reported = True
                    waiting = notice(error.code, level="warning", variant="waiting", reason=error)
                    self._tell(waiting)
                self._wait(max(pause, float(error.values.get("retry_after") or 0)))
                pause = min(2 * pause, _LONGEST_WAIT_S)
            else:
                if reported:
                    self._tell(notice("azure.back"))
                return result

    def _passes(self, error: UserFacingError, begun: float) -> bool:
        if error.code == "azure.login":
            return self._clock.now() - begun < _LOGIN_WAIT_S
        return error.code in TRANSIENT
