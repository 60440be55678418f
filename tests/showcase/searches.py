"""Run folders of searches for an export, as far as they are or with what they found."""

from __future__ import annotations

import math
from pathlib import Path

from phi3studio.domain.estimation.estimate import ModelSize
from phi3studio.domain.events.event_line import AnyPayload
from phi3studio.domain.events.measured_events import Metrics, ModelFigures, Verified
from phi3studio.domain.events.run_events import Progress, Stage
from phi3studio.domain.recipe import Limits, Recipe, parse_recipe
from phi3studio.domain.search.export_kinds import ExportKind, all_kinds, least_bytes
from phi3studio.domain.search.search_choice import choose
from phi3studio.domain.search.search_points import MB, Cost, Point, Search, SearchRecord, Whole
from phi3studio.runs.demo import demo_recipe
from phi3studio.runs.measuring.search_file import write_search
from phi3studio.runs.store import RunFolder
from tests.showcase.runs import course, write_run

STARTER = ModelSize(134_515_008, 576, 30, 49152, 269_060_552, inner=1536, tied=True)
SPACE = all_kinds("cpu", True, STARTER)


def kind(
    preset: str, block: int, level: int, *, calibrated: bool = False
) -> tuple[int, ExportKind]:
    """An int4 kind of the starter's space and its number."""
    found = ExportKind(
        quantisation="int4",
        int4=preset,
        block_size=block,
        accuracy_level=level,
        calibrated=calibrated,
    )
    return SPACE.index(found) + 1, found


def point(
    what: tuple[int, ExportKind],
    size: float,
    kl: float,
    speed: float,
    score: float | None = None,
) -> Point:
    """A point with a size in MB; measured whole where it has a score from 0 to 1."""
    number, one = what
    whole = None
    if score is not None:
        lost = round(100 * (0.93 - score), 1)
        figures = {name: ModelFigures(perplexity=1.2, score=share) for name, share in
                   (("merged", 0.93), ("exported", score))}  # fmt: skip
        whole = Whole(
            verdict=Verified(
                faithful=lost <= 3, rows=196, points_lost=lost, kl=kl, models=figures,
                score_name="accuracy", limits={"points_lost": 3.0, "stops": 0.99},
            ),
            metrics=Metrics(
                model="exported", rows=196, accuracy=score, perplexity=1.3, stops=1.0, score=score,
                score_name="accuracy",
            ),
            nll=math.log(1.3),
        )  # fmt: skip
    return Point(
        number=number,
        kind=one,
        cost=Cost(
            bytes=round(size * MB), load_s=0.4, first_token_s=1.5 / speed, tokens_per_s=speed,
            peak_memory=round((size + 190) * MB),
        ),
        looks=(kl,),
        whole=whole,
        seconds=20.0,
    )  # fmt: skip


POINTS = (
    point(kind("small", 32, 4), 108, 0.292, 18, 0.776),
    point(kind("small", 32, 1), 108, 0.284, 15),
    point(kind("small", 32, 4, calibrated=True), 110, 0.030, 18, 0.898),
    point(kind("small", 32, 1, calibrated=True), 110, 0.026, 12, 0.913),
    point(kind("small", 16, 4), 128, 0.180, 15),
    point(kind("small", 16, 1, calibrated=True), 133, 0.010, 10, 0.929),
)
FAILED = Point(
    number=SPACE.index(ExportKind(quantisation="fp32")) + 1,
    kind=ExportKind(quantisation="fp32"),
    failure={"code": "memory.short", "message": "The memory was not enough.", "hint": "Close."},
)


def search_record(limits: Limits, points: tuple[Point, ...], *, done: bool) -> SearchRecord:
    """A record; of a search that is done the chosen point is taken."""
    record = SearchRecord(
        space=SPACE,
        least=tuple(least_bytes(one, STARTER, "cpu") for one in SPACE),
        weights=STARTER.parameters,
        rows=196,
        points=tuple(sorted(points, key=lambda item: item.number)),
        limits=limits,
        done=done,
    )
    choice = choose(Search.of(record)) if done else None
    return record.model_copy(update={"taken": choice.chosen.number if choice else None})


def search_recipe(name: str, limits: Limits, sample: str) -> Recipe:
    """The demo's recipe with limits."""
    values = demo_recipe().to_json()
    values["data"] = {**values["data"], "source": sample}
    return parse_recipe(values | {"name": name, "limits": limits.model_dump(exclude_none=True)})


def write_search_run(
    root: Path,
    sample: str,
    name: str,
    limits: Limits,
    points: tuple[Point, ...] = POINTS,
    *,
    done: bool = True,
    alive: bool = False,
) -> RunFolder:
    """A run folder with the record of a search; one that is not done is in the stage quantise."""
    record = search_record(limits, points, done=done)
    events: list[tuple[float, AnyPayload]] = list(course())
    if not done:
        end = next(at for at, (_, e) in enumerate(events) if isinstance(e, Stage) and e.index == 3)
        moment = events[end][0]
        number = SPACE.index(kind("quality", 32, 4)[1]) + 1
        say = f"building export {number}: int4 quality, block 32, level 4"
        now = Progress(step=0, total=0, activity=say, doing="building", export=number)
        events = [*events[: end + 1], (moment + 1, now)]
    age = 3600.0 if done else events[-1][0] - 60.0
    run = write_run(root, search_recipe(name, limits, sample), events, age_s=age, alive=alive)
    write_search(run, record)
    for one in record.points:
        if one.whole is not None:
            folder = run.searched / str(one.number)
            folder.mkdir(parents=True)
            (folder / "model.onnx").write_bytes(b"x" * one.number)
    return run
