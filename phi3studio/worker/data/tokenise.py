"""From rendered text to ids and loss mask.

The rule of the mask: the model learns exactly what it has to say, and the stop token that ends
it. The prompt's ids are those that inference will send, so training and chat see the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from phi3studio.domain.errors import InputError

IGNORED = -100
"""The label of a token that is not learned (PyTorch's cross entropy ignores it)."""


class Tokenizer(Protocol):
    """What is used of a Hugging Face fast tokenizer."""

    eos_token: str | None
    eos_token_id: int | None
    chat_template: Any
    all_special_tokens: Sequence[str]

    def __call__(self, text: str, **options: Any) -> Mapping[str, Any]: ...
    def convert_tokens_to_ids(self, tokens: str) -> int: ...
    def apply_chat_template(self, conversation: Any, **options: Any) -> Any: ...
    def decode(self, token_ids: Sequence[int], **options: Any) -> str: ...


@dataclass(frozen=True)
class Stop:
    """The token that ends an answer."""

    text: str
    id: int


@dataclass(frozen=True)
class Example:
    """One training row.

    ``input_ids`` and ``labels`` have one entry per token; a label is the token's own id where it
    is learned and :data:`IGNORED` elsewhere. ``prompt_tokens`` counts the tokens before the last
    completion: what inference sends. ``cut_off`` counts tokens lost to the sequence length.
    """

    prompt: str
    completion: str
    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    prompt_tokens: int
    cut_off: int = 0

    @property
    def learned(self) -> int:
        """The number of learned tokens."""
        return sum(label != IGNORED for label in self.labels)


def find_stop(tokenizer: Tokenizer) -> Stop:
    """The stop token of a model: what its chat template writes after an answer, else its EOS."""
    if tokenizer.chat_template:
        mark = "answer-7f3a"
        conversation = [
            {"role": "user", "content": "question"},
            {"role": "assistant", "content": mark},
        ]
        text = str(tokenizer.apply_chat_template(conversation, tokenize=False))
        tail = text.rpartition(mark)[2]
        special = [token for token in tokenizer.all_special_tokens if token in tail]
        if mark in text and special:
            first = min(special, key=tail.index)
            return Stop(first, tokenizer.convert_tokens_to_ids(first))
    if tokenizer.eos_token is None or tokenizer.eos_token_id is None:
        raise InputError(
            "model.no_stop_token",
            "The model's tokenizer has no end-of-sequence token, so its answers could not stop.",
            "Choose an instruct model, or add eos_token to its tokenizer_config.json.",
        )
    return Stop(tokenizer.eos_token, tokenizer.eos_token_id)


def tokenise_pair(
    tokenizer: Tokenizer, stop: Stop, prompt: str, completion: str, max_tokens: int
) -> Example:
    """Tokenise prompt and completion; the completion and the stop token are learned.

    Source of the rule: the longest ids of the whole text that start with the prompt's own ids;
    where a token would grow across the boundary, the completion is tokenised by itself, because
    inference sends the prompt alone.
    """
    body = completion.removesuffix(stop.text)
    prompt_ids = list(tokenizer(prompt)["input_ids"]) if prompt else []
    whole = list(tokenizer(prompt + body)["input_ids"])
    if whole[: len(prompt_ids)] != prompt_ids:
        own = list(tokenizer(body, add_special_tokens=False)["input_ids"])
        whole = prompt_ids + own
    ids = [*whole, stop.id]
    labels = [IGNORED] * len(prompt_ids) + ids[len(prompt_ids) :]
    return _cut(prompt, body.rstrip("\n"), ids, labels, len(prompt_ids), max_tokens)


def tokenise_chat(
    tokenizer: Tokenizer,
    stop: Stop,
    messages: Sequence[Mapping[str, Any]],
    max_tokens: int,
    tools: Any = None,
) -> Example:
    """Tokenise a conversation with the model's own template; every assistant turn is learned.

    The learned spans come from the template itself: what it adds for a turn beyond the
    generation prompt before it, up to and including the stop token.
    """
    if not tokenizer.chat_template:
        raise InputError(
            "model.no_chat_template",
            "The model's tokenizer has no chat template, so conversations cannot be rendered.",
            "Choose an instruct model, or use columns with a template instead.",
        )

    def render(upto: int, generation: bool) -> str:
        extra = {"tools": tools} if tools else {}
        return str(
            tokenizer.apply_chat_template(
                list(messages[:upto]), tokenize=False, add_generation_prompt=generation, **extra
            )
        )

    whole = render(len(messages), generation=False)
    spans: list[tuple[int, int]] = []
    for index, message in enumerate(messages):
        if message.get("role") != "assistant":
            continue
        before, after = render(index, generation=True), render(index + 1, generation=False)
        if not (after.startswith(before) and whole.startswith(after.rstrip("\n"))):
            raise InputError(
                "model.chat_template",
                "The model's chat template rewrites earlier turns, so their mask is unknown.",
                "Use a model whose template keeps the turns, or rows with a template.",
            )
        cut = after.rfind(stop.text, len(before))
        spans.append((len(before), cut + len(stop.text) if cut >= 0 else len(after)))
    if not spans:
        raise InputError(
            "data.no_assistant_turn",
            "A conversation has no assistant turn, so there is nothing to learn.",
            "Add the assistant's answer, or drop the row.",
        )
    # The text ends at the last stop token: what a template writes after it is never generated.
    text = whole[: spans[-1][1]]
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids = list(encoded["input_ids"])
    labels = [
        token if any(start <= at < end for start, end in spans) else IGNORED
        for token, (at, _) in zip(ids, encoded["offset_mapping"], strict=True)
    ]
    last = spans[-1][0]
    prompt_tokens = sum(at < last for at, _ in encoded["offset_mapping"])
    completion = text[last:].removesuffix(stop.text)
    return _cut(text[:last], completion, ids, labels, prompt_tokens, max_tokens)


def _cut(
    prompt: str,
    completion: str,
    ids: list[int],
    labels: list[int],
    prompt_tokens: int,
    max_tokens: int,
) -> Example:
    return Example(
        prompt,
        completion,
        tuple(ids[:max_tokens]),
        tuple(labels[:max_tokens]),
        min(prompt_tokens, max_tokens),
        max(0, len(ids) - max_tokens),
    )
