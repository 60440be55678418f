"""The fidelity gate on real runs of the tiny model: measured, judged, measured again."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phi3studio.app.paths import Home
from phi3studio.app.process_tree import end_processes, process_tree
from phi3studio.domain.events.measured_events import ModelFigures, Verified
from phi3studio.domain.preference_figures import Pair, Recall
from phi3studio.domain.recipe import Recipe
from phi3studio.runs import launch
from phi3studio.runs.store import RunFolder, RunStore
from phi3studio.worker.data.preparing.held_out_rows import HeldOut, HeldOutRow
from phi3studio.worker.fidelity import kept_results
from phi3studio.worker.fidelity.kept_results import Measured
from tests.conftest import end_workers
from tests.worker.running import (
    completed,
    is_notice,
    notices,
    story,
    tiny_recipe,
    wait_for_end,
    wait_for_event,
    write_rows,
)

ROWS = 60
HELD_OUT = 12


@pytest.fixture(scope="module")
def home_of_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    found = Home(tmp_path_factory.mktemp("verify") / "home")
    yield found
    end_workers(found)


@pytest.fixture(scope="module")
def finished(home_of_run: Home, tiny_phi3: Path, tmp_path_factory) -> RunFolder:
    """A completed run that trained long enough for its answers to stop."""
    rows = write_rows(tmp_path_factory.mktemp("rows") / "phrases.jsonl", ROWS)
    recipe = tiny_recipe(
        tiny_phi3, rows, "gate", quantisation="int4", int4="fast", limit=None, max_steps=100
    )
    run = RunStore(home_of_run).create(recipe)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHI3STUDIO_HOME", str(home_of_run.root))
        launch.start(run)
        return completed(run)


@pytest.fixture
def run(finished: RunFolder, home: Home) -> RunFolder:
    """A copy of it that a test may spoil."""
    target = home.runs / finished.name
    shutil.copytree(finished.path, target)
    return RunFolder(target)


def verdict_of(run: RunFolder) -> Verified:
    verdict = run.view().verdict
    assert verdict is not None, story(run)
    return verdict


def only_quantise(model: Path, **target: str) -> Recipe:
    """An export of the base model, verified, without data."""
    return Recipe.model_validate(
        {
            "name": "bare",
            "steps": ["quantise", "verify"],
            "model": {"source": str(model)},
            "target": {"train_on": "cpu", **target},
        }
    )


def studio(*arguments: str | Path, timeout: float = 120) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "phi3studio", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr[-3000:]
    return done.returncode, done.stdout, done.stderr


def verify(run: RunFolder, *more: str | Path) -> tuple[int, dict[str, Any]]:
    code, out, _ = studio("verify", run.name, *more, "--json")
    return code, json.loads(out)


# --- at the end of a run --------------------------------------------------------------------------


def test_a_run_ends_with_a_verdict_on_its_export(finished) -> None:
    verdict = verdict_of(finished)
    assert verdict.faithful, verdict.reasons
    assert verdict.rows == HELD_OUT
    assert set(verdict.models) == {"base", "merged", "exported"}
    assert verdict.score_name == "accuracy"
    assert verdict.stop == "<|end|>"
    assert verdict.stop_listed
    assert verdict.parity == 1.0
    assert verdict.models["exported"].stops == 1.0
    assert verdict.interval is not None
    assert verdict.interval[0] < 0 < verdict.interval[1]
    assert "fidelity.few_rows" in [found.code for found in verdict.remarks]


def test_the_export_is_measured_where_nothing_else_is_in_memory(finished) -> None:
    exported = verdict_of(finished).models["exported"]
    assert exported.bytes == sum(f.stat().st_size for f in finished.model.iterdir())
    assert exported.load_s is not None
    assert exported.load_s > 0
    assert exported.first_token_s is not None
    assert exported.first_token_s > 0
    assert exported.tokens_per_s is not None
    assert exported.tokens_per_s > 10
    # A process with torch in it has several hundred megabytes.
    assert exported.peak_memory is not None
    assert 20e6 < exported.peak_memory < 150e6


def test_the_divergence_is_that_of_the_two_models_distributions(finished, tiny_phi3) -> None:
    """Computed here a second time, from whole logits of both models."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from phi3studio.worker.data.preparing.held_out_rows import load_held_out
    from phi3studio.worker.genai.genai import GenaiModel

    base = AutoModelForCausalLM.from_pretrained(tiny_phi3, dtype=torch.float32)
    merged = PeftModel.from_pretrained(base, finished.adapter).merge_and_unload().eval()
    exported = GenaiModel(finished.model)
    total, agree, count, loss = 0.0, 0, 0, 0.0
    for row in load_held_out(next(finished.data.glob("held-out*.parquet"))).rows:
        with torch.inference_mode():
            before = merged(torch.tensor([row.input_ids])).logits[0].double().log_softmax(-1)
        after = torch.from_numpy(exported.logits(row.input_ids).astype(np.float64)).log_softmax(-1)
        for at in row.learned:
            p, q = before[at - 1], after[at - 1]
            total += float((p.exp() * (p - q)).sum())
            agree += int(p.argmax() == q.argmax())
            loss -= float(q[row.input_ids[at]])
            count += 1
    verdict = verdict_of(finished)
    assert verdict.positions == count
    assert verdict.kl == pytest.approx(total / count, rel=2e-3, abs=1e-6)
    assert verdict.agreement == pytest.approx(agree / count)
    assert verdict.models["exported"].perplexity == pytest.approx(math.exp(loss / count), rel=1e-4)


