"""The search for an export: what may be built, what is next, what wins, over made-up worlds."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from phi3studio.domain.errors import InputError, RunError
from phi3studio.domain.estimation.estimate import ModelSize
from phi3studio.domain.events.measured_events import Metrics, ModelFigures, Verified
from phi3studio.domain.intervals import kl_interval
from phi3studio.domain.recipe import Limits, Recipe, Target, parse_recipe
from phi3studio.domain.search.export_kinds import BLOCKS, ExportKind, all_kinds, least_bytes
from phi3studio.domain.search.search_choice import Choice, choose, pareto, standing
from phi3studio.domain.search.search_points import (
    MB,
    Cost,
    Point,
    Search,
    SearchRecord,
    Whole,
    cost_of,
)
from phi3studio.domain.search.search_steps import (
    FINALISTS,
    ROUNDS,
    Look,
    Make,
    Measure,
    expected_steps,
    front,
    next_step,
)

MODEL = ModelSize(135_000_000, 512, 30, 49152, 270_000_000, inner=1536)
SPACE = all_kinds("cpu", True, MODEL)


# --- made-up worlds -------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """What building and measuring would show: each series has a size and a divergence, which the
    block changes alike in all. ``worse_timing``: times slower in the whole measurement."""

    sizes: dict[str, float]
    divergences: dict[str, float]
    exact_level: float = 0.8
    worse_timing: float = 1.0
    broken: frozenset[int] = frozenset()

    def look(self, kind: ExportKind) -> tuple[Cost, float]:
        name = series_name(kind)
        block, level = kind.block_size or 32, kind.accuracy_level
        size = self.sizes[name] * (1 + 2 / block)
        kl = self.divergences[name] * (block / 32) ** 0.5
        kl *= self.exact_level if level == 1 else 1.0
        speed = 60.0 if level == 1 else 100.0
        return (
            Cost(
                bytes=round(size * MB),
                load_s=0.1,
                first_token_s=0.05,
                tokens_per_s=speed,
                peak_memory=round((size + 80) * MB),
            ),
            kl,
        )

    def whole(self, kind: ExportKind) -> Whole:
        _, kl = self.look(kind)
        lost = min(60.0, 100 * kl)
        score = 0.9 - lost / 100
        figures = ModelFigures(perplexity=1.2, score=score)
        verdict = Verified(
            faithful=lost <= 3, points_lost=lost, kl=kl, models={"exported": figures}
        )
        metrics = Metrics(
            model="exported", rows=100, accuracy=score, perplexity=1.2, stops=1.0, score=score
        )
        return Whole(verdict=verdict, metrics=metrics, nll=0.2)


def series_name(kind: ExportKind) -> str:
    return f"{kind.quantisation} {kind.int4} {kind.calibrated}"


SERIES = sorted({series_name(kind) for kind in SPACE})

worlds = st.builds(
    lambda sizes, kls, level, timing, broken: World(
        dict(zip(SERIES, sizes, strict=True)),
        dict(zip(SERIES, kls, strict=True)),
        level,
        timing,
        frozenset(broken),
    ),
    # Without blocks, so larger than all int4 can be.
    st.tuples(st.floats(700, 900), *[st.floats(50, 600)] * (len(SERIES) - 1)),
    st.lists(st.floats(0, 0.4), min_size=len(SERIES), max_size=len(SERIES)),
    st.sampled_from([0.5, 0.95, 1.0, 1.3]),
    st.sampled_from([1.0, 1.5]),
    st.sets(st.integers(1, len(SPACE)), max_size=8),
)
some = st.none() | st.floats(1, 700)
limits_of_users = st.builds(
    lambda size, memory, speed, lost, score: Limits(
        size_mb=size,
        memory_mb=memory,
        tokens_per_s=speed,
        points_lost=lost,
        score=score if lost is None else None,
    ),
    some,
    some,
    st.none() | st.sampled_from([50.0, 80.0, 200.0]),
    st.none() | st.floats(0, 60),
    st.none() | st.floats(1, 100),
)


def begun(limits: Limits, rows: int = 100, space: tuple[ExportKind, ...] = SPACE) -> Search:
    least = tuple(least_bytes(kind, ModelSize(1, 1, 1, 1, 1), "cpu") for kind in space)
    # As many as the scales of the worlds below need.
    return Search(space, least, 400_000_000, limits, rows, {})


def with_point(search: Search, point: Point) -> Search:
    return dataclasses.replace(search, points={**search.points, point.number: point})


def searched(search: Search, world: World) -> tuple[Search, list[object]]:
    """Do step after step to the end; the search then, and the steps."""
    steps: list[object] = []
    while (step := next_step(search)) is not None:
        steps.append(step)
        assert len(steps) < 4 * len(search.space), steps
        search = with_point(search, done(search, world, step))
        assert expected_steps(search) >= 1
    return search, steps


def done(search: Search, world: World, step: Make | Look | Measure) -> Point:
    kind = search.kind(step.number)
    cost, kl = world.look(kind)
    old = search.points.get(step.number)
    if isinstance(step, Make):
        assert old is None, "nothing is built twice"
        assert not search.is_too_large(step.number)
        if step.like is not None:
            assert search.kind(step.like).weights == kind.weights
        if step.number in world.broken:
            return Point(number=step.number, kind=kind, failure={"code": "olive.no_model"})
        return Point(number=step.number, kind=kind, cost=cost, looks=(kl,))
    assert old is not None
    if isinstance(step, Look):
        assert len(old.looks) == step.round
        return old.model_copy(update={"looks": (*old.looks, kl)})
    assert old.whole is None, "nothing is measured whole twice"
    slower = cost.model_copy(update={"tokens_per_s": cost.tokens_per_s / world.worse_timing})
    return old.model_copy(update={"cost": cost_of(old).worse(slower), "whole": world.whole(kind)})


@settings(max_examples=80, deadline=None)
@given(worlds, limits_of_users, st.sampled_from([5, 100]))
def test_what_is_chosen_meets_every_limit_and_the_front_has_no_loser(
    world: World, limits: Limits, rows: int
) -> None:
    search, _ = searched(begun(limits, rows), world)
    choice = choose(search)
    if choice is None:
        assert not search.made
        return
    chosen = choice.chosen
    good = [point for point in search.made if search.meets(point)]
    assert choice.met == bool(good)
    if good:
        assert chosen.whole is not None
        cost = cost_of(chosen)
        assert limits.size_mb is None or cost.bytes <= limits.size_mb * MB
        assert limits.memory_mb is None or cost.peak_memory <= limits.memory_mb * MB
        assert limits.tokens_per_s is None or cost.tokens_per_s >= limits.tokens_per_s
        assert limits.points_lost is None or chosen.whole.points_lost <= limits.points_lost + 1e-6
        assert limits.score is None or 100 * chosen.whole.score >= limits.score - 1e-6
        if search.for_size:
            assert cost.bytes <= 1.02 * min(cost_of(point).bytes for point in good)
        else:
            best = max(p.whole.score for p in good if p.whole)
            assert chosen.whole.score >= best - 0.005 - 1e-9
    for point in pareto(search):
        assert point.whole is not None
        for other in search.made:
            if other.whole is not None and other is not point:
                smaller = cost_of(other).bytes < cost_of(point).bytes
                assert not (smaller and other.whole.score >= point.whole.score)
    kept = front(search)
    assert [cost_of(p).bytes for p in kept] == sorted(cost_of(p).bytes for p in kept)
    for point in search.points.values():
        assert str(standing(search, point))
    assert str(choice.why)


@settings(max_examples=50, deadline=None)
@given(worlds, limits_of_users)
# At block 32 quality is beaten by the block of 16 of small; at its own block of 16 it wins.
@example(
    World(
        dict(zip(SERIES, (700, 50, 61, 53, 61, 50, 61), strict=True)),
        dict(zip(SERIES, (0, 0.25, 0, 0.125, 0, 0.15625, 0), strict=True)),
        exact_level=1.0,
    ),
    Limits(points_lost=9),
)
def test_it_finds_what_measuring_everything_finds(world: World, limits: Limits) -> None:
    world = dataclasses.replace(world, broken=frozenset(), worse_timing=1.0)
    search, steps = searched(begun(limits), world)
    everything = begun(limits)
    for number, kind in enumerate(SPACE, start=1):
        cost, kl = world.look(kind)
        whole = Point(number=number, kind=kind, cost=cost, looks=(kl,), whole=world.whole(kind))
        everything = with_point(everything, whole)
    best, found = choose(everything), choose(search)
    assert best is not None
    if best.met and limits.tokens_per_s is None and world.exact_level != 0.95:
        assert found is not None
        assert found.met
        if search.for_size:
            assert cost_of(found.chosen).bytes <= 1.02 * cost_of(best.chosen).bytes
    assert sum(isinstance(step, Make) for step in steps) < len(SPACE)


def test_the_same_record_gives_the_same_next_step_after_a_stop() -> None:
    world = World(dict.fromkeys(SERIES, 200.0), dict.fromkeys(SERIES, 0.02))
    search = begun(Limits(points_lost=5))
    for _ in range(6):
        step = next_step(search)
        assert step is not None
        search = with_point(search, done(search, world, step))
    record = SearchRecord(
        space=search.space,
        least=search.least,
        weights=search.weights,
        rows=search.rows,
        points=tuple(search.points.values()),
        limits=search.limits,
    )
    read = SearchRecord.model_validate_json(record.model_dump_json())
    assert read == record
    assert next_step(Search.of(read)) == next_step(search)


# --- rules one by one -----------------------------------------------------------------------------


def kind_of(preset: str, block: int, level: int = 4, calibrated: bool = False) -> ExportKind:
    return ExportKind(
        quantisation="int4",
        int4=preset,
        block_size=block,
        accuracy_level=level,
        calibrated=calibrated,
    )


def point_of(kind: ExportKind, size: float, kl: float, speed: float = 100.0, **more) -> Point:
    cost = Cost(bytes=round(size * MB), first_token_s=0.05, tokens_per_s=speed, peak_memory=10**8)
    return Point(number=SPACE.index(kind) + 1, kind=kind, cost=cost, looks=(kl,), **more)


def holding(limits: Limits, *points: Point) -> Search:
    return dataclasses.replace(begun(limits), points={point.number: point for point in points})


def test_blocks_that_would_be_padded_are_no_part_of_the_space() -> None:
    starter = ModelSize(135_000_000, 576, 30, 49152, 270_000_000, inner=1536)
    blocks = {kind.block_size for kind in all_kinds("cpu", True, starter)}
    assert blocks == {16, 32, 64, 0}
    assert {kind.block_size for kind in SPACE} == {*BLOCKS, 0}
    few = dataclasses.replace(starter, hidden=16)
    assert {kind.block_size for kind in all_kinds("cpu", False, few)} == {16, 0}
    unknown = dataclasses.replace(starter, inner=0)
    assert {kind.block_size for kind in all_kinds("cpu", False, unknown)} == {16, 32, 64, 0}


def test_on_a_gpu_the_level_makes_no_difference() -> None:
    found = all_kinds("cuda", False, MODEL)
    assert {kind.accuracy_level for kind in found if kind.int4} == {4}
    assert [kind.quantisation for kind in found if not kind.int4] == ["fp16", "bf16"]
    assert not any(kind.calibrated for kind in found)


def test_the_least_size_is_below_what_the_starter_was_measured_to_take() -> None:
    starter = ModelSize(134_515_008, 576, 30, 49152, 270_000_000, inner=1536, tied=True)
    measured = {"small": 104, "fast": 200, "quality": 227}
    for preset, size in measured.items():
        assert 0.6 * size * MB < least_bytes(kind_of(preset, 32), starter, "cpu") < size * MB
    whole = ExportKind(quantisation="fp32")
    assert 500 * MB < least_bytes(whole, starter, "cpu") < 654 * MB
    fast = kind_of("fast", 32)
    assert least_bytes(fast, starter, "cuda") < least_bytes(fast, starter, "cpu")


def test_a_kind_is_a_target_again() -> None:
    kind = kind_of("small", 64, 1, True)
    target = kind.of(Target(quantisation="fp32"))
    assert target == Target(
        quantisation="int4", int4="small", block_size=64, accuracy_level=1, calibrated=True
    )
    whole = ExportKind(quantisation="fp32")
    assert whole.of(target).quantisation == "fp32"
    assert str(whole.phrase) == "fp32"
    assert str(kind.phrase) == "int4 small, block 64, level 1, calibrated"
    assert begun(Limits()).number_of(kind_of("small", 48)) is None


def test_nothing_is_built_that_is_known_to_be_too_large() -> None:
    made = point_of(kind_of("fast", 32), 200, 0.1)
    search = holding(Limits(size_mb=190), made)
    too_large = {search.kind(at) for at in range(1, len(SPACE) + 1) if search.is_too_large(at)}
    fast = [kind for kind in SPACE if kind.series == made.kind.series]
    assert too_large == {kind for kind in fast if kind.block_size in (16, 32)}
    heavy = dataclasses.replace(search, weights=100_000_000)
    assert heavy.known_bytes(search.number_of(kind_of("fast", 64)) or 0) == round(184.375 * MB)
    assert heavy.known_bytes(made.number + 1) == 200 * MB
    heavier = dataclasses.replace(search, limits=Limits(size_mb=180), weights=100_000_000)
    assert all(heavier.is_too_large(search.space.index(kind) + 1) for kind in fast)
    step = next_step(search)
    while step is not None and search.kind(step.number).series != made.kind.series:
        kind = search.kind(step.number)
        failed = Point(number=step.number, kind=kind, failure={"code": "olive.no_model"})
        search = with_point(search, failed)
        step = next_step(search)
    assert step is not None
    assert search.kind(step.number) == kind_of("fast", 64)


def test_the_second_level_takes_over_the_weights_of_the_first() -> None:
    first = point_of(SPACE[0].model_copy(update={"block_size": 32}), 227, 0.01)
    assert next_step(holding(Limits(), first)) == Make(first.number + 1, like=first.number)


def test_of_two_levels_as_near_the_faster_one_stays() -> None:
    fast, exact = kind_of("fast", 32, 4), kind_of("fast", 32, 1)
    near = holding(Limits(), point_of(fast, 200, 0.100, 90), point_of(exact, 200, 0.095, 60))
    assert [point.kind for point in front(near)] == [fast]
    far = holding(Limits(), point_of(fast, 200, 0.100, 90), point_of(exact, 200, 0.05, 60))
    assert [point.kind for point in front(far)] == [exact]
    assert str(standing(far, far.made[0])) == (
        f"export {far.made[1].number} has the same weights and the better level"
    )
    same = holding(Limits(), point_of(fast, 200, 0.1, 60), point_of(exact, 200, 0.1, 60))
    assert [point.kind for point in front(same)] == [fast]


def test_of_two_equal_points_the_first_stays() -> None:
    one, other = kind_of("fast", 32), kind_of("small", 32)
    search = holding(Limits(), point_of(one, 200, 0.1), point_of(other, 200, 0.1))
    assert [point.kind for point in front(search)] == [one]
    assert str(standing(search, search.made[1])) == (
        f"export {search.made[0].number} is no larger and nearer to the merged model"
    )


def test_more_rows_are_looked_at_where_there_are_more_than_the_finalists() -> None:
    sizes = dict(zip(SERIES, (100, 150, 200, 250, 300, 350, 500), strict=True))
    kls = dict(zip(SERIES, (0.3, 0.25, 0.2, 0.15, 0.1, 0.05, 0.0), strict=True))
    _, steps = searched(begun(Limits(memory_mb=1000)), World(sizes, kls))
    looked = [step for step in steps if isinstance(step, Look)]
    assert len(looked) >= FINALISTS
    assert sum(isinstance(step, Measure) for step in steps) == FINALISTS
    assert ROUNDS[0] < ROUNDS[1]
    _, few = searched(begun(Limits(memory_mb=1000), rows=10), World(sizes, kls))
    assert not any(isinstance(step, Look) for step in few)


def test_finalists_that_turn_out_too_slow_are_followed_by_others() -> None:
    sizes = dict(zip(SERIES, (100, 150, 200, 250, 300, 350, 500), strict=True))
    kls = dict(zip(SERIES, (0.3, 0.25, 0.2, 0.15, 0.1, 0.05, 0.0), strict=True))
    world = World(sizes, kls, exact_level=1.0, worse_timing=1.5)
    search, steps = searched(begun(Limits(tokens_per_s=80)), world)
    assert sum(isinstance(step, Measure) for step in steps) > FINALISTS
    choice = choose(search)
    assert choice is not None
    assert not choice.met
    assert "66.7 tokens/s, at least 80 are asked" in str(choice.why)


def test_without_limits_the_smallest_faithful_one_is_taken() -> None:
    sizes = dict(zip(SERIES, (100, 150, 200, 250, 300, 350, 500), strict=True))
    kls = dict(zip(SERIES, (0.3, 0.02, 0.2, 0.15, 0.1, 0.05, 0.0), strict=True))
    search, _ = searched(begun(Limits()), World(sizes, kls))
    choice = choose(search)
    assert choice is not None
    assert choice.met
    assert choice.chosen.whole is not None
    assert choice.chosen.whole.verdict.faithful
    assert series_name(choice.chosen.kind) == SERIES[1]
    hopeless = World(sizes, dict.fromkeys(SERIES, 0.2))
    choice = choose(searched(begun(Limits()), hopeless)[0])
    assert choice is not None
    assert not choice.met
    assert "not faithful" in str(choice.why)


def test_the_most_exact_one_is_taken_where_only_the_cost_is_limited() -> None:
    whole = World(dict.fromkeys(SERIES, 100.0), dict.fromkeys(SERIES, 0.01)).whole(SPACE[0])
    unfaithful = whole.model_copy(
        update={"verdict": whole.verdict.model_copy(update={"faithful": False})}
    )
    one = point_of(kind_of("fast", 32), 100, 0.1, whole=unfaithful)
    other = point_of(kind_of("quality", 32), 200, 0.1, whole=whole)
    choice = choose(holding(Limits(size_mb=300), one, other))
    assert choice == Choice(other, one, True, choice.why) if choice else False
    assert choice is not None
    assert "the most exact of the 2" in str(choice.why)
    faithless = choose(holding(Limits(size_mb=150), one))
    assert faithless is not None
    assert faithless.chosen == one
    assert faithless.runner_up is None


def test_what_comes_nearest_is_said_with_every_limit_that_it_breaks() -> None:
    near = point_of(kind_of("small", 32), 104, 0.1)
    far = point_of(kind_of("fast", 32), 200, 0.1)
    limits = Limits(size_mb=100, memory_mb=90, first_token_ms=40, tokens_per_s=120, score=95)
    choice = choose(holding(limits, near, far))
    assert choice is not None
    assert (choice.chosen, choice.runner_up, choice.met) == (near, far, False)
    said = str(choice.why)
    for part in ("104 MB on disk, at most 100", "100 MB of memory", "after 50 ms", "100 tokens/s"):
        assert part in said
    assert choose(begun(limits)) is None
    alone = choose(holding(Limits(size_mb=100), near))
    assert alone is not None
    assert alone.runner_up is None


def test_what_stands_against_a_point_is_said() -> None:
    whole = World(dict.fromkeys(SERIES, 100.0), dict.fromkeys(SERIES, 0.04)).whole(SPACE[0])
    good = point_of(kind_of("fast", 32), 200, 0.1, whole=whole)
    bad = point_of(kind_of("fast", 64), 190, 0.2, whole=whole)
    search = holding(Limits(points_lost=5), good)
    assert str(standing(search, good)) == "meets every limit"
    search = holding(Limits(points_lost=1), bad)
    assert "points lost, at most 1 are allowed" in str(standing(search, bad))
    failure = RunError("olive.no_model").to_json()
    failed = Point(number=1, kind=SPACE[0], failure=failure)
    assert str(standing(search, failed)).startswith("given up: ")
    unmeasured = point_of(kind_of("fast", 32), 200, 0.1)
    assert str(standing(holding(Limits(), unmeasured), unmeasured)) == "not among the finalists"


def test_a_score_that_is_not_known_counts_as_none() -> None:
    metrics = Metrics(model="exported", rows=1, accuracy=0, perplexity=2, stops=1)
    whole = Whole(verdict=Verified(faithful=True), metrics=metrics, nll=0.7)
    assert (whole.score, whole.points_lost) == (0.0, 0.0)


# --- the recipe's section ------------------------------------------------------------------------


def recipe_with(limits: object, **changes: object) -> Recipe:
    template = {"prompt": "{a}", "completion": "{b}"}
    values = {"data": {"source": "rows.jsonl", "template": template}, "limits": limits}
    return parse_recipe(values | changes)


@pytest.mark.parametrize("name", list(Limits.model_fields))
@pytest.mark.parametrize("value", [-1, 0, float("inf"), float("nan"), "many"])
def test_a_limit_is_a_number_above_zero(name: str, value: object) -> None:
    if (name, value) == ("points_lost", 0):
        assert recipe_with({name: value}).limits == Limits(points_lost=0)
        return
    with pytest.raises(InputError) as caught:
        recipe_with({name: value})
    assert f"limits.{name}" in str(caught.value)


@pytest.mark.parametrize("name", ["score", "points_lost"])
def test_no_score_is_above_100_percent(name: str) -> None:
    with pytest.raises(InputError):
        recipe_with({name: 101})


@pytest.mark.parametrize(
    ("limits", "changes", "variant"),
    [
        ({"score": 90, "points_lost": 3}, {}, "two"),
        ({}, {"steps": ["train", "merge"]}, "steps"),
        ({}, {"steps": ["train", "merge", "quantise"]}, "steps"),
        ({}, {"steps": ["train", "quantise", "verify"]}, "apart"),
        ({}, {"steps": ["quantise", "verify"], "model": {"adapter": "a"}}, "apart"),
        ({}, {"steps": ["quantise", "verify"], "data": None}, "no_rows"),
        ({"points_lost": 3}, {"training": {"int4_aware": 0.5}}, "int4_aware"),
        (
            {},
            {
                "target": {"train_on": "azureml"},
                "azure": {
                    "subscription": "00000000-0000-0000-0000-000000000000",
                    "resource_group": "group",
                    "workspace": "space",
                    "compute": "gpus",
                },
            },
            "azure",
        ),
    ],
)
def test_limits_that_cannot_be_searched_are_refused(limits, changes, variant) -> None:
    with pytest.raises(InputError) as caught:
        recipe_with(limits, **changes)
    assert (caught.value.code, caught.value.variant) == ("recipe.limits", variant)
    assert caught.value.hint


def test_limits_without_a_training_are_of_the_base_model() -> None:
    assert recipe_with({}, steps=["quantise", "verify"]).limits == Limits()


# --- KL with its interval ------------------------------------------------------------------------


def test_the_interval_of_kl_is_that_of_a_ratio() -> None:
    # numpy: x = [1, 3, 2], n = [10, 20, 10]; se = sqrt(sum((x - m n)^2) / 2 * 3) / 40
    low, high = kl_interval([(1.0, 10), (3.0, 20), (2.0, 10), (9.0, 0)]) or (0.0, 0.0)
    assert low == pytest.approx(0.15 - 1.959964 * 0.0216506, abs=1e-6)
    assert high == pytest.approx(0.15 + 1.959964 * 0.0216506, abs=1e-6)
    assert kl_interval([(1.0, 10)]) is None
    assert kl_interval([(0.0, 4), (8.0, 4)]) == (0.0, pytest.approx(1 + 1.959964 * 1.0))
