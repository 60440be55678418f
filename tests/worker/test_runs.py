"""Whole runs of a tiny Phi-3: real worker processes from data file to ONNX model."""

from __future__ import annotations

import itertools
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from phi3studio.app.paths import Home
from phi3studio.app.process_tree import process_tree
from phi3studio.domain.events.run_events import (
    Artifact,
    Finished,
    Progress,
    Stage,
    StageDone,
    Started,
    Waiting,
)
from phi3studio.runs import launch
from phi3studio.runs.store import RunFolder, RunStore
from phi3studio.worker.data.preparing.tokenise import IGNORED
from tests.conftest import end_workers
from tests.worker.running import (
    TEMPLATE,
    adapter_bytes,
    after,
    completed,
    is_notice,
    is_stage,
    is_step,
    kill,
    losses,
    notices,
    story,
    tiny_recipe,
    types,
    wait_for_end,
    wait_for_event,
)

# --- a run that completes -----------------------------------------------------------------------


def test_the_events_of_a_whole_run_come_in_order(pair) -> None:
    besides = ("notice", "metrics", "artifact", "estimated")
    shown = [kind for kind in types(pair.first) if kind not in besides]
    stages = ["stage", "stage_done"] * 4
    last = ["stage", "forgetting", "verified", "stage_done", "finished"]
    assert shown == ["started", *stages, *last]
    events = list(pair.first.events())
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert all(a.t <= b.t for a, b in itertools.pairwise(events))
    begun = [event.payload for event in events if isinstance(event.payload, Stage)]
    assert [(s.name, s.index, s.count, s.resumed) for s in begun] == [
        (name, n, 5, False)
        for n, name in enumerate(("prepare", "train", "merge", "quantise", "verify"), 1)
    ]


def test_the_training_reports_every_step_and_both_evaluations(pair) -> None:
    progress = [e.payload for e in pair.first.events() if isinstance(e.payload, Progress)]
    steps = [p for p in progress if p.loss is not None]
    assert [p.step for p in steps] == list(range(1, 21))
    assert {p.total for p in steps} == {20}
    assert [p.step for p in progress if p.eval_loss is not None] == [10, 20]
    for p in steps:
        assert p.lr is not None
        assert p.tokens_per_s
        assert p.eta_s is not None
        assert p.memory
        assert p.memory > 10**8
    assert steps[-1].eta_s == 0.0
    assert steps[-1].loss < steps[0].loss


def test_every_result_is_in_place_and_reported(pair) -> None:
    for run in (pair.first, pair.second):
        assert {item.name for item in run.path.iterdir() if not item.name.startswith(".")} == {
            "recipe.json",
            "events.jsonl",
            "log.txt",
            "worker.json",
            "data",
            "checkpoints",
            "adapter",
            "model",
            "measured",
            "card",
        }
        artifacts = [e.payload for e in run.events() if isinstance(e.payload, Artifact)]
        assert [(a.kind, a.path) for a in artifacts] == [
            ("data", "data"),
            ("adapter", "adapter"),
            ("model", "model"),
            ("card", "card"),
        ]
        assert all(a.bytes > 0 for a in artifacts)
        view = run.view()
        assert set(view.timings) == {"prepare", "train", "merge", "quantise", "verify"}
        assert view.peak_memory > 10**8
        assert view.device == "cpu"
        assert {"torch", "olive-ai", "onnxruntime-genai"} <= set(view.versions)


def test_figures_of_all_three_models(pair) -> None:
    for run in (pair.first, pair.second):
        metrics = run.view().metrics
        assert list(metrics) == ["base", "merged", "exported"]
        for figures in metrics.values():
            assert figures.rows == 6
            assert 0 <= figures.accuracy <= 1
            assert 0 <= figures.stops <= 1
            assert math.isfinite(figures.perplexity)
            assert len(figures.samples) == 3
        assert metrics["merged"].perplexity < 0.7 * metrics["base"].perplexity
        assert metrics["exported"].bytes == sum(f.stat().st_size for f in run.model.iterdir())


