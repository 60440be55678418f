"""The last layer where its outputs are used: only what predicts a learned token goes on after its
attention. In a masked batch that is a tenth of the tokens."""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch

from phi3studio.worker.training.fused.families import PLAIN_LAYERS


def trim_last_layer(base: Any) -> bool:
    """Let the last layer of a model compute only the tokens that its body is given as ``learned``.

    Called without it the layer does what it did. ``False``, and nothing is changed, for a family
    whose layers do more.
    """
    layers = getattr(base.get_decoder(), "layers", None)
    if not layers or type(layers[-1]).__name__ not in PLAIN_LAYERS:
        return False
    if getattr(base.config, "resid_pdrop", 0.0):
        return False
    layer = layers[-1]
    plain, project = layer.forward, layer.self_attn.o_proj.forward
    chosen: list[torch.Tensor] = []

    def project_chosen(self: Any, x: torch.Tensor) -> Any:
        return project(x.index_select(1, chosen[0]) if chosen else x)

    def forward(self: Any, hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        where = kwargs.pop("learned", None)
        if where is None:
            return plain(hidden_states, *args, **kwargs)
        chosen.append(where)
        try:
            normed = self.input_layernorm(hidden_states)
            attended = self.self_attn(normed, *args, **kwargs)[0]
        finally:
            chosen.clear()
        hidden = hidden_states.index_select(1, where) + attended
        return hidden + self.mlp(self.post_attention_layernorm(hidden))

    layer.self_attn.o_proj.forward = MethodType(project_chosen, layer.self_attn.o_proj)
    layer.forward = MethodType(forward, layer)
    return True
