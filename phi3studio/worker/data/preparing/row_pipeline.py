"""The way of every row, in preview, check and training: edited, repaired, rendered, tokenised."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Data
from phi3studio.domain.rows.row_edits import RowEdits
from phi3studio.domain.template import is_blank, lookup, parse_template
from phi3studio.worker.data.meaning.answer_ratings import is_good
from phi3studio.worker.data.meaning.message_turns import turns_at
from phi3studio.worker.data.meaning.unread_parts import UnreadTally
from phi3studio.worker.data.preparing import text_defects
from phi3studio.worker.data.preparing.render import Renderer, conversation
from phi3studio.worker.data.preparing.repair import RowRepairs, map_texts, texts_of
from phi3studio.worker.data.preparing.tokenise import (
    Encoded,
    Encoder,
    Example,
    Measure,
    Rendered,
    Segment,
    Tokenizer,
    example_of,
)

Row = dict[str, Any]
_SHORTEN_ROUNDS = 12
# Faults of the template or the model, or ones that have a repair of their own.
_NOT_SKIPPED = frozenset(
    {
        *("data.missing_column", "data.empty_value", "data.no_assistant_turn"),
        *("data.no_chosen", "data.no_rejected", "data.no_rating", "model.chat_template"),
    }
)


@dataclass(slots=True)
class Passed:
    """A row after its way. ``dropped`` names the repair that leaves it out, ``error`` says why
    it cannot be used (both: a row that is skipped); otherwise ``rendered`` is set, and ``encoded``
    once it was tokenised; ``rejected`` and ``rejected_encoded`` are a pair's worse side; ``good``
    says how the answer was rated, where ratings are learned from."""

    row: Row
    rendered: Rendered | None = None
    encoded: Encoded | None = None
    dropped: str | None = None
    error: InputError | None = None
    rejected: Rendered | None = None
    rejected_encoded: Encoded | None = None
    good: bool | None = None

    @property
    def sides(self) -> list[Rendered]:
        """What is tokenised: nothing, the rendered row, or both sides of a pair."""
        return [side for side in (self.rendered, self.rejected) if side is not None]

    @property
    def encodings(self) -> list[Encoded]:
        """The sides' tokens."""
        return [side for side in (self.encoded, self.rejected_encoded) if side is not None]

    @property
    def longest(self) -> int:
        """Tokens of the longer side, before it is cut off."""
        return max((len(side.ids) for side in self.encodings), default=0)

    def example(self, max_tokens: int) -> Example:
        """The training row or pair, cut off at *max_tokens*."""
        assert self.rendered is not None and self.encoded is not None  # noqa: PT018
        found = example_of(self.rendered, self.encoded, max_tokens)
        if self.good is not None:
            return replace(found, good=self.good)
        if self.rejected is None or self.rejected_encoded is None:
            return found
        return replace(found, rejected=example_of(self.rejected, self.rejected_encoded, max_tokens))


class Measured(NamedTuple):
    """Lengths of a row in tokens, 0 where it was not rendered; ``dropped`` as of
    :class:`Passed`. Of a pair ``tokens`` are the longer side's, and ``trained`` both sides', or 0
    where one of them has none."""

    tokens: int
    trained: int
    dropped: str | None


_NOT_MEASURED = Measured(0, 0, None)