def test_the_model_has_learned_to_stop(pair) -> None:
    metrics = pair.second.view().metrics
    assert metrics["base"].stops < 1.0
    assert metrics["merged"].stops == 1.0
    assert metrics["exported"].stops == 1.0


def test_the_export_in_float32_is_the_merged_model(pair) -> None:
    metrics = pair.second.view().metrics
    merged, exported = metrics["merged"], metrics["exported"]
    assert exported.perplexity == pytest.approx(merged.perplexity, rel=1e-4)
    assert exported.accuracy == merged.accuracy
    assert [answer.text for answer in exported.samples] == [a.text for a in merged.samples]


def test_the_export_in_int4_is_near_the_merged_model(pair) -> None:
    metrics = pair.first.view().metrics
    lost = math.log(metrics["exported"].perplexity) - math.log(metrics["merged"].perplexity)
    won = math.log(metrics["base"].perplexity) - math.log(metrics["merged"].perplexity)
    assert lost < 0.5 * won


def test_the_stop_token_is_trained_and_ends_the_exported_models_answers(pair, tiny_phi3) -> None:
    import pyarrow.parquet as pq
    from transformers import AutoTokenizer

    stop = AutoTokenizer.from_pretrained(tiny_phi3).convert_tokens_to_ids("<|end|>")
    for run in (pair.first, pair.second):
        for file in run.data.glob("*.parquet"):
            for row in pq.read_table(file).to_pylist():
                assert row["input_ids"][-1] == row["labels"][-1] == stop
        config = json.loads((run.model / "genai_config.json").read_text())
        ends = config["model"]["eos_token_id"]
        assert stop in (ends if isinstance(ends, list) else [ends])


def test_prompts_are_never_learned(pair, tiny_phi3) -> None:
    import pyarrow.parquet as pq
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_phi3)
    rows = 0
    for file in pair.first.data.glob("*.parquet"):
        for row in pq.read_table(file).to_pylist():
            ids, labels = row["input_ids"], row["labels"]
            learned = [n for n, label in enumerate(labels) if label != IGNORED]
            assert learned == list(range(learned[0], len(ids)))
            assert [labels[n] for n in learned] == [ids[n] for n in learned]
            text = tokenizer.decode(ids[learned[0] : -1])
            assert text.strip() in ("Joy", "Sad", "Fear", "Surprise")
            before = tokenizer.decode(ids[: learned[0]])
            assert before.rstrip().endswith("### The tone is:")
            rows += 1
    assert rows == 32 + 6


def test_the_adapter_loads_and_gives_the_merged_model(pair, tiny_phi3) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from phi3studio.worker.fidelity.evaluate import load_held_out
    from phi3studio.worker.training.examples import collate_packed
    from phi3studio.worker.training.trainer import packed_loss

    run = pair.second
    model = AutoModelForCausalLM.from_pretrained(tiny_phi3, dtype=torch.float32)
    tuned = PeftModel.from_pretrained(model, run.adapter).merge_and_unload().eval()
    total, count = 0.0, 0
    with torch.inference_mode():
        for row in load_held_out(next(run.data.glob("held-out*.parquet"))).rows:
            batch = collate_packed([{"input_ids": row.input_ids, "labels": row.labels}])
            loss, learned, _ = packed_loss(tuned, batch)
            total, count = total + float(loss), count + learned
    figure = run.view().metrics["merged"].perplexity
    assert math.exp(total / count) == pytest.approx(figure, rel=1e-4)
    config = json.loads((run.adapter / "adapter_config.json").read_text())
    assert config["r"] == 8
    assert config["lora_alpha"] == 16
    assert set(config["target_modules"]) == {"qkv_proj", "o_proj"}


def test_the_exported_folder_says_how_to_talk_to_it(pair) -> None:
    facts = json.loads((pair.first.model / "studio.json").read_text())
    assert facts["name"] == "first"
    assert facts["template"] == TEMPLATE.model_dump()
    assert facts["stop"]["text"] == "<|end|>"


