"""Tiny models with the real architectures, made locally with random weights in about a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PHI3_CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ '<|system|>\n' + message['content'] + '<|end|>\n' }}"
    "{% elif message['role'] == 'user' %}{{ '<|user|>\n' + message['content'] + '<|end|>\n' }}"
    "{% elif message['role'] == 'assistant' %}"
    "{{ '<|assistant|>\n' + message['content'] + '<|end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)

_CORPUS = [
    "### Text: The results came back clear\n### The tone is:\nJoy Sad Fear Surprise",
    "Nobody answered when I called. I miss the long evenings that we spent by the sea.",
    "Footsteps stopped right outside my door and my heart began to pound.",
    "Who would have guessed that the quiet neighbour had been a circus acrobat?",
    "How do I make a backup of my files? Copy them to a second drive once a week.",
]


def make_tokenizer(folder: Path) -> Any:
    """A sentencepiece-like BPE tokenizer with byte fallback and Phi-3's tags, as Phi-3 has it."""
    from tokenizers import (
        AddedToken,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        trainers,
    )
    from transformers import PreTrainedTokenizerFast

    bytes_ = [f"<0x{value:02X}>" for value in range(256)]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<unk>", "<s>", "</s>", *bytes_],
        show_progress=False,
    )
    # Learned word by word, so that no token reaches across a space or holds letters with
    # punctuation; then used without the splitting, as Llama's and Phi-3's tokenizers are.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(prepend_scheme="always", split=True),
            pre_tokenizers.Punctuation("contiguous"),
        ]
    )
    tokenizer.train_from_iterator([line.replace("\n", " ") for line in _CORPUS] * 4, trainer)
    tokenizer.pre_tokenizer = None
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tags = ["<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"]
    tokenizer.add_special_tokens([AddedToken(tag, special=True, normalized=False) for tag in tags])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="<|endoftext|>",
        unk_token="<unk>",
        pad_token="<|endoftext|>",
        model_max_length=512,
    )
    fast.chat_template = PHI3_CHAT_TEMPLATE
    fast.save_pretrained(folder)
    return fast


def make_tiny_phi3(folder: Path, **changes: Any) -> Path:
    """A random Phi3ForCausalLM (hidden 128, 2 layers, 4/2 heads) with tokenizer in *folder*."""
    import torch
    from transformers import GenerationConfig, Phi3Config, Phi3ForCausalLM

    tokenizer = make_tokenizer(folder)
    torch.manual_seed(0)
    values: dict[str, Any] = {
        "vocab_size": (len(tokenizer) + 63) // 64 * 64,
        "hidden_size": 128,
        # Neither this nor twice this may be the vocabulary's 512: ModelBuilder takes every linear
        # layer with as many outputs as there are tokens for the head.
        "intermediate_size": 384,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "original_max_position_embeddings": 512,
        "sliding_window": 256,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "tie_word_embeddings": False,
    }
    model = Phi3ForCausalLM(Phi3Config(**values | changes))
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=[tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|end|>")],
        pad_token_id=tokenizer.pad_token_id,
    )
    model.save_pretrained(folder)
    return folder
