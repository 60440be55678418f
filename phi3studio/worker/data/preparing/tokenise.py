"""From rendered text to ids and loss mask.

The rule of the mask: the model learns exactly what it has to say, and the stop token that ends
it. The prompt's ids are those that inference will send, so training and chat see the same: a
prompt is tokenised by itself, and what follows as the continuation of it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from phi3studio.domain.errors import InputError, first_line

IGNORED = -100
"""The label of a token that is not learned (PyTorch's cross entropy ignores it)."""

_TAIL = 32
_PARALLEL_FROM = 64
_SHORT = 64
_SHORT_TEXTS = 20_000


class Tokenizer(Protocol):
    """What is used of a Hugging Face tokenizer. A fast one has a ``backend_tokenizer``."""

    eos_token: str | None
    eos_token_id: int | None
    bos_token_id: int | None
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


class Segment(NamedTuple):
    """A piece of a rendered row: masked, or (``trained``) learned, with the stop token after it
    where the answer ends there (``stops``)."""

    text: str
    trained: bool
    stops: bool = True

    @property
    def ends(self) -> bool:
        """Whether the stop token follows."""
        return self.trained and self.stops


@dataclass(frozen=True)
class Rendered:
    """A row as text: ``prompt`` is what inference sends for the last answer, ``completion`` that
    answer. The segments joined are the whole text; a learned one is followed by the stop token.

    ``bos``: whether the tokenizer's own beginning is put before it (a chat template writes it
    itself).
    """

    prompt: str
    completion: str
    segments: tuple[Segment, ...]
    bos: bool

    @property
    def learned(self) -> str:
        """The learned parts, a line each."""
        return "\n".join(segment.text for segment in self.segments if segment.trained)


@dataclass(frozen=True)
class Example:
    """One training row.

    ``input_ids`` and ``labels`` have one entry per token; a label is the token's own id where it
    is learned and :data:`IGNORED` elsewhere. ``prompt_tokens`` counts the tokens before the last
    completion: what inference sends. ``cut_off`` counts tokens lost to the sequence length.
    ``rejected`` is the same prompt with a worse answer, where pairs are trained; ``good`` says how
    the answer was rated, where that is learned from.
    """

    prompt: str
    completion: str
    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    prompt_tokens: int
    cut_off: int = 0
    rejected: Example | None = None
    good: bool | None = None

    @property
    def learned(self) -> int:
        """The number of learned tokens."""
        return len(self.labels) - self.labels.count(IGNORED)

    @property
    def tokens(self) -> int:
        """The number of tokens; those of a pair's prompt once."""
        more = self.rejected
        return len(self.input_ids) + (len(more.input_ids) - more.prompt_tokens if more else 0)


class Measure(NamedTuple):
    """The length of a row before it is cut off, and its learned tokens within the limit."""

    tokens: int
    trained: int


class Encoded(NamedTuple):
    """The whole row before it is cut off. ``spans`` are the characters (start, end) of each
    token in its own segment, where they were asked for; ``segment`` the segment's number, or -1
    for a token that stands for no text of the row (beginning, stop)."""

    ids: list[int]
    trained: list[bool]
    prompt_tokens: int
    spans: list[tuple[int, int, int]]


def special_tokens(tokenizer: Tokenizer) -> list[str]:
    """Every token with a meaning of its own. ``all_special_tokens`` lacks what only the
    tokenizer's file marks as special, as Phi-3's tags."""
    added = getattr(tokenizer, "added_tokens_decoder", {})
    marked = [str(token.content) for token in added.values() if token.special]
    return list(dict.fromkeys([*tokenizer.all_special_tokens, *marked]))


def find_stop(tokenizer: Tokenizer) -> Stop:
    """The stop token of a model: what its chat template writes after an answer, else its EOS."""
    if tokenizer.chat_template:
        mark = "answer-7f3a"
        conversation = [
            {"role": "user", "content": "question"},
            {"role": "assistant", "content": mark},
        ]
        try:
            text = str(tokenizer.apply_chat_template(conversation, tokenize=False))
        except Exception as exc:  # whatever a template raises
            raise InputError("model.template", variant="answer", reason=first_line(exc)) from exc
        tail = text.rpartition(mark)[2]
        special = [token for token in special_tokens(tokenizer) if token in tail]
        if mark in text and special:
            first = min(special, key=tail.index)
            return Stop(first, tokenizer.convert_tokens_to_ids(first))
    if tokenizer.eos_token is None or tokenizer.eos_token_id is None:
        raise InputError("model.no_stop_token")
    return Stop(tokenizer.eos_token, tokenizer.eos_token_id)


class Encoder:
    """Tokenises rendered rows, many at a time, the same way for preview, check and training.

    Thread-safe once made. Uses the Rust tokenizer directly where there is one: the same ids as
    the wrapped one gives, several times faster.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.stop = find_stop(tokenizer)
        self._fast = getattr(tokenizer, "backend_tokenizer", None)
        self._short: dict[str, int] = {}
        with_special = list(tokenizer("a")["input_ids"])  # also switches off stored truncation
        plain = list(tokenizer("a", add_special_tokens=False)["input_ids"])
        self._beginning = with_special[: max(0, _find(with_special, plain))]
        self.special_tokens = special_tokens(tokenizer)
        # SentencePiece tokenizers put a space before a text; byte-level ones do not.
        self._context_free = all(
            self._ids(head + word) == self._ids(head) + self._ids(word)
            for head, word in (("\n", "joy"), (":\n", "Joy"), ("\n", "été"))
        )

    def encode(self, rows: Sequence[Rendered], *, spans: bool = False) -> list[Encoded]:
        """The tokens of *rows*, not yet cut off."""
        texts: list[str] = []
        for row in rows:
            before = ""
            for segment in row.segments:
                if not self._context_free and before:
                    tail = self._tail(before)
                    texts += (tail, tail + segment.text)
                texts.append(segment.text)
                before += segment.text + (self.stop.text if segment.ends else "")
        pieces = iter(self._batch(texts, spans))
        return [self._assemble(row, pieces) for row in rows]

    def examples(self, rows: Sequence[Rendered], max_tokens: int) -> list[Example]:
        """The training rows, cut off at *max_tokens*."""
        return [
            example_of(row, encoded, max_tokens)
            for row, encoded in zip(rows, self.encode(rows), strict=True)
        ]

    def measure(self, rows: Sequence[Rendered], max_tokens: int) -> list[Measure]:
        """The lengths that :meth:`encode` would give, without the ids: somewhat faster."""
        if self._fast is None or not self._context_free:
            return [
                Measure(len(encoded.ids), encoded.trained[:max_tokens].count(True))
                for encoded in self.encode(rows)
            ]
        texts = [segment.text for row in rows for segment in row.segments]
        lengths = iter(self._lengths(texts))
        return [self._measure(row, lengths, max_tokens) for row in rows]

    def _measure(self, row: Rendered, lengths: Iterator[int], max_tokens: int) -> Measure:
        tokens = len(self._beginning) if row.bos else 0
        trained = 0
        for segment in row.segments:
            count = next(lengths)
            if segment.trained:
                count += segment.stops  # the stop token
                trained += max(0, min(max_tokens, tokens + count) - tokens)
            tokens += count
        return Measure(tokens, trained)

    def _lengths(self, texts: Sequence[str]) -> list[int]:
        """Token counts. Short texts, labels for instance, occur again and again."""
        known = self._short
        if len(known) > _SHORT_TEXTS:
            known.clear()
        new = list(dict.fromkeys(text for text in texts if text not in known))
        with _parallel(len(new) >= _PARALLEL_FROM):
            encodings = self._encode_batch(new)
        counts = dict(zip(new, map(len, encodings), strict=True))
        known.update((text, count) for text, count in counts.items() if len(text) <= _SHORT)
        return [counts[text] if text in counts else known[text] for text in texts]

    def _assemble(self, row: Rendered, pieces: Iterator[_Piece]) -> Encoded:
        ids: list[int] = list(self._beginning) if row.bos else []
        trained = [False] * len(ids)
        spans = [(-1, 0, 0)] * len(ids)
        prompt_tokens = 0
        before = False
        for number, (text, learned, stops) in enumerate(row.segments):
            skip = shift = 0
            if not self._context_free and before:
                tail, both, alone = next(pieces), next(pieces), next(pieces)
                piece = alone
                if both.ids[: len(tail.ids)] == tail.ids:
                    piece, skip = both, len(tail.ids)
                    shift = tail.length
            else:
                piece = next(pieces)
            before = before or bool(text) or learned
            if learned:
                prompt_tokens = len(ids)
            new = piece.ids[skip:] if skip else piece.ids
            ids += new
            trained += [learned] * len(new)
            if piece.spans is not None:
                spans += [
                    (number, max(0, start - shift), max(0, end - shift))
                    for start, end in piece.spans[skip:]
                ]
            if learned and stops:
                ids.append(self.stop.id)
                trained.append(True)
                spans.append((-1, 0, 0))
        return Encoded(ids, trained, prompt_tokens, spans)

    def _tail(self, text: str) -> str:
        """The end of *text*, from a special token or a space on: enough to continue it."""
        start = max(0, len(text) - _TAIL)
        at = max((text.rfind(tag, max(0, start - 16)) for tag in self.special_tokens), default=-1)
        if at >= 0:
            return text[at:]
        if start:
            space = text.find(" ", start)
            start = space if 0 <= space < len(text) - 1 else start
        return text[start:]

    def _encode_batch(self, texts: Sequence[str], *, spans: bool = False) -> Any:
        assert self._fast is not None
        # The same ids; without the characters' places it is a tenth faster.
        encode = self._fast.encode_batch if spans else self._fast.encode_batch_fast
        return encode(texts, add_special_tokens=False)

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _batch(self, texts: Sequence[str], spans: bool) -> list[_Piece]:
        if self._fast is None:
            return [
                _Piece(self._ids(text), None, len(text)) if text else _NOTHING for text in texts
            ]
        with _parallel(len(texts) >= _PARALLEL_FROM):
            encodings = self._encode_batch(texts, spans=spans)
        return [
            _Piece(encoding.ids, encoding.offsets if spans else None, len(text))
            for encoding, text in zip(encodings, texts, strict=True)
        ]


class _Piece(NamedTuple):
    ids: list[int]
    spans: list[tuple[int, int]] | None
    length: int


_NOTHING = _Piece([], None, 0)


def example_of(row: Rendered, encoded: Encoded, max_tokens: int) -> Example:
    """Cut a row off at *max_tokens*."""
    ids, trained = encoded.ids, encoded.trained
    labels = [token if learn else IGNORED for token, learn in zip(ids, trained, strict=True)]
    return Example(
        row.prompt,
        row.completion,
        tuple(ids[:max_tokens]),
        tuple(labels[:max_tokens]),
        min(encoded.prompt_tokens, max_tokens),
        max(0, len(ids) - max_tokens),
    )


def _find(ids: Sequence[int], part: Sequence[int]) -> int:
    """Where *part* lies in *ids*; -1 if nowhere."""
    for at in range(len(ids) - len(part) + 1):
        if list(ids[at : at + len(part)]) == list(part):
            return at
    return -1


@contextlib.contextmanager
def _parallel(wanted: bool) -> Iterator[None]:
    """Let the Rust tokenizer use all cores for one call: off elsewhere, because of forks."""
    name = "TOKENIZERS_PARALLELISM"
    before = os.environ.get(name)
    if not wanted or before == "true":
        yield
        return
    os.environ[name] = "true"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before