def test_the_export_is_as_the_recipe_says(pair) -> None:
    import onnx

    kinds = {
        run.name.rpartition("-")[2]: {
            node.op_type
            for node in onnx.load(run.model / "model.onnx", load_external_data=False).graph.node
        }
        for run in (pair.first, pair.second)
    }
    assert "MatMulNBits" in kinds["first"]
    assert "MatMulNBits" not in kinds["second"]


def test_an_export_names_no_commit_but_its_builders(pair) -> None:
    """Not that of the repository which the environment lies in, as here."""
    import onnx
    import onnxruntime_genai

    said = onnx.load(pair.first.model / "model.onnx", load_external_data=False).producer_version
    version, _, commit = said.partition("+")
    assert version == onnxruntime_genai.__version__
    assert onnxruntime_genai.__commit__.startswith(commit)
    assert len(commit) == 7


@pytest.mark.parametrize(
    "method",
    [
        pytest.param({"kind": "dora"}, marks=pytest.mark.slow),
        {"kind": "qlora"},
        pytest.param({"kind": "loha"}, marks=pytest.mark.slow),
        {"kind": "lokr"},
        pytest.param({"rank_stabilised": True}, marks=pytest.mark.slow),
    ],
    ids=["dora", "qlora", "loha", "lokr", "rslora"],
)
def test_other_methods_are_trained_merged_and_exported_as_well(
    start_run, tiny_phi3, phrases, method
) -> None:
    if method.get("kind") == "qlora":
        pytest.importorskip("bitsandbytes")
    run = completed(start_run(tiny_recipe(tiny_phi3, phrases, max_steps=4, **method)))
    config = json.loads((run.adapter / "adapter_config.json").read_text())
    kind = method.get("kind", "lora")
    assert config["peft_type"] == (kind.upper() if kind in ("loha", "lokr") else "LORA")
    assert config.get("use_dora", False) == (kind == "dora")
    assert config.get("use_rslora", False) == method.get("rank_stabilised", False)
    assert set(config["target_modules"]) == {"qkv_proj", "o_proj"}
    metrics = run.view().metrics
    assert metrics["merged"].perplexity < metrics["base"].perplexity
    assert metrics["exported"].perplexity == pytest.approx(metrics["merged"].perplexity, rel=1e-4)


def test_a_run_does_not_wait_for_libraries_that_its_method_has_no_use_for(
    start_run, tiny_phi3, phrases, monkeypatch
) -> None:
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    run = completed(start_run(tiny_recipe(tiny_phi3, phrases, max_steps=1)))
    imported = (run.path / "log.txt").read_text()
    assert " peft.tuners.lora.layer" in imported
    assert "bitsandbytes.nn" not in imported
    assert "torch._inductor.compile_fx" not in imported


def test_a_run_leaves_nothing_in_the_users_folder(
    start_run, tiny_phi3, phrases, monkeypatch, tmp_path
) -> None:
    # Olive would keep a number of the computer there, for its telemetry.
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    user = tmp_path / "user"
    user.mkdir()
    monkeypatch.setenv("HOME", str(user))
    completed(start_run(tiny_recipe(tiny_phi3, phrases, max_steps=1)))
    assert list(user.rglob("*")) == []


# --- two at once --------------------------------------------------------------------------------


def test_of_two_runs_started_at_once_the_second_waits(pair) -> None:
    first = [e for e in pair.first.events() if isinstance(e.payload, Finished)]
    second = list(pair.second.events())
    assert isinstance(second[0].payload, Waiting)
    assert second[0].payload.ahead == 1
    began = next(e for e in second if isinstance(e.payload, Started))
    assert began.t >= first[0].t - 0.01
    assert not any(isinstance(e.payload, Waiting) for e in pair.first.events())


