"""The fused layers compute what the plain ones compute: losses and gradients, family by family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from phi3studio.worker.training.fused import collate_fused, fuse
from phi3studio.worker.training.train import packed_loss
from tests.tiny_families import SHAPES, make


def peft_model(folder: Path, **settings: Any) -> Any:
    """A model with an adapter whose B is not zero, so that it matters."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", **settings))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    return adapted.train()


def batch(vocabulary: int) -> dict[str, Any]:
    torch.manual_seed(1)
    rows = []
    for length in (9, 17, 5):
        ids = torch.randint(5, vocabulary, (length,)).tolist()
        labels = [-100] * (length // 2) + ids[length // 2 :]
        rows.append({"input_ids": ids, "labels": labels})
    return collate_fused(rows)


def gradients(model: Any) -> dict[str, torch.Tensor]:
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("family", SHAPES)
def test_losses_and_gradients_are_those_of_the_plain_model(family: str, tmp_path: Path) -> None:
    folder = make(SHAPES[family], tmp_path / family)
    plain, fused = peft_model(folder), fuse(peft_model(folder))
    inputs = batch(plain.config.vocab_size)
    expected, count, _ = packed_loss(plain, inputs)
    loss, learned = fused.loss(inputs)
    assert learned == count
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)
    expected.backward()
    loss.backward()
    assert fused.linear > 0
    wanted, found = gradients(plain), gradients(fused.model)
    assert wanted.keys() == found.keys()
    for name, gradient in wanted.items():
        scale = gradient.abs().max().clamp_min(1e-6)
        assert torch.allclose(found[name] / scale, gradient / scale, atol=1e-4), name


def test_a_family_with_the_usual_parts_has_all_of_them_fused(tiny_phi3: Path) -> None:
    fused = fuse(peft_model(tiny_phi3))
    assert (fused.linear, fused.norms, fused.mlps, fused.head) == (8, 5, 0, True)
    # These take a GPU.
    assert not fused.packed_attention


@pytest.mark.parametrize("settings", [{"lora_dropout": 0.5}, {"use_dora": True}])
def test_adapters_of_other_kinds_stay_as_they_are(tiny_phi3: Path, settings) -> None:
    assert fuse(peft_model(tiny_phi3, **settings)).linear == 0


def test_without_the_adapter_the_fused_model_is_the_base(tiny_phi3: Path) -> None:
    fused = fuse(peft_model(tiny_phi3)).model.eval()
    ids = torch.arange(5, 25)[None]
    with torch.inference_mode(), fused.disable_adapter():
        base = fused(ids).logits
    with torch.inference_mode():
        assert not torch.allclose(base, fused(ids).logits, atol=1e-4)