class Process:
    """What one data section does with rows, for one tokenizer and sequence length.

    *known* are the columns that the data has. Thread-safe.
    """

    def __init__(
        self, data: Data, tokenizer: Tokenizer | Encoder, max_tokens: int, known: Collection[str]
    ) -> None:
        self.data = data
        self.encoder = tokenizer if isinstance(tokenizer, Encoder) else Encoder(tokenizer)
        self.max_tokens = max_tokens
        kinds = {repair.kind for repair in data.repairs}
        self._skip_broken = data.skip_broken or "skip_broken" in kinds
        self._shorten = "shorten" in kinds
        self._drop_cut_off = "drop_cut_off" in kinds
        self.edits = RowEdits(data.repairs)
        self._repairs = RowRepairs(data, self.encoder.special_tokens)
        sides = [side for side in (data, data.worse) if side is not None]
        self._renderers = [
            Renderer(side, self.encoder.tokenizer, self.encoder.stop, known) for side in sides
        ]
        prompt: tuple[str, ...] = ()
        if data.template is not None:
            prompt = parse_template(data.template.prompt, "prompt").columns
            self.text_columns = data.text_places
            self.input_columns = prompt or self.text_columns
        else:
            self.text_columns = self.input_columns = ()
        self.has_prompt = data.messages is not None or bool(prompt)
        labelled = data.template is not None and data.rejected is None and data.rating is None
        self.label_column = data.template.label_column if data.template and labelled else None

    def render(self, rows: Sequence[Row], places: Iterable[int]) -> list[Passed]:
        """Edit, repair and render; nothing is tokenised yet. *places*: the rows' numbers in the
        source, from 0."""
        return [self._render(row, place) for row, place in zip(rows, places, strict=True)]

    def _render(self, row: Row, place: int) -> Passed:
        if place in self.edits.places:
            try:
                edited = self.edits.apply(place, row)
            except InputError as exc:
                return Passed(row, error=exc)
            if edited is None:
                return Passed(row, dropped="delete_row")
            row = edited
        if self.data.messages is not None:
            # Repairs and what looks for texts then know one form of conversation.
            found = {place: turns_at(row, place) for place in self.data.text_places}
            row = row | {
                place: turns
                for place, turns in found.items()
                if turns is not None and turns != row.get(place)
            }
        repaired, dropped = self._repairs.apply(row)
        passed = Passed(repaired, dropped=dropped)
        if dropped is None:
            try:
                passed.rendered, passed.rejected = self._sides(repaired)
                passed.good = self._rated(repaired)
            except InputError as exc:
                passed.error = exc
                if self._skip_broken and exc.code not in _NOT_SKIPPED:
                    passed.dropped = "skip_broken"
        return passed

    def _sides(self, row: Row) -> tuple[Rendered, Rendered | None]:
        """A row rendered; of a pair both sides."""
        first, *other = (renderer.render(row) for renderer in self._renderers)
        if self.data.rating is not None:
            return _last_answer(first), None
        return pair_of(first, other[0]) if other else (first, None)

    def _rated(self, row: Row) -> bool | None:
        """Whether the row's answer is good, where ratings are learned from."""
        column = self.data.rating
        if column is None:
            return None
        if is_blank(row, column):
            raise InputError("data.no_rating", column=column)
        value = _value(row, column)
        good = is_good(value)
        if good is None:
            raise InputError("data.rating_value", column=column, value=str(value)[:60])
        return good

    def encode(self, rows: Sequence[Passed], *, spans: bool = False) -> list[Passed]:
        """Tokenise what was rendered, and shorten or leave out what is too long, if asked.

        *rows* themselves are not changed: another thread may be reading them.
        """
        rendered = [side for passed in rows for side in passed.sides]
        encodings = iter(self.encoder.encode(rendered, spans=spans))
        result: list[Passed] = []
        for passed in rows:
            if passed.rendered is not None:
                passed = _tokenised(passed, [next(encodings) for _ in passed.sides])
                if passed.longest > self.max_tokens:
                    passed = self._too_long(passed, spans)
            result.append(passed)
        return result

    def measure(self, rows: Sequence[Passed]) -> list[Measured]:
        """The lengths and fates that :meth:`encode` would give."""
        rendered = [side for passed in rows for side in passed.sides]
        measures = iter(self.encoder.measure(rendered, self.max_tokens))
        result: list[Measured] = []
        for passed in rows:
            if passed.rendered is None:
                result.append(_NOT_MEASURED)
                continue
            measure = _of_sides([next(measures) for _ in passed.sides])
            dropped = None
            if measure.tokens > self.max_tokens and (self._shorten or self._drop_cut_off):
                again = self.encode([passed])[0]
                dropped = again.dropped
                measure = _of_sides(
                    [
                        Measure(len(side.ids), side.trained[: self.max_tokens].count(True))
                        for side in again.encodings
                    ]
                )
            result.append(Measured(measure.tokens, measure.trained, dropped))
        return result

    def _too_long(self, passed: Passed, spans: bool) -> Passed:
        if self._shorten:
            return self._shortened(passed, spans)
        if self._drop_cut_off:
            passed.dropped = "drop_cut_off"
        return passed

    def _shortened(self, passed: Passed, spans: bool) -> Passed:
        """Cut the longest value that is not learned, at a sentence, until the row fits."""
        target = self._longest(passed.row)
        length = len(target)
        tried = passed
        for _ in range(_SHORTEN_ROUNDS):
            over = tried.longest - self.max_tokens
            if over <= 0:
                return tried
            per_token = max(1.0, len(target) / max(1, tried.longest))
            text = text_defects.shorten(target, max(0, length - math.ceil(over * per_token)))
            if not text.strip():
                break
            length = len(text)
            row = self._replace(passed.row, target, text)
            try:
                rendered, rejected = self._sides(row)
            except InputError:
                break
            shorter = Passed(row, rendered, rejected=rejected, good=passed.good)
            tried = _tokenised(shorter, self.encoder.encode(shorter.sides, spans=spans))
        return replace(passed, dropped="shorten")

    def _longest(self, row: Row) -> str:
        if self.data.messages is None:
            texts = texts_of(row, self.input_columns)
        else:
            texts = [
                str(turn["content"])
                for turn in conversation(row, self.data.messages)
                if turn["role"] != "assistant"
            ]
        return max(texts, key=len, default="")

    def _replace(self, row: Row, old: str, new: str) -> Row:
        places = self.input_columns if self.data.messages is None else self.data.text_places
        return map_texts(row, places, lambda text: new if text == old else text)

    def input_text(self, passed: Passed) -> str:
        """What the row asks, without the template's own words: two rows with nearly the same
        input teach nearly the same."""
        if self.data.messages is None:
            return "\n".join(str(_value(passed.row, column)) for column in self.input_columns)
        return "\n".join(
            str(turn["content"])
            for turn in conversation(passed.row, self.data.messages)
            if turn["role"] not in ("assistant", "system")
        )

    def count_unread(self, passed: Passed, tally: UnreadTally, number: int) -> None:
        """Count what a rendered row holds and the model does not see."""
        if passed.rendered is not None:
            segments = [segment for side in passed.sides for segment in side.segments]
            tally.add(
                passed.row,
                "".join(segment.text for segment in segments),
                [segment.text for segment in segments if segment.trained],
                number,
            )

    def all_text(self, passed: Passed) -> str:
        """All texts of the row that reach the model, for searching."""
        return "\n".join(texts_of(passed.row, self.data.text_places))

    def text_of(self, passed: Passed, column: str) -> str:
        """The text of any column; empty where there is no value."""
        return str(_value(passed.row, column))

    def repeats_its_prompt(self, passed: Passed) -> bool:
        """Whether the answer is a value that the prompt holds already."""
        if passed.rendered is None or not self.has_prompt:
            return False
        if self.data.messages is not None:
            turns = conversation(passed.row, self.data.messages)
            pairs = [(a["content"], b) for a, b in pairwise(turns) if b["role"] == "assistant"]
            return bool(pairs) and all(
                bool(text := str(answer["content"] or "").strip()) and text == str(asked).strip()
                for asked, answer in pairs
            )
        answer = passed.rendered.completion.strip()
        asked = (self.text_of(passed, column).strip() for column in self.input_columns)
        return bool(answer) and answer in asked

    def is_structured_answer(self, passed: Passed) -> bool:
        """Whether the answer is a list or an object, and not a text."""
        value = self.label_column and _value(passed.row, self.label_column)
        return isinstance(value, (list, dict))

    def escaped_breaks(self, passed: Passed) -> list[str]:
        """The template's columns, or the conversation's place, with “\\n” written out in a
        text that has no line break."""
        if self.data.messages is not None:
            texts = (str(turn["content"]) for turn in conversation(passed.row, self.data.messages))
            escaped = any("\\n" in text and "\n" not in text for text in texts)
            return [self.data.messages] if escaped else []
        values = ((column, self.text_of(passed, column)) for column in self.text_columns)
        return [column for column, text in values if "\\n" in text and "\n" not in text]

    def label(self, passed: Passed) -> str | None:
        """The row's label, where the completion is one column."""
        if self.label_column is None or passed.rendered is None:
            return None
        return passed.rendered.completion