def test_nothing_of_two_runs_is_mixed_up(pair) -> None:
    ranks = {}
    for run in (pair.first, pair.second):
        ranks[run.name] = json.loads((run.adapter / "adapter_config.json").read_text())["r"]
        manifest = json.loads((run.data / "manifest.json").read_text())
        assert manifest["source"]["path"] == run.recipe().data.source
        assert len(losses(run)) == run.recipe().training.max_steps
    assert list(ranks.values()) == [4, 8]
    assert not list(pair.first.path.parent.glob(".queue/*--*"))


# --- nothing leaves the machine, nothing runs that came with a model ------------------------------


def test_a_run_connects_to_nothing(pair) -> None:
    started = pair.connections.with_suffix(".started").read_text().split()
    assert len(started) >= 2, "the watcher was not loaded"
    assert not pair.connections.exists(), pair.connections.read_text()


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.create_connection(('192.0.2.1', 9), timeout=0.01)",
        "import urllib.request as r; r.urlopen('https://host.invalid/')",
        "import requests; requests.post('https://host.invalid/', data='x')",
    ],
)
def test_the_watcher_would_notice_a_connection(watcher, tmp_path, code) -> None:
    log = tmp_path / "connections"
    environment = os.environ | {"PYTHONPATH": str(watcher), "WATCHED_CONNECTIONS": str(log)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=False, timeout=60
    )
    assert done.returncode != 0
    assert "192.0.2.1" in log.read_text() or "host.invalid" in log.read_text()


