"""Weights in the kinds of a GGUF file: F16, Q8_0, and 4 bits calibrated on the run's own rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import gguf
import numpy as np
import torch

from phi3studio.domain.places.gguf import GgufKind
from phi3studio.worker.process.threads import one_thread_each

_BLOCK = 32
_STEPS = 6
_STEP = 0.015
_LEVELS = {
    gguf.GGMLQuantizationType.IQ4_NL: torch.tensor(gguf.quants.IQ4_NL.kvalues, dtype=torch.float32),
    gguf.GGMLQuantizationType.Q5_0: torch.arange(-16, 16, dtype=torch.float32),
}
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


def packed(value: torch.Tensor, kind: Any, importance: torch.Tensor | None) -> Any:
    """A tensor's bytes as a numpy array. *importance*: the mean square of each input."""
    exact = value.float()
    if kind in _LEVELS:
        return _few_bits(exact, kind, importance)
    if kind == gguf.GGMLQuantizationType.F16:
        # What float16 cannot hold would become infinite.
        most = torch.finfo(torch.float16).max
        return exact.clamp(-most, most).half().numpy()
    if kind == gguf.GGMLQuantizationType.F32:
        return exact.numpy()
    return gguf.quants.quantize(exact.numpy(), kind)


def _few_bits(value: torch.Tensor, kind: Any, importance: torch.Tensor | None) -> Any:
    """IQ4_NL or Q5_0: of 32 weights a scale in float16 and for each the place of one level."""
    rows = value.shape[0]
    at_once = max(1, _AT_ONCE // value.shape[1])
    parts = [value[start : start + at_once] for start in range(0, rows, at_once)]
    levels = _LEVELS[kind]

    def blocks(part: torch.Tensor) -> Any:
        scale, places = _search(part, importance, levels)
        head = [scale.numpy().view(np.uint8)]
        if len(levels) > 16:
            head.append(np.packbits(places.numpy() >> 4, axis=-1, bitorder="little"))
        low = places & 15
        both = low[:, : _BLOCK // 2] | (low[:, _BLOCK // 2 :] << 4)
        return np.concatenate([*head, both.numpy()], axis=-1)

    with one_thread_each() as pool:
        return np.concatenate(list(pool.map(blocks, parts))).reshape(rows, -1)


def _search(
    value: torch.Tensor, importance: torch.Tensor | None, levels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """For each block the scale with the least error, weighted by what each input carries, and the
    places of the *levels*.

    Some scales are tried, on either side of the one that makes the largest weight the largest
    level; what they round to gives the scale by least squares (the search of llama.cpp's
    ``quantize_row_iq4_nl_impl``).
    """
    x = value.reshape(-1, _BLOCK)
    weight = (value.pow(2).mean(-1, keepdim=True) + value.pow(2)).sqrt()
    if importance is not None:
        weight = weight * importance
    w = weight.reshape(-1, _BLOCK)
    between = (levels[1:] + levels[:-1]) / 2
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
    half = scale.half()
    exact = half.float()
    inverse = torch.where(exact == 0, exact, 1 / exact)
    return half, torch.bucketize(x * inverse, between).to(torch.uint8)


@contextmanager
def _inputs_watched(model: Any, seen: dict[str, torch.Tensor]) -> Iterator[None]:
    """While inside, *seen* holds the sum of the squares of each linear layer's inputs."""
    hooks = []
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):

            def watch(_: Any, inputs: tuple[torch.Tensor, ...], name: str = name) -> None:
                squares = inputs[0].detach().float().pow(2).flatten(0, -2).sum(0)
                seen[name] = squares + seen.get(name, 0)

            hooks.append(module.register_forward_pre_hook(watch))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def importances_of(
    model: Any, rows: Sequence[Sequence[int]], on_row: Any = lambda done, total: None
) -> dict[str, torch.Tensor]:
    """The mean square of each input of each linear layer over *rows* of ids, by weight's name."""
    seen: dict[str, torch.Tensor] = {}
    with torch.inference_mode(), _inputs_watched(model, seen):
        for number, row in enumerate(rows, start=1):
            model(torch.tensor([row], device=model.device), logits_to_keep=1)
            on_row(number, len(rows))
    count = max(1, sum(map(len, rows)))
    return {f"{name}.weight": (sums / count).cpu() for name, sums in seen.items()}
