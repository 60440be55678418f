"""What the rows hold and the model does not see: columns, message keys, roles, tools, pictures.

Columns are compared with the template's, texts of a conversation with the rendered text. So what
a chat template passes over in silence is found too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from phi3studio.domain.datasets.source_report import Unread, UnreadKind
from phi3studio.domain.recipe import Data
from phi3studio.domain.rows.repairs import DropMarked, MergeLabels
from phi3studio.domain.template import parse_template
from phi3studio.worker.data.meaning.bad_marks import bad_values, why_it_ended
from phi3studio.worker.data.meaning.column_names import NameRole, strength
from phi3studio.worker.data.meaning.column_profile import (
    Nature,
    are_marks,
    is_number_or_mark,
    nature,
    one_to_one,
    repeats_or_constant,
)
from phi3studio.worker.data.meaning.message_turns import (
    is_known_role,
    not_learned,
    places,
    turns_at,
)
from phi3studio.worker.data.meaning.part_names import part_of
from phi3studio.worker.data.meaning.shown_texts import (
    PICTURE_NAMES,
    PLUMBING,
    WORD,
    Row,
    ShownText,
    called_texts,
    content_parts,
    content_texts,
    described_texts,
    is_blank,
    is_other_part,
    is_picture,
    part_leaves,
    texts_in,
    values_at,
    without_numbers,
)

_SAMPLE = 200
_MANY = 20
_EXAMPLE = 80
_PICTURE_TAG = re.compile(r"<\|?(image|video|audio|img)[^<>\n]{0,12}>")
_TOOL_COLUMNS = frozenset({"tools", "functions"})
_TOOL_KEYS = frozenset({"tool_calls", "function_call"})
_UNMARKED = (1, True, None)
# Missed even where they are the same in every row.
_MISSED: tuple[NameRole, ...] = ("system", "context", "reasoning", "answer", "question", "choices")
_CLEAR = 2
# Marks of parts, or ones that may mean either: what they say is not heeded.
_UNHEEDED = frozenset({"mask", "masks", "masked", "loss_mask", "train_detail"})
_MARKS = frozenset({"weight", "loss", "train", "loss_weight", "trainable", "training"})


@dataclass
class _Seen:
    kind: UnreadKind
    first: int
    rows: int = 0
    example: str = ""
    detail: bool | None = None
    counts: Counter[str] = field(default_factory=Counter)
    values: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Marked:
    """A column that marks rows as bad, the values that do, and how many rows have them. Inside of
    a list ``name`` leaves the number out, and ``column`` is the place in the first row."""

    name: str
    column: str
    values: tuple[str, ...]
    rows: int


class UnreadTally:
    """Counts over all rows of one data section. Not thread-safe."""

    def __init__(self, data: Data) -> None:
        self._messages = data.messages
        repairs = [r.column for r in data.repairs if isinstance(r, (DropMarked, MergeLabels))]
        others = [name for name in (data.split.column, data.rating) if name]
        self._template = data.template
        self._asks = data.template is None or "{" in data.template.prompt
        self._places = data.text_places
        # Of pairs, and of rated ones, no answer before the last one is trained, whatever is said.
        self._pairs = data.rejected is not None or data.rating is not None
        self._used = {*(self._places if data.template else ()), *repairs, *others}
        self._ignored = {name.casefold() for name in data.ignore}
        self._seen: dict[str, _Seen] = {}
        self._rows: list[Row] = []

    def add(
        self, row: Row, text: str | None = None, learned: Sequence[str] = (), number: int = 0
    ) -> None:
        """Look at a row and its number.

        *text* is the rendered row and *learned* are its trained parts. Without a text, only what
        no template shows is reported.
        """
        if len(self._rows) < _SAMPLE:
            self._rows.append(row)
        shown = ShownText(text)
        found: dict[str, tuple[UnreadKind, Any, bool | None]] = {}
        tops = set()
        if self._messages is not None:
            # Joined places stay in the row next to the conversation that they make.
            read = {name for path in self._places for name in (*places(path, row), *places(path))}
            tops = {name.split(".")[0] for name in read}
            for name, kind, value, detail in self._turns(row, shown, learned):
                found.setdefault(name, (kind, value, detail))
        for column, value in row.items():
            name = str(column).strip()
            if name in self._used or name in self._places or is_blank(value):
                continue
            if name == "system" and self._messages is not None:
                if any(shown.lacks(leaf) for _, leaf in texts_in(value, name)):
                    found[name] = ("column", value, False)
            elif name in _TOOL_COLUMNS and self._messages is not None:
                # What was said may hold a tool's name by chance.
                if shown.known and any(map(self._apart(row, text).lacks, described_texts(value))):
                    found[name] = ("tools", value, False)
            elif PICTURE_NAMES.search(name.casefold()):
                found["pictures"] = ("picture", f"{name}: {value}", False)
            elif name in tops or any(used.startswith(f"{name}.") for used in self._used):
                for path, leaf in texts_in(value, name):
                    if not self._covers(path) and shown.lacks(leaf):
                        plain = without_numbers(path)
                        found.setdefault(plain, ("column", leaf, None))
            elif isinstance(value, (list, dict)) and (
                places_inside := list(why_it_ended(value, name))
            ):
                found[name] = ("column", value, None)
                for path in places_inside:
                    for leaf in values_at(row, path):
                        found.setdefault(without_numbers(path), ("column", leaf, None))
            elif not shown.holds(value):
                matters = name in _UNHEEDED or name in _TOOL_COLUMNS
                found[name] = ("column", value, False if matters else None)
        for name, (kind, value, detail) in found.items():
            seen = self._seen.setdefault(name, _Seen(kind, number, detail=detail))
            seen.rows += 1
            seen.example = seen.example or _excerpt(value)
            if len(seen.values) < _SAMPLE:
                seen.values.append(value)
            if isinstance(value, (str, bool, int)) and len(seen.counts) < _MANY:
                seen.counts[str(value)[:_EXAMPLE].strip().casefold()] += 1

    def _apart(self, row: Row, text: str | None) -> ShownText:
        """The rendered text without what was said in the conversation."""
        assert self._messages is not None
        said = [
            part
            for turn in turns_at(row, self._messages) or []
            if turn["role"] not in ("system", "developer")
            for part in content_texts(turn.get("content"))
        ]
        for part in said:
            if text and len(part.strip()) >= 2 * WORD:  # “ok” stands in “look”
                text = text.replace(part.strip(), " ")
        return ShownText(text)

    def _covers(self, path: str) -> bool:
        """Whether a place is read: by the template, or as part of the conversation."""
        if path in self._used:
            return True
        return self._messages is not None and any(
            path == p or path.startswith(f"{p}.") for place in self._places for p in places(place)
        )

    def _turns(
        self, row: Row, shown: ShownText, learned: Sequence[str]
    ) -> Iterator[tuple[str, UnreadKind, Any, bool | None]]:
        assert self._messages is not None
        turns = turns_at(row, self._messages) or []
        last = max((n for n, turn in enumerate(turns) if turn["role"] == "assistant"), default=-1)
        column = places(self._messages, row)[0]
        asked = False
        for number, turn in enumerate(turns):
            content, role = turn.get("content"), str(turn["role"])
            texts = list(content_texts(content))
            if any(is_picture(part) for part in content_parts(content)) or any(
                _PICTURE_TAG.search(text) for text in texts
            ):
                yield "pictures", "picture", content, False
            for part in content_parts(content):
                if is_other_part(part) and any(map(shown.lacks, part_leaves(part))):
                    yield f"{column}.content.{part.get('type', 'part')}", "key", part, False
            if not is_known_role(role):
                yield f"role:{role.strip()}", "role", texts[0] if texts else role, False
            elif number > last and texts:
                yield "turns after the last answer", "turn", texts[0], True
            elif any(shown.lacks(text) for text in texts):
                yield f"role:{role}", "role", texts[0], False
            elif (
                role == "assistant"
                and texts
                and not self._pairs
                and _is_masked(texts, learned, turn)
            ):
                said = "answers" if asked else "greetings"
                yield f"{said} that are not trained", "untrained", texts[0], not asked
            others = {k: v for k, v in turn.items() if k not in ("role", "content")}
            called = [
                str(leaf) for k, v in others.items() if _tool_call(k) for leaf in called_texts(v)
            ]
            trained = ShownText("\n".join(learned) if learned else None)
            if called and not texts and any(map(trained.lacks, called)):
                kind: UnreadKind = "turn" if any(map(shown.lacks, called)) else "untrained"
                yield "answers that are not trained", kind, called[0], False
            asked = asked or role in ("user", "tool")
            silent = not texts and not any(map(is_picture, content_parts(content)))
            if silent and not any(map(_tool_call, others)):
                yield f"empty {role} turns", "turn", f"content: {content!r}", False
            for key, value in others.items():
                name = f"{column}.{key}"
                if key in _MARKS:
                    if value not in _UNMARKED and any(
                        text.strip() and text.strip() in part for text in texts for part in learned
                    ):
                        yield name, "key", f"{value}: {texts[0]}", False
                elif is_blank(value) or key in PLUMBING:
                    continue
                elif key == "name":
                    # Of a tool's result the call says it.
                    if role != "tool" and (not shown.known or shown.lacks(value)):
                        yield name, "key", value, True
                elif bad_values(key, [value]) or key in _UNHEEDED:
                    yield name, "key", value, False
                elif _tool_call(key):
                    if shown.known and any(map(shown.lacks, called_texts(value))):
                        yield name, "tools", value, False
                elif isinstance(value, (str, list, Mapping)):
                    reasoning = "reasoning" in key or "think" in key
                    if (shown.known or not reasoning) and any(
                        shown.lacks(leaf) for _, leaf in texts_in(value, key)
                    ):
                        yield name, "key", value, None
                else:
                    yield name, "key", value, True

    def found(self) -> tuple[Unread, ...]:
        """All that was unread and is not ignored; what may be missed first."""
        result = [
            Unread(
                kind="parts" if self._are_parts(seen) else seen.kind,
                name=name,
                rows=seen.rows,
                first=seen.first,
                example=seen.example,
                detail=self._is_detail(name, seen),
            )
            for name, seen in self._seen.items()
            if name.casefold() not in self._ignored
        ]
        return tuple(sorted(result, key=lambda item: item.detail))

    def marked_bad(self) -> tuple[Marked, ...]:
        """Unread columns that mark rows as bad."""
        return tuple(
            Marked(name, self._place(name), values, sum(seen.counts[value] for value in values))
            for name, seen in self._seen.items()
            if seen.kind == "column"
            and len(seen.counts) < _MANY
            and name.casefold() not in self._ignored
            and (self._asks or name != "label")
            and not self._is_another_label(list(seen.counts))
            and (values := bad_values(name, list(seen.counts)))
        )

    def _place(self, name: str) -> str:
        if any(name in row for row in self._rows):
            return name
        paths = (path[1:] for row in self._rows for path, _ in texts_in(row, ""))
        return next((path for path in paths if without_numbers(path) == name), name)

    def odd_columns(self) -> tuple[tuple[str, Nature], ...]:
        """The columns of the template that can hardly be meant: a completion, or all of a
        prompt, that is an identifier, a date or an address."""
        if self._template is None:
            return ()
        odd: list[tuple[str, Nature]] = []
        for text in (self._template.prompt, self._template.completion):
            columns = parse_template(text).columns
            found = [(column, self._nature(column)) for column in columns]
            if found and all(kind in ("identifier", "time", "address") for _, kind in found):
                odd += [item for item in found if item not in odd]
        return tuple(item for item in odd if item[0].casefold() not in self._ignored)

    def _nature(self, column: str) -> Nature:
        values = [
            str(v).strip() for row in self._rows for v in values_at(row, column) if not is_blank(v)
        ]
        return nature(column, values, "text")

    def _is_detail(self, name: str, seen: _Seen) -> bool:
        if seen.detail is not None:
            return seen.detail
        values = [leaf for value in seen.values for _, leaf in texts_in(value, "")]
        if self._are_parts(seen) or self._is_another_label(values):
            return False
        if is_number_or_mark(name, values):
            return True
        inner = {path.split(".")[-1] for value in seen.values for path, _ in texts_in(value, "")}
        names = {name.split(".")[-1], *(key for key in inner if not key.isdigit())}
        if any(strength(key, role) >= _CLEAR for key in names for role in _MISSED):
            return False
        return repeats_or_constant(name, seen.values) or any(
            one_to_one(self._rows, name, used) for used in self._used
        )

    def _are_parts(self, seen: _Seen) -> bool:
        """Whether the rows are of a training and a test part, by a column. They are trained alike,
        until the split names the column."""
        column = seen.kind == "column" and len(seen.counts) > 1
        return column and all(part_of(value) for value in seen.counts)

    def _is_another_label(self, values: Sequence[Any]) -> bool:
        """Whether values are marks of yes or no, next to a learned column of such marks."""
        if self._template is None or not are_marks([str(value) for value in values]):
            return False
        label = parse_template(self._template.completion).only_column
        return label is not None and are_marks(
            [str(v) for r in self._rows for v in values_at(r, label)]
        )


def _is_masked(texts: Sequence[str], learned: Sequence[str], turn: Row) -> bool:
    """Whether an answer was rendered and not learned, though no mark of its own says so: the
    template writes it in another form than the model sees when it answers, or nobody asked yet."""
    if not learned or not_learned(turn):
        return False
    parts = [text.strip() for text in texts]
    return not any(part in said for part in parts for said in learned)


def _tool_call(key: str) -> bool:
    return key in _TOOL_KEYS


def _excerpt(value: Any) -> str:
    text = " ".join(str(value)[: 4 * _EXAMPLE].split())
    return text if len(text) <= _EXAMPLE else text[: _EXAMPLE - 1] + "…"


def unread_without_model(data: Data, rows: Sequence[Row]) -> tuple[Unread, ...]:
    """What the first rows hold and no model will see, as far as columns and keys say it."""
    tally = UnreadTally(data)
    for row in rows:
        text: str | None = None
        if data.template is not None:
            text = "\n".join(
                str(value) for name in data.text_places for value in values_at(row, name)
            )
        tally.add(row, text)
    return tally.found()
