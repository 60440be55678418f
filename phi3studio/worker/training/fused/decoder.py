"""All layers of a decoder on a CPU as one function, for families whose layers are the usual ones.

A few hundred tokens of a small model are computed so quickly that PyTorch's modules and its graph
take a good part of a step. Here the layers are a loop, forwards and backwards: residuals are added
inside the products, the last layer goes on after its attention only with the learned tokens, and
the gradients of equal adapters in all layers are one product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from phi3studio.worker.training.fused.dropout import draw_many
from phi3studio.worker.training.fused.elementwise import is_frozen_norm, is_silu_gated
from phi3studio.worker.training.fused.families import PLAIN_LAYERS, WINDOWS
from phi3studio.worker.training.fused.lora import AdaptedLinear, Factors, Kept
from phi3studio.worker.training.fused.on_cpu import (
    Activated,
    FrozenMlp,
    activated,
    activated_backward,
    normed,
    normed_backward,
    signed,
    turn,
)
from phi3studio.worker.training.fused.packed_rows import Rows
from phi3studio.worker.training.fused.row_attention import attend, attend_backward

Drawn = Sequence[torch.Tensor | None]
"""What is dropped of the input of each part with adapters, in their order; ``None``: nothing."""

_TOGETHER_BYTES = 8 * 2**20
"""So much of what the adapters' gradients are made of, which a cache can hold, waits until they
are taken together."""


@dataclass(frozen=True)
class _Batch:
    """What all layers take. Shapes: cos and sin (tokens, 1, turned) as :func:`turn` wants them,
    learned (learned tokens,)."""

    cos: torch.Tensor
    sin: torch.Tensor
    rows: Rows
    learned: torch.Tensor


@dataclass(frozen=True)
class _Norm:
    """An RMS norm whose weight is frozen."""

    weight: torch.Tensor
    epsilon: float

    def ahead(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return normed(x, self.weight, self.epsilon)

    def back(self, dy: torch.Tensor, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return normed_backward(dy, x, self.weight, lengths, self.epsilon)


@dataclass(frozen=True)
class _AdaptedMlp:
    """A SiLU-gated MLP with adapters on all its matrices, gate and up side by side."""

    gate_up: AdaptedLinear
    down: AdaptedLinear

    def ahead(
        self, x: torch.Tensor, drawn: Drawn, more: torch.Tensor
    ) -> tuple[torch.Tensor, tuple[Kept, Activated, Kept]]:
        both, first = self.gate_up.ahead(x, drawn[0])
        g, u = both.chunk(2, dim=1)
        product, between = activated(g, u)
        y, last = self.down.ahead(product, drawn[1], more)
        return y, (first, between, last)

    def back(
        self, dy: torch.Tensor, kept: tuple[Kept, Activated, Kept], gradients: _Gradients
    ) -> torch.Tensor:
        first, between, last = kept
        dproduct: torch.Tensor = gradients.through(self.down, dy, last)
        dboth = dproduct.new_empty(dproduct.shape[0], 2 * dproduct.shape[1])
        dg, du = dboth.chunk(2, dim=1)
        activated_backward(dproduct, between, dg, du)
        dx: torch.Tensor = gradients.through(self.gate_up, dboth, first)
        return dx


class _Layer:
    """One layer: attention and MLP, each after a norm and added to what came in."""

    def __init__(
        self, layer: Any, qkv: AdaptedLinear, o: AdaptedLinear, mlp: FrozenMlp | _AdaptedMlp
    ) -> None:
        attention = layer.self_attn
        self.qkv, self.o, self.mlp = qkv, o, mlp
        self._norms = [
            _Norm(norm.weight, norm.variance_epsilon)
            for norm in (layer.input_layernorm, layer.post_attention_layernorm)
        ]
        self._kept_heads: int = attention.config.num_key_value_heads
        self._head_size: int = attention.head_dim
        self._scale: float = attention.scaling
        self._window = WINDOWS[type(attention).__name__](attention) or 0

    @property
    def adapted(self) -> list[AdaptedLinear]:
        """The parts with adapters."""
        more = [self.mlp.gate_up, self.mlp.down] if isinstance(self.mlp, _AdaptedMlp) else []
        return [self.qkv, self.o, *more]

    def ahead(
        self, x: torch.Tensor, drawn: Drawn, batch: _Batch, is_last: bool
    ) -> tuple[torch.Tensor, tuple[Any, ...]]:
        """The output, and what :meth:`back` takes. Shapes: x (tokens, size), the output too, or
        (learned tokens, size) of the last layer. *drawn* is for :attr:`adapted`."""
        tokens = x.shape[0]
        first, lengths = self._norms[0].ahead(x)
        y, qkv_kept = self.qkv.ahead(first, drawn[0])
        qkv = y.view(tokens, -1, self._head_size)
        turn(qkv[:, : -self._kept_heads], batch.cos, batch.sin)
        out, matrices = attend(qkv, self._kept_heads, batch.rows, self._scale, self._window)
        out, before = out.view(tokens, -1), x
        if is_last:
            out, before = (part.index_select(0, batch.learned) for part in (out, before))
        middle, o_kept = self.o.ahead(out, drawn[1], before)
        second, middle_lengths = self._norms[1].ahead(middle)
        result, mlp_kept = (
            self.mlp.ahead(second, middle)
            if isinstance(self.mlp, FrozenMlp)
            else self.mlp.ahead(second, drawn[2:], middle)
        )
        return result, (x, lengths, qkv_kept, matrices, o_kept, middle, middle_lengths, mlp_kept)

    def back(
        self,
        dy: torch.Tensor,
        kept: tuple[Any, ...],
        batch: _Batch,
        is_last: bool,
        gradients: _Gradients,
        wants_dx: bool,
    ) -> torch.Tensor | None:
        """The gradient of x, ``None`` where nobody wants it; the adapters' go to *gradients*."""
        x, lengths, qkv_kept, matrices, o_kept, middle, middle_lengths, mlp_kept = kept
        if isinstance(self.mlp, FrozenMlp):
            dsecond = self.mlp.back(dy, mlp_kept)
        else:
            dsecond = self.mlp.back(dy, mlp_kept, gradients)
        dmiddle = self._norms[1].back(dsecond, middle, middle_lengths).add_(dy)
        dout = gradients.through(self.o, dmiddle, o_kept)
        if is_last:
            dout, dmiddle = (
                part.new_zeros(x.shape[0], part.shape[1]).index_copy_(0, batch.learned, part)
                for part in (dout, dmiddle)
            )
        heads = dout.view(x.shape[0], -1, self._head_size)
        dqkv = attend_backward(heads, matrices, batch.rows, self._scale)
        turn(dqkv[:, : -self._kept_heads], batch.cos, batch.sin, back=True)
        dfirst = gradients.through(self.qkv, dqkv.view(x.shape[0], -1), qkv_kept, wants_dx)
        return self._norms[0].back(dfirst, x, lengths).add_(dmiddle) if wants_dx else None


