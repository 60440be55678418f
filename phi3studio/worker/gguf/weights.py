"""Weights in the kinds of a GGUF file: F16, Q8_0, and 4 bits calibrated on the run's own rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gguf
import numpy as np
import torch

from phi3studio.domain.places.gguf import GgufKind

_BLOCK = 32
_STEPS = 6
_STEP = 0.015
LEVELS = {
    gguf.GGMLQuantizationType.IQ4_NL: torch.tensor(gguf.quants.IQ4_NL.kvalues, dtype=torch.float32),
    gguf.GGMLQuantizationType.Q5_0: torch.arange(-16, 16, dtype=torch.float32),
}
_BETWEEN = {kind: (levels[1:] + levels[:-1]) / 2 for kind, levels in LEVELS.items()}
# Weights of one search: with their temporaries about the size of a core's cache.
_AT_ONCE = 256 * 1024

_FILE_TYPES = {
    "f16": gguf.LlamaFileType.MOSTLY_F16,
    "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
    "iq4_nl": gguf.LlamaFileType.MOSTLY_IQ4_NL,
}
_TYPES = {
    "f16": gguf.GGMLQuantizationType.F16,
    "q8_0": gguf.GGMLQuantizationType.Q8_0,
    "iq4_nl": gguf.GGMLQuantizationType.IQ4_NL,
}
# In a file of 4 bits: what a few bits harm most, as llama.cpp's own mixtures have it.
_MORE_BITS = {
    "token_embd": gguf.GGMLQuantizationType.Q8_0,
    "output": gguf.GGMLQuantizationType.Q8_0,
    "attn_v": gguf.GGMLQuantizationType.Q8_0,
    "attn_qkv": gguf.GGMLQuantizationType.Q5_0,
    "attn_q": gguf.GGMLQuantizationType.Q5_0,
    "attn_k": gguf.GGMLQuantizationType.Q5_0,
    "attn_output": gguf.GGMLQuantizationType.Q5_0,
    "ffn_down": gguf.GGMLQuantizationType.Q5_0,
}


def file_type(kind: GgufKind) -> Any:
    """What the file says of itself (``general.file_type``)."""
    return _FILE_TYPES[kind]


def type_of(kind: GgufKind, name: str, value: torch.Tensor) -> Any:
    """The type of a tensor in a file of a *kind*. Vectors stay exact; rows that no block divides
    are F16."""
    if value.ndim < 2:
        return gguf.GGMLQuantizationType.F32
    if value.shape[-1] % _BLOCK:
        return gguf.GGMLQuantizationType.F16
    part = name.removesuffix(".weight").rpartition(".")[2]
    return _MORE_BITS.get(part, _TYPES[kind]) if kind == "iq4_nl" else _TYPES[kind]


def packed(value: torch.Tensor, kind: Any, scale: torch.Tensor | None = None) -> Any:
    """A tensor's bytes as a numpy array. *scale*: that of each block (rows, blocks), float16, of a
    value of few bits that was calibrated."""
    exact = value.float()
    if kind in LEVELS:
        return _few_bits(exact, kind, scale)
    if kind == gguf.GGMLQuantizationType.F16:
        # What float16 cannot hold would become infinite.
        most = torch.finfo(torch.float16).max
        return exact.clamp(-most, most).half().numpy()
    if kind == gguf.GGMLQuantizationType.F32:
        return exact.numpy()
    return gguf.quants.quantize(exact.numpy(), kind)


@dataclass(frozen=True)
class NearestLevel:
    """Rounds values in steps of their block to the levels of a type."""

    kind: Any

    def places(self, values: torch.Tensor) -> torch.Tensor:
        """The numbers of the levels."""
        return torch.bucketize(values, _BETWEEN[self.kind])

    def __call__(self, values: torch.Tensor, out: torch.Tensor) -> None:
        torch.take(LEVELS[self.kind], self.places(values), out=out)


def scales_of(
    value: torch.Tensor, kind: Any, importance: torch.Tensor | None = None
) -> torch.Tensor:
    """The scale of each block of a value of few bits: (rows, blocks), float16. *importance*: what
    weighs the error of each input."""
    at_once = max(1, _AT_ONCE // value.shape[1])
    parts = [value[start : start + at_once] for start in range(0, len(value), at_once)]
    found = [_search(part, importance, LEVELS[kind], _BETWEEN[kind]) for part in parts]
    return torch.cat(found).reshape(len(value), -1)


def _few_bits(value: torch.Tensor, kind: Any, scale: torch.Tensor | None) -> Any:
    """IQ4_NL or Q5_0: of 32 weights a scale in float16 and for each the place of one level."""
    if scale is None:
        scale = scales_of(value, kind)
    exact = scale.float().reshape(-1, 1)
    inverse = torch.where(exact == 0, exact, 1 / exact)
    places = NearestLevel(kind).places(value.reshape(-1, _BLOCK) * inverse).to(torch.uint8)
    head = [scale.reshape(-1, 1).numpy().view(np.uint8)]
    if len(LEVELS[kind]) > 16:
        head.append(np.packbits(places.numpy() >> 4, axis=-1, bitorder="little"))
    low = places & 15
    both = low[:, : _BLOCK // 2] | (low[:, _BLOCK // 2 :] << 4)
    return np.concatenate([*head, both.numpy()], axis=-1).reshape(len(value), -1)


def _search(
    value: torch.Tensor,
    importance: torch.Tensor | None,
    levels: torch.Tensor,
    between: torch.Tensor,
) -> torch.Tensor:
    """For each block the scale with the least error, weighted by what each input carries.

    Some scales are tried, on either side of the one that makes the largest weight the largest
    level; what they round to gives the scale by least squares (the search of llama.cpp's
    ``quantize_row_iq4_nl_impl``).
    """
    x = value.reshape(-1, _BLOCK)
    weight = (value.pow(2).mean(-1, keepdim=True) + value.pow(2)).sqrt()
    if importance is not None:
        weight = weight * importance
    w = weight.reshape(-1, _BLOCK)
    largest = x.gather(-1, x.abs().argmax(-1, keepdim=True))
    largest = torch.where(largest == 0, torch.full_like(largest, 1e-12), largest)
    best = torch.full_like(largest, -1.0)
    scale = torch.zeros_like(largest)
    for step in range(-_STEPS, _STEPS + 1):
        inverse = levels[0] * (1 + step * _STEP) / largest
        rounded = levels[torch.bucketize(x * inverse, between)]
        weighted = w * rounded
        cross = (weighted * x).sum(-1, keepdim=True)
        square = (weighted * rounded).sum(-1, keepdim=True).clamp(min=1e-30)
        explained = cross * cross / square
        better = explained > best
        scale = torch.where(better, cross / square, scale)
        best = torch.where(better, explained, best)
    return scale.half()
