"""Trained for four bits: the training computes with the weights that the export will have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from phi3studio.domain.hyperparameters import Fidelity
from phi3studio.domain.quantisation import PRESETS
from phi3studio.domain.recipe import Target
from phi3studio.runs import launch
from phi3studio.runs.store import RunFolder
from phi3studio.worker.quantising.export_grid import ExportGrid, layers_in_8_bits
from phi3studio.worker.training.examples import collate_packed
from phi3studio.worker.training.fused import fuse
from phi3studio.worker.training.int4_aware import Int4Weights
from phi3studio.worker.training.trainer import packed_loss
from tests.tiny_families import SHAPES, make
from tests.worker.running import (
    adapter_bytes,
    completed,
    is_notice,
    is_step,
    kill,
    losses,
    notices,
    tiny_recipe,
    wait_for_event,
)
from tests.worker.test_best import evaluated
from tests.worker.test_fused import are_equal, batch, gradients, peft_model

pytestmark = pytest.mark.long

FAST = Target(int4="fast", block_size=16)


def by_onnxruntime(weight: torch.Tensor, size: int, symmetric: bool) -> torch.Tensor:
    """*weight* (outputs, inputs) after ONNX Runtime's quantiser, which ModelBuilder calls."""
    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    outputs, inputs = weight.shape
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"], name="product")],
        "one product",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, inputs])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, outputs])],
        [onnx.numpy_helper.from_array(np.ascontiguousarray(weight.T.numpy()), "w")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)])
    quantiser = MatMulNBitsQuantizer(model, block_size=size, is_symmetric=symmetric)
    quantiser.process()
    made = quantiser.model.model.graph
    found = {each.name: onnx.numpy_helper.to_array(each) for each in made.initializer}
    _, packed, scales, *zeros = made.node[0].input
    values = np.stack([found[packed] & 15, found[packed] >> 4], axis=-1).reshape(outputs, -1)
    blocks = values.reshape(outputs, -1, size).astype(np.float32)
    middle: Any = 8.0
    if zeros:
        both = np.stack([found[zeros[0]] & 15, found[zeros[0]] >> 4], axis=-1)
        middle = both.reshape(outputs, -1)[:, : blocks.shape[1], None]
    steps = found[scales].reshape(outputs, -1, 1)
    return torch.from_numpy(((blocks - middle) * steps).reshape(outputs, -1)[:, :inputs])


@pytest.mark.parametrize("size", [16, 32, 64])
@pytest.mark.parametrize("width", [192, 200])
def test_the_grid_of_a_plain_preset_is_onnxruntimes(size: int, width: int) -> None:
    torch.manual_seed(0)
    weight = torch.randn(24, width) * 0.05
    weight[3, :size] = 0
    weight[5, :size] = weight[5, :size].abs()
    grid = ExportGrid(Target(int4="fast", block_size=size))
    assert torch.equal(grid.rounded(weight), by_onnxruntime(weight, size, symmetric=True))


def test_the_grid_of_the_calibrated_preset_is_asymmetric() -> None:
    torch.manual_seed(0)
    weight = torch.randn(24, 192) * 0.05 + 0.02
    grid = ExportGrid(Target(int4="quality", block_size=32))
    expected = by_onnxruntime(weight, 32, symmetric=False)
    assert torch.allclose(grid.rounded(weight), expected, atol=1e-7)


def test_a_large_model_has_the_grid_of_olives_rounding() -> None:
    from olive.common.quant.utils import WeightQuantizer

    torch.manual_seed(0)
    weight = torch.randn(24, 192)
    grid = ExportGrid(Target(int4="fast", block_size=32), large=True)
    assert torch.equal(grid.rounded(weight), WeightQuantizer(4, True, 32).fake_quantize(weight))
    assert not torch.allclose(grid.rounded(weight), by_onnxruntime(weight, 32, symmetric=True))


