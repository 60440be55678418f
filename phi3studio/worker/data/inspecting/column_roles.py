"""Which columns are asked, answered, a label or a context: by their names and values."""

from __future__ import annotations

from collections.abc import Sequence

from phi3studio.worker.data.inspecting.crosses import crossed_columns
from phi3studio.worker.data.meaning.column_names import NameRole, strength, words_of
from phi3studio.worker.data.meaning.column_profile import Profile, one_to_one, profiles
from phi3studio.worker.data.preparing.row_pipeline import Row

_CHOICE_STEMS = ("", "op", "opt", "alt")
_ORDERED = "abcdefgh 0123456789"
ASKING: tuple[NameRole, ...] = ("question", "instruction", "prompt", "text", "context")
TITLES = tuple((word,) for word in ["title", "titolo", "titel", "titre", "subject", "headline"])
SPEAKER_NAMES = frozenset(
    ["from", "sender", "speaker", "author", "user", "username", "role", "agent", "inbound", "name"]
)
WORDY = 12
"""The mean length of a text that has several words, in characters."""


class ColumnRoles:
    """The columns of rows, and which of them may be asked, answered, a label or a context.

    ``all`` are the columns, ``read`` those that can be read, ``texts`` the texts among these,
    ``choices`` what a question offers, ``crossed`` the columns of labels that are crosses.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.all = profiles(rows)
        aliases = self._aliases()
        self.choices = [*self._listed("choices"), *self._lettered()]
        whole = tuple(f"{p.path}." for p in self.choices)  # not the first choice alone
        self.read = [
            p
            for p in self.all
            if p.can_be_read and p.path not in aliases and not p.path.startswith(whole)
        ]
        # A constant instruction still says what to do.
        self._fixed = [
            p
            for p in self.all
            if p.nature == "constant"
            and p.kind == "text"
            and p.says("instruction")
            and p.mean_length >= WORDY
        ]
        self.crossed = crossed_columns(rows)
        self.texts = [p for p in self.read if p.kind == "text" and p.path not in self.crossed]

    def _aliases(self) -> set[str]:
        """Numbers that stand for a column of text, one to one."""
        numbers = [p for p in self.all if p.can_be_read and (p.kind == "number" or _digits(p))]
        names = [p for p in self.all if p.can_be_read and p.repeats and p.kind == "text"]
        return {
            number.path
            for number in numbers
            if any(
                p is not number and p not in numbers and one_to_one(self.rows, p.path, number.path)
                for p in names
            )
        }

    def best(self, role: NameRole, among: Sequence[Profile]) -> Profile | None:
        """The column whose name says a role most clearly; of equals the longest text."""
        named = [p for p in among if p.says(role)]
        if role == "answer":
            # A word that is one of a label, a note or a question too says less.
            named = [p for p in named if p.says(role) >= max(p.says("label"), p.says("question"))]
            # “isBot” says who speaks, not what.
            named = [p for p in named if p.says(role) == 3 or p.kind != "boolean"]
        return max(
            named,
            key=lambda p: (
                *(p.says(role), not p.says("reasoning"), not p.says("text"), not p.several),
                # Of an object the place that is called so again, not a rating of it.
                *(strength(p.path.split(".")[-1], role), p.path.endswith(".value")),
            ),
            default=None,
        )

    def asked(self, among: Sequence[Profile], answer: Profile) -> Profile | None:
        """The column that *answer* answers, if one of these can be."""
        among = [p for p in among if p.says("answer") < 3 or p.says("text") == 3]
        among = [p for p in among if not p.says("reasoning") and (asks(p) or not p.repeats)]
        instruction = self.best("instruction", [*among, *self._fixed])
        # The same instruction in every row needs something that differs next to it.
        enough = instruction not in self._fixed or any(p is not answer for p in self.texts)
        if instruction is not None and instruction.says("instruction") == 3 and enough:
            return instruction
        for role in ASKING:
            for least in (2, 1):
                named = [p for p in among if p.says(role) >= least]
                if named:
                    return max(named, key=lambda p: (p.says(role), p.mean_length))
        return among[0] if len(among) == 1 and answer.says("answer") >= 2 else None

    def belongs(self, other: Profile, asked: Profile) -> bool:
        """Whether a column is part of what is asked: a context, an input, a second sentence."""
        if other.says("reasoning") or other.says("answer") > other.says("context"):
            return False
        if other.says("choices") >= 2 or are_siblings(other.path, asked.path):
            return True
        if words_of(other.path)[-1:] in TITLES:
            return bool(asked.says("text")) or asked.says("question") > 2
        return other.says("context") >= 2 and not (other.repeats or other.several)

    def constant(self, role: NameRole) -> list[Profile]:
        """The columns of a role that say the same in every row."""
        constant = [p for p in self.all if p.nature == "constant" and "." not in p.path]
        return [p for p in constant if p.says(role) >= 2]

    def _listed(self, role: NameRole) -> list[Profile]:
        """Lists that belong to the question as a whole, such as choices: the list's own place."""
        names = dict[str, None]()
        for parts in (p.path.split(".") for p in self.all):
            outside = parts[: parts.index("0")] if "0" in parts else []
            called = [at for at, part in enumerate(outside) if strength(part, role) == 3]
            names.update({".".join(parts[: called[0] + 1]): None} if called else {})
        return [Profile(name, "other", "content", 1, 0, 1, 1, 1) for name in names]

    def _lettered(self) -> list[Profile]:
        """Columns that are choices by their order: “A”, “B”, “C”; “opa”, “opb”, “opc”; “1”, “2”,
        “3”."""
        texts = [p for p in self.all if p.kind == "text" and "." not in p.path]
        groups = dict[str, list[Profile]]()
        for p in texts:
            groups.setdefault(p.path[:-1].casefold(), []).append(p)
        for stem, group in groups.items():
            ends = "".join(p.path[-1].casefold() for p in group)
            if stem in _CHOICE_STEMS and len(group) >= 3 and ends in _ORDERED:
                return group
        return []

    def label(self) -> Profile | None:
        """The column of labels: by name, or because few values repeat."""
        named = [p for p in self.read if p.says("label") >= 2 and p.longest <= 200]
        by_value = [p for p in named if p.repeats] or [
            p for p in named if p.says("label") == 3 and not p.several
        ]
        if by_value:
            return max(by_value, key=lambda p: (p.kind == "text", p.says("label")))
        repeating = [p for p in self.read if p.repeats and not p.says("text") and not asks(p)]
        repeating = [p for p in repeating if not SPEAKER_NAMES & set(words_of(p.path))]
        texts = [p for p in repeating if p.kind == "text"]
        return next(iter(reversed(texts or repeating)), None)

    def labelled_text(self, label: Profile) -> Profile | None:
        """The text that has the label: by name, else the longest."""
        others = [p for p in self.texts if p is not label]
        for role in ("text", "question", "prompt"):
            named = [p for p in others if p.says(role) == 3]
            if named:
                return max(named, key=lambda p: p.mean_length)
        return max(others, key=lambda p: p.mean_length, default=None)

    def other_answers(self, text: Profile) -> list[Profile]:
        """Columns that may be what is said of a text, though they are no texts: a label that is
        the same in all the first rows, a date or a number that is all that stands next to it."""
        others = [p for p in self.all if p is not text and p.kind != "empty"]
        named = [p for p in others if max(p.says("label"), p.says("answer")) >= 2]
        # A text that is called one is written like; an “event” with its date may be asked for it.
        alone = others if len(others) == 1 and text.says("text") < 2 else []
        # A date that is not called one (“due”) is what is asked for, not when the text was written.
        alone = alone or [p for p in others if len(others) == 1 and not p.says("time")]
        return named or [p for p in alone if p.nature in ("content", "constant", "time")]


def asks(profile: Profile) -> bool:
    """Whether a column's name says that it asks for something."""
    return any(profile.says(role) for role in ("question", "instruction", "prompt"))


def are_siblings(first: str, second: str) -> bool:
    """“sentence1” and “sentence2”, “text_a” and “text_b”, “premise” and “hypothesis”."""
    if {first.casefold(), second.casefold()} == {"premise", "hypothesis"}:
        return True
    stem, other = first[:-1], second[:-1]
    return stem == other and len(stem) > 2 and {first[-1], second[-1]} <= set("0123ABCabc")


def _digits(profile: Profile) -> bool:
    return profile.kind == "text" and profile.longest <= 3 and profile.mean_length <= 2