@pytest.mark.parametrize(
    "code",
    [
        "socket.create_connection(('192.0.2.1', 9), timeout=0.01)",
        "socket.getaddrinfo('host.invalid', 443)",
    ],
)
def test_the_guard_refuses_connections_with_our_error(code) -> None:
    program = (
        "import socket\n"
        "from phi3studio.domain.errors import RunError\n"
        "from phi3studio.worker.process.privacy import refuse_network\n"
        "refuse_network()\n"
        "with socket.create_server(('127.0.0.1', 0)) as server:\n"
        "    socket.create_connection(server.getsockname()).close()\n"
        f"try:\n    {code}\nexcept RunError as exc:\n    print(exc.code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.strip() == "privacy.connection_refused", done.stderr


def bring_code(folder: Path, tiny_phi3: Path, marker: Path, model_type: str = "phi3") -> Path:
    """A copy of the tiny model whose configuration points to code that leaves a marker."""
    import shutil

    shutil.copytree(tiny_phi3, folder)
    for name in ("modeling_evil", "configuration_evil", "tokenization_evil"):
        (folder / f"{name}.py").write_text(
            "from pathlib import Path\n"
            f"Path({str(marker)!r}).write_text('ran')\n"
            "from transformers import Phi3Config as Config, Phi3ForCausalLM as Model\n"
            "from transformers import PreTrainedTokenizerFast as Tokenizer\n"
        )
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = model_type
    config["auto_map"] = {
        "AutoConfig": "configuration_evil.Config",
        "AutoModelForCausalLM": "modeling_evil.Model",
    }
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    tokenizer["auto_map"] = {"AutoTokenizer": [None, "tokenization_evil.Tokenizer"]}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    return folder


@pytest.fixture(scope="module")
def foreign(tmp_path_factory, tiny_phi3, phrases) -> Iterator[tuple[RunFolder, Path]]:
    """A completed run on a model that brings code, and the marker which that code would leave."""
    root = tmp_path_factory.mktemp("foreign")
    home = Home(root / "home")
    model = bring_code(root / "evil", tiny_phi3, root / "marker")
    run = RunStore(home).create(tiny_recipe(model, phrases, max_steps=2, quantisation="int4"))
    launch.start(run)
    try:
        yield completed(run), root / "marker"
    finally:
        end_workers(home)


def test_code_that_a_model_folder_brings_never_runs(foreign) -> None:
    run, marker = foreign
    assert not marker.exists()
    assert run.state() == "completed"


def test_code_that_a_model_folder_brings_is_not_passed_on(foreign) -> None:
    run, _ = foreign
    assert not list(run.model.glob("*.py"))
    for name in ("config.json", "tokenizer_config.json"):
        assert "auto_map" not in json.loads((run.model / name).read_text()), name


def test_a_model_that_needs_its_own_code_is_refused(
    start_run, tiny_phi3, phrases, tmp_path
) -> None:
    marker = tmp_path / "marker"
    model = bring_code(tmp_path / "evil", tiny_phi3, marker, model_type="evil")
    run = start_run(tiny_recipe(model, phrases, max_steps=2))
    assert wait_for_end(run) == "failed"
    finished = run.view().finished
    assert finished is not None
    assert finished.code == "model.unsupported", story(run)
    assert not marker.exists()


def test_the_code_would_leave_its_marker_if_it_ran(tiny_phi3, tmp_path) -> None:
    marker = tmp_path / "marker"
    model = bring_code(tmp_path / "evil", tiny_phi3, marker, model_type="evil")
    code = (
        "from transformers import AutoConfig\n"
        f"AutoConfig.from_pretrained({str(model)!r}, trust_remote_code=True)"
    )
    environment = os.environ | {"HF_MODULES_CACHE": str(tmp_path / "modules")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=False, timeout=60)
    assert marker.exists()


# --- the same again -----------------------------------------------------------------------------


def test_the_same_recipe_gives_the_same_losses_and_the_same_adapter(pair, start_run) -> None:
    run = start_run(pair.second.recipe())
    wait_for_event(run, is_stage("merge"))
    launch.cancel(run)
    assert losses(run) == losses(pair.second)
    assert adapter_bytes(run) == adapter_bytes(pair.second)
    # What the whole run added after its merge is not there in this one.
    for file in run.data.iterdir():
        assert file.read_bytes() == (pair.second.data / file.name).read_bytes(), file.name


# --- killed, and gone on ------------------------------------------------------------------------


def test_killed_in_training_it_goes_on_from_the_checkpoint_as_if_nothing_was(
    pair, start_run
) -> None:
    run = start_run(pair.first.recipe())
    wait_for_event(run, is_notice("train.checkpoint"))
    wait_for_event(run, is_step(8))
    kill(run)
    assert run.state() == "interrupted"
    assert run.view().finished is None
    before = losses(run)
    assert before
    launch.resume(run)
    completed(run)
    assert [
        text.startswith("Continuing from checkpoint-") for text in notices(run, "train.resumed")
    ]
    resumed_at = int(notices(run, "train.resumed")[0].rstrip(".").rpartition("-")[2])
    again = [
        event.payload.step
        for event in run.events()
        if isinstance(event.payload, Progress) and event.payload.loss is not None
    ]
    assert again[len(before) :] == list(range(resumed_at + 1, 21))
    assert losses(run) == losses(pair.first)
    assert adapter_bytes(run) == adapter_bytes(pair.first)
    assert types(run).count("started") == 2
    assert types(run).count("finished") == 1
    assert run.view().attempt == 2


@pytest.mark.slow
def test_killed_in_any_later_stage_it_goes_on_there(start_run, tiny_phi3, phrases, pair) -> None:
    run = start_run(pair.second.recipe())
    last = wait_for_event(run, is_stage("prepare"))
    for stage in ("merge", "quantise", "verify"):
        last = wait_for_event(run, after(last, is_stage(stage)))
        kill(run)
        assert run.state() == "interrupted"
        assert not (run.model.exists() and stage != "verify")
        launch.resume(run)
    completed(run)
    stages = [e.payload for e in run.events() if isinstance(e.payload, Stage)]
    trained = [s for s in stages if s.name == "train"]
    assert [s.resumed for s in trained] == [False, True, True, True]
    assert [s.name for s in stages[-5:]] == ["prepare", "train", "merge", "quantise", "verify"]
    assert [s.resumed for s in stages[-5:]] == [True, True, True, True, False]
    assert types(run).count("finished") == 1
    assert adapter_bytes(run) == adapter_bytes(pair.second)
    merged, expected = run.view().metrics["merged"], pair.second.view().metrics["merged"]
    assert merged.perplexity == pytest.approx(expected.perplexity, rel=1e-5)
    assert not run.work.exists()


@pytest.mark.slow
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    start_run, tiny_phi3, phrases
) -> None:
    run = start_run(tiny_recipe(tiny_phi3, phrases, max_steps=2000, checkpoint_minutes=0.0001))
    first = wait_for_event(run, is_notice("train.checkpoint"))
    wait_for_event(run, after(first, is_notice("train.checkpoint")))
    kill(run)
    before = losses(run)
    found = sorted(run.checkpoints.glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]))
    assert len(found) >= 2
    weights = found[-1] / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    launch.resume(run)
    resumed = wait_for_event(run, is_notice("train.resumed"))
    wait_for_event(run, after(resumed, is_step(max(before))))
    launch.cancel(run)
    (damaged,) = notices(run, "train.damaged_checkpoint")
    assert found[-1].name in damaged
    assert found[-2].name in damaged
    assert notices(run, "train.resumed") == [f"Continuing from {found[-2].name}."]
    assert {step: loss for step, loss in losses(run).items() if step in before} == before


