"""The search for an export against a grid: ``python -m tests.benchmarks.export_search RUN``

Over the adapter of a finished run (``phi3studio demo`` makes one) both are whole runs, one after
the other in this process: first the search, then every kind of its space built and measured whole.
It prints the seconds of both quantise stages with their ratio, and what each chose by one rule.
``--points-lost`` and ``--size`` are the limits.
"""

from __future__ import annotations

import argparse
import sys

from phi3studio.app.paths import user_home
from phi3studio.domain.recipe import Limits
from phi3studio.domain.search.search_choice import Choice, choose
from phi3studio.domain.search.search_points import Search, cost_of
from phi3studio.domain.search.search_steps import Make, Measure, Step
from phi3studio.runs.continuing import search_run
from phi3studio.runs.measuring.search_file import read_search
from phi3studio.runs.store import RunFolder, RunStore
from phi3studio.worker.attempt_main import run_worker
from phi3studio.worker.stages import search_exports

_AS_SMALL, _AS_GOOD = 1.02, 0.005
_MOST = 0.35


def everything(search: Search) -> Step | None:
    """The next step of a grid: each kind built on its own, then measured whole."""
    for number in range(1, len(search.space) + 1):
        point = search.points.get(number)
        if point is None:
            return Make(number)
        if point.cost is not None and point.whole is None:
            return Measure(number)
    return None


def timed(store: RunStore, run: RunFolder, limits: Limits) -> tuple[float, Choice, Search]:
    """Search over the adapter of *run*: seconds of the stage, the choice and all that was seen."""
    made = search_run(store, run, limits)
    if run_worker(made.path) != 0:
        sys.exit(f"{made.name} failed, see {made.log_file}")
    record = read_search(made)
    assert record is not None
    search = Search.of(record)
    choice = choose(search)
    assert choice is not None
    return made.view().timings["quantise"], choice, search


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--points-lost", type=float)
    parser.add_argument("--size", type=float)
    options = parser.parse_args()
    store = RunStore(user_home())
    run = store.find(options.run)
    limits = Limits(points_lost=options.points_lost, size_mb=options.size)
    searched = timed(store, run, limits)
    search_exports.next_step = everything  # type: ignore[attr-defined]
    grid = timed(store, run, limits)
    for name, (seconds, choice, search) in (("search", searched), ("grid", grid)):
        whole = choice.chosen.whole
        assert whole is not None
        print(
            f"{name:<7} {seconds:7.0f} s  {len(search.points):3d} of {len(search.space)} built  "
            f"{choice.chosen.kind.phrase!s:<46} {cost_of(choice.chosen).bytes / 1e6:6.1f} MB  "
            f"{100 * whole.score:5.1f} %  met: {choice.met}"
        )
    found, best = searched[1].chosen, grid[1].chosen
    assert found.whole is not None
    assert best.whole is not None
    as_good = (
        cost_of(found).bytes <= _AS_SMALL * cost_of(best).bytes
        and found.whole.score >= best.whole.score - _AS_GOOD
    )
    ratio = searched[0] / grid[0]
    print(f"time: {ratio:.2f} of the grid's; as small and as accurate: {as_good}")
    return 0 if as_good and ratio <= _MOST else 1


if __name__ == "__main__":
    sys.exit(main())
