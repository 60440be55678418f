"""Whole runs on pairs of answers: real workers that prefer one answer to another."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from phi3studio.app.paths import Home
from phi3studio.domain.events.run_events import Progress
from phi3studio.domain.recipe import Recipe
from phi3studio.runs import launch
from phi3studio.runs.store import RunFolder
from tests.tiny_families import SHAPES, make
from tests.worker.pairs import finished, pair_rows, pairs_recipe, train_only, write_pairs
from tests.worker.running import (
    adapter_bytes,
    completed,
    is_notice,
    is_step,
    kill,
    losses,
    wait_for_end,
    wait_for_event,
)

Start = Callable[[Recipe], RunFolder]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs") / "pairs.jsonl", pair_rows())


@pytest.fixture(scope="module")
def first(
    tmp_path_factory: pytest.TempPathFactory, tiny_phi3: Path, pairs: Path
) -> Iterator[RunFolder]:
    """A finished run, from the pairs to the exported model."""
    recipe = pairs_recipe(tiny_phi3, pairs, max_steps=20, evaluations=2, keep_best=False)
    with finished(Home(tmp_path_factory.mktemp("preferences") / "home"), recipe) as run:
        yield run


def log_likelihoods(model: torch.nn.Module, rows: list[dict[str, list[int]]]) -> torch.Tensor:
    """Of each row by itself, as transformers computes it."""
    found = []
    for row in rows:
        ids, labels = torch.tensor([row["ids"]]), torch.tensor(row["labels"])
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0, :-1].float().log_softmax(-1)
        learned = torch.nonzero(labels[1:] != -100).flatten()
        found.append(logits[learned, labels[1:][learned]].sum())
    return torch.stack(found)


def sides(run: RunFolder, kind: str = "train") -> list[list[dict[str, list[int]]]]:
    """The better and the worse sides of a run's examples."""
    rows = pq.read_table(next(run.data.glob(f"{kind}-*.parquet"))).to_pylist()
    return [
        [{"ids": row[ids], "labels": row[labels]} for row in rows]
        for ids, labels in (("input_ids", "labels"), ("rejected_ids", "rejected_labels"))
    ]


