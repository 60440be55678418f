"""Runs with steps left out, and runs that start from an adapter."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from phi3studio.app.paths import Home
from phi3studio.domain.recipe import Recipe
from phi3studio.runs import launch
from phi3studio.runs.store import RunStore
from tests.worker.running import losses, story, tiny_recipe, wait_for_end


@pytest.fixture(scope="module")
def trained(tiny_phi3: Path, phrases: Path, tmp_path_factory) -> Path:
    """The adapter of a run that only trains."""
    recipe = tiny_recipe(tiny_phi3, phrases, "train only")
    home = Home(tmp_path_factory.mktemp("trained"))
    run = RunStore(home).create(recipe.model_copy(update={"steps": ["train"]}))
    launch.start(run)
    assert wait_for_end(run) == "completed", story(run)
    assert run.view().stages == ("prepare", "train")
    assert not run.model.exists()
    assert not run.merged.exists()
    return run.adapter


def only(model: Path, steps: list[str], **model_keys: str) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "-".join(steps),
            "steps": steps,
            "model": {"source": str(model), **model_keys},
            "target": {"train_on": "cpu", "quantisation": "fp32"},
        }
    )


def test_an_adapter_is_merged_without_data_and_without_training(
    start_run, tiny_phi3, trained
) -> None:
    run = start_run(only(tiny_phi3, ["merge"], adapter=str(trained)))
    assert wait_for_end(run) == "completed", story(run)
    assert run.view().artifacts["merged"].path == "merged"

    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    def load(folder: Path) -> object:
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)

    ids = torch.arange(20, 60)[None]
    with torch.inference_mode():
        expected = PeftModel.from_pretrained(load(tiny_phi3), trained)(ids).logits
        assert torch.allclose(load(run.merged)(ids).logits, expected, atol=1e-4)


def test_a_base_model_is_exported_without_training(start_run, tiny_phi3) -> None:
    run = start_run(only(tiny_phi3, ["quantise"]))
    assert wait_for_end(run) == "completed", story(run)
    assert run.view().stages == ("prepare", "quantise")
    facts = json.loads((run.model / "studio.json").read_text("utf-8"))
    assert facts["template"] is None


@pytest.mark.slow
def test_a_training_goes_on_from_an_adapter(start_run, tiny_phi3, phrases, trained) -> None:
    def first_loss(recipe: Recipe) -> float:
        run = start_run(recipe.model_copy(update={"steps": ["train"]}))
        assert wait_for_end(run) == "completed", story(run)
        return losses(run)[1]

    fresh = first_loss(tiny_recipe(tiny_phi3, phrases, "fresh", max_steps=1))
    further = tiny_recipe(tiny_phi3, phrases, "further", max_steps=1, adapter=str(trained))
    assert first_loss(further) < fresh - 0.3


def test_an_adapter_of_another_shape_is_not_trained_further(
    start_run, tiny_phi3, phrases, trained
) -> None:
    recipe = tiny_recipe(tiny_phi3, phrases, "rank", max_steps=1, rank=8, adapter=str(trained))
    run = start_run(recipe)
    assert wait_for_end(run) == "failed"
    finished = run.view().finished
    assert finished is not None
    assert finished.code == "recipe.other_adapter_shape"
    assert finished.error is not None
    assert "method.rank: 4" in finished.error.hint


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ("kind", "model.adapter_kind"),
        ("weights", "model.adapter_weights"),
        ("cut", "model.file"),
        ("base", "model.adapter_of_another_base"),
    ],
)
def test_an_adapter_that_does_not_fit_is_refused_before_anything_is_done(
    start_run, tiny_phi3, trained, tmp_path, spoil, code
) -> None:
    adapter = tmp_path / "adapter"
    shutil.copytree(trained, adapter)
    weights = adapter / "adapter_model.safetensors"
    match spoil:
        case "kind":
            config = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
            config["peft_type"] = "IA3"
            (adapter / "adapter_config.json").write_text(json.dumps(config), "utf-8")
        case "weights":
            weights.unlink()
        case "cut":
            weights.write_bytes(weights.read_bytes()[:200])
        case "base":
            from safetensors.torch import load_file, save_file

            renamed = {
                name.replace("layers.0", "layers.70"): value
                for name, value in load_file(weights).items()
            }
            save_file(renamed, weights)
    run = start_run(only(tiny_phi3, ["merge"], adapter=str(adapter)))
    assert wait_for_end(run) == "failed"
    finished = run.view().finished
    assert finished is not None
    assert finished.code == code
    assert finished.error is not None
    assert finished.error.hint