@pytest.mark.slow
def test_killed_before_the_first_checkpoint_it_starts_the_training_again(pair, start_run) -> None:
    recipe = pair.second.recipe()
    run = start_run(recipe)
    wait_for_event(run, is_step(2))
    kill(run)
    launch.resume(run)
    wait_for_event(run, is_stage("merge"))
    launch.cancel(run)
    assert notices(run, "train.resumed") == []
    assert losses(run) == losses(pair.second)


# --- stopped on request -------------------------------------------------------------------------


def long_recipe(tiny_phi3: Path, phrases: Path, **changes):
    return tiny_recipe(tiny_phi3, phrases, "long", max_steps=2000, **changes)


def test_cancelling_a_training_ends_it_before_the_call_returns(
    start_run, tiny_phi3, phrases
) -> None:
    run = start_run(long_recipe(tiny_phi3, phrases))
    wait_for_event(run, is_step(3))
    worker = run.worker()
    assert worker is not None
    tree = process_tree(worker)
    launch.cancel(run, grace_s=20)  # on a busy machine its last words take longer than usual
    assert not any(process.is_running() and process.status() != "zombie" for process in tree)
    assert run.state() == "cancelled"
    last = list(run.events())[-1]
    assert isinstance(last.payload, Finished)
    assert (last.payload.outcome, last.payload.code) == ("cancelled", None)
    assert types(run).count("finished") == 1
    assert not run.adapter.exists()


@pytest.mark.slow
def test_a_cancelled_run_goes_on_when_it_is_resumed(start_run, tiny_phi3, phrases) -> None:
    recipe = tiny_recipe(tiny_phi3, phrases, max_steps=30, checkpoint_minutes=0.0001)
    run = start_run(recipe)
    wait_for_event(run, is_notice("train.checkpoint"))
    launch.cancel(run)
    assert run.state() == "cancelled"
    launch.resume(run)
    assert not run.cancel_marker.exists()
    wait_for_event(run, is_notice("train.resumed"))
    wait_for_event(run, is_stage("merge"))
    launch.cancel(run)
    assert sorted(losses(run)) == list(range(1, 31))


@pytest.mark.parametrize("moment", ["starting", "prepare", "train", "merge"])
def test_cancelled_at_any_moment_no_process_and_no_half_result_is_left(
    start_run, tiny_phi3, phrases, moment
) -> None:
    run = start_run(tiny_recipe(tiny_phi3, phrases, max_steps=3))
    if moment != "starting":
        wait_for_event(run, is_stage(moment))
    launch.cancel(run)
    assert run.state() == "cancelled", story(run)
    assert types(run).count("finished") <= 1
    assert run.adapter.exists() == (moment == "merge")
    assert not run.model.exists()


