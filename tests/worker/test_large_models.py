"""What is done otherwise for models too large to be held in float32."""

from __future__ import annotations

import pytest
import torch
from olive.passes.pytorch import kquant

from phi3studio.domain.recipe import Target
from phi3studio.worker.olive.kquant import in_small_parts
from phi3studio.worker.olive.workflow_config import early_passes


def test_k_quant_in_small_parts_gives_the_same_values() -> None:
    torch.manual_seed(0)
    told: list[int] = []
    for shape in ((700, 640), (3, 32), (64, 8192)):
        weight = (torch.randn(shape) * 0.02).bfloat16()
        for bits in (4, 8):
            options = {"group_size": 32, "maxq": 2**bits - 1, "minq": 0, "symmetric": False}
            scales, zero_points = kquant.kquant_find_qparams(weight, **options)
            with in_small_parts(lambda: told.append(1)):
                found = kquant.kquant_find_qparams(weight, **options)
            assert torch.equal(found[0], scales)
            assert torch.equal(found[1], zero_points)
    assert len(told) == 6


@pytest.mark.slow
def test_k_quant_on_a_gpu_takes_larger_parts_of_the_same_weights(monkeypatch) -> None:
    """The tensors stay where they are: a card is not needed to see what is given to it."""
    weight = (torch.randn(4096, 8192, generator=torch.Generator().manual_seed(0)) * 0.02).bfloat16()
    options = {"group_size": 32, "maxq": 15, "minq": 0, "symmetric": False}
    sent: list[tuple[int, ...]] = []
    with in_small_parts():
        scales, zero_points = kquant.kquant_find_qparams(weight, **options)
    free = [1_000_000_000]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (free[0], 80_000_000_000))
    monkeypatch.setattr(torch.Tensor, "cuda", lambda self: sent.append(tuple(self.shape)) or self)
    with in_small_parts():
        kquant.kquant_find_qparams(weight[:64], **options)
    assert sent == [], "another program fills the card"
    free[0] = 40_000_000_000
    with in_small_parts():
        found = kquant.kquant_find_qparams(weight, **options)
    assert sent == [(2048, 8192), (2048, 8192)]
    assert torch.equal(found[0], scales)
    assert torch.equal(found[1], zero_points)


def test_the_presets_differ_in_what_is_kept_in_more_bits() -> None:
    quality, fast, small = (
        early_passes(Target(int4=preset)) for preset in ("quality", "fast", "small")
    )
    assert list(quality) == ["mixed", "int4", "builder"]
    assert quality["int4"]["overrides"] == {"lm_head": {"bits": 8}}
    assert list(fast) == ["int4", "builder"]
    assert (fast["int4"]["embeds"], small["int4"]["embeds"]) == (False, True)