def test_a_mixed_preset_leaves_its_8_bit_layers_alone(tmp_path: Path) -> None:
    model = peft_model(make(SHAPES["llama-3.2"], tmp_path / "llama"), modules=["q_proj"])
    base = model.get_base_model()
    kept = layers_in_8_bits(base, PRESETS["quality"])
    assert "lm_head" in kept
    assert "model.layers.0.self_attn.q_proj" in kept
    before = {name: value.clone() for name, value in base.state_dict().items()}
    weights = Int4Weights(model, ExportGrid(Target(int4="quality", block_size=16)))
    weights.start()
    weights.refresh()
    changed = {
        name.removesuffix(".weight").removesuffix(".base_layer")
        for name, value in base.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert changed
    assert not changed & kept
    assert not layers_in_8_bits(base, PRESETS["fast"])


METHODS: dict[str, dict[str, Any]] = {
    "lora": {},
    "rslora": {"use_rslora": True},
    "dora": {"use_dora": True},
    "dora with dropout": {"use_dora": True, "lora_dropout": 0.3},
}


def other_method(folder: Path, kind: str) -> Any:
    """A model with an adapter of a *kind* that is no LoRA."""
    from peft import LoHaConfig, LoKrConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    config = {"loha": LoHaConfig, "lokr": LoKrConfig}[kind]
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    wanted = config(r=4, target_modules=["q_proj", "down_proj"], rank_dropout=0.5)
    adapted = get_peft_model(model, wanted)
    for name, parameter in adapted.named_parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.2 if "hada" in name or "lokr" in name else 0.05)
    return adapted.train()


def adapted_model(folder: Path, method: str) -> Any:
    if method in ("loha", "lokr"):
        return other_method(folder, method)
    model = peft_model(folder, modules=["q_proj", "k_proj", "v_proj", "up_proj"], **METHODS[method])
    for name, parameter in model.named_parameters():
        if "magnitude" in name:
            parameter.data.mul_(torch.linspace(0.7, 1.4, len(parameter)))
    return model


def logits(model: Any, rows: list[dict[str, list[int]]]) -> list[torch.Tensor]:
    with torch.inference_mode():
        return [model(input_ids=torch.tensor([row["input_ids"]])).logits[0] for row in rows]


@pytest.mark.parametrize("method", [*METHODS, "loha", "lokr"])
def test_base_and_adapter_together_are_the_rounded_merged_weights(
    method: str, tmp_path: Path
) -> None:
    folder = make(SHAPES["llama-3.2"], tmp_path / "llama")
    model = adapted_model(folder, method)
    exported = adapted_model(folder, method).eval().merge_and_unload()
    grid, untied = ExportGrid(FAST), torch.nn.Parameter(exported.lm_head.weight.detach().clone())
    exported.lm_head.weight = untied
    for module in exported.modules():
        if type(module) is torch.nn.Linear:
            module.weight.data = grid.rounded(module.weight.data)
    weights = Int4Weights(model, grid)
    weights.start()
    for _ in range(2):  # computed again, it is the same
        weights.refresh()
    rows = batch(model.config.vocab_size)
    before = logits(exported, rows)
    for found, expected in zip(logits(model.eval(), rows), before, strict=True):
        assert torch.allclose(found, expected, atol=1e-4)


def test_the_embedding_is_rounded_where_the_preset_rounds_it(tmp_path: Path) -> None:
    folder = make(SHAPES["llama-3.2"], tmp_path / "llama")
    for preset in ("fast", "small"):
        model = peft_model(folder)
        embedding = model.get_base_model().get_input_embeddings()
        before = embedding.weight.detach().clone()
        grid = ExportGrid(Target(int4=preset, block_size=16))
        weights = Int4Weights(model, grid)
        weights.start()
        expected = grid.rounded(before) if preset == "small" else before
        assert torch.equal(embedding.weight, expected)
        head = model.get_base_model().get_output_embeddings()
        if model.config.tie_word_embeddings:
            assert torch.equal(head.weight, grid.rounded(before))