class _Gradients:
    """The gradients of all adapters of a backward pass; those of equal layers are taken at once."""

    def __init__(self) -> None:
        self._found: dict[AdaptedLinear, list[torch.Tensor]] = {}
        self._waiting: dict[Any, list[tuple[AdaptedLinear, Factors]]] = {}
        self._waiting_bytes = 0

    def through(
        self, linear: AdaptedLinear, dy: torch.Tensor, kept: Kept, wants_dx: bool = True
    ) -> Any:
        """The gradient of the input of *linear*; that of its adapters is kept for :meth:`of`."""
        dx, factors = linear.back(dy, kept, wants_dx)
        alike = linear.kind, factors.x.shape, factors.scale
        self._waiting.setdefault(alike, []).append((linear, factors))
        tensors = factors.x, factors.inner, factors.dy, factors.d_inner
        self._waiting_bytes += sum(part.numel() * part.element_size() for part in tensors)
        if self._waiting_bytes > _TOGETHER_BYTES:
            self._take()
        return dx

    def of(self, linears: Sequence[AdaptedLinear]) -> list[torch.Tensor]:
        """Those of the parameters of *linears*, in their order."""
        self._take()
        return [gradient for linear in linears for gradient in self._found[linear]]

    def _take(self) -> None:
        for waiting in self._waiting.values():
            linears, factors = zip(*waiting, strict=True)
            self._found.update(zip(linears, linears[0].gradients_of_many(factors), strict=True))
        self._waiting.clear()
        self._waiting_bytes = 0


