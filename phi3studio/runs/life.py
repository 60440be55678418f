"""How a living worker is told, and what tells it to leave.

Imported by the supervisor, so nothing heavy.
"""

from __future__ import annotations

import signal

LIFE_LOCK = ".supervisor.lock"
"""File in the run's folder that a worker keeps locked as long as it lives."""

LEAVE_SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
)
"""Logout, shutdown, a closed console: none of them is the user's cancel."""
