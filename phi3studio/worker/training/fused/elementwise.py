"""Norms, gated activations and rotary positions in fewer passes over the memory.

On a GPU norms use PyTorch's own kernel and the others are Triton's: where Triton or a C compiler
is missing (Windows, say), these parts stay as they are, which is slower and gives the same values.
On a CPU all are those of :mod:`on_cpu`.
"""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable
from types import MethodType
from typing import Any

import torch
import torch.nn.functional as functional

from phi3studio.domain.errors import first_line
from phi3studio.worker.training.fused import on_cpu
from phi3studio.worker.training.fused.families import PLAIN_NORMS
from phi3studio.worker.training.fused.frozen_weights import Frozen

_log = logging.getLogger(__name__)


@functools.cache
def has_kernels() -> bool:
    """Whether Triton's kernels can be made and run on this machine's GPU."""
    if not torch.cuda.is_available():
        return False
    try:
        from phi3studio.worker.training.fused.kernels import JoinedSiluProduct

        ones = torch.ones(1, 2, device="cuda")
        value = float(JoinedSiluProduct.apply(ones))  # type: ignore[no-untyped-call]
        return abs(value - 0.7310586) < 1e-4
    except Exception as exc:
        said = first_line(exc)
        _log.warning("Triton's kernels cannot be made here (%s); training is slower", said)
        return False


def is_frozen_norm(norm: Any) -> bool:
    """Whether *norm* is of a known kind and nobody trains its weight."""
    return type(norm).__name__ in PLAIN_NORMS and not norm.weight.requires_grad


def fuse_norm(norm: Any) -> bool:
    """Use one function for one of the model's norms."""
    if type(norm).__name__ not in PLAIN_NORMS:
        return False
    if not norm.weight.is_cuda and is_frozen_norm(norm):

        def frozen(self: Any, x: torch.Tensor) -> Any:
            if not x.numel():  # PyTorch's kernel divides by the number of rows
                return x * self.weight
            return on_cpu.RmsNorm.apply(x, self.weight, self.variance_epsilon)  # type: ignore[no-untyped-call]

        norm.forward = MethodType(frozen, norm)
        return True

    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return functional.rms_norm(x, (x.shape[-1],), self.weight, self.variance_epsilon)

    norm.forward = MethodType(forward, norm)
    return True


def is_silu_gated(mlp: Any) -> bool:
    """Whether the activation of *mlp* is SiLU."""
    activation = getattr(mlp, "activation_fn", None) or getattr(mlp, "act_fn", None)
    return type(activation).__name__ in ("SiLU", "SiLUActivation")


def fuse_mlp(mlp: Any) -> bool:
    """Fuse the product of a SiLU-gated MLP, with the projections joined (as Phi-3's) or apart."""
    if not is_silu_gated(mlp):
        return False
    from phi3studio.worker.training.fused.kernels import JoinedSiluProduct, SiluProduct

    if hasattr(mlp, "gate_up_proj"):

        def joined(self: Any, x: torch.Tensor) -> Any:
            both = self.gate_up_proj(x)
            flat = JoinedSiluProduct.apply(both.view(-1, both.shape[-1]))  # type: ignore[no-untyped-call]
            return self.down_proj(flat.view(*both.shape[:-1], -1))

        mlp.forward = MethodType(joined, mlp)
        return True
    if all(hasattr(mlp, name) for name in ("gate_proj", "up_proj", "down_proj")):

        def apart(self: Any, x: torch.Tensor) -> Any:
            gate, up = self.gate_proj(x), self.up_proj(x)
            width = gate.shape[-1]
            flat = SiluProduct.apply(gate.view(-1, width), up.view(-1, width))  # type: ignore[no-untyped-call]
            return self.down_proj(flat.view(gate.shape))

        mlp.forward = MethodType(apart, mlp)
        return True
    return False


def fuse_frozen_mlp(mlp: Any, laid_out: bool = False) -> on_cpu.FrozenMlp | None:
    """One function for a SiLU-gated MLP whose three matrices are frozen and have no adapters;
    ``None`` for any other."""
    if not is_silu_gated(mlp):
        return None
    parts: list[Any] = [getattr(mlp, name, None) for name in ("gate_proj", "up_proj", "down_proj")]
    if not all(
        type(part) is torch.nn.Linear and part.bias is None and not part.weight.requires_grad
        for part in parts
    ):
        return None

    frozen = on_cpu.FrozenMlp(*(Frozen(part.weight, laid_out) for part in parts))

    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = on_cpu.GatedMlp.apply(x.reshape(-1, x.shape[-1]), frozen)  # type: ignore[no-untyped-call]
        return y.view(x.shape)

    mlp.forward = MethodType(forward, mlp)
    return frozen


