"""4-bit weights fitted to the run's own rows: GPTQ on llama.cpp's levels, layer by layer.

Each layer is calibrated with what the rounded layers before it put out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from phi3studio.worker.gguf.architectures import written_name
from phi3studio.worker.gguf.weights import LEVELS, NearestLevel, scales_of, type_of
from phi3studio.worker.process.threads import one_thread_each
from phi3studio.worker.quantising.error_feedback import (
    SharedInput,
    correct_columns,
    inverse_factor,
    watched,
)

_DAMP = 0.01
_TINY = 1e-12

Call = tuple[tuple[Any, ...], dict[str, Any]]


def calibrate(
    model: Any,
    config: Mapping[str, Any],
    rows: Sequence[Sequence[int]],
    on_layer: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, torch.Tensor]:
    """Round the weights of *model* that a 4-bit file keeps in few bits, in place.

    *rows* of token ids calibrate. Returns the scales of the blocks, (rows, blocks) in float16, by
    the weight's name in the model.
    """
    scales: dict[str, torch.Tensor] = {}
    layers = model.get_decoder().layers
    names = {module: name for name, module in model.named_modules()}
    few = {
        module: (f"{names[module]}.weight", kind)
        for module in layers.modules()
        if isinstance(module, torch.nn.Linear)
        and (kind := _kind(config, f"{names[module]}.weight", module.weight)) in LEVELS
    }
    with torch.no_grad():
        states, calls = _inputs_of(model, layers, rows)
        for number, layer in enumerate(layers):
            linear = [module for module in layer.modules() if module in few]
            with watched(layer, linear) as groups:
                for state, (more, named) in zip(states, calls[number], strict=True):
                    layer(state, *more, **named)
            with one_thread_each() as pool:
                for found in pool.map(lambda group: _rounded(group, few), groups):
                    scales |= found
            for row, (more, named) in enumerate(calls[number]):
                put_out = layer(states[row], *more, **named)
                states[row] = put_out[0] if isinstance(put_out, tuple) else put_out
            on_layer(number + 1, len(layers))
    return scales


def _kind(config: Mapping[str, Any], name: str, weight: torch.Tensor) -> Any:
    return type_of("iq4_nl", written_name(config, name), weight)


def _rounded(group: SharedInput, few: Mapping[Any, tuple[str, Any]]) -> dict[str, torch.Tensor]:
    hessian = group.hessian
    dead = hessian.diagonal() == 0
    hessian.diagonal()[dead] = 1
    importance = hessian.diagonal().clone()
    factor = inverse_factor(hessian, _DAMP)
    scales = {}
    for module in group.modules:
        name, kind = few[module]
        weight = module.weight.data.float()
        weight[:, dead] = 0
        scale = scales_of(weight, kind, importance)
        columns = weight.t().contiguous()
        steps = scale.float().t().contiguous()
        steps[steps == 0] = _TINY
        rounding = NearestLevel(kind)
        correct_columns(columns, factor, steps, torch.zeros_like(steps), rounding)
        module.weight.data = columns.t().to(module.weight.dtype).contiguous()
        scales[name] = scale
    return scales


def _inputs_of(
    model: Any, layers: Any, rows: Sequence[Sequence[int]]
) -> tuple[list[torch.Tensor], list[list[Call]]]:
    """For each row the first layer's input, and for each layer and row its other arguments."""
    states: list[torch.Tensor] = []
    calls: list[list[Call]] = [[] for _ in layers]
    with _called(layers, states, calls):
        for row in rows:
            model(torch.tensor([row], device=model.device), logits_to_keep=1, use_cache=False)
    return states, calls


@contextmanager
def _called(layers: Any, states: list[torch.Tensor], calls: list[list[Call]]) -> Iterator[None]:
    """While inside, the layers write down what they are called with, and do nothing else."""

    def noted(number: int) -> Callable[..., torch.Tensor]:
        def forward(state: torch.Tensor, *more: Any, **named: Any) -> torch.Tensor:
            if number == 0:
                states.append(state)
            calls[number].append((more, named))
            return state

        return forward

    for number, layer in enumerate(layers):
        layer.forward = noted(number)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward
