"""What is said of a run first, and what to do next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from phi3studio.app.paths import Home
from phi3studio.domain.events.measured_events import (
    Confusion,
    Metrics,
    Preference,
    VerdictNote,
    Verified,
)
from phi3studio.domain.events.run_events import Finished, notice
from phi3studio.domain.messages import say
from phi3studio.domain.run import RunView
from phi3studio.runs.continuing import faster, rebuild_run, rebuilt
from phi3studio.runs.demo import demo_recipe
from phi3studio.runs.shown.outcome import longer_seconds, outcome, rebuild_seconds, suggested_rate
from phi3studio.runs.store import RunStore

OWN = demo_recipe().model_copy(update={"name": "tickets"})


def done(
    base: float, tuned: float, exported: float | None = None, *, faithful: bool = True
) -> RunView:
    """A completed run that was measured with these shares of right answers."""
    shares = {"base": base, "merged": tuned, "exported": tuned if exported is None else exported}
    return RunView(
        finished=Finished(outcome="completed"),
        metrics={
            role: Metrics(model=role, rows=90, accuracy=share, perplexity=2.0, stops=1.0)  # type: ignore[arg-type,misc]
            for role, share in shares.items()
        },
        verdict=Verified(faithful=faithful),
        timings={"prepare": 2.0, "train": 60.0, "merge": 5.0, "quantise": 100.0, "verify": 20.0},
    )


@pytest.mark.parametrize(
    ("view", "kind", "steps"),
    [
        (done(0.0, 0.92), "learned", ("chat", "export", "elsewhere")),
        (done(0.0, 0.0), "not_learned", ("longer", "data", "chat")),
        (done(0.0, 0.3), "partly", ("longer", "data", "chat")),
        (done(0.9, 0.9), "no_better", ("longer", "data", "chat")),
        (done(0.9, 0.97), "learned", ("chat", "export", "elsewhere")),
        (done(0.0, 0.9, 0.5, faithful=False), "lossy", ("quality", "chat", "data")),
    ],
)
def test_the_outcome_names_the_next_step(view: RunView, kind: str, steps: tuple[str, ...]) -> None:
    found = outcome(view, OWN)
    assert found is not None
    assert (found.kind, found.next_steps) == (kind, steps)


@pytest.mark.parametrize(
    ("codes", "kind", "steps"),
    [
        # What the training has lost is not made good by another export.
        ((("fidelity.stops", "training"),), "partly", ("longer", "data", "chat")),
        ((("fidelity.stops", ""),), "lossy", ("quality", "chat", "data")),
        (
            (("fidelity.stops", "training"), ("fidelity.score", "")),
            "lossy",
            ("quality", "chat", "data"),
        ),
    ],
)
def test_answers_without_an_end_are_blamed_on_the_training_or_on_the_export(
    codes: tuple[tuple[str, str], ...], kind: str, steps: tuple[str, ...]
) -> None:
    reasons = tuple(VerdictNote(code=code, variant=variant) for code, variant in codes)
    view = replace(done(0.0, 0.92), verdict=Verified(faithful=False, reasons=reasons))
    found = outcome(view, OWN)
    assert found is not None
    assert (found.kind, found.next_steps) == (kind, steps)
    assert (found.ending is not None) == any(variant for _, variant in codes)


@pytest.mark.parametrize(
    ("shares", "lost", "kind", "said"),
    [
        ((0.5, 0.91, 0.91), 0.0, "learned", "It prefers the better answer in 91 of 100 pairs"),
        ((0.5, 0.6, 0.6), 0.0, "partly", "It prefers the better answer in 60"),
        ((0.5, 0.51, 0.5), 1.0, "not_learned", "It does not prefer"),
        ((0.5, 0.91, 0.6), 31.0, "lossy", "exported model only in 60."),
    ],
)
def test_of_pairs_it_is_said_how_often_the_better_answer_is_preferred(
    shares: tuple[float, float, float], lost: float, kind: str, said: str
) -> None:
    view = done(0.0, 0.0, faithful=lost <= 2)
    roles = zip(("start", "merged", "exported"), shares, strict=True)
    judged = {
        role: view.metrics["merged"].model_copy(
            update={
                "model": role,
                "preference": Preference(pairs=100, prefers=share, interval=(0, 1)),
            }
        )
        for role, share in roles
    }
    verdict = Verified(faithful=lost <= 2, preference_lost=lost, limits={"preference_lost": 2.0})
    found = outcome(replace(view, metrics=view.metrics | judged, verdict=verdict), OWN)  # type: ignore[arg-type]
    assert found is not None
    assert found.kind == kind
    assert (found.before, found.now, found.exported) == shares
    assert found.preference is not None
    assert said in say(found.preference).message


def test_where_the_rate_was_low_a_higher_one_comes_first() -> None:
    slow = notice(
        "train.not_learning", level="warning", variant="rate",
        first=8.0, last=7.0, step=12, rate=1e-4, usual=1e-3,
    )  # fmt: skip
    for now, steps in ((0.0, ("rate", "longer", "data", "chat")), (0.9, ("chat", "export"))):
        view = replace(done(0.0, now), notices=(slow,))
        found = outcome(view, OWN)
        assert found is not None
        assert found.next_steps[: len(steps)] == steps
        assert suggested_rate(view) == 1e-3
    assert faster(OWN, 1e-3).training.learning_rate == 1e-3
    assert faster(OWN, 1e-3).name == f"{OWN.name} higher rate"
    other = notice("train.not_learning", variant="", first=8.0, last=8.0, step=12)
    assert suggested_rate(replace(view, notices=(other,))) is None


def test_the_most_frequent_label_alone_is_nothing_learned() -> None:
    view = done(0.0, 0.62)
    always = Confusion(labels=("bug", "praise"), counts=((56, 0, 0), (34, 0, 0)))
    tuned = view.metrics["merged"].model_copy(update={"confusion": always})
    found = outcome(RunView(finished=view.finished, metrics={"merged": tuned}), OWN)
    assert found is not None
    assert found.kind == "not_learned"


def test_after_the_demo_the_way_leads_to_ones_own_data() -> None:
    found = outcome(done(0.0, 0.92), demo_recipe())
    assert found is not None
    assert found.next_steps == ("chat", "own_data", "export", "elsewhere")


def test_a_run_that_is_not_completed_has_no_outcome() -> None:
    assert outcome(RunView(), OWN) is None
    assert outcome(RunView(finished=Finished(outcome="failed")), OWN) is None


def test_without_training_or_measurement_nothing_is_claimed() -> None:
    exported = OWN.model_copy(update={"steps": ["quantise", "verify"]})
    found = outcome(done(0.0, 0.0), exported)
    assert found is not None
    assert found.kind == "exported"
    found = outcome(RunView(finished=Finished(outcome="completed")), OWN)
    assert found is not None
    assert found.kind == "unmeasured"


def test_times_follow_what_the_run_took() -> None:
    assert longer_seconds(done(0, 0), OWN) == 187.0
    quick = OWN.training.model_copy(update={"max_steps": 10})
    # 90 rows held out of 300: 210 in the training, three times 27 steps.
    assert longer_seconds(done(0, 0), OWN.model_copy(update={"training": quick})) == 60 * 8.1 + 127
    assert rebuild_seconds(done(0, 0)) == 125.0
    assert rebuild_seconds(RunView()) is None


def test_made_again_it_loses_less_and_trains_nothing(home: Home, tmp_path: Path) -> None:
    kinds = []
    recipe = OWN.model_copy(update={"target": OWN.target.model_copy(update={"int4": "fast"})})
    for _ in range(3):
        recipe = rebuilt(recipe)
        kinds.append((recipe.target.quantisation, recipe.target.int4, recipe.target.block_size))
    assert kinds == [("int4", "quality", 16), ("fp32", "quality", 16), ("fp32", "quality", 16)]
    store = RunStore(home)
    run = store.create(OWN)
    run.adapter.mkdir()
    (run.adapter / "adapter_model.safetensors").write_bytes(b"weights")
    made = rebuild_run(store, run).recipe()
    assert (made.name, made.steps) == ("tickets quality", ["merge", "quantise", "verify"])
    assert made.model.adapter is not None
    assert (Path(made.model.adapter) / "adapter_model.safetensors").read_bytes() == b"weights"