def test_the_confusion_matrix_counts_every_held_out_row(finished) -> None:
    metrics = finished.view().metrics["exported"]
    assert metrics.confusion is not None
    assert set(metrics.confusion.labels) <= {"Joy", "Sad", "Fear", "Surprise"}
    assert sum(map(sum, metrics.confusion.counts)) == metrics.rows == HELD_OUT
    right = sum(row[at] for at, row in enumerate(metrics.confusion.counts))
    assert metrics.accuracy == metrics.score == right / HELD_OUT


def test_what_the_training_forgot_is_measured_on_general_questions(finished, tiny_phi3) -> None:
    """Computed here a second time, from whole logits of both models, question by question."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from phi3studio.worker.fidelity.general_set import general_set

    rows = general_set(AutoTokenizer.from_pretrained(tiny_phi3))
    base = AutoModelForCausalLM.from_pretrained(tiny_phi3, dtype=torch.float32).eval()

    def loss(model: Any) -> float:
        means = []
        for row in rows:
            with torch.inference_mode():
                found = model(torch.tensor([row.input_ids])).logits[0].double().log_softmax(-1)
            nats = [-float(found[at - 1, row.input_ids[at]]) for at in row.learned]
            means.append(sum(nats) / len(nats))
        return sum(means) / len(means)

    forgetting = finished.view().forgetting
    assert forgetting is not None
    assert forgetting.questions == len(rows) == 50
    assert forgetting.before == pytest.approx(loss(base), rel=1e-4)
    tuned = PeftModel.from_pretrained(base, finished.adapter).eval()
    assert forgetting.after == pytest.approx(loss(tuned), rel=1e-4)
    assert bool(notices(finished, "train.forgot")) == forgetting.is_much
    assert studio_lines(finished).count("general questions:") == 1


def studio_lines(run: RunFolder) -> str:
    from phi3studio.cli.run_state import run_lines

    return "\n".join(run_lines(run, run.view()))


def test_nothing_of_the_measuring_stays_behind(finished) -> None:
    assert not finished.work.exists()
    assert not list(finished.path.glob("verify-*"))


@pytest.mark.slow
def test_answers_that_do_not_end_make_a_run_not_faithful_everywhere(
    home, tiny_phi3, phrases, start_run
) -> None:
    recipe = tiny_recipe(tiny_phi3, phrases, "endless", max_steps=1, learning_rate=1e-6)
    run = completed(start_run(recipe))
    verdict = verdict_of(run)
    assert verdict.word == "not faithful"
    assert [found.code for found in verdict.reasons] == ["fidelity.stops"]
    assert verdict.reasons[0].said().hint.startswith("Train longer")
    assert notices(run, "fidelity.stops")
    assert studio("show", run.name)[1].count("not faithful") >= 2
    assert "completed, not faithful" in studio("runs")[1]
    document = json.loads(studio("show", run.name, "--json")[1])
    assert document["state"] == "completed"
    assert document["verdict"]["word"] == "not faithful"
    assert json.loads(studio("runs", "--json")[1])[0]["verdict"] == "not faithful"
    assert "not faithful" in (run.path / "card" / "README.md").read_text("utf-8")


@pytest.mark.slow
def test_free_text_is_scored_by_its_words(home, tiny_phi3, tmp_path, start_run) -> None:
    from phi3studio.domain.recipe import Template

    rows = write_rows(tmp_path / "rows.jsonl", 40)
    recipe = tiny_recipe(tiny_phi3, rows, "words", limit=5, max_steps=1)
    template = Template(prompt="{tone}: ", completion="{phrase}")
    data = recipe.rows.model_copy(update={"template": template})
    run = completed(start_run(recipe.model_copy(update={"data": data})))
    exported = run.view().metrics["exported"]
    assert exported.score_name == "token_f1"
    assert exported.confusion is None
    assert exported.token_f1 == exported.score is not None
    assert exported.rouge_l is not None
    assert verdict_of(run).score_name == "token_f1"


@pytest.mark.slow
def test_an_export_without_data_is_compared_on_general_text(tiny_phi3, start_run) -> None:
    recipe = only_quantise(tiny_phi3, quantisation="fp32")
    run = completed(start_run(recipe))
    verdict = verdict_of(run)
    assert verdict.faithful
    assert verdict.general
    assert verdict.reference == "base"
    assert verdict.score_name is verdict.points_lost is None
    assert verdict.kl == pytest.approx(0.0, abs=1e-4)
    assert verdict.agreement == pytest.approx(1.0, abs=0.01)
    assert verdict.parity == 1.0
    assert [found.code for found in verdict.remarks] == ["fidelity.no_task"]
    assert run.view().metrics == {}
    code, document = verify(run)
    assert code == 0
    assert document["verdict"]["general"]


# --- verify RUN -----------------------------------------------------------------------------------


def test_verify_measures_again_and_says_the_same(run) -> None:
    before = verdict_of(run)
    seq = run.view().last_seq
    code, document = verify(run)
    assert code == 0
    after = verdict_of(run)
    assert after.model_dump(exclude={"models", "kl"}) == before.model_dump(exclude={"models", "kl"})
    # Sums of float32 in another order, where the machine gives other threads.
    assert after.kl == pytest.approx(before.kl, rel=1e-3)
    for role, figures in before.models.items():
        assert after.models[role].score == figures.score
        assert after.models[role].perplexity == pytest.approx(figures.perplexity, rel=1e-6)
    assert document["verdict"]["faithful"]
    assert set(document["metrics"]) == {"base", "merged", "exported"}
    assert run.view().last_seq == seq + 5
    assert run.state() == "completed"
    assert not list(run.path.glob("verify-*"))


@pytest.mark.slow
def test_a_base_model_is_measured_once_for_the_same_rows(run, home) -> None:
    def base_perplexity(run: RunFolder) -> float:
        code, document = verify(run)
        assert code == 0
        return float(document["metrics"]["base"]["perplexity"])

    other = RunFolder(run.path.with_name("20200101-000000Z-other"))
    shutil.copytree(run.path, other.path)
    shutil.rmtree(other.measured)
    (kept,) = run.measured.glob("*.json")
    text = kept.read_text("utf-8")
    first = json.loads(text)["figures"]["perplexity"]
    kept.write_text(text.replace(str(first), "1234.5"), "utf-8")
    assert base_perplexity(run) == 1234.5, "it was not read from its own folder"
    assert base_perplexity(other) == 1234.5, "it was not read from the other run's folder"
    RunStore(home).delete(run)
    assert base_perplexity(other) == 1234.5, "it went with the run that measured it"


def test_a_deleted_run_leaves_no_text_of_its_rows(run, home) -> None:
    samples = run.view().metrics["base"].samples
    RunStore(home).delete(run)
    left = [file for file in home.root.rglob("*") if file.is_file()]
    for sample in samples:
        for file in left:
            assert sample.prompt.encode() not in file.read_bytes(), file


def test_what_was_measured_is_read_for_the_very_same_model_and_rows_alone(tmp_path) -> None:
    model, rows = tmp_path / "model", [HeldOutRow("p", "a", (1, 2), (-100, 2), 1)]
    model.mkdir()
    (model / "model.safetensors").write_bytes(b"x" * 9)
    figures = ModelFigures(perplexity=2.0, score=0.5)
    files = set()
    for text in (b"x" * 9, b"y" * 9, b"y" * 8):
        (model / "model.safetensors").write_bytes(text)
        worse = replace(rows[0], rejected=HeldOutRow("p", "b", (1, 3), (-100, 3), 1))
        plain = HeldOut(tuple(rows))
        labelled = replace(plain, task_labels=("a",))
        for data in (plain, HeldOut((worse,)), HeldOut(tuple(rows * 2)), labelled):
            for stops in ([2], [3]):
                file = kept_results.base_file(tmp_path / "kept", model, data, stops)
                assert file == kept_results.base_file(tmp_path / "kept", model, data, stops)
                files.add(file)
    assert len(files) == 24
    assert kept_results.read("base", file) is None
    file.parent.mkdir()
    kept_results.keep(Measured("base", figures, scores=(0.0, 1.0)), file)
    assert kept_results.read("base", file) == Measured("base", figures, scores=(0.0, 1.0))
    assert kept_results.read("base", file, reopen=lambda vocabulary: vocabulary > 0) is None
    whole = Measured("base", figures, pairs=(Pair(-3.0, -4.5, 2, 3),), general=(Recall(1.5, 0.5),))
    kept_results.keep(whole, file)
    assert kept_results.read("base", file) == whole
    # As 0.1 wrote it: without a version, pairs and general questions. It is measured again.
    old = {"figures": figures.model_dump(), "metrics": None, "scores": [1.0], "vocabulary": 0}
    file.write_text(json.dumps(old), "utf-8")
    assert kept_results.read("base", file) is None
    for damaged in ("", "{}", "[]", '{"figures": {}, "metrics": null, "scores": ["x"]}'):
        file.write_text(damaged, "utf-8")
        assert kept_results.read("base", file) is None


def test_verify_on_a_file_leaves_the_runs_own_figures_alone(run, tmp_path) -> None:
    before = run.view()
    rows = write_rows(tmp_path / "other.jsonl", 7, start=200)
    code, document = verify(run, "--data", rows)
    assert code == 0
    assert document["metrics"]["exported"]["rows"] == 7
    after = run.view()
    assert after.verdict == before.verdict
    assert after.metrics == before.metrics
    assert [check.data for check in after.checks] == [str(rows)]
    assert str(rows) in studio("show", run.name)[1]


def test_a_stop_token_that_was_taken_out_is_found(run) -> None:
    file = run.model / "genai_config.json"
    config = json.loads(file.read_text("utf-8"))
    stop = json.loads((run.model / "studio.json").read_text("utf-8"))["stop"]["id"]
    ends = [token for token in config["model"]["eos_token_id"] if token != stop]
    config["model"]["eos_token_id"] = ends
    file.write_text(json.dumps(config), "utf-8")
    code, document = verify(run)
    assert code == 1
    codes = [found["code"] for found in document["verdict"]["reasons"]]
    assert "fidelity.stop_not_listed" in codes
    assert verdict_of(run).word == "not faithful"


def test_a_tokenizer_that_reads_otherwise_is_found_with_an_example(run) -> None:
    file = run.model / "tokenizer.json"
    values = json.loads(file.read_text("utf-8"))
    # Two ids change places: every “e” becomes another token than the training saw.
    vocabulary = values["model"]["vocab"]
    vocabulary["e"], vocabulary["a"] = vocabulary["a"], vocabulary["e"]
    file.write_text(json.dumps(values), "utf-8")
    code, document = verify(run)
    assert code == 1
    verdict = document["verdict"]
    assert "fidelity.template" in [found["code"] for found in verdict["reasons"]]
    assert verdict["parity"] < 1
    example = verdict["parity_example"]
    assert example["training"] == example["hugging_face"] != example["genai"]
    assert example["text"]


@pytest.mark.slow
def test_an_export_of_other_weights_is_found(finished, run, tiny_phi3, start_run) -> None:
    """The base model's export in the place of the tuned one's: what a lost merge would give."""
    base = completed(start_run(only_quantise(tiny_phi3, quantisation="fp32")))
    for file in base.model.glob("model.onnx*"):
        shutil.copyfile(file, run.model / file.name)
    code, document = verify(run)
    verdict = document["verdict"]
    assert code == 1
    assert verdict["models"]["merged"]["score"] > 0.2
    assert verdict["points_lost"] > 20
    reasons = {found["code"]: found for found in verdict["reasons"]}
    assert {"fidelity.score", "fidelity.stops"} <= set(reasons)
    assert "target.int4: quality" in reasons["fidelity.score"]["next"]
    before = verdict_of(finished).kl
    assert before is not None
    assert verdict["kl"] > 20 * before
    said = studio("show", run.name)[1]
    assert "✗ The exported model is not faithful." in said
    assert "Try next: Set target.int4: quality" in said


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ("model", "export.does_not_load"),
        ("absent", "run.not_completed"),
        ("rows", "run.no_held_out"),
        ("data", "data.no_file"),
        ("name", "run.not_found"),
    ],
)
def test_what_cannot_be_verified_says_why_and_ends_with_2(run, tmp_path, spoil, code) -> None:
    more: list[str | Path] = []
    name = run.name
    match spoil:
        case "model":
            (run.model / "model.onnx").write_bytes(b"no model")
        case "absent":
            shutil.rmtree(run.model)
        case "rows":
            for file in run.data.glob("held-out*"):
                file.write_bytes(b"")
        case "data":
            more = ["--data", tmp_path / "absent.csv"]
        case "name":
            name = "nothing-like-it"
    seq = run.view().last_seq
    status, out, _ = studio("verify", name, *more, "--json")
    error = json.loads(out)["error"]
    assert status == 2
    assert error["code"] == code
    assert error["hint"]
    assert run.view().last_seq == seq


def test_a_run_that_is_being_worked_on_is_not_verified(run) -> None:
    from filelock import FileLock

    with FileLock(run.path / ".worker.lock"):
        status, document = verify(run)
    assert status == 2
    assert document["error"]["code"] == "run.busy"


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C of a console")
def test_ctrl_c_ends_it_and_writes_nothing(run) -> None:
    seq = run.view().last_seq
    process = subprocess.Popen(
        [sys.executable, "-m", "phi3studio", "verify", run.name],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = process.stderr.readline()
    assert "measuring the merged model" in said  # the base model was measured by the run
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert not list(run.path.glob("verify-*"))
    assert run.view().last_seq == seq


# --- the exported model's process -----------------------------------------------------------------


def test_a_model_that_takes_its_process_down_is_an_error_here(finished) -> None:
    from phi3studio.domain.errors import RunError
    from phi3studio.worker.fidelity.exported_model import ExportedModel

    with ExportedModel(finished.model, 1) as model:
        assert model.stop_ids
        model._process.kill()
        with pytest.raises(RunError) as caught:
            model.generate([5, 6, 7], 4)
    assert caught.value.code == "export.crashed"


def test_a_process_that_was_started_ahead_takes_the_next_model_unless_it_died(finished) -> None:
    import psutil

    from phi3studio.worker.fidelity.exported_model import ExportedModel, start_ahead

    before = set(psutil.Process().children())
    start_ahead(2)
    start_ahead(2)
    ahead = set(psutil.Process().children()) - before
    assert len(ahead) == 2
    with ExportedModel(finished.model, 1) as model:
        first = model._process.pid
        assert first in {process.pid for process in ahead}
        assert model.generate([5, 6, 7], 4)
    (other,) = [process for process in ahead if process.pid != first]
    other.kill()
    psutil.wait_procs([other], timeout=5)
    with ExportedModel(finished.model, 1) as model:
        assert model._process.pid not in {process.pid for process in ahead}
        assert model.generate([5, 6, 7], 4)
    assert set(psutil.Process().children()) == before


def test_the_process_ends_with_its_parent(finished) -> None:
    import psutil

    code = (
        "import sys; from pathlib import Path\n"
        "from phi3studio.worker.fidelity.exported_model import ExportedModel\n"
        f"with ExportedModel(Path({str(finished.model)!r}), 1) as m:\n"
        "    print(m._process.pid, flush=True); sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    child.wait(10)


def test_a_long_text_is_scored_as_in_one_piece(finished) -> None:
    from phi3studio.worker.fidelity.exported_model import ExportedModel
    from phi3studio.worker.genai.genai import GenaiModel

    ids = [5 + n % 400 for n in range(300)]
    at = list(range(1, 300))
    whole = GenaiModel(finished.model).logits(ids).astype(np.float64)
    whole -= whole.max(-1, keepdims=True)
    log_p = whole - np.log(np.exp(whole).sum(-1, keepdims=True))
    expected = -sum(log_p[i - 1, ids[i]] for i in at)
    with ExportedModel(finished.model, 1) as model:
        scored = model.score(ids, at)
    assert scored.loss == pytest.approx(expected, rel=1e-3)
    assert len(scored.predicted) == len(at)
    assert scored.finite


# --- the reference on disk ------------------------------------------------------------------------


@pytest.mark.parametrize(("most", "kept"), [(10**9, 60), (4 * 8 * 20, 20), (4 * 8 * 7, 7), (1, 1)])
def test_the_reference_keeps_a_bounded_number_of_positions_from_all_rows(
    tmp_path, most, kept
) -> None:
    from phi3studio.worker.fidelity.reference import Reference

    learned = [7, 0, 13, 25, 15]
    reference = Reference(tmp_path / "r", learned, most)
    reference.begin(8)
    assert reference.positions <= kept
    held = [reference.held(row) for row in range(len(learned))]
    assert sum(map(len, held)) == reference.positions
    value = 0.0
    for row, places in enumerate(held):
        block = np.arange(value, value + len(places), dtype=np.float32)[:, None].repeat(8, 1)
        value += len(places)
        reference.put(row, block)
    assert (tmp_path / "r").stat().st_size == 4 * 8 * reference.positions
    again = Reference(tmp_path / "r", learned, most)
    assert again.reopen(8)
    stored = np.memmap(tmp_path / "r", np.float32, "r", shape=(reference.positions, 8))
    assert stored[:, 0].tolist() == list(range(reference.positions))
    assert not Reference(tmp_path / "r", [*learned, 500], most).reopen(9)


# --- auto -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_auto_keeps_the_smallest_preset_that_is_faithful(tiny_phi3, tmp_path, start_run) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", 40)
    recipe = tiny_recipe(
        tiny_phi3, rows, "auto", quantisation="int4", int4="auto", max_steps=30, limit=None
    )
    run = completed(start_run(recipe))
    verdict = verdict_of(run)
    assert [(item.preset, item.kept) for item in verdict.candidates] == [("small", True)]
    assert "smallest faithful int4 preset is small" in notices(run, "export.auto")[0]
    assert verdict.candidates[0].bytes == sum(f.stat().st_size for f in run.model.iterdir())
    assert _gathers_are_quantised(run.model)
    assert not run.work.exists()


@pytest.mark.slow
def test_auto_tells_when_none_is_faithful_and_goes_on_after_a_kill(
    tiny_phi3, phrases, start_run
) -> None:
    recipe = tiny_recipe(
        tiny_phi3, phrases, "none", quantisation="int4", int4="auto", max_steps=1,
        learning_rate=1e-6,
    )  # fmt: skip
    run = start_run(recipe)
    wait_for_event(
        run, lambda event: getattr(event.payload, "activity", None) == "trying int4 fast"
    )
    end_processes(process_tree(run.worker()))  # type: ignore[arg-type]
    wait_for_end(run, 10)
    assert run.state() == "interrupted"
    launch.resume(run)
    event = wait_for_event(run, is_notice("export.auto_none"))
    completed(run)
    tried = [
        event.payload.activity
        for event in run.events()
        if str(getattr(event.payload, "activity", "")).startswith("trying int4")
    ]
    assert tried == [f"trying int4 {name}" for name in ("small", "fast", "fast", "quality")]
    verdict = verdict_of(run)
    assert event.payload.level == "warning"
    assert not verdict.faithful
    assert [item.preset for item in verdict.candidates] == ["small", "fast", "quality"]
    kept = next(item for item in verdict.candidates if item.kept)
    assert kept.perplexity == min(
        item.perplexity for item in verdict.candidates if item.perplexity is not None
    )
    assert kept.bytes == sum(f.stat().st_size for f in run.model.iterdir())


def _gathers_are_quantised(model: Path) -> bool:
    import onnx

    graph = onnx.load(model / "model.onnx", load_external_data=False).graph
    return any(node.op_type == "GatherBlockQuantized" for node in graph.node)
