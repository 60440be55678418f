"""How far a whole run is: one course over all stages that never goes back."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest

from phi3studio.domain.events.event_line import AnyPayload, Event
from phi3studio.domain.events.measured_events import Metrics
from phi3studio.domain.events.run_events import (
    Estimated,
    Finished,
    Progress,
    Recovery,
    Stage,
    StageDone,
    Started,
)
from phi3studio.domain.run import RunView, fold
from phi3studio.runs.shown.overall import Overall, overall
from tests.showcase.runs import course

Timed = tuple[float, AnyPayload]


def events(payloads: Iterable[Timed]) -> list[Event]:
    return [Event(seq=n, t=moment, payload=p) for n, (moment, p) in enumerate(payloads)]


def watched(payloads: Iterable[Timed]) -> list[tuple[float, Overall]]:
    """What a watcher sees who looks at each event, and a second after it."""
    view, seen, last = RunView(), [], None
    for event in events(payloads):
        view = fold([event], view)
        for now in (event.t, event.t + 0.5):
            last = overall(view, now, last)
            seen.append((now, last))
    return seen


def test_it_grows_over_all_stages_to_the_whole() -> None:
    seen = watched(course())
    shares = [each.share for _, each in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert all(share < 1 for share in shares[:-3])
    # No stage's begin is a leap: the whole is one run, not five.
    steps = [after - before for before, after in itertools.pairwise(shares)]
    assert max(steps[10:-4]) < 0.12


def test_the_time_left_is_that_of_the_whole_run() -> None:
    expected = {"prepare": 3.0, "train": 100.0, "merge": 5.0, "quantise": 30.0, "verify": 20.0}
    view = fold(
        events(
            [
                (0.0, Started()),
                (0.0, Stage(name="prepare", index=1, count=5)),
                (3.0, Estimated(memory={}, seconds=expected)),
                (3.0, StageDone(name="prepare", seconds=3.0)),
                (3.0, Stage(name="train", index=2, count=5)),
                (53.0, Progress(step=50, total=100, loss=1.0, eta_s=60.0)),
            ]
        )
    )
    found = overall(view, 63.0)
    assert found.left_s == pytest.approx(50 + 5 + 30 + 20)
    assert found.share == pytest.approx((3 + 50) / (3 + 50 + 50 + 55))


def test_a_stage_that_takes_longer_than_estimated_never_promises_nothing() -> None:
    view = fold(events([(0.0, Started()), (0.0, Stage(name="quantise", index=4, count=5))]))
    view = fold(events([(0.0, Estimated(memory={}, seconds={"quantise": 60, "verify": 20}))]), view)
    seen = [Overall()]
    for now in (10.0, 50.0, 100.0, 300.0):
        seen.append(overall(view, now, seen[-1]))
    assert [each.left_s for each in seen[1:]] == pytest.approx([70.0, 30.0, 35.0, 65.0])
    shares = [each.share for each in seen]
    assert shares == sorted(shares)


def test_a_slow_calibration_is_seen_by_its_own_pace() -> None:
    calibrating = Progress(step=20, total=200, activity="calibrating the int4 weights")
    view = fold(
        events(
            [
                (0.0, Started(stages=("quantise",))),
                (0.0, Stage(name="quantise", index=1, count=1)),
                (1.0, Estimated(memory={}, seconds={"quantise": 60.0})),
                (30.0, calibrating),
            ]
        )
    )
    assert overall(view, 30.0).left_s == pytest.approx(270.0)


def measured(*roles: str) -> list[Timed]:
    """Verify measures models one after the other: ten rows of each, a second a row."""
    payloads: list[Timed] = [
        (0.0, Started(stages=("verify",))),
        (0.0, Stage(name="verify", index=1, count=1)),
    ]
    moment = 0.0
    for role in roles:
        activity = f"measuring the {role} model"
        payloads.append((moment, Progress(step=0, total=0, activity=activity)))
        for step in range(1, 11):
            moment += 1
            payloads.append((moment, Progress(step=step, total=10, activity=activity)))
        figures = Metrics(model=role, rows=10, accuracy=0.5, perplexity=2.0, stops=1.0)  # type: ignore[arg-type]
        payloads.append((moment, figures))
    return payloads


@pytest.mark.parametrize(
    "roles", [("base", "merged", "exported"), ("base", "start", "merged", "exported")]
)
def test_measuring_several_models_is_one_course(roles: tuple[str, ...]) -> None:
    payloads = measured(*roles)
    shares = [each.share for _, each in watched(payloads)]
    assert shares == sorted(shares)
    last = 2 + 12 * (len(roles) - 1)
    now = overall(fold(events(payloads[:last])), 10.0 * (len(roles) - 1))
    assert now.share == pytest.approx(1 - 1 / len(roles), abs=0.05)
    assert now.left_s == pytest.approx(10, abs=1)


def test_a_training_that_begins_again_with_less_memory_does_not_throw_it_back() -> None:
    payloads = list(course(until=100))
    moment = payloads[-1][0]
    safer = Recovery(
        stage="train", cause="host", changed=("batch_size",), batch_size=1, accumulation=8,
        gradient_checkpointing=True, sequence_length=512, int4="fast",
    )  # fmt: skip
    payloads += [
        (moment + 1, safer),
        (moment + 2, Started(attempt=2)),
        (moment + 2, Stage(name="train", index=2, count=5)),
        (moment + 9, Progress(step=1, total=184, loss=3.0, eta_s=170.0)),
        (moment + 90, Progress(step=120, total=184, loss=0.5, eta_s=60.0)),
    ]
    seen = watched(payloads)
    shares = [each.share for _, each in seen]
    assert shares == sorted(shares)
    assert (seen[-1][1].left_s or 0) < (seen[-3][1].left_s or 0)


def test_before_anything_is_known_nothing_is_promised() -> None:
    assert overall(RunView(), 5.0) == Overall(0.0, None)
    view = fold(events([(0.0, Started()), (0.0, Stage(name="prepare", index=1, count=5))]))
    assert overall(view, 1.0).left_s is None
    failed = fold(events([(2.0, Finished(outcome="failed", code="run.busy"))]), view)
    assert overall(failed, 3.0).share < 0.1
