"""Trained for four bits: from a step on, the model computes with the weights of its int4 export.

The export rounds the merged weights M, base and adapter together, to Q(M). What rounding changes,
Q(M) - M, is added to the frozen base weights, so that base and adapter together are Q(M), in every
forward path, and the gradients go straight through the rounding (arXiv 1308.3432). In between, the
adapter moves while that change stands still; every few steps it is computed again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import TrainerCallback

from phi3studio.worker.quantising.export_grid import ExportGrid, layers_in_8_bits

_SNAPSHOT = "int4_aware.safetensors"
"""In a checkpoint: the adapter as it was when the rounding was last computed."""
_REFRESHED_EVERY = 8


@dataclass(frozen=True)
class Int4Phase:
    """The part of a training that is *for* a grid: from optimiser step *first_step* on."""

    grid: ExportGrid
    first_step: int
    on_begin: Callable[[int], None] = lambda step: None


class Int4Weights:
    """The weights of a PEFT *model* that its export rounds to *grid*.

    To be made before the model is fused: a head that shares the embedding's matrix, which stays as
    it is, gets its own.
    """

    def __init__(self, model: Any, grid: ExportGrid) -> None:
        base = model.get_base_model()
        embedding = base.get_input_embeddings()
        exact = layers_in_8_bits(base, grid.preset)
        self._grid = grid
        self._frozen: list[Any] = []
        self._adapted: list[_Adapted] = []
        for name, module in base.named_modules():
            if name.removesuffix(".base_layer") in exact or type(module) is not torch.nn.Linear:
                continue
            owner = base.get_submodule(name.removesuffix(".base_layer"))
            if module.weight is embedding.weight and not grid.preset.embedding:
                own = module.weight.detach().clone()
                module.weight = torch.nn.Parameter(own, requires_grad=False)
            if isinstance(owner, BaseTunerLayer):
                self._adapted.append(_Adapted(owner))
            elif not module.weight.requires_grad:
                self._frozen.append(module)
        if grid.preset.embedding:
            self._frozen.append(embedding)
        self._trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self._rounded_at: dict[str, torch.Tensor] = {}

    @torch.no_grad()
    def start(self) -> None:
        """Round what no adapter changes, for good."""
        for weight in {id(module.weight): module.weight for module in self._frozen}.values():
            weight.data.copy_(self._grid.rounded(weight.data))
        for layer in self._adapted:
            layer.keep()

    @torch.no_grad()
    def refresh(self) -> None:
        """Round the adapted layers as they are merged now."""
        for layer in self._adapted:
            layer.round_to(self._grid)
        self._rounded_at = {name: p.detach().clone() for name, p in self._trained.items()}

    def save(self, file: Path) -> None:
        """Write the adapter of the last :meth:`refresh`."""
        from safetensors.torch import save_file

        save_file({name: value.contiguous() for name, value in self._rounded_at.items()}, file)

    @torch.no_grad()
    def restore(self, file: Path) -> None:
        """Round as the :meth:`refresh` did whose adapter *file* holds, which is absent where the
        training comes to its first one."""
        from safetensors.torch import load_file

        now = {name: parameter.detach().clone() for name, parameter in self._trained.items()}
        kept = load_file(file) if file.is_file() else now
        self._set(kept)
        self.refresh()
        self._set(now)

    def _set(self, values: dict[str, torch.Tensor]) -> None:
        for name, parameter in self._trained.items():
            parameter.data.copy_(values[name])


class _Adapted:
    """A layer with an adapter, and its base weight as it was before the rounding."""

    def __init__(self, layer: Any) -> None:
        self._layer = layer
        self._original: torch.Tensor | None = None

    def keep(self) -> None:
        """Note the base weight, and let DoRA go on to take its norms from that one."""
        original = self._original = self._layer.base_layer.weight.data.clone()
        for part in getattr(self._layer, "lora_magnitude_vector", {}).values():
            plain = part.get_weight_norm

            def norm(weight: Any, *rest: Any, plain: Any = plain, **named: Any) -> Any:
                return plain(original.to(weight.dtype), *rest, **named)

            part.get_weight_norm = norm

    def round_to(self, grid: ExportGrid) -> None:
        """Let base and adapter together be on the *grid*."""
        assert self._original is not None
        layer, original = self._layer, self._original.float()
        (name,) = layer.active_adapters
        merged = original + layer.get_delta_weight(name).float()
        share: Any = 1.0
        magnitudes = getattr(layer, "lora_magnitude_vector", {})
        if name in magnitudes:
            share = (magnitudes[name].weight.float() / merged.norm(dim=1))[:, None]
            merged *= share
        change = grid.rounded(merged).sub_(merged).div_(share)
        layer.base_layer.weight.data.copy_(original + change.nan_to_num_(0.0, 0.0, 0.0))


def int4_callback(
    weights: Int4Weights, phase: Int4Phase, renew: Callable[[], None]
) -> TrainerCallback:
    """A trainer callback that rounds *weights* in the *phase*; *renew* is called after each change.

    It has to come before the one that completes checkpoints.
    """

    class Callback(TrainerCallback):  # type: ignore[misc]
        _began = False

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step >= phase.first_step:
                checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}"
                self._begin(state.global_step, checkpoint / _SNAPSHOT)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            since = state.global_step - phase.first_step
            if since == 0:
                self._begin(state.global_step, Path(args.output_dir) / _SNAPSHOT)
            elif self._began and (
                # An evaluation measures what the export would be.
                since % _REFRESHED_EVERY == 0
                or control.should_evaluate
                or state.global_step >= state.max_steps
            ):
                weights.refresh()
                renew()

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if self._began and state.is_world_process_zero:
                checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}"
                weights.save(checkpoint / _SNAPSHOT)

        def _begin(self, step: int, snapshot: Path) -> None:
            self._began = True
            weights.start()
            weights.restore(snapshot)
            renew()
            phase.on_begin(step)

    return Callback()
