"""How a living worker is told; imported by the supervisor, so nothing heavy."""

from __future__ import annotations

LIFE_LOCK = ".supervisor.lock"
"""File in the run's folder that a worker keeps locked as long as it lives."""
