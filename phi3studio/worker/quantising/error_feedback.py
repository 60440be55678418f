"""GPTQ on any grid (arXiv 2210.17323): what rounding a weight's column loses, the columns that are
not rounded yet make good, by what the Hessian of the layer's inputs says of them.

Layers that read the same input share one Hessian. Corrections stay inside of a group of columns
until it is done, as in section 4 of the paper.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

_DAMPINGS = 6
# Parts of a group's range that its values are spread over.
_SHARES = (1.0, 0.96, 0.92, 0.88, 0.84, 0.8, 0.76, 0.72)
# Weights that are looked at together.
_IN_A_CACHE, _IN_A_GPU = 2**18, 2**25

Rounding = Callable[[torch.Tensor, torch.Tensor], Any]
"""Writes what values (in steps of the grid) become to the second tensor; hashable."""


@dataclass(frozen=True)
class Whole:
    """Rounds to whole numbers in a range."""

    least: int
    most: int

    def __call__(self, values: torch.Tensor, out: torch.Tensor) -> None:
        torch.round(values, out=out).clamp_(self.least, self.most)


@dataclass
class SharedInput:
    """Linear layers that read the same input, of width *n*, and its Hessian (n, n), float32."""

    hessian: torch.Tensor
    modules: list[Any] = field(default_factory=list)

    def add(self, inputs: torch.Tensor) -> None:
        """Count tokens of shape (..., n). The scale of a Hessian does not matter to GPTQ."""
        tokens = inputs.reshape(-1, inputs.shape[-1]).float()
        self.hessian.addmm_(tokens.t(), tokens)


@contextmanager
def watched(layer: torch.nn.Module, linear: Sequence[Any]) -> Iterator[list[SharedInput]]:
    """The layer's *linear* modules by what they read, with Hessians once inputs ran through it."""
    groups: list[SharedInput] = []
    found: dict[torch.nn.Module, SharedInput] = {}
    # The inputs of one forward pass. They are kept until the next, so that none takes the place
    # in memory of another.
    seen: list[tuple[torch.Tensor, SharedInput]] = []

    def read(module: torch.nn.Linear, inputs: tuple[torch.Tensor, ...]) -> None:
        tokens = inputs[0]
        group = next((group for other, group in seen if other is tokens), None)
        if group is None:
            group = found.get(module)
            if group is None:
                width = module.in_features
                group = SharedInput(torch.zeros(width, width, device=tokens.device))
                groups.append(group)
            group.add(tokens)
            seen.append((tokens, group))
        if module not in found:
            found[module] = group
            group.modules.append(module)

    handles = [module.register_forward_pre_hook(read) for module in linear]
    handles.append(layer.register_forward_pre_hook(lambda *_: seen.clear()))
    try:
        yield groups
    finally:
        for handle in handles:
            handle.remove()
    for module in linear:
        if module not in found:  # an expert that no token was sent to
            width = module.in_features
            groups.append(SharedInput(torch.eye(width, device=module.weight.device), [module]))


def inverse_factor(hessian: torch.Tensor, damp: float) -> torch.Tensor:
    """The upper triangular U (n, n) with inverse(H + d) = UᵀU, d: *damp* of the mean diagonal.

    From one Cholesky factorisation of H with its order reversed. A matrix that is not positive
    definite in float32 gets ten times the damping, up to six times. *hessian* is changed.
    """
    mean = hessian.diagonal().mean()
    added = 0.0
    for power in range(_DAMPINGS):
        wanted = damp * 10.0**power
        hessian.diagonal().add_(mean * (wanted - added))
        added = wanted
        lower, failed = torch.linalg.cholesky_ex(hessian.flip(0, 1))
        if not failed:
            break
    else:
        raise ArithmeticError("the Hessian of a layer has no Cholesky factor")
    ones = torch.eye(len(hessian), device=hessian.device)
    factor: torch.Tensor = torch.linalg.solve_triangular(lower.flip(0, 1), ones, upper=True)
    return factor


