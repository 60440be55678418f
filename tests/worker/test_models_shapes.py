"""The families of the catalogue, tiny: merged weights and exported model say the same.

Each goes the way of a run without its training: float32 weights as the merge writes them, the
project's own fixes of the configuration, Olive's ModelBuilder, onnxruntime-genai.
"""

from __future__ import annotations

import gc
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from phi3studio.app.paths import Home
from phi3studio.models.model_folder import check_model_folder
from phi3studio.runs import launch
from phi3studio.runs.store import RunStore
from phi3studio.worker.exporting.export_chain import place_merged
from phi3studio.worker.genai.genai import GenaiModel
from phi3studio.worker.genai.providers import runnable
from phi3studio.worker.models import model_facts
from phi3studio.worker.olive import workflow_config as oc
from phi3studio.worker.olive.run_workflow import run_workflow
from tests.tiny_families import SHAPES, make
from tests.worker.running import completed, losses, tiny_recipe, write_rows

TOLERANCE = 1e-4


def reference(folder: Path, ids: list[int]) -> np.ndarray[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    with torch.no_grad():
        return np.asarray(model(torch.tensor([ids])).logits[0], dtype=np.float32)


@pytest.mark.parametrize("name", SHAPES)
def test_the_exported_model_says_what_the_merged_one_says(name: str, tmp_path: Path) -> None:
    shape = SHAPES[name]
    base = make(shape, tmp_path / "output")
    check_model_folder(base)
    facts = model_facts(base)
    assert facts.architecture == shape.kind
    assert facts.target_modules("attention")
    merged = tmp_path / "merged"
    place_merged(Path(shutil.copytree(base, tmp_path / "copied")), merged)
    recipe = tiny_recipe(merged, tmp_path / "no-data", quantisation="fp32")
    config = oc.build_config(recipe, merged, tmp_path / "built", tmp_path / "cache")
    output = run_workflow(config, tmp_path / "tmp").model
    settings = json.loads((output / "genai_config.json").read_text())
    assert settings["model"]["context_length"] == facts.context
    exported = GenaiModel(output, threads=1)
    assert len(exported.stop_ids) == 2
    chance = np.random.default_rng(1)
    worst = {}
    for length in shape.lengths:
        ids = [int(n) for n in chance.integers(260, 500, length)]
        expected = reference(merged, ids)
        assert np.abs(expected).max() > 0.5, "the weights are too small for a comparison"
        got = exported.logits(ids)[:, : expected.shape[1]]
        worst[length] = float(np.abs(got - expected).max())
    del exported
    gc.collect()
    assert max(worst.values()) < TOLERANCE, worst


def test_a_model_for_a_gpu_can_be_measured_here(tmp_path: Path) -> None:
    """Its graph holds no node of one provider's alone; the builder would fuse Qwen 3's norms."""
    base = make(SHAPES["qwen3"], tmp_path / "base")
    recipe = tiny_recipe(base, tmp_path / "no-data", quantisation="fp16", provider="cuda")
    config = oc.build_config(recipe, base, tmp_path / "built", tmp_path / "cache")
    output = run_workflow(config, tmp_path / "tmp").model
    with runnable(output, "cuda", tmp_path) as (usable, _):
        exported = GenaiModel(usable, threads=1)
        assert np.isfinite(exported.logits([260, 261, 262])).all()
        del exported
        gc.collect()


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
def test_each_family_goes_from_lora_to_an_int4_model_that_answers(
    name: str, home: Home, tmp_path: Path
) -> None:
    base = make(SHAPES[name], tmp_path / "base")
    rows = write_rows(tmp_path / "rows.jsonl", 40)
    settings: dict[str, Any] = {"quantisation": "int4", "int4": "fast", "max_steps": 4}
    recipe = tiny_recipe(base, rows, name, target_modules="all_linear", **settings)
    run = RunStore(home).create(recipe)
    launch.start(run)
    completed(run)
    assert set(run.view().timings) >= {"train", "merge", "quantise", "verify"}
    assert list(losses(run)) == [1, 2, 3, 4]
    assert (run.adapter / "adapter_model.safetensors").is_file()
    graph = onnx.load(run.model / "model.onnx", load_external_data=False).graph
    assert any(node.op_type == "MatMulNBits" for node in graph.node)
    exported = GenaiModel(run.model, threads=1)
    assert len(list(exported.generate([260, 261, 262], 8))) >= 1
