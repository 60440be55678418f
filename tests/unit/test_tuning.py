"""What a training search tries, promotes and takes."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from phi3studio.domain.events.event_line import Event
from phi3studio.domain.events.payload import Payload
from phi3studio.domain.events.run_events import Finished, Notice, Paused, Progress, Started, Waiting
from phi3studio.domain.hyperparameters import Method, Training
from phi3studio.domain.recipe import Data, Limits, Model, Recipe, parse_recipe
from phi3studio.domain.tuning.study_record import WHOLE, Course, Study, Trial, course_of
from phi3studio.domain.tuning.study_steps import (
    Move,
    best_trial,
    expected_seconds,
    next_move,
    taken,
    time_left,
    verdict,
)
from phi3studio.domain.tuning.trial_space import (
    Settings,
    as_trial,
    rungs,
    settings_of,
    space_around,
)
from phi3studio.services.trial_proposals import propose

PRESET = settings_of(Method(), Training(epochs=4, learning_rate=1e-3))
RECIPE = Recipe(
    name="a" * 80,
    data=Data(source="rows.jsonl", messages="messages"),
    model=Model(source="model"),
    limits=Limits(size_mb=100),
)
TOTAL = 90


def course(*losses: float, seconds: float | None = None) -> Course:
    """90 steps, a second each, the start another 10 seconds; losses at the rungs it came to."""
    steps = rungs(TOTAL)[: len(losses)]
    trained = steps[-1] if steps else 0
    taken = 10.0 + trained if seconds is None else seconds
    return Course(
        seconds=taken,
        training_s=float(trained),
        trained=trained,
        attempts=1,
        total=TOTAL,
        losses=dict(zip(steps, losses, strict=True)),
    )


def study(courses: dict[int, Course], budget: float = 10_000.0, **changes: Settings) -> Study:
    trials = tuple(
        Trial(
            number=number,
            settings=changes.get(f"of_{number}", PRESET),
            run=f"run-{number}",
            until=len(one.losses),
            reached=len(one.losses),
        )
        for number, one in courses.items()
    )
    return Study(name="study", recipe={}, budget_s=budget, preset=PRESET, trials=trials)


def move_of(courses: dict[int, Course], budget: float = 10_000.0) -> Move | None:
    return next_move(study(courses, budget), courses, PRESET)


# --- the space ----------------------------------------------------------------------------------


def test_a_trial_changes_its_settings_and_nothing_else() -> None:
    settings = PRESET.model_copy(update={"rank": 64, "alpha": 256.0, "learning_rate": 3e-4})
    made = as_trial(RECIPE, settings, 12)
    assert made.name.endswith("a trial 12")
    assert len(made.name) == 80
    assert made.steps == ["train"]
    assert made.limits is None
    assert settings_of(made.method, made.training) == settings
    assert made.training.evaluations == 9
    assert made.data == RECIPE.data
    assert parse_recipe(made.to_json()) == made


@pytest.mark.parametrize("total", [1, 5, 9, 10, 11, 17, 18, 100, 801])
def test_rungs_fall_on_evaluations(total: int) -> None:
    steps = rungs(total)
    every = -(-total // 9)
    assert steps[0] <= steps[1] <= steps[2] == total
    assert all(step % every == 0 or step == total for step in steps)


@pytest.mark.parametrize(
    ("batch", "accumulation", "batches"),
    [
        (8, 1, ((8, 1), (8, 2), (4, 1))),
        (2, 4, ((2, 4), (2, 8), (2, 2))),
        (1, 1, ((1, 1), (1, 2))),
    ],
)
def test_no_batch_needs_more_memory_than_the_presets(
    batch: int, accumulation: int, batches: tuple[tuple[int, int], ...]
) -> None:
    changed = PRESET.model_copy(update={"batch_size": batch, "accumulation": accumulation})
    assert space_around(changed).batches == batches


def test_rates_stay_below_one() -> None:
    assert space_around(PRESET.model_copy(update={"learning_rate": 0.9})).rates[1] == 1.0


def test_the_words_of_settings_name_modules() -> None:
    assert PRESET.words.endswith("8 rows a step, auto")
    named = PRESET.model_copy(update={"target_modules": ["q_proj", "v_proj"]})
    assert named.words.endswith("q_proj,v_proj")


# --- how a trial went ---------------------------------------------------------------------------


def events(*told: tuple[float, Payload]) -> list[Event]:
    return [Event(seq=n, t=t, payload=payload) for n, (t, payload) in enumerate(told)]


def started(attempt: int) -> Started:
    return Started(
        attempt=attempt, pid=1, device="cpu", precision="float32", threads=1, versions={}
    )


def progress(step: int, eval_loss: float | None = None) -> Progress:
    kind = "training" if eval_loss is None else "evaluating"
    return Progress(step=step, total=18, activity=kind, eval_loss=eval_loss)


def test_pauses_waits_and_kills_cost_no_time() -> None:
    found = course_of(
        events(
            (0, Waiting(ahead=1)),
            (100, started(1)),
            (104, Progress(step=3, total=9, activity="tokenising")),
            (110, progress(0)),
            (114, progress(2)),
            (115, progress(2, 0.9)),
            (116, Paused()),
            (500, Waiting(ahead=0)),
            (510, started(2)),
            (515, progress(2)),
            (519, progress(4)),
            # it was killed, and a step is made again
            (900, Waiting(ahead=0)),
            (901, started(3)),
            (905, progress(3)),
            (907, progress(4)),
            (908, progress(4, 0.8)),
            (909, Finished(outcome="completed")),
            (999, Notice(code="later")),
        )
    )
    assert found.seconds == 16 + 9 + 8
    assert found.training_s == 5 + 4 + 3
    assert found.trained == 2 + 2 + 1
    assert found.step_s == pytest.approx(12 / 5)
    assert found.start_s == pytest.approx(7)
    assert found.losses == {2: 0.9, 4: 0.8}
    assert found.loss(1) == 0.9
    assert found.loss(2) is None
    assert found.loss(WHOLE) == 0.8
    assert Course().loss(WHOLE) is None
    assert Course().step_s == Course().start_s == 0


# --- what is next -------------------------------------------------------------------------------


def test_the_preset_is_trained_first_and_whole() -> None:
    assert move_of({}) == Move(0, WHOLE, PRESET)


def test_another_begins_while_there_are_few() -> None:
    assert move_of({0: course(0.9, 0.7, 0.5)}) == Move(1, 1, PRESET)


def test_the_best_third_goes_on_and_is_not_begun_again() -> None:
    courses = {0: course(0.9, 0.7, 0.5), 1: course(0.8), 2: course(0.95)}
    assert move_of(courses) == Move(1, 2)
    courses[1] = course(0.8, 0.6)
    assert move_of(courses) == Move(3, 1, PRESET)  # two at a third of the steps are too few
    courses |= {3: course(0.81), 4: course(0.82), 5: course(0.83)}
    assert move_of(courses) == Move(3, 2)
    courses[3] = course(0.81, 0.65)
    assert move_of(courses) == Move(1, WHOLE)


def test_what_was_interrupted_goes_on_before_anything_else() -> None:
    courses = {0: course(0.9, 0.7, 0.5), 1: course()}
    made = study(courses)
    made = made.with_trial(made.trials[1].model_copy(update={"until": 1}))
    assert next_move(made, courses, PRESET) == Move(1, 1)


def test_one_that_failed_is_passed_over() -> None:
    courses = {0: course(0.9, 0.7, 0.5), 1: course()}
    made = study(courses)
    failed = made.trials[1].model_copy(update={"until": 1, "failure": {"code": "bug"}})
    assert next_move(made.with_trial(failed), courses, PRESET) == Move(2, 1, PRESET)


def test_none_begins_that_cannot_end() -> None:
    courses = {0: course(0.9, 0.7, 0.5)}
    whole = expected_seconds(study(courses), courses, PRESET)
    assert whole == pytest.approx(90 + 3 * 10)
    assert move_of(courses, budget=100 + whole) == Move(1, 1, PRESET)
    assert move_of(courses, budget=100 + whole - 1) is None
    assert time_left(study(courses, 150), courses) == 50


def test_longer_and_wider_trainings_take_longer() -> None:
    courses = {0: course(0.9, 0.7, 0.5)}
    made = study(courses)
    longer = PRESET.model_copy(update={"epochs": 8})
    assert expected_seconds(made, courses, longer) == pytest.approx(180 + 30)
    wide = PRESET.model_copy(update={"target_modules": "all_linear"})
    assert expected_seconds(made, courses, wide) == pytest.approx(135 + 30)
    courses[1] = Course(100, 80, 40, 1, TOTAL, {10: 0.9})
    known = study(courses, of_1=wide)
    assert expected_seconds(known, courses, wide) == pytest.approx(180 + 30)


def test_the_rest_of_the_time_goes_to_the_best_if_it_beats_the_preset() -> None:
    courses = {0: course(0.9, 0.7, 0.5), 1: course(0.8, 0.6), 2: course(0.85)}
    spent = sum(one.seconds for one in courses.values())
    assert move_of(courses, budget=spent + 71) == Move(1, WHOLE)
    assert move_of(courses, budget=spent + 60) is None
    courses = {0: course(0.9, 0.7, 0.5), 1: course(0.95)}
    assert move_of(courses, budget=200) is None


def test_a_promotion_that_does_not_fit_is_left() -> None:
    courses = {0: course(0.9, 0.7, 0.5), 1: course(0.8), 2: course(0.95)}
    spent = sum(one.seconds for one in courses.values())
    assert move_of(courses, budget=spent + 10) is None
    assert move_of(courses, budget=spent + 31) == Move(1, 2)


def test_trials_are_not_without_number() -> None:
    courses = {0: course(0.1, 0.1, 0.1)} | {n: course(0.9) for n in range(1, 200)}
    for number in range(1, 70):
        courses[number] = course(0.9, 0.9)
    for number in range(1, 30):
        courses[number] = course(0.9, 0.9, 0.9)
    assert move_of(courses, budget=1e9) is None


# --- what is taken ------------------------------------------------------------------------------


@pytest.mark.parametrize(("loss", "number"), [(0.4, 1), (0.499, 0), (0.5, 0), (0.6, 0)])
def test_the_preset_stays_unless_another_is_clearly_better(loss: float, number: int) -> None:
    courses = {0: course(0.9, 0.7, 0.5), 1: course(0.8, 0.6, loss), 2: course(0.1)}
    assert best_trial(study(courses), courses).number == number


@pytest.mark.parametrize(
    ("winner", "ours", "preset", "variant", "said"),
    [
        (0, None, None, "preset", "The preset was as good"),
        (3, None, 0.5, "unmeasured", "not compared"),
        (3, 0.5, None, "unmeasured", "not compared"),
        (3, 0.4, 0.5, "", "Trial 3 is taken: on rows that chose nothing it has 0.400"),
        (3, 0.5, 0.5, "as_good", "the preset was as good on the rows that report"),
    ],
)
def test_what_came_of_it_is_said(
    winner: int, ours: float | None, preset: float | None, variant: str, said: str
) -> None:
    found = verdict(winner, ours, preset)
    assert found.variant == variant
    assert said in str(found)


@pytest.mark.parametrize(
    ("winner", "ours", "preset", "number"),
    [(0, None, None, 0), (3, None, 0.5, 3), (3, 0.4, 0.5, 3), (3, 0.499, 0.5, 0), (3, 0.6, 0.5, 0)],
)
def test_the_luckiest_on_the_rows_that_chose_is_not_taken(
    winner: int, ours: float | None, preset: float | None, number: int
) -> None:
    assert taken(winner, ours, preset) == number


# --- what is proposed ---------------------------------------------------------------------------


def test_the_same_search_is_proposed_the_same_and_within_the_space() -> None:
    courses = {0: course(0.9, 0.7, 0.5)}
    made = study(courses)
    space = space_around(PRESET)
    seen = set()
    for number in range(1, 13):
        one = propose(made, courses)
        assert one == propose(made, courses)
        assert space.rates[0] * 0.99 <= one.learning_rate <= space.rates[1] * 1.01
        assert one.rank in space.ranks
        assert one.alpha / one.rank in space.scales
        assert (one.batch_size, one.accumulation) in space.batches
        seen.add(one.words)
        # The nearer to a rate, the better.
        courses[number] = course(abs(math.log(one.learning_rate / 3e-3)))
        trial = Trial(number=number, settings=one, run=str(number), until=1, reached=1)
        made = made.with_trial(trial)
    assert len(seen) > 8


def test_a_preset_outside_of_the_space_is_no_obstacle(tmp_path: Path) -> None:
    odd = PRESET.model_copy(update={"alpha": 1.0})
    courses = {0: course(0.9, 0.7, 0.5)}
    made = study(courses, of_0=odd).model_copy(update={"preset": odd})
    assert propose(made, courses).rank
