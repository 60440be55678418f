"""The families of the catalogue, tiny: merged weights and exported model say the same.

Each goes the way of a run without its training: float32 weights as the merge writes them, the
project's own fixes of the configuration, Olive's ModelBuilder, onnxruntime-genai.
"""

from __future__ import annotations

import gc
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phi3studio.runs.model_folder import check_model_folder
from phi3studio.worker import olive_config as oc
from phi3studio.worker.export import place_merged
from phi3studio.worker.genai import GenaiModel
from phi3studio.worker.models import model_facts
from phi3studio.worker.models.builder import mend_builder
from phi3studio.worker.olive_run import run_workflow
from tests.tiny_models import make_tokenizer
from tests.worker.running import tiny_recipe

TOLERANCE = 1e-4
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


def reference(folder: Path, ids: list[int]) -> np.ndarray[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    with torch.no_grad():
        return np.asarray(model(torch.tensor([ids])).logits[0], dtype=np.float32)


@pytest.mark.parametrize("name", SHAPES)
def test_the_exported_model_says_what_the_merged_one_says(name: str, tmp_path: Path) -> None:
    shape = SHAPES[name]
    base = make(shape, tmp_path / "output")
    check_model_folder(base)
    facts = model_facts(base)
    assert facts.architecture == shape.kind
    assert facts.target_modules("attention")
    merged = tmp_path / "merged"
    place_merged(Path(shutil.copytree(base, tmp_path / "copied")), merged)
    mend_builder()
    recipe = tiny_recipe(merged, tmp_path / "no-data", quantisation="fp32")
    config = oc.build_config(recipe, merged, tmp_path / "built", tmp_path / "cache")
    output = run_workflow(config, tmp_path / "tmp").model
    settings = json.loads((output / "genai_config.json").read_text())
    assert settings["model"]["context_length"] == facts.context
    exported = GenaiModel(output, threads=1)
    assert len(exported.stop_ids) == 2
    chance = np.random.default_rng(1)
    worst = {}
    for length in shape.lengths:
        ids = [int(n) for n in chance.integers(260, 500, length)]
        expected = reference(merged, ids)
        assert np.abs(expected).max() > 0.5, "the weights are too small for a comparison"
        got = exported.logits(ids)[:, : expected.shape[1]]
        worst[length] = float(np.abs(got - expected).max())
    del exported
    gc.collect()
    assert max(worst.values()) < TOLERANCE, worst
