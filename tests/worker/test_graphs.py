"""Steps as CUDA graphs: what pads a batch changes nothing; the graphs themselves need a GPU."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim import AdamW

from phi3studio.worker.data.preparing.tokenise import IGNORED
from phi3studio.worker.training.fused.attach import collate_fused, fuse
from phi3studio.worker.training.fused.frozen_weights import Frozen
from phi3studio.worker.training.fused.graphs import StepGraphs, padded
from phi3studio.worker.training.fused.loss import head_losses
from phi3studio.worker.training.joined_adamw import JoinedAdamW
from phi3studio.worker.training.trainer import packed_loss

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")


def rows(lengths: list[int], learned: int = 3) -> list[dict[str, list[int]]]:
    generator = torch.Generator().manual_seed(sum(lengths))
    drawn = [torch.randint(3, 400, (n,), generator=generator).tolist() for n in lengths]
    return [
        {"input_ids": ids, "labels": [IGNORED] * (len(ids) - learned) + ids[-learned:]}
        for ids in drawn
    ]


def test_few_sizes_are_padded_to_and_of_many_tokens_an_eighth_is_wasted_at_most() -> None:
    assert len({padded(count) for count in range(1, 513)}) == 7
    assert len({padded(count) for count in range(1, 5000)}) < 40
    for count in range(64, 5000):
        assert count <= padded(count) <= count * (1.5 if count <= 512 else 1.125)
        assert padded(count) % 8 == 0
        assert padded(padded(count)) == padded(count)
    assert padded(1, 16) == 16


@pytest.mark.parametrize("lengths", [[9, 30, 17], [64], [5], [90, 100, 4, 80]])
def test_what_fills_a_batch_up_changes_neither_loss_nor_gradients(
    lengths: list[int], tiny_phi3: Path
) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_phi3, dtype=torch.float32)
    found = []
    for pads in (False, True):
        inputs = collate_fused(rows(lengths), pads=pads)
        assert inputs["input_ids"].shape[1] == (padded(sum(lengths)) if pads else sum(lengths))
        assert inputs["count"] == 3 * len(lengths)
        assert inputs["row_tokens"] == sum(lengths)
        bounds = inputs["bounds"].tolist()
        assert bounds[: len(lengths) + 1] == [0, *torch.tensor(lengths).cumsum(0).tolist()]
        assert bounds[-1] == inputs["input_ids"].shape[1]
        assert max(b - a for a, b in itertools.pairwise(bounds)) <= inputs["longest"]
        model.zero_grad()
        packed, count, _ = packed_loss(model, inputs)
        packed.backward()
        gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
        # The fused loss reads the same batch through its lists of learned tokens.
        hidden = model.model(
            input_ids=inputs["input_ids"], position_ids=inputs["position_ids"], use_cache=False
        ).last_hidden_state[0]
        head = Frozen(model.lm_head.weight)
        fused = head_losses(hidden[inputs["learned"]], head, inputs["targets"], fills=pads).sum()
        assert count == inputs["count"]
        assert float(fused.detach()) == pytest.approx(float(packed.detach()), rel=1e-5)
        found.append((float(packed.detach()), gradients))
    (loss, plain), (other, filled) = found
    assert other == pytest.approx(loss, rel=1e-5)
    for a, b in zip(plain, filled, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-3, atol=1e-5)


def test_an_ignored_target_has_no_gradient() -> None:
    torch.manual_seed(1)
    hidden, weight = torch.randn(5, 8), Frozen(torch.randn(20, 8))
    targets = torch.tensor([4, 9, IGNORED, 2, IGNORED])
    with_filling = hidden.clone().requires_grad_()
    without = hidden[targets != IGNORED].clone().requires_grad_()
    losses = [
        head_losses(with_filling, weight, targets, fills=True).sum(),
        head_losses(without, weight, targets[targets != IGNORED]).sum(),
    ]
    for loss in losses:
        loss.backward()  # type: ignore[no-untyped-call]
    assert float(losses[0].detach()) == pytest.approx(float(losses[1].detach()), rel=1e-6)
    assert with_filling.grad is not None
    assert without.grad is not None
    torch.testing.assert_close(with_filling.grad[targets != IGNORED], without.grad)
    assert not with_filling.grad[targets == IGNORED].any()


def test_kept_gradients_stay_where_they_are_and_take_the_same_steps() -> None:
    def learn(keeps: bool) -> list[torch.Tensor]:
        torch.manual_seed(3)
        parts = [torch.nn.Parameter(torch.randn(shape)) for shape in [(4, 30), (9,), (7, 2)]]
        optimiser = JoinedAdamW(AdamW(parts, lr=0.01))
        if keeps:
            optimiser.keep_gradients()
        places = [part.grad.data_ptr() for part in parts if part.grad is not None]
        for step in range(4):
            for _ in range(2):  # an accumulation's batches add up
                sum((part * part).sum() * (step + 1) for part in parts).backward()
            (joined,) = optimiser.join_gradients()
            assert joined.grad is not None
            optimiser.step()
            if keeps:
                assert [p.grad.data_ptr() for p in parts if p.grad is not None] == places
                assert not any(p.grad.any() for p in parts if p.grad is not None)
            else:
                for part in parts:
                    part.grad = None
        return [part.detach().clone() for part in parts]

    for a, b in zip(learn(False), learn(True), strict=True):
        assert torch.equal(a, b)


def llama(dropout: float) -> Any:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    sizes = {"num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2}
    config = AutoConfig.for_model(
        "llama", vocab_size=512, hidden_size=256, intermediate_size=512, **sizes
    )
    with torch.device("cuda"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    settings = LoraConfig(r=4, lora_dropout=dropout, target_modules=["q_proj", "v_proj"])
    return get_peft_model(model, settings).train()


def gpu_gradients(dropout: float, records: bool) -> list[torch.Tensor]:
    """The gradients of three batches of one shape and two of another, in turn."""
    fused = fuse(llama(dropout))
    assert fused.can_record
    graphs = StepGraphs(lambda inputs, longest: fused.total(inputs, longest))
    if not records:
        graphs._most = 0
    trained = [p for p in fused.model.parameters() if p.requires_grad]
    for parameter in trained:
        torch.nn.init.normal_(parameter, std=0.05)
        parameter.grad = torch.zeros_like(parameter)
    found = []
    torch.manual_seed(9)
    for lengths in ([9, 30, 17], [80, 60], [10, 29, 18], [79, 62], [11, 28, 17]):
        inputs = fused.collate(rows(lengths))
        moved = {k: v.cuda() for k, v in inputs.items() if isinstance(v, torch.Tensor)}
        loss = graphs.backward(moved, inputs["longest"])
        found.append(torch.cat([loss[None], *[p.grad.flatten() for p in trained]]).cpu())
        for parameter in trained:
            parameter.grad.zero_()
    assert len(graphs._recorded) == (2 if records else 0)
    return found


@needs_gpu
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_a_graph_computes_what_launches_do(dropout: float) -> None:
    for launched, recorded in zip(
        gpu_gradients(dropout, records=False), gpu_gradients(dropout, records=True), strict=True
    ):
        assert launched.any()
        torch.testing.assert_close(recorded, launched, rtol=0, atol=1e-6)


@needs_gpu
def test_where_a_layer_waits_for_the_gpu_steps_go_on_without_graphs() -> None:
    fused = fuse(llama(0.0))

    def waiting(inputs: Any, longest: int) -> torch.Tensor:
        loss = fused.total(inputs, longest)
        return loss * (1.0 if float(loss.detach()) > 0 else 0.5)

    graphs = StepGraphs(waiting)
    inputs = fused.collate(rows([9, 30, 17]))
    moved = {k: v.cuda() for k, v in inputs.items() if isinstance(v, torch.Tensor)}
    losses = {float(graphs.backward(moved, inputs["longest"])) for _ in range(4)}
    assert len(losses) == 1
    assert not graphs._recorded


@needs_gpu
def test_large_models_and_waiting_rotary_positions_are_not_recorded() -> None:
    model = llama(0.0)
    model.get_base_model().config.rope_parameters = {"rope_type": "dynamic", "rope_theta": 1e4}
    fused = fuse(model)
    assert not fused.can_record
    assert "longest" in fused.collate(rows([5]))
