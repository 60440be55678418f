"""``target.int4: auto``: the smallest int4 preset whose export is faithful.

The presets are tried in the order of their size. One candidate and the best so far are on the
disk at a time, and each one's result is written down, so a resumed run does not build it again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from phi3studio.app.files import folder_bytes, keep_for_good, write_json
from phi3studio.domain.errors import RunError
from phi3studio.domain.events.measured_events import Candidate, Verified
from phi3studio.domain.quantisation import Int4Preset
from phi3studio.runs.store import RunFolder

Build = Callable[[str, Path], None]
"""Builds a preset's model into a folder, which is there only when the model is whole."""
Judge = Callable[[Path], Verified]

_FILE = "auto.json"
_CANDIDATE = "candidate"
_BEST = "best"


def tried(run: RunFolder) -> tuple[Candidate, ...]:
    """What an auto export has tried so far; empty for other exports."""
    try:
        found = json.loads((_folder(run) / _FILE).read_text("utf-8"))
    except FileNotFoundError:
        return ()
    seen = [Candidate.model_validate(item) for item in found]
    chosen = best_of(seen) if seen else None
    return tuple(item.model_copy(update={"kept": item == chosen}) for item in seen)


def choose(
    run: RunFolder,
    presets: Sequence[Int4Preset],
    build: Build,
    judge: Judge,
    say: Callable[[str], None],
) -> Candidate:
    """Build and measure *presets*, smallest first; leave the chosen model in ``run.model``.

    The first faithful one is kept. If there is none, the best is: the one that loses the fewest
    points, and of equal ones that with the lowest perplexity.
    """
    folder = _folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    candidate, best = folder / _CANDIDATE, folder / _BEST
    seen = [item.model_copy(update={"kept": False}) for item in tried(run)]
    order = [row.name for row in presets]
    failure: RunError | None = None
    while order and not any(item.faithful for item in seen):
        preset = order.pop(0)
        if any(item.preset == preset for item in seen):
            continue
        say(f"trying int4 {preset}")
        shutil.rmtree(candidate, ignore_errors=True)
        try:
            build(preset, candidate)
        except RunError as exc:  # another preset may load
            failure = exc
            continue
        verdict = judge(candidate)
        if not verdict.measured:
            # Nothing is known of the others here either: the most exact one is made.
            order = order[-1:]
        exported = verdict.models.get("exported")
        found = Candidate(
            preset=preset,
            bytes=folder_bytes(candidate),
            faithful=verdict.faithful,
            comparable=verdict.comparable,
            points_lost=verdict.points_lost,
            perplexity=exported.perplexity if exported is not None else None,
        )
        if not seen or best_of([*seen, found]) == found:
            shutil.rmtree(best, ignore_errors=True)
            candidate.rename(best)
        seen.append(found)
        _write(run, seen)
    if not seen:
        assert failure is not None
        raise failure
    shutil.rmtree(candidate, ignore_errors=True)
    if best.is_dir():
        shutil.rmtree(run.model, ignore_errors=True)
        keep_for_good(best)
        best.rename(run.model)
    return best_of(seen)


def best_of(candidates: list[Candidate]) -> Candidate:
    """The smallest faithful one; without one that which loses least, of equals the most exact."""

    def rank(item: Candidate) -> tuple[bool, float, float, float]:
        if item.faithful:
            return (False, item.bytes, 0.0, 0.0)
        never = float("inf")
        lost = item.points_lost if item.points_lost is not None else never
        perplexity = item.perplexity if item.perplexity is not None else never
        return (True, max(lost, 0.0), perplexity, -item.bytes)

    return min(candidates, key=rank)


def _folder(run: RunFolder) -> Path:
    return run.work / "auto"


def _write(run: RunFolder, candidates: list[Candidate]) -> None:
    write_json(_folder(run) / _FILE, [item.model_dump(mode="json") for item in candidates])
