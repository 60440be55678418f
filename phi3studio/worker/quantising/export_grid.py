"""The int4 grids of the exports: a weight as it is after rounding to the nearest value.

Blocks of inputs share a scale. ModelBuilder's own quantiser (ONNX Runtime's) puts the value that is
farthest from zero on -8; Olive's passes, which calibrated and large exports take, spread the range
of a block over 16 values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as functional

from phi3studio.domain.quantisation import Int4Preset, presets_tried
from phi3studio.domain.recipe import Target

_LEAST, _MOST = -8, 7
# Weights of one part: it stays in the processor's cache from one operation to the next.
_WEIGHTS_AT_ONCE = 256 * 1024


@dataclass(frozen=True)
class ExportGrid:
    """The grid of a target's int4 export, of a *large* model or a small one."""

    target: Target
    large: bool = False

    @property
    def preset(self) -> Int4Preset:
        """The preset whose grid it is; of ``auto`` the one that is tried first."""
        return presets_tried(self.target.int4, self.target.provider)[0]

    @property
    def symmetric(self) -> bool:
        """Whether zero lies in the middle of each block's values."""
        if self.preset.mixed:
            return False
        return self.large or not self._is_calibrated

    @property
    def _is_calibrated(self) -> bool:
        chosen = self.target.calibrated
        return self.preset.calibrates if chosen is None else chosen

    @torch.no_grad()
    def rounded(self, weight: torch.Tensor) -> torch.Tensor:
        """*weight* (outputs, inputs) on the grid, in float32."""
        rows = max(1, _WEIGHTS_AT_ONCE // weight.shape[1])
        return torch.cat([self._rounded(part.float()) for part in torch.split(weight, rows)])

    def _rounded(self, weight: torch.Tensor) -> torch.Tensor:
        rows, width = weight.shape
        size = self.target.block_size
        padded = functional.pad(weight, (0, -width % size))
        if self.symmetric and not self.large:
            near = _from_the_farthest(padded.view(rows, -1, size))
        else:
            from olive.common.quant.utils import WeightQuantizer

            near = WeightQuantizer(4, self.symmetric, size).fake_quantize(padded)
        return near.view(rows, -1)[:, :width]


def _from_the_farthest(blocks: torch.Tensor) -> torch.Tensor:
    """*blocks* (rows, blocks, size) rounded as ONNX Runtime's ``quantize_matmul_4bits`` does."""
    least, most = blocks.aminmax(dim=-1, keepdim=True)
    step = torch.where(most.abs() > least.abs(), most, least).div_(_LEAST)
    per_step = torch.where(step == 0, 0, 1 / step)
    return (blocks * per_step).round_().clamp_(_LEAST, _MOST).mul_(step)


def layers_in_8_bits(model: Any, preset: Int4Preset) -> frozenset[str]:
    """The names of *model*'s linear layers that a mixed *preset* keeps in 8 bits."""
    if not preset.mixed:
        return frozenset()
    from olive.common.hf.wrapper import ModelWrapper
    from olive.constants import PrecisionBits
    from olive.passes.pytorch.selective_mixed_precision import SelectiveMixedPrecision

    wrapper = ModelWrapper.from_model(model)
    algorithm = SelectiveMixedPrecision.Algorithm(preset.algorithm)
    _, overrides = SelectiveMixedPrecision.get_k_quant_config(
        wrapper, algorithm, PrecisionBits.BITS4, PrecisionBits.BITS8
    )
    return frozenset(overrides)
