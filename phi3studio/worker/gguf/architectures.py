"""Which models GGUF has, and how llama.cpp wants their configuration and weights.

The names of tensors are the ``gguf`` package's. What differs from transformers otherwise: Llama's
rotated heads interleave their halves, Gemma's norms hold the one that is added to them, and the
factors of long contexts are tensors.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gguf
import torch

from phi3studio.domain.errors import InputError


@dataclass(frozen=True)
class Family:
    """One of llama.cpp's architectures, and what has to be done with the weights for it."""

    architecture: Any
    interleaved: bool = False
    norms_plus_one: bool = False


_USUAL_CONTEXT = 4096

FAMILIES = {
    "llama": Family(gguf.MODEL_ARCH.LLAMA, interleaved=True),
    "mistral": Family(gguf.MODEL_ARCH.LLAMA, interleaved=True),
    "phi3": Family(gguf.MODEL_ARCH.PHI3),
    "qwen2": Family(gguf.MODEL_ARCH.QWEN2),
    "qwen3": Family(gguf.MODEL_ARCH.QWEN3),
    "gemma2": Family(gguf.MODEL_ARCH.GEMMA2, norms_plus_one=True),
    "gemma3_text": Family(gguf.MODEL_ARCH.GEMMA3, norms_plus_one=True),
}
"""By transformers' ``model_type``."""


def family_of(config: Mapping[str, Any]) -> Family:
    """The family of a model's config.json; :class:`InputError` names what GGUF lacks."""
    kind = config["model_type"]
    if kind not in FAMILIES:
        raise InputError("gguf.architecture", kind=kind, known=sorted(FAMILIES))
    rope = _rope(config)
    known = ("default", "llama3", "longrope", "linear", "yarn")
    if rope.get("rope_type", "default") not in known:
        raise InputError("gguf.rope", kind=kind, rope=rope["rope_type"], known=known)
    return FAMILIES[kind]


def write_settings(writer: Any, config: Mapping[str, Any]) -> None:
    """Write a model's config.json into a :class:`gguf.GGUFWriter`."""
    heads, rope = config["num_attention_heads"], _rope(config)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_key_length(_head(config))
    writer.add_value_length(_head(config))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_rope_dimension_count(_rotated(config))
    writer.add_rope_freq_base(float(rope["rope_theta"]))
    if config["model_type"] in ("phi3", "gemma2", "gemma3_text"):
        # Phi-3's reader asks for it in any case; none is 0 there.
        writer.add_sliding_window(config.get("sliding_window") or 0)
    if (cap := config.get("attn_logit_softcapping")) is not None:
        writer.add_attn_logit_softcapping(cap)
    if (cap := config.get("final_logit_softcapping")) is not None:
        writer.add_final_logit_softcapping(cap)
    _write_rope(writer, config, rope)


def _write_rope(writer: Any, config: Mapping[str, Any], rope: Mapping[str, Any]) -> None:
    kind = rope.get("rope_type", "default")
    if kind in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
        writer.add_rope_scaling_factor(rope["factor"])
    if kind in ("longrope", "yarn") or config["model_type"] == "phi3":
        writer.add_rope_scaling_orig_ctx_len(_original(config, rope))
    if kind == "longrope":
        scale = config["max_position_embeddings"] / _original(config, rope)
        own = math.sqrt(1 + math.log(scale) / math.log(_original(config, rope))) if scale > 1 else 1
        writer.add_rope_scaling_attn_factors(rope.get("attention_factor") or own)
    local = (config.get("rope_parameters") or {}).get("sliding_attention")
    if isinstance(local, dict) and config["model_type"] == "gemma3_text":
        writer.add_rope_freq_base_swa(float(local["rope_theta"]))


def usual_context(config: Mapping[str, Any]) -> int:
    """A context (tokens) in which llama.cpp computes as transformers does: it chooses a long
    model's factors by the context, not by the text, and reads Phi-3 without its window."""
    length = int(config["max_position_embeddings"])
    if _rope(config).get("rope_type") == "longrope":
        length = _original(config, _rope(config))
    if config["model_type"] == "phi3":
        length = min(length, config.get("sliding_window") or length)
    return min(length, _USUAL_CONTEXT)


