"""The search for an export within limits: whole runs of the tiny model, stopped and taken from."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import time
from pathlib import Path

import psutil
import pytest

from phi3studio.domain.errors import InputError, RunError
from phi3studio.domain.events.event_line import Event
from phi3studio.domain.events.run_events import Progress, Recovery, Started
from phi3studio.domain.recipe import Recipe, parse_recipe
from phi3studio.domain.search.search_choice import choose, standing
from phi3studio.domain.search.search_points import MB, Search, SearchRecord, cost_of
from phi3studio.runs import launch
from phi3studio.runs.measuring.search_file import as_built, read_search, write_search
from phi3studio.runs.measuring.taken_export import take_point
from phi3studio.runs.store import RunFolder
from tests.worker.running import (
    attempt_of,
    completed,
    counts_kills,
    kill,
    notices,
    tiny_recipe,
    wait_for_end,
    wait_for_event,
    write_rows,
)

# Of the tiny model only exports with the embedding in int4 are below half a megabyte.
SMALL = {"size_mb": 0.5}


def limited(model: Path, data: Path, limits: dict[str, float], name: str = "search") -> Recipe:
    recipe = tiny_recipe(model, data, name, limit=None)
    return parse_recipe(recipe.to_json() | {"limits": limits})


def found(run: RunFolder) -> SearchRecord:
    record = read_search(run)
    assert record is not None
    return record


@pytest.fixture(scope="module")
def searched_run(tmp_path_factory, tiny_phi3):
    """A finished search, whose folder tests may copy: (home, run's name)."""
    import os

    from phi3studio.app.paths import Home
    from phi3studio.runs.store import RunStore

    folder = tmp_path_factory.mktemp("searched")
    rows = write_rows(folder / "rows.jsonl", 40)
    home = Home(folder / "home")
    before = os.environ.get("PHI3STUDIO_HOME")
    os.environ["PHI3STUDIO_HOME"] = str(home.root)
    try:
        run = RunStore(home).create(limited(tiny_phi3, rows, SMALL))
        launch.start(run)
        completed(run, 500)
    finally:
        if before is None:
            del os.environ["PHI3STUDIO_HOME"]
        else:
            os.environ["PHI3STUDIO_HOME"] = before
    return run


@pytest.fixture
def copied(searched_run, home) -> RunFolder:
    """The same in a home of its own."""
    target = home.made(home.runs) / searched_run.name
    shutil.copytree(searched_run.path, target)
    return RunFolder(target)


@pytest.mark.slow
def test_the_best_export_within_the_limits_is_the_runs_model(searched_run: RunFolder) -> None:
    record = found(searched_run)
    choice = choose(Search.of(record))
    assert choice is not None
    assert choice.met
    assert record.done
    assert record.taken == choice.chosen.number
    made = sum(item.stat().st_size for item in searched_run.model.iterdir())
    assert made == cost_of(choice.chosen).bytes <= 0.5 * MB
    assert notices(searched_run, "search.why")
    # Measured once more at the end, of the kind that was built and not of the recipe's.
    verdict = searched_run.view().verdict
    assert verdict is not None
    assert verdict.measured
    target = as_built(searched_run).target
    assert (target.quantisation, target.int4) == ("int4", "small")
    assert searched_run.recipe().target.quantisation == "fp32"


@pytest.mark.slow
def test_no_kind_was_built_that_was_known_to_be_too_large(searched_run: RunFolder) -> None:
    record = found(searched_run)
    tried = {point.kind.int4 for point in record.points if point.cost is not None}
    assert "small" in tried
    fp32 = next(n for n, kind in enumerate(record.space, 1) if not kind.int4)
    assert record.least[fp32 - 1] > 0.5 * MB
    assert fp32 not in {point.number for point in record.points}
    assert len(record.points) < len(record.space) / 2
    # ONNX Runtime's k-quant fails on matrices so small: such a kind is passed over.
    failed = [point for point in record.points if point.failure]
    assert {(p.kind.int4, p.kind.calibrated) for p in failed} <= {("quality", False)}
    for point in failed:
        assert str(standing(Search.of(record), point)).startswith("given up: ")
        assert not (searched_run.searched / f"{point.number}.failed").exists()
    kept = {int(folder.name) for folder in searched_run.searched.iterdir()}
    assert kept == {point.number for point in record.points if point.whole is not None}


@pytest.mark.slow
def test_what_is_left_is_told_while_it_searches(searched_run: RunFolder) -> None:
    told = [
        event.payload
        for event in searched_run.events()
        if isinstance(event.payload, Progress) and event.payload.activity == "searching the exports"
    ]
    assert len(told) >= 4
    assert all(item.eta_s is not None and 0 < item.step <= item.total for item in told)


@pytest.mark.slow
def test_another_level_changes_the_int4_products_alone(
    searched_run: RunFolder, tmp_path: Path
) -> None:
    import onnx

    from phi3studio.worker.exporting.accuracy_level import with_level

    whole = [point.number for point in found(searched_run).points if point.whole is not None]
    source = searched_run.searched / str(whole[0])
    with_level(source, tmp_path / "other", 1)
    graph = onnx.load(tmp_path / "other" / "model.onnx", load_external_data=False).graph
    nodes = [node for node in graph.node if node.op_type == "MatMulNBits"]
    levels = [a.i for node in nodes for a in node.attribute if a.name == "accuracy_level"]
    assert set(levels) == {1}
    assert len(levels) == len(nodes)
    for file in source.iterdir():
        if file.name != "model.onnx":
            assert (tmp_path / "other" / file.name).read_bytes() == file.read_bytes()
    assert not (tmp_path / "other.part").exists()


@pytest.mark.slow
def test_another_point_can_be_taken_and_is_the_model_then(copied: RunFolder) -> None:
    record = found(copied)
    other = next(
        point for point in record.points if point.whole is not None and point.number != record.taken
    )
    events = take_point(copied, other.number)
    assert [event.type for event in events] == ["artifact", "metrics", "verified"]
    assert set(events[2].models) == {"base", "merged", "exported"}
    made = {file.name: file.read_bytes() for file in copied.model.iterdir()}
    kept = copied.searched / str(other.number)
    assert made == {file.name: file.read_bytes() for file in kept.iterdir()}
    assert found(copied).taken == other.number
    assert as_built(copied).target.block_size == other.kind.block_size
    unknown = next(point.number for point in record.points if point.whole is None)
    for number in (0, 999, unknown):
        with pytest.raises(InputError) as caught:
            take_point(copied, number)
        assert caught.value.code == "search.no_point"
        assert str(other.number) in caught.value.hint


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on_and_measures_nothing_twice(
    tiny_phi3, tmp_path, start_run
) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", 40)
    run = start_run(limited(tiny_phi3, rows, SMALL, "killed"))
    wait_for_event(run, lambda event: len(_points(run)) >= 2, 300)
    kill(run)
    assert run.state() == "interrupted"
    before = {point.number: point for point in found(run).points}
    assert not found(run).done
    launch.resume(run)
    wait_for_event(run, lambda event: len(_points(run)) > len(before), 300)
    launch.request_pause(run)
    assert wait_for_end(run, 300) == "paused"
    between = found(run)
    assert not between.done
    launch.resume(run)
    completed(run, 500)
    after = {point.number: point for point in found(run).points}
    for number, point in before.items():
        assert after[number].looks == point.looks
        assert after[number].seconds >= point.seconds
    built = [
        event.payload.activity
        for event in run.events()
        if str(getattr(event.payload, "activity", "")).startswith("building export")
    ]
    for number in before:
        assert sum(f"export {number}:" in str(line) for line in built) == 1
    assert not run.work.exists()


@pytest.mark.slow
def test_a_kind_that_is_killed_for_memory_is_passed_over_with_the_reason(
    tiny_phi3, tmp_path, start_run, monkeypatch
) -> None:
    counter = counts_kills(tmp_path, monkeypatch)
    rows = write_rows(tmp_path / "rows.jsonl", 40)
    run = start_run(limited(tiny_phi3, rows, SMALL, "short"))
    # First the process that only uses an export, then the one that builds another.
    used = end_model_process(run)
    before = {0, *map(building, run.events())}
    built = building(wait_for_event(run, lambda e: building(e) not in before, 300))
    counter.write_text("oom_kill 4\n")
    attempt_of(run).send_signal(signal.SIGKILL)
    completed(run, 500)
    record = found(run)
    points = {point.number: point for point in record.points}
    assert record.done
    assert record.begun is None
    assert record.taken not in (used, built)
    assert run.model.is_dir()
    for at, code in ((used, "export.crashed"), (built, "run.out_of_memory")):
        assert points[at].cost is None
        assert (points[at].failure or {})["code"] == code
        assert not (run.searched / str(at)).exists()
    said = str(standing(Search.of(record), points[used]))
    assert said.startswith("given up: The system ended the process")
    assert "memory" in str(standing(Search.of(record), points[built]))
    assert not [e for e in run.events() if isinstance(e.payload, Recovery)]
    attempts = [e.payload.attempt for e in run.events() if isinstance(e.payload, Started)]
    assert attempts == [1, 2]


def building(event: Event) -> int:
    """The number of the export whose building an event reports, else 0."""
    said = re.match(r"building export (\d+):", str(getattr(event.payload, "activity", "")))
    return int(said[1]) if said else 0


def end_model_process(run: RunFolder) -> int:
    """Kill the process that uses the first export that was built; the export's number."""
    wait_for_event(run, lambda e: building(e) > 0, 300)
    worker = run.worker()
    assert worker is not None
    end = time.monotonic() + 200
    while time.monotonic() < end:
        for child in worker.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if child.cmdline()[-2:] == ["worker", "exported"]:
                    child.kill()
                    return [number for number in map(building, run.events()) if number][-1]
        time.sleep(0.005)
    raise AssertionError("no export was used")


@pytest.mark.slow
def test_a_limit_that_nothing_meets_is_told_with_what_comes_nearest(
    tiny_phi3, tmp_path, start_run
) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", 40)
    limits = {**SMALL, "tokens_per_s": 10_000_000.0}
    run = completed(start_run(limited(tiny_phi3, rows, limits, "none")), 500)
    (told,) = notices(run, "search.none")
    assert "No export meets every limit" in told
    assert "at least 10,000,000 are asked" in told
    record = found(run)
    choice = choose(Search.of(record))
    assert choice is not None
    assert not choice.met
    assert choice.chosen.number == record.taken
    assert run.model.is_dir()
    # Told as soon as it is known: no finalists beyond the one that is taken.
    assert sum(point.whole is not None for point in record.points) == 1


def test_a_size_that_no_export_can_have_is_told_before_the_training(
    tiny_phi3, tmp_path, start_run
) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", 40)
    run = start_run(limited(tiny_phi3, rows, {"size_mb": 0.01}, "tiny"))
    assert wait_for_end(run, 200) == "failed"
    view = run.view()
    assert view.finished is not None
    assert view.finished.code == "search.too_small"
    assert "Raise limits.size_mb" in (view.finished.error or RunError("bug")).hint
    assert view.stage == "prepare"


def test_a_record_that_cannot_be_read_is_named(home, tmp_path) -> None:
    run = RunFolder(tmp_path)
    assert read_search(run) is None
    for text in ("{", "[]", "{}", '{"version": 1, "space": 3}'):
        run.search_file.write_text(text)
        with pytest.raises(RunError) as caught:
            read_search(run)
        assert caught.value.code == "search.unreadable"
        assert str(run.search_file) in caught.value.message
    run.search_file.write_text(json.dumps({"version": 2}))
    with pytest.raises(RunError) as caught:
        read_search(run)
    assert caught.value.code == "search.newer_version"
    write_search(run, SearchRecord(space=(), least=(), weights=1, rows=1))
    assert read_search(run) == SearchRecord(space=(), least=(), weights=1, rows=1)
    with pytest.raises(InputError) as unfinished:
        take_point(run, 1)
    assert unfinished.value.code == "search.not_searched"


def _points(run: RunFolder) -> tuple[object, ...]:
    record = read_search(run)
    return record.points if record is not None else ()