_INTERRUPTED_IMPORT = """
import sys
from pathlib import Path
from phi3studio.runs.store import RunFolder
from phi3studio.worker import attempt_main

def start_libraries(recipe, emit):
    RunFolder(Path(sys.argv[1])).cancel_marker.touch()
    try:
        while True:
            pass
    except BaseException:
        raise ImportError("cannot load module more than once per process") from None

attempt_main._start_libraries = start_libraries
sys.exit(attempt_main.run_worker(Path(sys.argv[1])))
"""


def test_an_error_that_a_library_makes_of_the_interruption_is_a_cancel(
    home, tiny_phi3, phrases
) -> None:
    run = RunStore(home).create(tiny_recipe(tiny_phi3, phrases, max_steps=3))
    worker = subprocess.Popen(
        [sys.executable, "-P", "-c", _INTERRUPTED_IMPORT, str(run.path)],
        stdin=subprocess.PIPE,  # an attempt ends when its standard input does
    )
    assert worker.wait(60) == 130
    assert run.state() == "cancelled", story(run)


def test_a_paused_training_keeps_its_work_and_goes_on(pair, start_run) -> None:
    run = start_run(pair.second.recipe())
    wait_for_event(run, is_step(3))
    launch.request_pause(run)
    assert wait_for_end(run, 15) == "paused"
    assert types(run)[-1] == "paused"
    done = max(losses(run))
    launch.resume(run)
    completed(run)
    assert notices(run, "train.resumed") == [f"Continuing from checkpoint-{done}."]
    assert losses(run) == losses(pair.second)
    assert adapter_bytes(run) == adapter_bytes(pair.second)
    assert types(run).count("paused") == types(run).count("finished") == 1


# --- failures -----------------------------------------------------------------------------------


def test_a_training_that_diverges_fails_with_advice(start_run, tiny_phi3, phrases) -> None:
    recipe = tiny_recipe(
        tiny_phi3, phrases, max_steps=60, learning_rate=1.0, max_grad_norm=1e9, alpha=1e38
    )
    run = start_run(recipe)
    assert wait_for_end(run) == "failed"
    finished = run.view().finished
    assert finished is not None
    assert finished.code == "train.diverged", story(run)
    assert "learning_rate" in finished.error.hint
    assert not run.adapter.exists()


def test_a_failed_run_is_reported_once_and_can_be_resumed(start_run, tiny_phi3, phrases) -> None:
    recipe = tiny_recipe(tiny_phi3, phrases, target_modules=["no_such_module"])
    run = start_run(recipe)
    assert wait_for_end(run) == "failed"
    finished = run.view().finished
    assert finished is not None
    assert finished.code == "model.no_such_module"
    assert "qkv_proj" in finished.error.hint
    launch.resume(run)
    assert wait_for_end(run) == "failed"
    assert types(run).count("finished") == 2
    assert run.view().attempt == 2
    assert [e.payload.attempt for e in run.events() if isinstance(e.payload, Started)] == [1, 2]


def test_a_second_worker_leaves_the_run_alone(start_run, tiny_phi3, phrases) -> None:
    run = start_run(long_recipe(tiny_phi3, phrases))
    wait_for_event(run, is_stage("prepare"))
    pid = json.loads(run.worker_file.read_text())["pid"]
    done = subprocess.run(
        launch.program("worker", "run", str(run.path)), capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert json.loads(run.worker_file.read_text())["pid"] == pid
    assert run.state() == "running"
    launch.cancel(run)
    assert types(run).count("started") == 1


def test_times_of_the_stages_are_kept(pair) -> None:
    done = [e.payload for e in pair.first.events() if isinstance(e.payload, StageDone)]
    assert [d.name for d in done] == ["prepare", "train", "merge", "quantise", "verify"]
    assert all(d.seconds > 0 for d in done)
    assert [d.peak_memory for d in done] == sorted(d.peak_memory for d in done)