def tensors(
    config: Mapping[str, Any], weights: Mapping[str, torch.Tensor]
) -> Iterator[tuple[str, torch.Tensor]]:
    """Names and values of the file's tensors, made of a model's state (Hugging Face's names)."""
    tied = config.get("tie_word_embeddings")
    yield from renamed(
        config, {k: v for k, v in weights.items() if not (tied and k == "lm_head.weight")}
    )
    yield from _factors(config)


def renamed(
    config: Mapping[str, Any], values: Mapping[str, torch.Tensor]
) -> Iterator[tuple[str, torch.Tensor]]:
    """Weights, or what belongs to their rows, by the file's names and in its order of rows."""
    for name, value in values.items():
        yield written_name(config, name), converted(config, name, value)


def written_name(config: Mapping[str, Any], name: str) -> str:
    """The file's name of a tensor; :class:`InputError` where GGUF has none."""
    names = _names(family_of(config).architecture, config["num_hidden_layers"])
    written = names.get_name(name, try_suffixes=(".weight", ".bias"))
    if written is None:
        raise InputError("gguf.tensor", tensor=name, kind=config["model_type"])
    return str(written)


_names = functools.cache(gguf.get_tensor_name_map)


def converted(config: Mapping[str, Any], name: str, value: torch.Tensor) -> torch.Tensor:
    """One tensor as llama.cpp wants it; of a LoRA's B matrix the rows are those of its weight."""
    family = FAMILIES[config["model_type"]]
    heads = config["num_attention_heads"]
    if family.interleaved and ".q_proj." in name:
        return _interleaved(value, heads)
    if family.interleaved and ".k_proj." in name:
        return _interleaved(value, config.get("num_key_value_heads") or heads)
    if family.norms_plus_one and name.endswith("norm.weight"):
        return value.float() + 1  # as Gemma adds it, whose weights may be bfloat16
    return value


def _interleaved(value: torch.Tensor, heads: int) -> torch.Tensor:
    rest = value.shape[1:]
    return value.reshape(heads, 2, -1, *rest).transpose(1, 2).reshape(value.shape)


def _factors(config: Mapping[str, Any]) -> Iterator[tuple[str, torch.Tensor]]:
    rope = _rope(config)
    if rope.get("rope_type") == "longrope":
        for length in ("long", "short"):
            name = f"rope_factors_{length}.weight"
            yield name, torch.tensor(rope[f"{length}_factor"], dtype=torch.float32)
    elif rope.get("rope_type") == "llama3":
        yield "rope_freqs.weight", _llama3_factors(config, rope)


def _llama3_factors(config: Mapping[str, Any], rope: Mapping[str, Any]) -> torch.Tensor:
    """What each frequency is divided by (transformers' ``_compute_llama3_parameters``)."""
    exponents = torch.arange(0, _head(config), 2, dtype=torch.int64).float() / _head(config)
    lengths = 2 * math.pi * float(rope["rope_theta"]) ** exponents
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    original = _original(config, rope)
    smooth = ((original / lengths - low) / (high - low)).clamp(0, 1)
    factors: torch.Tensor = 1 / ((1 - smooth) / rope["factor"] + smooth)
    return factors


def _rope(config: Mapping[str, Any]) -> dict[str, Any]:
    """The rope parameters of the layers that see everything, transformers 5's or older ones."""
    found = config.get("rope_parameters") or config.get("rope_scaling") or {}
    found = found.get("full_attention", found)
    given: dict[str, Any] = {"rope_theta": config.get("rope_theta", 10000.0)} | found
    if "type" in given:
        given.setdefault("rope_type", given["type"])
    return given


def _original(config: Mapping[str, Any], rope: Mapping[str, Any]) -> int:
    own = rope.get("original_max_position_embeddings")
    return int(
        own or config.get("original_max_position_embeddings") or config["max_position_embeddings"]
    )


def _head(config: Mapping[str, Any]) -> int:
    return int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])


def _rotated(config: Mapping[str, Any]) -> int:
    share = _rope(config).get("partial_rotary_factor") or config.get("partial_rotary_factor") or 1.0
    return int(_head(config) * share)