class _AllLayers(torch.autograd.Function):
    """Shapes: x (tokens, size), of which nobody wants a gradient; the result (learned tokens,
    size). *drawn* is for each layer, *parameters* are those of all adapters in turn."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        layers: Sequence[_Layer],
        drawn: Sequence[Drawn],
        batch: _Batch,
        computes_again: bool,
        *parameters: torch.Tensor,
    ) -> torch.Tensor:
        stack: list[Any] = []
        for layer, places in zip(layers, drawn, strict=True):
            y, kept = layer.ahead(x, places, batch, layer is layers[-1])
            stack.append((x, places) if computes_again else kept)
            x = y
        ctx.stack, ctx.layers, ctx.batch, ctx.computes_again = stack, layers, batch, computes_again
        return x

    @staticmethod
    def backward(ctx: Any, *upstream: torch.Tensor) -> Any:
        layers: Sequence[_Layer] = ctx.layers
        gradients = _Gradients()
        dy: Any = upstream[0]
        for layer in reversed(layers):
            is_last = layer is layers[-1]
            kept = ctx.stack.pop()
            if ctx.computes_again:
                x, drawn = kept
                _, kept = layer.ahead(x, drawn, ctx.batch, is_last)
            wants_dx = layer is not layers[0]
            dy = layer.back(dy, kept, ctx.batch, is_last, gradients, wants_dx)
        linears = [linear for layer in layers for linear in layer.adapted]
        return None, None, None, None, None, *gradients.of(linears)


class Decoder:
    """The layers of a model, and the norm behind them."""

    def __init__(self, body: Any, layers: Sequence[_Layer]) -> None:
        self._body = body
        self._layers = layers
        self._linears = [linear for layer in layers for linear in layer.adapted]
        self._parameters = [p for linear in self._linears for p in linear.parameters]

    def does(self, rows: Rows, learned: torch.Tensor) -> bool:
        """Whether a batch of these *rows* is computed here; if not, the model's modules do it."""
        return rows.is_even and len(learned) > 0 and not self._linears[0].is_plain

    def __call__(
        self, ids: torch.Tensor, positions: torch.Tensor, rows: Rows, learned: torch.Tensor
    ) -> torch.Tensor:
        """The hidden states (learned tokens, size) that the head takes. Shapes: *ids* and
        *positions* (1, tokens)."""
        with torch.no_grad():
            x = self._body.embed_tokens(ids)
            cos, sin = self._body.rotary_emb(x, position_ids=positions)
        batch = _Batch(cos[0, :, None], signed(sin[0])[:, None], rows, learned)
        first = self._body.layers[0]
        computes_again = first.gradient_checkpointing and first.training
        drawn = self._draw(x.shape[1], len(learned))
        hidden: torch.Tensor = _AllLayers.apply(  # type: ignore[no-untyped-call]
            x[0], self._layers, drawn, batch, computes_again, *self._parameters
        )
        normed_states: torch.Tensor = self._body.norm(hidden)
        return normed_states

    def _draw(self, tokens: int, learned: int) -> list[Drawn]:
        """What is dropped in each layer. The last layer's parts see its *learned* tokens, but for
        the first."""
        share = self._linears[0].dropout
        if not share:
            return [[None] * len(layer.adapted) for layer in self._layers]
        last = self._layers[-1].adapted[1:]
        sizes = [
            linear.in_features * (learned if linear in last else tokens) for linear in self._linears
        ]
        found = iter(draw_many(sizes, share))
        return [[next(found) for _ in layer.adapted] for layer in self._layers]


def decoder_of(
    base: Any, adapted: Mapping[Any, AdaptedLinear], mlps: Mapping[Any, FrozenMlp]
) -> Decoder | None:
    """The decoder of a model whose parts were replaced by *adapted* and *mlps*; ``None`` where a
    layer does something else as well."""
    body = base.get_decoder()
    layers = [_layer(layer, adapted, mlps) for layer in getattr(body, "layers", ())]
    found = [layer for layer in layers if layer is not None]
    dropping = any(getattr(base.config, name, 0.0) for name in ("resid_pdrop", "embd_pdrop"))
    if not found or len(found) != len(layers) or dropping:
        return None
    return Decoder(body, found)


def _layer(
    layer: Any, adapted: Mapping[Any, AdaptedLinear], mlps: Mapping[Any, FrozenMlp]
) -> _Layer | None:
    if type(layer).__name__ not in PLAIN_LAYERS:
        return None
    attention, mlp = layer.self_attn, layer.mlp
    if type(attention).__name__ not in WINDOWS:
        return None
    if not all(map(is_frozen_norm, (layer.input_layernorm, layer.post_attention_layernorm))):
        return None
    qkv = _joined(attention, ("q_proj", "k_proj", "v_proj"), "qkv_proj", adapted)
    o = adapted.get(attention.o_proj)
    computed = mlps.get(mlp) or _adapted_mlp(mlp, adapted)
    if qkv is None or o is None or computed is None:
        return None
    return _Layer(layer, qkv, o, computed)


def _adapted_mlp(mlp: Any, adapted: Mapping[Any, AdaptedLinear]) -> _AdaptedMlp | None:
    if not is_silu_gated(mlp):
        return None
    gate_up = _joined(mlp, ("gate_proj", "up_proj"), "gate_up_proj", adapted)
    down = adapted.get(getattr(mlp, "down_proj", None))
    return _AdaptedMlp(gate_up, down) if gate_up and down else None


def _joined(
    module: Any, apart: Sequence[str], together: str, adapted: Mapping[Any, AdaptedLinear]
) -> AdaptedLinear | None:
    """What computes the layers of *module* that stand *apart*, or the one for all."""
    names = [together] if hasattr(module, together) else apart
    found = {adapted.get(getattr(module, name, None)) for name in names}
    return found.pop() if len(found) == 1 else None
