"""Full-size shapes of the catalogue's models, from their published configurations.

The weights are random and the tokenizer is the tests': what is proven with them is the way through
the program, its memory and its time, not what the models say. LongRoPE's factors have the published
number and order of size, not the published values.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock


def _longrope(half: int) -> dict[str, Any]:
    return {
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "short_factor": [1.0 + 0.02 * n for n in range(half)],
        "long_factor": [1.0 + 1.25 * n for n in range(half)],
    }


_PHI3_MINI = {
    "vocab_size": 32064,
    "hidden_size": 3072,
    "intermediate_size": 8192,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "rms_norm_eps": 1e-5,
    "max_position_embeddings": 4096,
    "original_max_position_embeddings": 4096,
    "sliding_window": 2047,
    "tie_word_embeddings": False,
}
_PHI3_LONG = _PHI3_MINI | {
    "max_position_embeddings": 131072,
    "sliding_window": 262144,
    "rope_parameters": _longrope(48),
}

SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "phi-3-mini-4k": ("phi3", _PHI3_MINI),
    "phi-3-mini-128k": ("phi3", _PHI3_LONG),
    "phi-3.5-mini": ("phi3", _PHI3_LONG),
    "phi-4-mini": (
        "phi3",
        {
            "vocab_size": 200064,
            "hidden_size": 3072,
            "intermediate_size": 8192,
            "num_hidden_layers": 32,
            "num_attention_heads": 24,
            "num_key_value_heads": 8,
            "rms_norm_eps": 1e-5,
            "max_position_embeddings": 131072,
            "original_max_position_embeddings": 4096,
            "sliding_window": 262144,
            "tie_word_embeddings": True,
            "rope_parameters": _longrope(48) | {"partial_rotary_factor": 0.75},
        },
    ),
    "llama-3.2-1b": (
        "llama",
        {
            "vocab_size": 128256,
            "hidden_size": 2048,
            "intermediate_size": 8192,
            "num_hidden_layers": 16,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": 64,
            "rms_norm_eps": 1e-5,
            "max_position_embeddings": 131072,
            "tie_word_embeddings": True,
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 500000.0,
                "factor": 32.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192,
            },
        },
    ),
    "qwen2.5-1.5b": (
        "qwen2",
        {
            "vocab_size": 151936,
            "hidden_size": 1536,
            "intermediate_size": 8960,
            "num_hidden_layers": 28,
            "num_attention_heads": 12,
            "num_key_value_heads": 2,
            "rms_norm_eps": 1e-6,
            "max_position_embeddings": 32768,
            "tie_word_embeddings": True,
        },
    ),
    "qwen3-1.7b": (
        "qwen3",
        {
            "vocab_size": 151936,
            "hidden_size": 2048,
            "intermediate_size": 6144,
            "num_hidden_layers": 28,
            "num_attention_heads": 16,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "rms_norm_eps": 1e-6,
            "max_position_embeddings": 40960,
            "tie_word_embeddings": True,
        },
    ),
    "gemma-2-2b": (
        "gemma2",
        {
            "vocab_size": 256000,
            "hidden_size": 2304,
            "intermediate_size": 9216,
            "num_hidden_layers": 26,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "head_dim": 256,
            "query_pre_attn_scalar": 256,
            "sliding_window": 4096,
            "max_position_embeddings": 8192,
            "tie_word_embeddings": True,
        },
    ),
}


def parameters_of(name: str) -> int:
    """The number of the shape's parameters, counted without making them."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    kind, values = SHAPES[name]
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **values))
    return sum(parameter.numel() for parameter in model.parameters())


def text_lengths(name: str) -> tuple[int, int]:
    """Tokens of two texts: a short one, and one past the sliding window, or past the context
    from which on LongRoPE takes its other factors."""
    values = SHAPES[name][1]
    rope = values.get("rope_parameters", {})
    edges = [values.get("sliding_window")]
    if rope.get("rope_type") == "longrope":
        edges.append(values["original_max_position_embeddings"])
    reached = [edge for edge in edges if edge and edge < values["max_position_embeddings"]]
    return 32, min(reached) + 53 if reached else 512


@contextlib.contextmanager
def _quick_normal() -> Iterator[None]:
    """Normal values from a table, each time from another place of it on: drawing billions of them
    takes minutes on one core. Its length is a prime, so no two rows of a matrix are equal."""
    import torch

    table = torch.randn(16_777_213)

    def normal_(self: Any, mean: float = 0.0, std: float = 1.0, **_: Any) -> Any:
        values = (table * std + mean).to(self.dtype)
        flat = self.view(-1)
        start = int(torch.randint(len(values), ()))
        at = 0
        while at < len(flat):
            part = values[start : start + len(flat) - at]
            flat[at : at + len(part)] = part
            at, start = at + len(part), 0
        return self

    with mock.patch.object(torch.Tensor, "normal_", normal_):
        yield


def make_full_size(name: str, folder: Path, layers: int | None = None) -> int:
    """Write the model, or one of fewer *layers*; returns its parameters.

    Takes the memory of the whole model: best done in a process of its own.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

    from tests.tiny_models import make_tokenizer

    tokenizer = make_tokenizer(folder)
    kind, values = SHAPES[name]
    values = values | ({"num_hidden_layers": layers} if layers else {})
    config = AutoConfig.for_model(
        kind,
        **values,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    with _quick_normal():
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=[tokenizer.eos_token_id],
        pad_token_id=tokenizer.pad_token_id,
    )
    model.save_pretrained(folder, max_shard_size="2GB")
    return sum(parameter.numel() for parameter in model.parameters())
