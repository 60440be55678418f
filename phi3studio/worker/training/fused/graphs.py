"""Forward and backward passes of a small model as CUDA graphs: one launch for some thousands.

A GPU computes a small model's step in a fraction of the time that Python takes to launch it. A
graph holds the launches for one shape of its inputs, so batches are padded to few shapes
(:func:`padded`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from phi3studio.domain.errors import first_line
from phi3studio.worker.training.fused.families import USUAL_ROTARY

MOST_PARAMETERS = 1_000_000_000
"""With more, a step's products take longer than its launches, and padding would cost time."""

_MOST_GRAPHS = 64
_LEAST_TOKENS = 64
_FEW_TOKENS = 512
"""Up to so many what fills a batch up takes a GPU no time, and recording a graph half a second."""
# Rotary positions that depend on the longest row make the program wait for the GPU.
_WAITING_ROTARY = ("dynamic", "longrope")

_log = logging.getLogger(__name__)

Inputs = Mapping[str, torch.Tensor]
Compute = Callable[[Inputs, int], torch.Tensor]
"""From tensors on the GPU and the length of the longest row to the loss."""


def padded(count: int, least: int = _LEAST_TOKENS) -> int:
    """The next larger of the sizes that batches are padded to: two for each doubling of a few
    tokens, then eight."""
    if count <= least:
        return least
    step = 1 << ((count - 1).bit_length() - (2 if count <= _FEW_TOKENS else 4))
    return -(-count // step) * step


def can_record(base: Any) -> bool:
    """Whether a model is small, and nothing in it makes the program wait for the GPU."""
    rotary: Mapping[str, Any] = getattr(base.config, "rope_parameters", None) or {}
    return (
        base.config.model_type in USUAL_ROTARY
        and rotary.get("rope_type", "default") not in _WAITING_ROTARY
        and not base.is_gradient_checkpointing
        and sum(parameter.numel() for parameter in base.parameters()) <= MOST_PARAMETERS
    )


@dataclass(frozen=True)
class _Recorded:
    graph: torch.cuda.CUDAGraph
    inputs: dict[str, torch.Tensor]
    loss: torch.Tensor


class StepGraphs:
    """Adds a batch's gradients to those of the parameters, which stay where they are in memory.

    The first batch of a shape is computed launch by launch, the second one is recorded.
    """

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._seen: set[Any] = set()
        self._recorded: dict[Any, _Recorded] = {}
        self._pool: Any = None
        self._most = _MOST_GRAPHS

    def backward(self, inputs: Inputs, longest: int) -> torch.Tensor:
        """The loss of a batch, after its backward pass."""
        key = longest, tuple((name, value.shape) for name, value in inputs.items())
        recorded = self._recorded.get(key)
        if recorded is None and key in self._seen and len(self._recorded) < self._most:
            recorded = self._record(key, inputs, longest)
        self._seen.add(key)
        if recorded is None:
            loss = self._compute(inputs, longest)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss.detach()
        torch._foreach_copy_(list(recorded.inputs.values()), list(inputs.values()))
        recorded.graph.replay()
        return recorded.loss.clone()

    def _record(self, key: Any, inputs: Inputs, longest: int) -> _Recorded | None:
        """A graph of this shape; ``None`` where the driver or a layer does not allow one."""
        kept = {name: value.clone() for name, value in inputs.items()}
        graph = torch.cuda.CUDAGraph()
        self._pool = self._pool or torch.cuda.graph_pool_handle()
        try:
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
                loss = self._compute(kept, longest)
                loss.backward()  # type: ignore[no-untyped-call]
        except RuntimeError as exc:
            self._most = 0
            _log.warning(
                "Steps cannot be CUDA graphs here (%s); training is slower", first_line(exc)
            )
            return None
        recorded = self._recorded[key] = _Recorded(graph, kept, loss.detach())
        return recorded
