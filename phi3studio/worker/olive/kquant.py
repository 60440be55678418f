"""k-quant a few rows at a time: Olive's values in a third of the time.

Olive searches scale and zero point for a whole layer at once, twenty times through the memory of
several copies of it. Groups of weights do not know of one another, so rows that fit into the
processor's cache give the same values, and cores can share them out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from olive.passes.pytorch import kquant

from phi3studio.worker.process.threads import one_thread_each

# Weights of one search: in float32 with its temporaries about the size of a core's cache.
_WEIGHTS_AT_ONCE = 256 * 1024
# The same on a GPU; 0.54 GB were measured for them.
_WEIGHTS_ON_GPU = 16 * 1024**2
_GPU_ROOM = 2_000_000_000


@contextlib.contextmanager
def in_small_parts(on_module: Callable[[], None] = lambda: None) -> Iterator[None]:
    """While inside, Olive's k-quant works on a few rows at a time and tells of every module."""
    whole = kquant.kquant_find_qparams

    def in_parts(weight: torch.Tensor, **options: Any) -> tuple[torch.Tensor, torch.Tensor]:
        if on_gpu:
            parts = torch.split(weight, max(1, _WEIGHTS_ON_GPU // weight.shape[1]))
            found = [tuple(x.to(weight.device) for x in whole(p.cuda(), **options)) for p in parts]
        else:
            parts = torch.split(weight, max(1, _WEIGHTS_AT_ONCE // weight.shape[1]))
            found = list(pool.map(lambda part: whole(part, **options), parts))
        scales, zero_points = zip(*found, strict=True)
        on_module()
        return torch.cat(scales), torch.cat(zero_points)

    # Another program may fill the card; then the processor takes it, forty times slower.
    on_gpu = torch.cuda.is_available() and torch.cuda.mem_get_info()[0] > _GPU_ROOM
    kquant.kquant_find_qparams = in_parts
    try:
        with one_thread_each() as pool:
            yield
    finally:
        kquant.kquant_find_qparams = whole