def nearest_steps(
    columns: torch.Tensor, steps: torch.Tensor, offsets: torch.Tensor, rounding: Rounding
) -> torch.Tensor:
    """Of each group the step with which rounding alone loses least, in the mean square.

    Arguments as of :func:`correct_columns`; *steps* spread the range of a group over the grid.
    Cutting off a part of it costs the few weights at its ends, and brings all others nearer:
    the divergence of a small model in groups of 32 is 40 % lower.
    """
    size, outputs = len(columns) // len(steps), columns.shape[1]
    at_once = max(1, (_IN_A_GPU if columns.is_cuda else _IN_A_CACHE) // (size * outputs))
    best = torch.empty_like(steps)
    for start in range(0, len(steps), at_once):
        part = slice(start, start + at_once)
        weights = columns[start * size : (start + at_once) * size].view(-1, size, outputs)
        best[part] = _nearest(weights, steps[part, None], offsets[part, None], rounding)
    return best


def _nearest(
    weights: torch.Tensor, steps: torch.Tensor, offsets: torch.Tensor, rounding: Rounding
) -> torch.Tensor:
    """*weights* (groups, size, outputs), the others (groups, 1, outputs); steps (groups,
    outputs)."""
    best = steps.squeeze(1).clone()
    least = torch.full_like(best, torch.inf)
    near = torch.empty_like(weights)
    for share in _SHARES:
        step = steps * share
        rounding(weights / step + offsets, near)
        error = near.sub_(offsets).mul_(step).sub_(weights).square_().sum(1)
        better = error < least
        least = torch.where(better, error, least)
        best = torch.where(better, step.squeeze(1), best)
    return best


def correct_columns(
    columns: torch.Tensor,
    factor: torch.Tensor,
    steps: torch.Tensor,
    offsets: torch.Tensor,
    rounding: Rounding,
) -> None:
    """GPTQ over the input columns of a weight, stored as *columns* (inputs, outputs), in place.

    *factor*: :func:`inverse_factor` of the input's Hessian. A value of the grid is a step times
    what *rounding* gives less the offset; *steps* and *offsets*, (groups, outputs), are those of
    as many inputs each as make up all. What is left in *columns* lies on the grid.
    """
    size = len(columns) // len(steps)
    for group, (step, offset) in enumerate(zip(steps, offsets, strict=True)):
        start, end = group * size, (group + 1) * size
        part, corner = columns[start:end], factor[start:end, start:end]
        diagonal = corner.diagonal()[:, None]
        # In steps of the grid, which a group's columns have in common, a column takes four
        # operations.
        part.div_(step).add_(offset)
        weights = corner / diagonal
        if part.is_cuda:
            near, errors = _steps_graph(*part.shape, rounding)(part, weights)
        else:
            near, errors = torch.empty_like(part), torch.empty_like(part)
            _round_in_turn(part, weights, near, errors, rounding)
        torch.sub(near, offset, out=part).mul_(step)
        errors.mul_(step).div_(diagonal)
        columns[end:].addmm_(factor[start:end, end:].t(), errors, alpha=-1)


def _round_in_turn(
    part: torch.Tensor,
    weights: torch.Tensor,
    near: torch.Tensor,
    errors: torch.Tensor,
    rounding: Rounding,
) -> None:
    """Round the columns of a group one after the other; what each loses, the others make good.

    *part*, *near* and *errors* (columns, outputs) are in steps of the grid: *part* is changed, the
    rounded columns and what they lost are written to the others. *weights* (columns, columns).
    """
    for i, (column, whole, error) in enumerate(zip(part, near, errors, strict=True)):
        rounding(column, whole)
        torch.sub(column, whole, out=error)
        part[i + 1 :].addr_(weights[i, i + 1 :], error, alpha=-1)


class _StepsGraph:
    """:func:`_round_in_turn` for one shape as a CUDA graph: launched one by one, operations on
    single columns take far longer to launch than to run."""

    def __init__(self, columns: int, outputs: int, rounding: Rounding) -> None:
        self._part, self._near, self._errors = torch.zeros(3, columns, outputs, device="cuda")
        self._weights = torch.zeros(columns, columns, device="cuda")
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            _round_in_turn(self._part, self._weights, self._near, self._errors, rounding)

    def __call__(
        self, part: torch.Tensor, weights: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The rounded columns and their errors, which the next call overwrites."""
        self._part.copy_(part)
        self._weights.copy_(weights)
        self._graph.replay()
        return self._near, self._errors


_steps_graph = functools.cache(_StepsGraph)


def forget_graphs() -> None:
    """Give back the GPU's memory that the columns' graphs hold."""
    _steps_graph.cache_clear()
