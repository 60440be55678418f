"""A Hugging Face tokenizer as llama.cpp's: tokens, their kinds, merges or scores, and how texts are
split before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import gguf

from phi3studio.domain.errors import InputError

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_END = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_GPT4O_END = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_SPLITS = {
    rf"{_CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}|{_END}": "llama-bpe",
    rf"{_CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}|{_END}": "qwen2",
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_CONTRACTIONS}?"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_CONTRACTIONS}?"
    rf"|\p{{N}}{{1,3}}|{_GPT4O_END}": "gpt-4o",
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*"
    rf"|\p{{N}}|{_GPT4O_END}": "tekken",
}
"""llama.cpp's names of what splits a text into words, by the expression of the tokenizer's file."""


def write_vocabulary(writer: Any, tokenizer: Any, size: int, *, stop: int, beginning: bool) -> None:
    """Write *tokenizer* into a :class:`gguf.GGUFWriter`, filled up to *size* tokens.

    *stop* ends an answer; *beginning*: whether programs put the beginning token before a prompt.
    Raises :class:`InputError` for a tokenizer that llama.cpp has no kind for.
    """
    file = json.loads(tokenizer.backend_tokenizer.to_str())
    model = file["model"]
    if model["type"] != "BPE":
        raise InputError("gguf.tokenizer", kind=model["type"])
    tokens = _tokens(tokenizer, size)
    kinds = _kinds(file, tokens)
    if model.get("byte_fallback"):
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_scores(_scores(file, tokens, kinds))
        writer.add_add_space_prefix(_prepends_space(file))
    else:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(_split(file))
        writer.add_token_merges([" ".join(_pair(merge)) for merge in model["merges"]])
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    for token, add in (
        (tokenizer.bos_token_id, writer.add_bos_token_id),
        (stop, writer.add_eos_token_id),
        (tokenizer.unk_token_id, writer.add_unk_token_id),
        (tokenizer.pad_token_id, writer.add_pad_token_id),
    ):
        if token is not None:
            add(token)
    writer.add_add_bos_token(beginning)
    writer.add_add_eos_token(False)


def strips_after_tags(tokenizer: Any) -> bool:
    """Whether space after special tokens is left out, as Phi-3's tokenizer does."""
    added = json.loads(tokenizer.backend_tokenizer.to_str())["added_tokens"]
    return any(token["rstrip"] for token in added if token["special"])


def _tokens(tokenizer: Any, size: int) -> list[str]:
    known = {number: text for text, number in tokenizer.get_vocab().items()}
    return [known.get(number, f"[PAD{number}]") for number in range(size)]


def _kinds(file: Mapping[str, Any], tokens: list[str]) -> list[int]:
    kind = gguf.TokenType
    model = file["model"]
    known = set(model["vocab"])
    found = [kind.NORMAL if text in known else kind.UNUSED for text in tokens]
    if model.get("byte_fallback"):
        found = [
            kind.BYTE if len(text) == 6 and text.startswith("<0x") else before
            for text, before in zip(tokens, found, strict=True)
        ]
    for token in file["added_tokens"]:
        if token["id"] < len(found):
            found[token["id"]] = kind.CONTROL if token["special"] else kind.USER_DEFINED
    if model.get("unk_token") in known:
        found[model["vocab"][model["unk_token"]]] = kind.UNKNOWN
    return [int(value) for value in found]


def _scores(file: Mapping[str, Any], tokens: list[str], kinds: list[int]) -> list[float]:
    """SentencePiece merges what scores highest: here the tokens in the order of their merges."""
    order: dict[str, int] = {}
    for left, right in map(_pair, file["model"]["merges"]):
        order.setdefault(left + right, len(order))
    return [
        -float(order[text]) if text in order and kind == gguf.TokenType.NORMAL else _no_score(kind)
        for text, kind in zip(tokens, kinds, strict=True)
    ]


def _no_score(kind: int) -> float:
    # Never the result of a merge.
    return 0.0 if kind in (gguf.TokenType.BYTE, gguf.TokenType.UNKNOWN) else -1e9


def _pair(merge: Any) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _prepends_space(file: Mapping[str, Any]) -> bool:
    parts = _parts(file.get("normalizer"), "normalizers")
    before = _parts(file.get("pre_tokenizer"), "pretokenizers")
    return any(part["type"] == "Prepend" for part in parts) or any(
        part["type"] == "Metaspace" and part.get("prepend_scheme") != "never" for part in before
    )


def _parts(part: Any, inner: str) -> Iterator[dict[str, Any]]:
    if part is None:
        return
    if part["type"] == "Sequence":
        for one in part[inner]:
            yield from _parts(one, inner)
    else:
        yield part


def _split(file: Mapping[str, Any]) -> str:
    """llama.cpp's name of the way in which texts are split into words."""
    parts = list(_parts(file.get("pre_tokenizer"), "pretokenizers"))
    kinds = [part["type"] for part in parts]
    own = bool(parts) and kinds[-1] == "ByteLevel" and parts[-1].get("use_regex", True)
    if kinds == ["ByteLevel"] and own:
        return "gpt-2"
    if kinds == ["Digits", "ByteLevel"] and own and parts[0]["individual_digits"]:
        return "smollm"
    if kinds == ["Split", "ByteLevel"] and not own:
        expression = parts[0]["pattern"].get("Regex", "")
        if expression in _SPLITS:
            return _SPLITS[expression]
    raise InputError("gguf.split", how=" + ".join(kinds) or "-")
