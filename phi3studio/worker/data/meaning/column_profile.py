"""What a column's name and values together say about it: text, label, identifier, date …"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from phi3studio.domain.template import lookup
from phi3studio.worker.data.meaning.column_names import NameRole, strength, words_of
from phi3studio.worker.data.meaning.message_turns import turns_of

ValueKind = Literal["text", "number", "boolean", "other", "empty"]
Nature = Literal["content", "identifier", "time", "address", "constant", "metadata"]

_FEW = 4
_SHOWN = 200
_UUID = re.compile(
    r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}"
)
_TIME = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ]\d{1,2}[:.]\d{2}.*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}"
    r"([, T]+\d{1,2}[:.]\d{2}.*)?|\d{1,2}:\d{2}(:\d{2})?.{0,6}"
)
_ADDRESS = re.compile(
    r"(https?|ftp|s3|gs|abfss?|file|data)://?\S+|data:\w+/\S+|[\w.+-]+@[\w-]+\.\w+|"
    r"\S+\.(png|jpe?g|gif|webp|bmp|tiff?|wav|mp3|flac|ogg|mp4|avi|pdf)",
    re.IGNORECASE,
)
_NAMED: tuple[NameRole, ...] = ("answer", "label", "question", "instruction", "prompt", "text")
_MARKS = ({"0", "1"}, {"0.0", "1.0"}, {"true", "false"}, {"yes", "no"}, {"y", "n"})
_YES_OR_NO = frozenset({"true", "false", "yes", "no"})
_HOLDERS = frozenset(
    {
        *("text", "content", "role", "body", "choices", "message", "messages", "value"),
        *("output", "answer", "response", "completion"),
    }
)
_DEEPEST = 5
_MOST_PATHS = 200


@dataclass(frozen=True)
class Profile:
    """A column or nested place, as far as the first rows show it. ``path`` is as templates name
    it; ``several``: a list of which the first item is meant; ``is_mark``: yes or no, in any way."""

    path: str
    kind: ValueKind
    nature: Nature
    present: int
    missing: int
    distinct: int
    mean_length: float
    longest: int
    several: bool = False
    answers_yes_or_no: bool = False
    is_mark: bool = False

    @property
    def can_be_read(self) -> bool:
        """Whether it says something that a model could learn from."""
        return self.nature == "content" and self.kind in ("text", "number", "boolean")

    @property
    def repeats(self) -> bool:
        """Whether few short values repeat, as labels do."""
        return (
            self.present >= _FEW
            and 1 < self.distinct <= max(20, self.present // 10)
            and self.distinct * 2 <= self.present
            and self.longest <= 40
        )

    def says(self, role: NameRole) -> int:
        """How clearly the name says that this is its role; see ``column_names.strength``."""
        parts = [part for part in self.path.split(".") if not part.isdigit()] or [""]
        inner = strength(parts[-1], role)
        outer = max((strength(part, role) for part in parts[:-1]), default=0)
        whole = strength(self.path, role) if len(parts) > 1 else 0
        if role in ("answer", "label"):
            return max(inner, outer, min(whole, 2))
        # “answers.text” is an answer, “data.text” a text.
        return 0 if outer == 0 and _is_answer(parts[:-1]) else max(inner, min(outer, 2))


def _is_answer(parts: Sequence[str]) -> bool:
    return any(strength(part, "answer") >= 2 for part in parts)


def profiles(rows: Sequence[Mapping[str, Any]]) -> tuple[Profile, ...]:
    """All columns and what is nested in them, in the order of appearance. Conversations are not
    looked into."""
    paths: dict[str, None] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        for row in rows:
            _collect(str(name).strip(), row.get(name), paths, 0)
        if len(paths) > _MOST_PATHS:
            break
    # A text that is in parts in some rows is one text.
    whole = [path for path in paths if path.endswith(".0") and path.split(".")[0] in paths]
    kept = [path for path in paths if path not in whole][:_MOST_PATHS]
    return tuple(_profile(path, rows) for path in kept)


def _collect(path: str, value: Any, paths: dict[str, None], depth: int) -> None:
    if not path or set("{}\n") & set(path) or path[0] in "?/" or depth > _DEEPEST:
        return
    if isinstance(value, Mapping) and depth == 0 and _is_record(path, value):
        paths[path] = None
    elif isinstance(value, Mapping):
        # Numbers as names are rows or places, not columns.
        for name, inner in value.items():
            if not str(name).isdigit():
                _collect(f"{path}.{str(name).strip()}", inner, paths, depth + 1)
    elif isinstance(value, list) and value:
        first = value[0]
        if isinstance(first, (str, Mapping)):
            readable = isinstance(first, str) or turns_of(value) is None
        else:
            readable = isinstance(first, (int, float)) and _is_label(path)
        if readable:
            _collect(f"{path}.0", first, paths, depth + 1)
    elif value is not None:
        paths[path] = None


def _is_record(path: str, value: Mapping[str, Any]) -> bool:
    """Whether an object is asked or answered as a whole: fields that were extracted, arguments. An
    object with its text apart (SQuAD's answers, a message) is read at that place."""
    if max(strength(path, "answer"), 3 * (words_of(path) == ("input",))) < 3:
        return False
    fields = [key for key, inner in value.items() if inner is not None and inner != ""]
    return len(fields) > 1 and _HOLDERS.isdisjoint(map(str, fields))


def _is_label(path: str) -> bool:
    name = path.split(".")[-1]
    return max(strength(name, "label"), strength(name, "answer")) >= 2


def _profile(path: str, rows: Sequence[Mapping[str, Any]]) -> Profile:
    values: list[Any] = []
    several = False
    for row in rows:
        try:
            value = lookup(row, path)
            if path.endswith(".0"):
                several = several or len(lookup(row, path[:-2])) > 1
        except KeyError:
            value = None
        values.append(json.dumps(value, default=str) if isinstance(value, Mapping) else value)
    return _of_values(path, values, several)


def _of_values(path: str, values: Sequence[Any], several: bool = False) -> Profile:
    present = [value for value in values if value is not None and value != "" and value == value]
    kinds = {_kind(value) for value in present}
    kind: ValueKind = "empty" if not kinds else kinds.pop() if len(kinds) == 1 else "text"
    texts = [str(value)[:2000].strip() for value in present]
    return Profile(
        path=path,
        kind=kind,
        nature=nature(path, texts, kind),
        present=len(present),
        missing=len(values) - len(present),
        distinct=len(set(texts)),
        mean_length=sum(map(len, texts)) / max(1, len(texts)),
        longest=max(map(len, texts), default=0),
        several=several,
        answers_yes_or_no=bool(texts) and {text.casefold() for text in texts} <= _YES_OR_NO,
        is_mark=are_marks(texts),
    )


def are_marks(texts: Collection[str]) -> bool:
    """Whether texts say yes or no, in any of the usual ways, and both."""
    marks = {text.strip().casefold() for text in texts}
    return len(marks) > 1 and any(marks <= both for both in _MARKS)


def is_number_or_mark(path: str, values: Sequence[Any]) -> bool:
    """Whether a column holds numbers, identifiers, dates, addresses or other data about rows."""
    found = _of_values(path, values)
    return found.kind in ("number", "boolean", "empty") or found.nature not in (
        "content",
        "constant",
    )


def repeats_or_constant(path: str, values: Sequence[Any]) -> bool:
    """Whether a column holds one text, or a few short ones."""
    found = _of_values(path, values)
    return found.nature == "constant" or (found.repeats and found.kind == "text")


def _kind(value: Any) -> ValueKind:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "other" if isinstance(value, (list, Mapping)) else "text"


def nature(path: str, texts: Sequence[str], kind: ValueKind) -> Nature:
    """What kind of thing a column holds, by its values first, then by its name."""
    name = path.split(".")[-1] if not path.endswith(".0") else path.split(".")[-2]
    named = max(strength(name, role) for role in _NAMED)
    sample = texts[:_SHOWN]
    if sample and all(_UUID.fullmatch(text) for text in sample):
        return "identifier"
    answer = strength(name, "answer") == 3
    if sample and kind == "text" and not answer and all(_TIME.fullmatch(text) for text in sample):
        return "time"
    if sample and kind == "text" and not answer and all(_ADDRESS.fullmatch(t) for t in sample):
        return "address"
    if len(sample) >= _FEW and len(set(sample)) == 1:
        return "constant"
    # A column that is called just “prompt” is one, whatever its values look like.
    asks = any(strength(name, role) == 3 for role in _ASKS)
    if not asks and _is_identifier(
        sample, kind, max(strength(name, "answer"), strength(name, "label"))
    ):
        return "identifier"
    for role, found in _BY_NAME.items():
        if role == "identifier" and named and len(set(sample)) * 2 <= len(sample):
            continue
        if strength(name, role) > named or _ends(name, role):
            # A long text is content, whatever its column is called.
            wordy = sum(" " in text for text in sample) * 2 > len(sample)
            if not (wordy and kind == "text"):
                return found
    return "content"


def _is_identifier(texts: Sequence[str], kind: ValueKind, named: int) -> bool:
    """Whether every value is one short word with digits, and nearly all are different."""
    return (
        len(texts) >= _FEW
        and kind == "text"
        and named == 0
        and len(set(texts)) >= 0.95 * len(texts)
        and not any(" " in text or len(text) > 100 or not text.isascii() for text in texts)
        and sum(any(c.isdigit() for c in text) for text in texts) >= 0.8 * len(texts)
    )


_ASKS: tuple[NameRole, ...] = ("question", "prompt", "instruction")
_BY_NAME: dict[NameRole, Nature] = {
    "identifier": "identifier",
    "time": "time",
    "address": "address",
    "metadata": "metadata",
}


def _ends(name: str, role: NameRole) -> bool:
    """“question_id” is an identifier, “id_question” may be one."""
    words = words_of(name)
    return len(words) > 1 and strength(words[-1], role) == 3


def one_to_one(rows: Sequence[Mapping[str, Any]], first: str, second: str) -> bool:
    """Whether two columns say the same in two ways, as a label and its number."""
    pairs = set()
    for row in rows:
        try:
            pairs.add((str(lookup(row, first)), str(lookup(row, second))))
        except KeyError:
            continue
    lefts, rights = {left for left, _ in pairs}, {right for _, right in pairs}
    # Values that are all different say nothing about one another.
    repeat = len(rows) >= _FEW and 1 < len(pairs) * 2 <= len(rows)
    return repeat and len(lefts) == len(rights) == len(pairs)