def test_the_model_prefers_the_better_answers(first: RunFolder, tiny_phi3: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    found = losses(first)
    assert len(found) == 20
    # A model that is its own reference knows no better answer.
    assert found[1] == pytest.approx(math.log(2), abs=1e-4)
    assert found[20] < 0.8 * found[1]
    evaluated = [
        event.payload.eval_loss
        for event in first.events()
        if isinstance(event.payload, Progress) and event.payload.eval_loss is not None
    ]
    assert len(evaluated) == 2
    base = AutoModelForCausalLM.from_pretrained(tiny_phi3, dtype=torch.float32).eval()
    better, worse = sides(first, "held-out")
    before = log_likelihoods(base, better) - log_likelihoods(base, worse)
    model = PeftModel.from_pretrained(base, first.adapter).eval()
    after = log_likelihoods(model, better) - log_likelihoods(model, worse)
    # The reward is implicit: what the tuning has added to the difference.
    assert ((after - before) > 0).float().mean() >= 0.8
    # The evaluation at the end is that of the adapter that was saved.
    expected = -torch.nn.functional.logsigmoid(0.1 * (after - before)).mean()
    assert evaluated[-1] == pytest.approx(float(expected), abs=2e-4)


def test_it_goes_through_all_stages_to_an_exported_model(first: RunFolder) -> None:
    view = first.view()
    assert {"base", "merged", "exported"} <= view.metrics.keys()
    assert (first.model / "model.onnx").is_file()
    assert not first.work.exists()


def test_the_gate_judges_the_held_out_pairs(first: RunFolder, tiny_phi3: Path) -> None:
    """Computed here a second time, from the adapter and the exported model's own logits."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from phi3studio.worker.genai.genai import GenaiModel

    better, worse = sides(first, "held-out")

    def prefers(model: torch.nn.Module) -> float:
        means = [
            log_likelihoods(model, rows)
            / torch.tensor([sum(label != -100 for label in row["labels"][1:]) for row in rows])
            for rows in (better, worse)
        ]
        return float((means[0] > means[1]).double().mean())

    base = AutoModelForCausalLM.from_pretrained(tiny_phi3, dtype=torch.float32).eval()
    before = log_likelihoods(base, better) - log_likelihoods(base, worse)
    untuned = prefers(base)
    tuned = PeftModel.from_pretrained(base, first.adapter).eval()
    after = log_likelihoods(tuned, better) - log_likelihoods(tuned, worse)
    exported = GenaiModel(first.model)

    def of_export(row: dict[str, list[int]]) -> float:
        logits = torch.from_numpy(exported.logits(row["ids"])).double().log_softmax(-1)
        learned = [at for at in range(1, len(row["ids"])) if row["labels"][at] != -100]
        return float(sum(logits[at - 1, row["ids"][at]] for at in learned)) / len(learned)

    view = first.view()
    shares = {
        "base": untuned,
        "merged": prefers(tuned),
        "exported": sum(
            of_export(a) > of_export(b) for a, b in zip(better, worse, strict=True)
        ) / len(better),
    }  # fmt: skip
    for role, share in shares.items():
        found = view.metrics[role].preference  # type: ignore[index]
        assert found is not None
        assert found.pairs == len(better)
        assert found.prefers == pytest.approx(float(share))
        assert found.interval[0] < found.prefers <= found.interval[1]
        assert view.metrics[role].answer_tokens > 0  # type: ignore[index,operator]
    judged = view.metrics["merged"].preference
    assert judged is not None
    assert judged.reward == pytest.approx(float((after > before).double().mean()))
    assert judged.margin == pytest.approx(float(0.1 * (after - before).mean()), abs=1e-4)
    assert view.metrics["base"].preference.reward is None  # type: ignore[union-attr]
    verdict = view.verdict
    assert verdict is not None
    lost = 100 * float(shares["merged"] - shares["exported"])
    assert verdict.preference_lost == pytest.approx(lost, abs=1e-6)
    assert verdict.preference_interval is not None
    assert verdict.models["exported"].preference == view.metrics["exported"].preference


def test_terminal_and_card_say_it_in_plain_words(first: RunFolder) -> None:
    from phi3studio.cli.closing import closing_lines

    lines = "\n".join(closing_lines(first, first.view()))
    assert "better answer preferred, by the mean log-likelihood of a token" in lines
    assert re.search(r"in \d+ of \d+ pairs, before \d+", lines)
    assert "points of preference lost" in lines
    assert "general questions:" in lines
    for name in ("README.md", "card.html"):
        card = (first.card / name).read_text("utf-8")
        assert re.search(r"in \d+ of \d+ pairs, before \d+", card)
        assert "What it forgot" in card


@pytest.mark.slow
def test_an_export_of_the_untuned_model_has_no_implicit_reward(
    first: RunFolder, tiny_phi3: Path, start_run: Start, home: Home
) -> None:
    from tests.worker.running import only_export

    other = completed(start_run(only_export(tiny_phi3, ["quantise"])))
    run = RunFolder(home.runs / first.name)
    shutil.copytree(first.path, run.path)
    for file in other.model.glob("model.onnx*"):
        shutil.copyfile(file, run.model / file.name)
    done = subprocess.run(
        [sys.executable, "-m", "phi3studio", "verify", run.name, "--json"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr[-2000:]
    document = json.loads(done.stdout)
    merged, exported = (document["metrics"][role]["preference"] for role in ("merged", "exported"))
    assert merged["reward"] >= 0.8
    assert merged["margin"] > 0.5
    assert abs(exported["margin"]) < 0.01
    assert document["forgetting"]["questions"] == 50
    view = run.view()
    assert view.forgetting is not None
    assert view.forgetting.before == pytest.approx(first.view().forgetting.before)  # type: ignore[union-attr]


def test_a_file_is_measured_as_pairs_where_it_has_them(
    first: RunFolder, tiny_phi3: Path, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    from phi3studio.worker.fidelity.evaluator import held_out_of

    tokenizer = AutoTokenizer.from_pretrained(tiny_phi3)
    rows = pair_rows(3)
    pairs = held_out_of(
        first, first.recipe(), tokenizer, write_pairs(tmp_path / "pairs.jsonl", rows)
    )
    assert pairs.pairs
    assert [row.rejected.expected for row in pairs.rows if row.rejected] == [
        row["rejected"] for row in rows
    ]
    for row in rows:
        del row["rejected"]
    plain = held_out_of(
        first, first.recipe(), tokenizer, write_pairs(tmp_path / "plain.jsonl", rows)
    )
    assert not plain.pairs
    assert [row.input_ids for row in plain.rows] == [row.input_ids for row in pairs.rows]


def test_a_run_that_goes_on_is_judged_against_the_adapter_it_begins_with(
    first: RunFolder, start_run: Start, tiny_phi3: Path, pairs: Path
) -> None:
    recipe = pairs_recipe(
        tiny_phi3, pairs, objective="simpo", max_steps=2, adapter=str(first.adapter),
        learning_rate=1e-7,
    )  # fmt: skip
    steps = {"steps": ["train", "merge", "verify"]}
    view = completed(start_run(recipe.model_copy(update=steps))).view()
    assert set(view.metrics) == {"base", "start", "merged"}
    found = {role: item.preference for role, item in view.metrics.items()}
    # Nothing was learned: it judges as the adapter does that it begins with, not as the base.
    assert found["start"].reward is found["base"].reward is None  # type: ignore[union-attr]
    assert found["merged"].prefers == found["start"].prefers  # type: ignore[union-attr]
    assert found["merged"].margin == pytest.approx(0.0, abs=1e-3)  # type: ignore[union-attr]
    assert view.metrics["start"].perplexity == pytest.approx(
        view.metrics["merged"].perplexity, rel=1e-3
    )
    assert view.metrics["base"].perplexity != pytest.approx(
        view.metrics["start"].perplexity, rel=1e-2
    )


def test_both_answers_of_a_pair_are_prepared_with_one_prompt(first: RunFolder) -> None:
    for better, worse in zip(*sides(first), strict=True):
        masked = [side["labels"].count(-100) for side in (better, worse)]
        assert masked[0] == masked[1] > 0
        assert better["ids"][: masked[0]] == worse["ids"][: masked[0]]
        assert better["ids"] != worse["ids"]
        for side in (better, worse):
            assert side["labels"][masked[0] :] == side["ids"][masked[0] :]
            assert side["ids"][-1] == better["ids"][-1]  # the stop token


@pytest.mark.slow
def test_a_kept_reference_of_another_base_is_computed_again(
    start_run: Start, tiny_phi3: Path, pairs: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny_phi3, base)
    run = start_run(train_only(pairs_recipe(base, pairs, max_steps=8)))
    wait_for_event(run, is_step(2))
    launch.request_pause(run)
    wait_for_end(run)
    kept = run.work / "reference.safetensors"
    written = kept.stat().st_mtime_ns
    weights = next(base.glob("*.safetensors"))
    os.utime(weights, ns=(0, weights.stat().st_mtime_ns - 10**9))  # put there by somebody else
    launch.resume(run)
    wait_for_event(run, is_step(5))
    assert kept.stat().st_mtime_ns > written
    completed(run)


def test_preferences_from_the_adapter_of_another_base_are_refused(
    first: RunFolder, pairs: Path, tmp_path: Path
) -> None:
    other = make(SHAPES["qwen3"], tmp_path / "other")
    recipe = pairs_recipe(other, pairs, max_steps=2, adapter=str(first.adapter))
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps(recipe.to_json()), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "phi3studio", "run", str(file), "--json"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stdout[-2000:] + done.stderr[-2000:]
    assert "model.adapter_of_another_base" in done.stdout + done.stderr


def test_the_reference_of_a_run_that_goes_on_is_the_adapter_it_begins_with(
    first: RunFolder, start_run: Start, tiny_phi3: Path, pairs: Path
) -> None:
    recipe = pairs_recipe(tiny_phi3, pairs, max_steps=2, adapter=str(first.adapter), dropout=0.0)
    run = completed(start_run(train_only(recipe)))
    # Against the base model the trained adapter would have a loss of its own from the beginning.
    assert losses(run)[1] == pytest.approx(math.log(2), abs=1e-4)


@pytest.mark.parametrize(
    "kind", ["qlora", *(pytest.param(name, marks=pytest.mark.slow) for name in ("dora", "loha"))]
)
def test_other_methods_prefer_as_well(
    start_run: Start, tiny_phi3: Path, pairs: Path, kind: str
) -> None:
    recipe = pairs_recipe(tiny_phi3, pairs, kind=kind, learning_rate=5e-3, dropout=0.0)
    run = completed(start_run(train_only(recipe)))
    found = losses(run)
    assert found[1] == pytest.approx(math.log(2), abs=2e-3)
    assert found[8] < found[1]


@pytest.mark.parametrize("objective", ["orpo", "simpo"])
def test_without_a_reference_it_prefers_as_well(
    start_run: Start, tiny_phi3: Path, pairs: Path, objective: str
) -> None:
    recipe = pairs_recipe(tiny_phi3, pairs, objective=objective, max_steps=12)
    run = start_run(train_only(recipe))
    wait_for_event(run, is_step(1))
    assert not (run.work / "reference.safetensors").exists()
    found = losses(completed(run))
    assert sum(found[step] for step in (10, 11, 12)) < sum(found[step] for step in (1, 2, 3))


@pytest.mark.slow
def test_without_a_reference_it_goes_on_after_a_kill_as_if_nothing_was(
    start_run: Start, tiny_phi3: Path, pairs: Path
) -> None:
    recipe = pairs_recipe(
        tiny_phi3, pairs, objective="orpo", max_steps=20, checkpoint_minutes=0.0001
    )
    whole = completed(start_run(train_only(recipe)))
    run = start_run(train_only(recipe))
    wait_for_event(run, is_notice("train.checkpoint"))
    wait_for_event(run, is_step(8))
    kill(run)
    launch.resume(run)
    completed(run)
    assert losses(run) == losses(whole)
    assert adapter_bytes(run) == adapter_bytes(whole)


@pytest.mark.slow
def test_gradient_accumulation_is_a_larger_batch(
    start_run: Start, tiny_phi3: Path, pairs: Path
) -> None:
    settings = {"max_steps": 4, "dropout": 0.0}
    one = pairs_recipe(tiny_phi3, pairs, batch_size=8, **settings)
    parts = pairs_recipe(tiny_phi3, pairs, batch_size=2, accumulation=4, **settings)
    whole, added = (losses(completed(start_run(train_only(recipe)))) for recipe in (one, parts))
    assert added == pytest.approx(whole, rel=1e-3)
