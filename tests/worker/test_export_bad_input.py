"""Exports that cannot be: refused before anything is done, or kept aside with the reason."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from phi3studio.app.process_tree import end_processes, process_tree
from phi3studio.domain.errors import InputError
from phi3studio.domain.events.measured_events import Verified
from phi3studio.domain.quantisation import ALLOWED
from phi3studio.domain.recipe import Recipe
from phi3studio.runs import launch
from phi3studio.runs.preflight import check_before_start
from phi3studio.runs.store import RunFolder
from tests.tiny_models import make_tiny_phi3
from tests.worker.running import (
    completed,
    is_stage,
    story,
    tiny_recipe,
    wait_for_end,
    wait_for_event,
)

pytestmark = pytest.mark.long


def export_of(model: Path, **target: str) -> Recipe:
    """An export of a model as it is, verified on general text."""
    return Recipe.model_validate(
        {
            "name": "export",
            "steps": ["quantise", "verify"],
            "model": {"source": str(model)},
            "target": {"train_on": "cpu", **target},
        }
    )


def verdict_of(run: RunFolder) -> Verified:
    verdict = run.view().verdict
    assert verdict is not None, story(run)
    return verdict


# --- every target that there is -------------------------------------------------------------------

COMBINATIONS = [
    (provider, quantisation) for provider, formats in ALLOWED.items() for quantisation in formats
]
# The fp32 export of the CPU is what most other tests make.
QUICK = [("cuda", "int4"), ("dml", "fp16")]


@pytest.mark.parametrize(
    ("provider", "quantisation"),
    [pytest.param(*item, marks=() if item in QUICK else pytest.mark.slow) for item in COMBINATIONS],
)
def test_every_target_is_built_and_what_could_not_be_measured_is_said(
    start_run, tiny_phi3, provider, quantisation
) -> None:
    recipe = export_of(tiny_phi3, provider=provider, quantisation=quantisation, int4="fast")
    run = completed(start_run(recipe))
    config = json.loads((run.model / "genai_config.json").read_text("utf-8"))
    named = config["model"]["decoder"]["session_options"]["provider_options"]
    assert [list(item) for item in named] == ([] if provider == "cpu" else [[provider]])
    verdict = verdict_of(run)
    codes = [found.code for found in (*verdict.reasons, *verdict.remarks)]
    wheels = {"cuda": "onnxruntime-genai-cuda", "dml": "onnxruntime-genai-directml"}
    if provider == "cpu":
        assert verdict.word == "faithful"
        assert codes == ["fidelity.no_task"]
    elif quantisation == "bf16":
        # The CPU has no kernels for it, so without the wheel nothing is known.
        assert verdict.word == "not proven"
        assert codes == ["fidelity.not_measured"]
        assert wheels[provider] in verdict.reasons[0].said().message
    else:
        assert verdict.word == "faithful"
        assert codes == ["fidelity.no_task", "fidelity.measured_on_cpu"]
        assert wheels[provider] in verdict.remarks[1].said().message
        assert "not measured" in verdict.remarks[1].said().message
    # The run's own model is for its provider; that it was measured elsewhere left no trace.
    assert not list(run.path.glob("**/cpu-*"))


@pytest.mark.parametrize(
    ("provider", "quantisation", "instead"),
    [("cpu", "fp16", "int4, fp32"), ("dml", "bf16", "cuda"), ("cuda", "fp32", "cpu")],
)
def test_a_target_that_cannot_be_built_is_refused_before_the_run_begins(
    home, start_run, tiny_phi3, provider, quantisation, instead
) -> None:
    recipe = export_of(tiny_phi3, provider=provider, quantisation=quantisation)
    with pytest.raises(InputError) as caught:
        check_before_start(recipe, home)
    assert caught.value.code == "recipe.target"
    assert instead in caught.value.hint
    # And by the worker, for a run folder that came from elsewhere.
    run = start_run(recipe)
    assert wait_for_end(run) == "failed"
    finished = run.view().finished
    assert finished is not None
    assert finished.code == "recipe.target"


# --- models that cannot be exported ---------------------------------------------------------------


def failure(run: RunFolder) -> tuple[str, str, str]:
    assert wait_for_end(run) == "failed", story(run)
    finished = run.view().finished
    assert finished is not None
    return finished.code or "", finished.error.message, finished.error.hint


def test_an_export_that_does_not_run_is_kept_aside_and_what_was_trained_stays(
    start_run, tmp_path, phrases
) -> None:
    # Heads of 24 values: PyTorch trains them, ONNX Runtime's attention wants multiples of 16.
    odd = make_tiny_phi3(tmp_path / "odd", hidden_size=96)
    run = start_run(tiny_recipe(odd, phrases, "odd", max_steps=2))
    code, message, hint = failure(run)
    assert code == "export.does_not_run"
    assert "head_size" in message
    assert "model.failed" in message
    assert (run.path / "model.failed" / "genai_config.json").is_file()
    assert not run.model.exists()
    assert (run.adapter / "adapter_model.safetensors").is_file()
    assert str(run.adapter) in hint
    assert "steps: [merge, quantise, verify]" in hint


@pytest.mark.parametrize("kind", ["unheard-of", "gpt2"])
def test_an_unknown_architecture_is_refused_with_those_that_are_known(
    start_run, tiny_phi3, tmp_path, kind
) -> None:
    folder = shutil.copytree(tiny_phi3, tmp_path / "other")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config |= {"model_type": kind, "architectures": ["GPT2LMHeadModel"]}
    if kind == "gpt2":
        config = {
            "model_type": "gpt2",
            "architectures": ["GPT2LMHeadModel"],
            "n_embd": 32,
            "n_layer": 1,
            "n_head": 2,
            "vocab_size": 640,
        }
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    code, message, hint = failure(start_run(export_of(folder)))
    assert code == "model.unsupported"
    assert str(folder) in message
    for family in ("Phi-3", "Llama", "Qwen", "Gemma"):
        assert family in hint


def sharded(model: Path, folder: Path) -> Path:
    """The same model in several files."""
    from transformers import AutoModelForCausalLM

    shutil.copytree(model, folder)
    (folder / "model.safetensors").unlink()
    AutoModelForCausalLM.from_pretrained(model).save_pretrained(folder, max_shard_size="500KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 1
    return folder


def test_a_merged_folder_with_a_missing_shard_is_refused_before_the_run_begins(
    home, start_run, tiny_phi3, tmp_path
) -> None:
    folder = sharded(tiny_phi3, tmp_path / "merged")
    missing = sorted(folder.glob("model-*.safetensors"))[0]
    missing.unlink()
    recipe = export_of(folder, quantisation="fp32")
    with pytest.raises(InputError) as caught:
        check_before_start(recipe, home)
    assert caught.value.code == "model.no_weights"
    assert missing.name in caught.value.message
    code, message, _ = failure(start_run(recipe))
    assert code == "model.no_weights"
    assert missing.name in message


@pytest.mark.slow
def test_a_merged_model_that_lost_its_weights_is_merged_again(
    start_run, tiny_phi3, phrases
) -> None:
    run = start_run(tiny_recipe(tiny_phi3, phrases, "again", max_steps=2))
    wait_for_event(run, is_stage("quantise"))
    worker = run.worker()
    assert worker is not None
    end_processes(process_tree(worker))
    wait_for_end(run, 10)
    weights = next((run.work / "merged").glob("*.safetensors"))
    weights.unlink()
    launch.resume(run)
    completed(run)
    assert verdict_of(run).kl == pytest.approx(0.0, abs=1e-3)


def test_an_adapter_of_a_model_of_another_size_is_refused(
    start_run, tiny_phi3, phrases, tmp_path
) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    wide = make_tiny_phi3(tmp_path / "wide", hidden_size=256)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(wide),
        LoraConfig(r=4, target_modules=["qkv_proj"], base_model_name_or_path="some/wider-model"),
    )
    model.save_pretrained(tmp_path / "adapter")
    recipe = export_of(tiny_phi3).model_copy(update={"steps": ["merge"]})
    named = recipe.model.model_copy(update={"adapter": str(tmp_path / "adapter")})
    code, message, hint = failure(start_run(recipe.model_copy(update={"model": named})))
    assert code == "model.adapter_of_another_base"
    assert "qkv_proj" in message
    assert "model.source" in hint


def test_a_graph_that_computes_nothing_for_an_output_is_refused(tmp_path) -> None:
    """What ModelBuilder makes of fp32 for CUDA; no wheel is needed to see it."""
    from onnx import TensorProto, helper, save

    from phi3studio.domain.errors import RunError
    from phi3studio.worker.exporting.export_chain import _check_graph

    def value(name: str) -> object:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])

    node = helper.make_node("Identity", ["input"], ["logits"])
    good = helper.make_graph([node], "g", [value("input")], [value("logits")])
    save(helper.make_model(good), tmp_path / "model.onnx")
    _check_graph(tmp_path)
    outputs = [value("logits"), value("present.0.key")]
    bad = helper.make_graph([node], "g", [value("input")], outputs)
    save(helper.make_model(bad), tmp_path / "model.onnx")
    with pytest.raises(RunError) as caught:
        _check_graph(tmp_path)
    assert "present.0.key" in caught.value.message