@pytest.mark.parametrize("method", [*METHODS][:3])
def test_fused_layers_learn_in_4_bits_what_the_plain_ones_learn(
    method: str, tmp_path: Path
) -> None:
    folder = make(SHAPES["llama-3.2"], tmp_path / "llama")
    plain, other = (adapted_model(folder, method) for _ in range(2))
    plainly, fusedly = (Int4Weights(model, ExportGrid(FAST)) for model in (plain, other))
    fused = fuse(other)
    rows = batch(plain.config.vocab_size)
    full = float(packed_loss(plain, collate_packed(rows))[0].detach())
    for weights in (plainly, fusedly):
        weights.start()
        weights.refresh()
    fused.renew()
    expected, _, _ = packed_loss(plain, collate_packed(rows))
    expected.backward()
    found, _ = fused.loss(fused.collate(rows))
    found.backward()
    assert float(found.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
    assert abs(float(expected.detach()) - full) > 1e-4
    are_equal(gradients(other), gradients(plain))


def test_the_gradient_goes_straight_through_the_rounding(tmp_path: Path) -> None:
    """It is the one of the same weights without any rounding in between."""
    folder = make(SHAPES["llama-3.2"], tmp_path / "llama")
    model = adapted_model(folder, "lora")
    weights = Int4Weights(model, ExportGrid(FAST))
    weights.start()
    weights.refresh()
    rows = batch(model.config.vocab_size)
    packed_loss(model, collate_packed(rows))[0].backward()
    found = gradients(model)
    name, parameter = next((n, p) for n, p in model.named_parameters() if "lora_B" in n)
    losses_around = []
    for shift in (1e-2, -1e-2):
        parameter.data[0, 0] += shift
        losses_around.append(float(packed_loss(model, collate_packed(rows))[0].detach()))
        parameter.data[0, 0] -= shift
    slope = (losses_around[0] - losses_around[1]) / 2e-2
    assert slope == pytest.approx(float(found[name][0, 0]), rel=0.05, abs=2e-3)


def test_a_rounding_is_restored_from_the_adapter_it_was_computed_for(tmp_path: Path) -> None:
    folder = make(SHAPES["llama-3.2"], tmp_path / "llama")
    first, second = (adapted_model(folder, "dora") for _ in range(2))
    one, two = (Int4Weights(model, ExportGrid(FAST)) for model in (first, second))
    one.start()
    one.refresh()
    one.save(tmp_path / "kept.safetensors")
    for model in (first, second):  # steps after the rounding
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data.add_(0.03)
    two.start()
    two.restore(tmp_path / "kept.safetensors")
    for mine, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(mine, other)
    two.refresh()
    assert any(
        not torch.equal(mine, other)
        for mine, other in zip(first.parameters(), second.parameters(), strict=True)
    )


# --- whole runs -------------------------------------------------------------------------------


def aware(model: Path, data: Path, **changes: Any) -> Any:
    settings = {"int4_aware": 0.5, "max_steps": 24, "evaluations": 6, "accumulation": 1}
    settings |= {"quantisation": "int4", "int4": "fast", "block_size": 16}
    return tiny_recipe(model, data, "aware", **(settings | changes)).model_copy(
        update={"steps": ["train"]}
    )


def export_loss(run: RunFolder, model: Path) -> float:
    """The run's adapter merged and rounded, on its held-out rows: mean nats of a token."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from phi3studio.worker.data.preparing.held_out_rows import load_held_out

    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    whole = PeftModel.from_pretrained(base, run.adapter).merge_and_unload().eval()
    grid = ExportGrid(FAST)
    whole.lm_head.weight = torch.nn.Parameter(whole.lm_head.weight.detach().clone())
    for module in whole.modules():
        if type(module) is torch.nn.Linear:
            module.weight.data = grid.rounded(module.weight.data)
    total, count = 0.0, 0
    with torch.inference_mode():
        for row in load_held_out(next(run.data.glob("held-out*.parquet"))).rows:
            rows = collate_packed([{"input_ids": row.input_ids, "labels": row.labels}])
            loss, learned, _ = packed_loss(whole, rows)
            total, count = total + float(loss), count + learned
    return total / count


@pytest.fixture(scope="module")
def trained(tmp_path_factory: Any, tiny_phi3: Path, phrases: Path) -> Any:
    from phi3studio.app.paths import Home
    from phi3studio.runs.store import RunStore
    from tests.conftest import end_workers

    home = Home(tmp_path_factory.mktemp("aware") / "home")
    run = RunStore(home).create(aware(tiny_phi3, phrases))
    launch.start(run)
    try:
        yield completed(run)
    finally:
        end_workers(home)


def test_evaluations_measure_the_export_and_the_best_of_them_is_kept(
    trained: RunFolder, tiny_phi3: Path
) -> None:
    (told,) = notices(trained, "train.int4_aware")
    assert "step 12 of 24" in told
    found = evaluated(trained)
    assert sorted(found) == [4, 8, 12, 16, 20, 24]
    best = min(found[step] for step in (12, 16, 20, 24))
    assert export_loss(trained, tiny_phi3) == pytest.approx(best, rel=1e-3)


def test_killed_and_resumed_between_two_roundings_it_learns_the_same(
    trained: RunFolder, start_run: Any, tiny_phi3: Path, phrases: Path
) -> None:
    run = start_run(aware(tiny_phi3, phrases, checkpoint_minutes=0.0001))
    wait_for_event(run, is_step(15))
    wait_for_event(run, is_notice("train.checkpoint"))
    kill(run)
    launch.resume(run)
    completed(run)
    assert len(notices(run, "train.resumed")) == 1
    assert losses(run) == losses(trained)
    assert evaluated(run) == evaluated(trained)
    assert adapter_bytes(run) == adapter_bytes(trained)


def test_until_the_rounding_begins_it_learns_what_it_learns_without(
    trained: RunFolder, start_run: Any, tiny_phi3: Path, phrases: Path
) -> None:
    plain = completed(start_run(aware(tiny_phi3, phrases, int4_aware=0.0)))
    mine, other = losses(trained), losses(plain)
    assert {step: mine[step] for step in range(1, 13)} == {s: other[s] for s in range(1, 13)}
    assert mine[13] != other[13]
    assert notices(plain, "train.int4_aware") == []


def test_early_stopping_waits_for_evaluations_of_the_rounded_weights(
    start_run: Any, tiny_phi3: Path, phrases: Path
) -> None:
    # Nothing gets better at a rate so high: without the rounding it would end at once.
    changes = {"learning_rate": 0.5, "early_stopping": 1, "warmup": 0.0}
    run = completed(start_run(aware(tiny_phi3, phrases, **changes)))
    assert min(evaluated(run)) < 12
    assert max(evaluated(run)) > 12


@pytest.mark.slow
def test_a_whole_run_is_not_called_faithful_by_its_own_merged_model(
    start_run: Any, tiny_phi3: Path, phrases: Path
) -> None:
    verdicts = []
    for share in (0.5, 0.0):
        recipe = aware(tiny_phi3, phrases, int4_aware=share, max_steps=4, evaluations=0)
        # Nothing else is found against so small a model.
        allowed = Fidelity(points_lost=20, stops=0)
        steps = ["train", "merge", "quantise", "verify"]
        recipe = recipe.model_copy(update={"steps": steps, "fidelity": allowed})
        verdict = completed(start_run(recipe)).view().verdict
        assert verdict is not None
        verdicts.append(verdict)
    assert [verdict.word for verdict in verdicts] == ["not proven", "faithful"]
    assert [found.code for found in verdicts[0].reasons] == ["fidelity.int4_aware"]
