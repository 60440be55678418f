"""What the commands print and how they end, on real runs of the tiny model."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from phi3studio import __version__
from phi3studio.app.paths import Home
from phi3studio.domain.recipe import Recipe, parse_recipe
from phi3studio.runs.recipe_files import write_recipe
from phi3studio.runs.store import RunFolder, RunStore
from tests.cli.conftest import Studio, command
from tests.worker.pairs import pair_rows, write_pairs
from tests.worker.running import (
    is_notice,
    is_stage,
    is_step,
    kill,
    losses,
    tiny_recipe,
    wait_for_end,
    wait_for_event,
)

SHOWN = {
    "name",
    "state",
    "stage",
    "progress",
    "metrics",
    "timings",
    "peak_memory",
    "artifacts",
}


@pytest.fixture
def finished(home: Home, pair) -> RunFolder:
    """A completed run in the test's own home."""
    home.runs.mkdir(parents=True)
    return RunFolder(Path(shutil.copytree(pair.first.path, home.runs / pair.first.name)))


@pytest.fixture
def followed(home: Home, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``run RECIPE`` (or another command) in the background, as in a terminal."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command(*arguments),
            env=os.environ | {"PHI3STUDIO_HOME": str(home.root)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def recipe_file(tmp_path, tiny_phi3, phrases) -> Callable[..., Path]:
    def write(**changes) -> Path:
        file = tmp_path / "mine.yaml"
        write_recipe(tiny_recipe(tiny_phi3, phrases, "mine", **changes), file)
        return file

    return write


def only_run(home: Home, wait_for) -> RunFolder:
    store = RunStore(home)
    wait_for(lambda: store.all() and store.all()[0].worker_file.exists(), 20, "the run's start")
    return store.all()[0]


# --- without a run ------------------------------------------------------------------------------


def test_help_names_every_command(studio) -> None:
    said = studio("--help")
    assert said.code == 0
    for name in [
        "demo",
        "run",
        "runs",
        "show",
        "cancel",
        "pause",
        "resume",
        "delete",
        "chat",
        "eval",
        "doctor",
        "recipe",
        "models",
        "data",
        "gui",
    ]:
        assert f"\n  {name} " in said.out, name


def test_version(studio) -> None:
    assert studio("--version").out == f"phi3studio {__version__}\n"


def test_no_runs_yet(studio) -> None:
    said = studio("runs")
    assert (said.code, said.err) == (0, "")
    assert "phi3studio demo" in said.out
    assert studio("runs", "--json").document == []


def test_the_catalogue_says_what_is_on_disk(studio) -> None:
    (starter,) = (m for m in studio("models", "list", "--json").document if m["name"] == "starter")
    assert starter["training_memory_bytes"]["qlora"] < starter["training_memory_bytes"]["lora"]
    assert starter["installed"] is False
    assert "starter" in studio("models", "list").out


def test_doctor_reports_machine_and_versions(studio) -> None:
    said = studio("doctor", "--json")
    report = said.document
    assert said.code == 0, report["findings"]
    assert report["findings"] == []
    assert report["flavours"] == ["cpu"]
    assert report["memory_total"] > 10**8
    assert "CPUExecutionProvider" in report["devices"]["providers"]
    assert "torch" in report["versions"]


def test_the_schema_is_printed(studio) -> None:
    document = studio("recipe", "schema").document
    assert document["properties"]["training"]
    assert document["additionalProperties"] is False


def test_a_new_recipe_is_complete_valid_and_says_why(studio, tmp_path, tiny_phi3, phrases) -> None:
    target = tmp_path / "new.yaml"
    said = studio("recipe", "new", "--data", phrases, "--model", tiny_phi3, "--out", target)
    assert said.code == 0, said.err
    assert f"phi3studio run {target}" in said.out
    checked = studio("recipe", "check", target, "--json").document
    recipe = parse_recipe(checked["recipe"])
    assert recipe.data.source == str(phrases)
    assert recipe.data.template is not None
    assert set(recipe.data.template.columns) == {"phrase", "tone"}
    assert recipe.data.template.label_column == "tone"
    assert recipe.model.source == str(tiny_phi3)
    assert checked["valid"] is True
    # Only recipes for the cloud, and those with limits, have that part.
    assert set(checked["recipe"]) == set(Recipe.model_fields) - {"azure", "limits"}


def test_a_new_recipe_with_a_template_of_ones_own(studio, tmp_path, tiny_phi3, phrases) -> None:
    said = studio(
        "recipe", "new", "--data", phrases, "--model", tiny_phi3, "--out", tmp_path / "own.json",
        "--prompt", "{phrase} =", "--completion", "{tone}", "--json",
    )  # fmt: skip
    assert said.code == 0, said.err
    template = said.document["recipe"]["data"]["template"]
    assert template == {"prompt": "{phrase} =", "completion": "{tone}"}


def test_a_new_recipe_of_pairs_prefers_and_its_preview_shows_both(
    studio, tmp_path, tiny_phi3
) -> None:
    rows = pair_rows(20)
    file, target = write_pairs(tmp_path / "pairs.jsonl", rows), tmp_path / "pairs.yaml"
    new = ("recipe", "new", "--data", file, "--model", tiny_phi3, "--json")
    said = studio(*new, "--out", target)
    assert said.code == 0, said.err
    recipe = said.document["recipe"]
    assert recipe["method"]["objective"] == "dpo"
    assert recipe["data"]["template"]["completion"] == "{chosen}"
    assert recipe["data"]["rejected"] == "{rejected}"
    assert studio("recipe", "check", target).code == 0
    own = ("--template", "{prompt}\\n{=>}{chosen}", "--rejected", "{rejected}\\n")
    said = studio(*new, "--out", tmp_path / "own.json", *own)
    assert said.document["recipe"]["data"]["rejected"] == "{rejected}\n"
    plain = studio(*new, "--out", tmp_path / "plain.json", *own[:2]).document["recipe"]
    assert plain["method"]["objective"] == "sft"
    shown = studio("data", "preview", file, "--model", tiny_phi3).out
    assert "Rendered (rejected)" in shown
    for name in ("chosen", "rejected"):
        assert f"  {rows[0][name]}" in shown
    checked = studio("data", "check", file, "--model", tiny_phi3, *own)
    assert checked.code == 0, checked.err
    assert "20 rows, 20 kept" in checked.out
    shapes = studio("data", "shapes", file).out
    assert "--rejected '{rejected}'" in shapes


# --- a finished run -----------------------------------------------------------------------------


def test_show_as_json_holds_what_programs_need(studio, finished) -> None:
    said = studio("show", "latest", "--json")
    assert said.code == 0
    shown = said.document
    assert set(shown) >= SHOWN
    assert shown["name"] == finished.name
    assert shown["state"] == "completed"
    assert set(shown["metrics"]) == {"base", "merged", "exported"}
    for figures in shown["metrics"].values():
        assert {"accuracy", "perplexity", "stops"} <= set(figures)
    assert set(shown["timings"]) == {"prepare", "train", "merge", "quantise", "verify"}
    assert shown["peak_memory"] > 10**8
    assert Path(shown["artifacts"]["model"]["path"]) == finished.model
    assert shown["error"] is None


def test_show_for_people(studio, finished) -> None:
    said = studio("show", "first")
    assert said.code == 0
    for text in (finished.name, "completed", "base", "merged", "exported", str(finished.path)):
        assert text in said.out


def test_runs_lists_what_show_shows(studio, finished) -> None:
    (row,) = studio("runs", "--json").document
    assert row["name"] == finished.name
    assert row["state"] == "completed"
    assert row["accuracy"] == finished.view().metrics["exported"].accuracy
    assert finished.name in studio("runs").out


def test_a_finished_run_is_neither_cancelled_nor_resumed(studio, finished) -> None:
    before = finished.events_file.read_bytes()
    for name, code in (
        ("cancel", "run.not_running"),
        ("pause", "run.not_running"),
        ("resume", "run.not_resumable"),
    ):
        said = studio(name, "latest", "--json")
        assert said.code == 2
        assert said.document["error"]["code"] == code
    assert finished.events_file.read_bytes() == before


def test_chat_answers_one_question(studio, finished) -> None:
    said = studio("chat", "latest", "--prompt", "Nobody answered when I called.", "--json")
    assert said.code == 0, said.err
    assert set(said.document) >= {"text", "stopped", "reason", "tokens", "tokens_per_s"}
    plain = studio("chat", "latest", "--prompt", "Nobody answered when I called.")
    assert plain.code == 0
    assert said.document["text"].strip() in plain.out


def test_chat_at_the_terminal_ends_with_its_input(studio, finished) -> None:
    said = studio("chat", "latest", "--max-tokens", "5", stdin="Who would have guessed?\n\n")
    assert said.code == 0
    assert "phrase" in said.err


def test_chat_refuses_values_that_do_not_fit(studio, finished) -> None:
    for arguments, code in (
        (["--value", "text=x"], "chat.missing_value"),
        (["--value", "nonsense"], "chat.value"),
        ([], "chat.no_prompt"),
    ):
        said = studio("chat", "latest", *arguments, "--json")
        assert said.code == 2
        assert said.document["error"]["code"] == code


def test_eval_measures_another_file_with_all_three_models(studio, finished, tmp_path) -> None:
    from tests.worker.running import write_rows

    rows = write_rows(tmp_path / "other.jsonl", 5, start=300)
    said = studio("eval", "latest", "--data", rows, "--json")
    assert said.code == 0, said.err
    metrics = said.document["metrics"]
    assert list(metrics) == ["base", "merged", "exported"]
    assert {figures["rows"] for figures in metrics.values()} == {5}
    assert metrics["merged"]["perplexity"] < metrics["base"]["perplexity"]


def test_eval_refuses_data_of_another_shape(studio, finished, tmp_path) -> None:
    (tmp_path / "other.jsonl").write_text('{"question": "a", "answer": "b"}\n' * 3)
    said = studio("eval", "latest", "--data", tmp_path / "other.jsonl", "--json")
    assert said.code == 2, said.out
    assert said.document["error"]["code"] == "data.missing_column"
    said = studio("eval", "latest", "--data", tmp_path / "absent.jsonl", "--json")
    assert said.code == 2
    assert said.document["error"]["code"] == "data.no_file"


def test_delete_asks_first(studio, finished) -> None:
    said = studio("delete", "latest", stdin="n\n")
    assert said.code == 130
    assert finished.path.exists()
    said = studio("delete", "latest", "--yes")
    assert said.code == 0
    assert not finished.path.exists()


# --- runs under way -----------------------------------------------------------------------------


def test_run_shows_its_course_and_ends_with_the_figures(
    home, followed, recipe_file, wait_for
) -> None:
    process = followed("run", recipe_file())
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    run = RunStore(home).all()[0]
    for text in ("[1/5] Prepare", "[2/5] Train", "step 8/8", "loss", "tokens/s", "[5/5] Verify"):
        assert text in err
    assert "\x1b" not in out + err
    for text in (
        "base",
        "merged",
        "answers",
        "Verdict",
        str(run.model),
        f"phi3studio chat {run.name}",
    ):
        assert text in out
    assert "Traceback" not in err


@pytest.mark.slow
def test_run_as_json_prints_one_document(home, studio, recipe_file) -> None:
    said = studio("run", recipe_file(max_steps=2), "--json")
    assert said.code == 0, said.out
    assert set(said.document) >= SHOWN
    assert said.document["state"] == "completed"
    assert said.document["metrics"].keys() == {"base", "merged", "exported"}


@pytest.mark.slow
def test_a_detached_run_is_cancelled_from_another_command(
    home, studio: Studio, recipe_file
) -> None:
    said = studio("run", recipe_file(max_steps=2000), "--detach", "--json")
    assert said.code == 0
    run = RunStore(home).find(said.document["name"])
    wait_for_event(run, is_step(2))
    (row,) = studio("runs", "--json").document
    assert row["state"] == "running"
    assert row["stage"] == "train"
    shown = studio("show", "mine", "--json").document
    assert shown["state"] == "running"
    assert shown["progress"]["total"] == 2000
    assert studio("delete", "mine", "--yes", "--json").document["error"]["code"] == "run.busy"
    said = studio("cancel", "mine", "--json")
    assert said.code == 0
    assert said.document == {"name": run.name, "state": "cancelled"}
    assert run.worker() is None


def test_a_followed_run_that_is_cancelled_elsewhere_ends_with_130(
    home, studio, followed, recipe_file, wait_for
) -> None:
    process = followed("run", recipe_file(max_steps=2000))
    run = only_run(home, wait_for)
    wait_for_event(run, is_step(1))
    assert studio("cancel", "latest").code == 0
    out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert f"phi3studio resume {run.name}" in out + err


@pytest.mark.skipif(sys.platform == "win32", reason="signals of a terminal")
def test_control_c_cancels_the_run(home, followed, recipe_file, wait_for) -> None:
    process = followed("run", recipe_file(max_steps=2000))
    run = only_run(home, wait_for)
    wait_for_event(run, is_stage("train"))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert run.state() == "cancelled"
    assert run.worker() is None


@pytest.mark.slow
def test_a_killed_run_ends_with_1_and_resume_completes_it(
    home, studio, followed, recipe_file, wait_for
) -> None:
    process = followed("run", recipe_file(max_steps=30, accumulation=8, checkpoint_minutes=0.0001))
    run = only_run(home, wait_for)
    wait_for_event(run, is_notice("train.checkpoint"))
    kill(run)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 1
    assert f"phi3studio resume {run.name}" in err
    assert studio("show", "latest", "--json").document["state"] == "interrupted"
    said = studio("resume", "latest", "--json")
    assert said.code == 0, said.out
    assert said.document["state"] == "completed"
    assert said.document["attempt"] == 2
    assert sorted(losses(run)) == list(range(1, 31))


@pytest.mark.slow
def test_pause_and_resume(home, studio, recipe_file) -> None:
    name = studio("run", recipe_file(max_steps=2000), "--detach", "--json").document["name"]
    run = RunStore(home).find(name)
    wait_for_event(run, is_step(2))
    assert studio("pause", "latest").code == 0
    assert wait_for_end(run, 20) == "paused"
    assert studio("show", "latest", "--json").document["state"] == "paused"
    assert studio("resume", "latest", "--detach").code == 0
    wait_for_event(run, is_notice("train.resumed"))
    assert studio("cancel", "latest").code == 0


def test_the_run_keeps_the_recipe_it_was_started_with(home, studio, recipe_file) -> None:
    file = recipe_file(max_steps=2000)
    name = studio("run", file, "--detach", "--json").document["name"]
    run = RunStore(home).find(name)
    assert json.loads(run.recipe_file.read_text())["training"]["max_steps"] == 2000
    wait_for_event(run, lambda event: event.payload.type == "started")
    assert studio("cancel", name).code == 0
