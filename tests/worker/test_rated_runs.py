"""Whole runs on rated answers: real workers that learn what is good and what is bad from single
answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from phi3studio.app.paths import Home
from phi3studio.domain.events.run_events import Progress
from phi3studio.domain.recipe import Recipe
from phi3studio.runs.store import RunFolder
from tests.worker.pairs import finished, rated_recipe, rated_rows, train_only, write_pairs
from tests.worker.running import (
    completed,
    losses,
)

pytestmark = pytest.mark.long

Start = Callable[[Recipe], RunFolder]


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("rated") / "rated.jsonl", rated_rows())


@pytest.fixture(scope="module")
def first(
    tmp_path_factory: pytest.TempPathFactory, tiny_phi3: Path, rated: Path
) -> Iterator[RunFolder]:
    """A finished run, from the rated answers to the exported model."""
    recipe = rated_recipe(tiny_phi3, rated, max_steps=24, evaluations=2, keep_best=False)
    with finished(Home(tmp_path_factory.mktemp("ratings") / "home"), recipe) as run:
        yield run


def gains(run: RunFolder, base_folder: Path, kind: str = "held-out") -> tuple[list[float], ...]:
    """What the log-likelihoods of good and of bad answers gained, computed by transformers of each
    row by itself."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    rows = pq.read_table(next(run.data.glob(f"{kind}-*.parquet"))).to_pylist()

    def likelihoods(model: torch.nn.Module) -> list[float]:
        found = []
        for row in rows:
            labels = torch.tensor(row["labels"])
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([row["input_ids"]])).logits[0, :-1]
            learned = torch.nonzero(labels[1:] != -100).flatten()
            chosen = logits.double().log_softmax(-1)[learned, labels[1:][learned]]
            found.append(float(chosen.sum()))
        return found

    base = AutoModelForCausalLM.from_pretrained(base_folder, dtype=torch.float32).eval()
    before = likelihoods(base)
    after = likelihoods(PeftModel.from_pretrained(base, run.adapter).eval())
    gained = [now - then for now, then in zip(after, before, strict=True)]
    good, bad = (
        [gain for gain, row in zip(gained, rows, strict=True) if row["good"] is kind]
        for kind in (True, False)
    )
    return good, bad


def test_good_answers_gain_on_bad_ones(first: RunFolder, tiny_phi3: Path) -> None:
    found = losses(first)
    assert len(found) == 24
    # A model that is its own reference tells no answer from another.
    assert found[1] == pytest.approx(0.5, abs=2e-3)
    assert found[24] < 0.45
    good, bad = gains(first, tiny_phi3)
    above = sum(one > other for one in good for other in bad) / (len(good) * len(bad))
    assert above >= 0.8
    view = first.view()
    assert {"base", "merged", "exported"} <= view.metrics.keys()
    base, merged, exported = (
        view.metrics[role].preference for role in ("base", "merged", "exported")
    )
    assert base is not None
    assert merged is not None
    assert exported is not None
    assert (base.prefers, base.reward) == (0.5, None)
    assert merged.rated
    assert merged.pairs == len(good) * len(bad)
    assert merged.prefers == merged.reward == pytest.approx(above, abs=0.02)
    margin = 0.1 * (sum(good) / len(good) - sum(bad) / len(bad))
    assert merged.margin == pytest.approx(margin, rel=0.02)
    assert merged.interval[0] < merged.prefers <= merged.interval[1]
    assert exported.prefers > 0.7
    assert view.verdict is not None
    lost = 100 * (merged.prefers - exported.prefers)
    assert view.verdict.preference_lost == pytest.approx(lost, abs=1e-6)
    # Only good answers are what the model is asked to say.
    assert view.metrics["merged"].rows == len(good)


def test_the_evaluation_is_the_loss_of_the_held_out_answers(first: RunFolder) -> None:
    evaluated = [
        event.payload.eval_loss
        for event in first.events()
        if isinstance(event.payload, Progress) and event.payload.eval_loss is not None
    ]
    assert len(evaluated) == 2
    assert evaluated[1] < evaluated[0] < 0.5


def test_terminal_card_and_outcome_say_it_in_plain_words(first: RunFolder) -> None:
    from phi3studio.cli.closing import closing_lines
    from phi3studio.runs.shown.outcome import outcome

    said = "of 100 comparisons, by chance 50"
    lines = "\n".join(closing_lines(first, first.view()))
    assert said in lines
    assert "good answers above bad ones" in lines
    assert "implicit reward" not in lines
    for name in ("README.md", "card.html"):
        card = (first.card / name).read_text("utf-8")
        assert said in card
        assert "was rated bad" in card
    found = outcome(first.view(), first.recipe())
    assert found is not None
    assert found.kind in ("learned", "lossy", "partly")
    assert found.before == 0.5


def test_weights_count(first: RunFolder, start_run: Start) -> None:
    recipe = train_only(first.recipe())
    method = recipe.method.model_copy(update={"desirable_weight": 4.0, "undesirable_weight": 0.5})
    training = recipe.training.model_copy(update={"max_steps": 2})
    run = completed(start_run(recipe.model_copy(update={"method": method, "training": training})))
    good = [
        row["good"]
        for row in pq.read_table(next(run.data.glob("train-*.parquet"))).to_pylist()
    ]  # fmt: skip
    assert 0.25 < losses(run)[1] < 2.0
    assert losses(run)[1] != pytest.approx(losses(first)[1], abs=0.01)
    assert 0 < sum(good) < len(good)


def test_the_reference_of_a_run_that_goes_on_is_the_adapter_it_begins_with(
    first: RunFolder, start_run: Start, tiny_phi3: Path, rated: Path
) -> None:
    recipe = rated_recipe(tiny_phi3, rated, max_steps=2, adapter=str(first.adapter), dropout=0.0)
    steps = {"steps": ["train", "merge", "verify"]}
    run = completed(start_run(recipe.model_copy(update=steps)))
    # Against the base model the trained adapter would have a loss of its own from the beginning.
    assert losses(run)[1] == pytest.approx(0.5, abs=1e-4)
    view = run.view()
    assert set(view.metrics) == {"base", "start", "merged"}
    start = view.metrics["start"].preference
    assert start is not None
    assert start.reward is None


@pytest.mark.parametrize(
    "kind", ["qlora", *(pytest.param(name, marks=pytest.mark.slow) for name in ("dora", "loha"))]
)
def test_other_methods_learn_from_ratings_as_well(
    start_run: Start, tiny_phi3: Path, rated: Path, kind: str
) -> None:
    recipe = rated_recipe(
        tiny_phi3, rated, kind=kind, learning_rate=5e-3, dropout=0.0, max_steps=12
    )
    found = losses(completed(start_run(train_only(recipe))))
    assert found[1] == pytest.approx(0.5, abs=2e-3)
    assert sum(found[step] for step in (10, 11, 12)) < 3 * found[1]
