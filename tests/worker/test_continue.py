"""A finished run's adapter trained further: in a new run, from a copy of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from phi3studio.app.paths import Home
from phi3studio.domain.errors import InputError
from phi3studio.runs import launch
from phi3studio.runs.continuing import START, continue_run
from phi3studio.runs.store import RunFolder, RunStore
from tests.conftest import end_workers
from tests.worker.running import completed, losses, story, tiny_recipe, wait_for_end, write_rows

pytestmark = pytest.mark.long


def train_only(model: Path, data: Path, **changes):
    settings = {"max_steps": 10, "accumulation": 1, "dropout": 0.0, "schedule": "constant"}
    recipe = tiny_recipe(model, data, "first", **settings | changes)
    return recipe.model_copy(update={"steps": ["train"]})


@pytest.fixture(scope="module")
def first(tmp_path_factory, tiny_phi3, phrases):
    home = Home(tmp_path_factory.mktemp("first") / "home")
    run = RunStore(home).create(train_only(tiny_phi3, phrases))
    launch.start(run)
    try:
        yield completed(run)
    finally:
        end_workers(home)


def copy_of(run: RunFolder, home: Home) -> RunFolder:
    """The run as one of *home*, to be continued or deleted there."""
    home.runs.mkdir(parents=True, exist_ok=True)
    return RunFolder(Path(shutil.copytree(run.path, home.runs / run.name)))


def tensors(folder: Path) -> dict:
    from safetensors.torch import load_file

    return load_file(folder / "adapter_model.safetensors")


def test_training_goes_on_where_the_adapter_was(home, first, start_run) -> None:
    store = RunStore(home)
    old = copy_of(first, home)
    new = continue_run(store, old, epochs=2)
    assert new.recipe().model.adapter == str(new.path / START)
    assert new.recipe().name == "first continued"
    # The old run may go: nothing of it is needed.
    store.delete(old)
    launch.start(new)
    completed(new)
    before, after = losses(first), losses(new)
    assert len(after) == 2 * 8
    # Not from the beginning: the first loss is nearer to the last one than to the first.
    assert abs(after[1] - min(before.values())) < abs(after[1] - before[1])
    assert min(after.values()) < min(before.values())
    assert tensors(new.adapter).keys() == tensors(new.path / START).keys()
    assert any((tensors(new.adapter)[k] != v).any() for k, v in tensors(new.path / START).items())


def test_the_first_loss_is_the_given_adapters(home, first, start_run, tiny_phi3, phrases) -> None:
    """With a plain recipe, and by computing it: before any step the model is the old one."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from phi3studio.worker.training.examples import collate_packed
    from phi3studio.worker.training.trainer import packed_loss

    recipe = train_only(
        tiny_phi3, phrases, adapter=str(first.adapter), batch_size=32, max_steps=1, seed=1
    )
    run = completed(start_run(recipe))
    import pyarrow.parquet as pq

    rows = pq.read_table(next(run.data.glob("train*.parquet"))).to_pylist()
    base = AutoModelForCausalLM.from_pretrained(tiny_phi3, dtype=torch.float32)
    model = PeftModel.from_pretrained(base, first.adapter).eval()
    with torch.inference_mode():
        total, count, _ = packed_loss(model, collate_packed(rows))
    assert losses(run)[1] == pytest.approx(float(total) / count, rel=1e-4)


def test_more_data_takes_the_place_of_the_old(home, first, tmp_path) -> None:
    old = copy_of(first, home)
    more = write_rows(tmp_path / "more.jsonl", 30, start=60)
    new = continue_run(RunStore(home), old, data=more)
    launch.start(new)
    completed(new)
    manifest = json.loads((new.data / "manifest.json").read_text())
    assert manifest["source"]["path"] == str(more)


def test_a_run_without_an_adapter_cannot_be_continued(home, tiny_phi3, phrases) -> None:
    run = RunStore(home).create(train_only(tiny_phi3, phrases))
    with pytest.raises(InputError) as caught:
        continue_run(RunStore(home), run)
    assert caught.value.code == "run.no_adapter"


@pytest.mark.parametrize(
    "change",
    [
        {"rank": 8},
        pytest.param({"target_modules": "all_linear"}, marks=pytest.mark.slow),
        pytest.param({"target_modules": ["o_proj"]}, marks=pytest.mark.slow),
    ],
)
def test_another_shape_is_refused_before_the_training(
    first, start_run, tiny_phi3, phrases, change
) -> None:
    run = start_run(train_only(tiny_phi3, phrases, adapter=str(first.adapter), **change))
    assert wait_for_end(run) == "failed"
    finished = run.view().finished
    assert finished is not None
    assert finished.code == "recipe.other_adapter_shape", story(run)
    assert "method.rank: 4" in finished.error.hint
    assert "o_proj, qkv_proj" in finished.error.hint
    assert losses(run) == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "either a recipe or --continue"),
        (["r.yaml", "--continue", "latest"], "not both"),
        (["r.yaml", "--epochs", "2"], "belong to --continue"),
        (["--continue", "nothing"], "no run"),
    ],
)
def test_wrong_arguments_are_explained(home, capsys, arguments, said) -> None:
    from phi3studio.cli import main

    assert main(["run", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_from_the_command_line(home, first, capsys) -> None:
    from phi3studio.cli import main

    copy_of(first, home)
    assert main(["run", "--continue", "first", "--epochs", "1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["state"] == "completed"
    assert document["name"].endswith("-first-continued")
    assert document["estimate"]["seconds"]["train"]["fact"] > 0