Attended = tuple[torch.Tensor, torch.Tensor | None]
"""What transformers' attentions return: their output, and no weights."""


def replace_attention(attention: Any, compute: Callable[..., Attended | None]) -> None:
    """Let *compute* do what *attention* does, where it can, for one packed row without a cache.

    It gets the hidden states, position embeddings, mask and what else the layer hands on; ``None``
    leaves the call to what *attention* did before.
    """
    plain = attention.forward

    def forward(
        self: Any,
        hidden_states: torch.Tensor,
        position_embeddings: tuple[torch.Tensor, torch.Tensor],
        attention_mask: torch.Tensor | None = None,
        past_key_values: Any = None,
        **kwargs: Any,
    ) -> Attended:
        if past_key_values is None and hidden_states.shape[0] == 1:
            found = compute(hidden_states, position_embeddings, attention_mask, **kwargs)
            if found is not None:
                return found
        result: Attended = plain(
            hidden_states,
            position_embeddings=position_embeddings,
            attention_mask=attention_mask,
            past_key_values=past_key_values,
            **kwargs,
        )
        return result

    attention.forward = MethodType(forward, attention)


def fuse_attention(attention: Any) -> bool:
    """Split and rotate queries, keys and values in one function where they come as one tensor."""
    if type(attention).__name__ != "Phi3Attention":
        return False
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    from phi3studio.worker.training.fused.kernels import SplitAndRotate

    config = attention.config

    def compute(
        hidden_states: torch.Tensor,
        position_embeddings: tuple[torch.Tensor, torch.Tensor],
        attention_mask: torch.Tensor | None,
        **kwargs: Any,
    ) -> Attended:
        cos, sin = position_embeddings
        qkv = attention.qkv_proj(hidden_states)[0]
        q, k, v = SplitAndRotate.apply(  # type: ignore[no-untyped-call]
            qkv, cos[0], sin[0], config.num_attention_heads, attention.num_key_value_heads
        )
        attend = ALL_ATTENTION_FUNCTIONS[config._attn_implementation]
        out, weights = attend(
            attention,
            q.transpose(0, 1)[None],
            k.transpose(0, 1)[None],
            v.transpose(0, 1)[None],
            attention_mask,
            dropout=attention.attention_dropout if attention.training else 0.0,
            scaling=attention.scaling,
            sliding_window=getattr(config, "sliding_window", None),
            **kwargs,
        )
        return attention.o_proj(out.reshape(*hidden_states.shape[:-1], -1)), weights

    replace_attention(attention, compute)
    return True


def fuse_rotary(model: Any) -> bool:
    """Use one function for the rotary positions of the model's module, once for all its models."""
    module = sys.modules[type(model).__module__]
    plain = getattr(module, "apply_rotary_pos_emb", None)
    if plain is None or getattr(plain, "is_fused", False):
        return False
    rotate: dict[bool, Any] = {False: on_cpu.Rotate}
    if has_kernels():
        from phi3studio.worker.training.fused.kernels import Rotate

        rotate[True] = Rotate

    @functools.wraps(plain)
    def apply(
        q: torch.Tensor,
        k: torch.Tensor,
        cos: torch.Tensor,
        sin: torch.Tensor,
        *more: Any,
        **kw: Any,
    ) -> Any:
        function = rotate.get(q.is_cuda)
        if more or kw or function is None or q.shape[0] != 1:
            return plain(q, k, cos, sin, *more, **kw)
        # (1, heads, tokens, size) in the memory order (tokens, heads, size), and back.
        q, k = (function.apply(x[0].transpose(0, 1), cos[0], sin[0]) for x in (q, k))
        return q.transpose(0, 1)[None], k.transpose(0, 1)[None]

    apply.is_fused = True  # type: ignore[attr-defined]
    module.apply_rotary_pos_emb = apply  # type: ignore[attr-defined]
    return True
