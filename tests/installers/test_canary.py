"""The newest releases are asked for of what is watched, and of nothing else."""

from __future__ import annotations

from installers.bootstrap import requirements
from tools.canary import WATCHED, pins, unbound


def test_only_the_watched_packages_lose_their_bounds() -> None:
    lines = requirements("cpu")
    changed = {new for old, new in zip(lines, unbound(lines), strict=True) if new != old}
    assert changed == set(WATCHED)
    assert "torch==2.13.0" in unbound(lines)


def test_every_watched_package_has_a_pin_to_compare_with() -> None:
    assert set(pins()) == set(WATCHED)
