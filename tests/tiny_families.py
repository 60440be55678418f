"""Tiny random models of every family that the catalogue offers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.tiny_models import make_tokenizer

SHORT, LONG = 12, 96


@dataclass(frozen=True)
class Shape:
    """One family: its configuration, small, and what is particular in it."""

    kind: str
    values: dict[str, Any] = field(default_factory=dict)
    lengths: tuple[int, ...] = (SHORT, LONG)
    """Lengths of the texts that are compared."""


def longrope(half: int) -> dict[str, Any]:
    """Factors for *half* of the rotated dimensions, as Phi-3's 128k models have them."""
    return {
        "rope_type": "longrope",
        "short_factor": [1.0 + 0.01 * n for n in range(half)],
        "long_factor": [1.0 + 0.25 * n for n in range(half)],
    }


LLAMA3_ROPE = {
    "rope_type": "llama3",
    "factor": 32.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
    "rope_theta": 500000.0,
}

SHAPES = {
    "phi-3-4k": Shape(
        "phi3",
        {
            "max_position_embeddings": 256,
            "original_max_position_embeddings": 256,
            "sliding_window": 64,
        },
    ),
    # The short factors up to 64 tokens, the long ones beyond.
    "phi-3-128k": Shape(
        "phi3",
        {
            "max_position_embeddings": 1024,
            "original_max_position_embeddings": 64,
            "sliding_window": 2048,
            "rope_parameters": longrope(16) | {"rope_theta": 10000.0},
        },
    ),
    "phi-4-mini": Shape(
        "phi3",
        {
            "hidden_size": 256,
            # Fused they must not have as many outputs as there are tokens.
            "num_key_value_heads": 1,
            "max_position_embeddings": 1024,
            "original_max_position_embeddings": 64,
            "sliding_window": 2048,
            "tie_word_embeddings": True,
            # 48 of 64 dimensions are rotated.
            "rope_parameters": longrope(24)
            | {"rope_theta": 10000.0, "partial_rotary_factor": 0.75},
        },
    ),
    "smollm2": Shape("llama", {"tie_word_embeddings": True}),
    "llama-3.2": Shape("llama", {"tie_word_embeddings": True, "rope_parameters": LLAMA3_ROPE}),
    "qwen2.5": Shape("qwen2", {"tie_word_embeddings": True}),
    "qwen3": Shape("qwen3", {"tie_word_embeddings": True, "head_dim": 64}),
    "gemma-2": Shape(
        "gemma2",
        {
            "tie_word_embeddings": True,
            # Of which the root is exact: the builder rounds it to two decimals.
            "hidden_size": 256,
            "head_dim": 64,
            "query_pre_attn_scalar": 64,
            "sliding_window": 64,
        },
    ),
    "gemma-3": Shape(
        "gemma3_text",
        {
            "tie_word_embeddings": True,
            # Of which the root is exact: the builder rounds it to two decimals.
            "hidden_size": 256,
            "head_dim": 64,
            "query_pre_attn_scalar": 64,
            "sliding_window": 64,
            "num_hidden_layers": 6,
        },
    ),
}


def make(shape: Shape, folder: Path) -> Path:
    """A random model of the family with the tests' tokenizer, saved in float32."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

    tokenizer = make_tokenizer(folder)
    torch.manual_seed(0)
    stops = [tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|end|>")]
    values: dict[str, Any] = {
        "vocab_size": (len(tokenizer) + 63) // 64 * 64,
        "hidden_size": 128,
        "intermediate_size": 384,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        # Larger than usual, so that a mistake shows in the logits.
        "initializer_range": 0.06,
    }
    config = AutoConfig.for_model(shape.kind, **values | shape.values)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=stops, pad_token_id=tokenizer.pad_token_id
    )
    model.save_pretrained(folder)
    return folder