def pair_of(chosen: Rendered, rejected: Rendered) -> tuple[Rendered, Rendered]:
    """Both sides of a pair, of each of which the last answer alone is learned.

    Raises :class:`InputError` where they are no two answers to one prompt.
    """
    if chosen.prompt != rejected.prompt:
        raise InputError("data.pair_prompts")
    for side, code in ((chosen, "data.no_chosen"), (rejected, "data.no_rejected")):
        if not side.completion.strip():
            raise InputError(code)
    if _as_read(chosen.completion) == _as_read(rejected.completion):
        raise InputError("data.equal_answers")
    return _last_answer(chosen), _last_answer(rejected)


def _as_read(text: str) -> list[str]:
    """The lines of *text* without spaces that no reader sees; what indents code stays."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return [f"{line[: -len(line.lstrip())]}{' '.join(line.split())}" for line in lines]


def _last_answer(side: Rendered) -> Rendered:
    """*side* with what was said before its last answer as one masked text."""
    return replace(side, segments=(Segment(side.prompt, False), side.segments[-1]))


def _tokenised(passed: Passed, encodings: Sequence[Encoded]) -> Passed:
    chosen, *rejected = encodings
    return Passed(
        passed.row,
        passed.rendered,
        chosen,
        rejected=passed.rejected,
        rejected_encoded=rejected[0] if rejected else None,
        good=passed.good,
    )


def _of_sides(sides: Sequence[Measure]) -> Measure:
    """The measure of a row, or of both sides of a pair."""
    trained = sum(side.trained for side in sides) if all(side.trained for side in sides) else 0
    return Measure(max(side.tokens for side in sides), trained)


def _value(row: Row, column: str) -> Any:
    found = row.get(column)
    if found is not None:
        return found
    try:
        value = lookup(row, column)
    except KeyError:
        return ""
    return "" if value is None else value


def columns_of(rows: Sequence[Row]) -> list[str]:
    """Every column that some row has, in the order of appearance."""
    seen: dict[str, None] = {}
    for row in rows:
        seen.update(dict.fromkeys(row))
    return list(seen)
