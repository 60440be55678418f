"""Shapes by what the columns of a data set are called and hold: prompt, answer, label."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from phi3studio.domain.datasets.source_report import ShapeProposal
from phi3studio.domain.messages import Phrase
from phi3studio.worker.data.inspecting.crosses import crossed_columns, labels_by_crosses
from phi3studio.worker.data.inspecting.row_places import at, heading
from phi3studio.worker.data.meaning.column_names import NameRole, strength, words_of
from phi3studio.worker.data.meaning.column_profile import Profile, one_to_one, profiles
from phi3studio.worker.data.meaning.written_texts import is_listing, is_marked_up, is_spoken
from phi3studio.worker.data.preparing.row_pipeline import Row

_MANY = 6
_CLEAR = 2
_THREE = 3
_CHOICE_STEMS = ("", "op", "opt", "alt")
_ORDERED = "abcdefgh 0123456789"
_ASKING: tuple[NameRole, ...] = ("question", "instruction", "prompt", "text", "context")
_NOT_TEXT: tuple[NameRole, ...] = ("question", "answer", "label", "instruction", "prompt")
_TITLES = tuple((word,) for word in ["title", "titolo", "titel", "titre", "subject", "headline"])
_SPEAKER_NAMES = frozenset(
    ["from", "sender", "speaker", "author", "user", "username", "role", "agent", "inbound", "name"]
)
_WORDY = 12
_GLUED = re.compile(r"[\w.,;!?…)\]\"'”’»。！？]\0[^\s]")


class ColumnShapes:
    """Proposals for rows with columns: by what the columns are called and hold."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._all = profiles(rows)
        aliases = self._aliases()
        self._choices = [*self._listed("choices"), *self._lettered()]
        whole = tuple(f"{p.path}." for p in self._choices)  # not the first choice alone
        self._read = [
            p
            for p in self._all
            if p.can_be_read and p.path not in aliases and not p.path.startswith(whole)
        ]
        # A constant instruction still says what to do.
        self._fixed = [
            p
            for p in self._all
            if p.nature == "constant"
            and p.kind == "text"
            and p.says("instruction")
            and p.mean_length >= _WORDY
        ]
        self._crossed = crossed_columns(rows)
        self._texts = [p for p in self._read if p.kind == "text" and p.path not in self._crossed]

    def _aliases(self) -> set[str]:
        """Numbers that stand for a column of text, one to one."""
        numbers = [p for p in self._all if p.can_be_read and (p.kind == "number" or _digits(p))]
        names = [p for p in self._all if p.can_be_read and p.repeats and p.kind == "text"]
        return {
            number.path
            for number in numbers
            if any(
                p is not number and p not in numbers and one_to_one(self._rows, p.path, number.path)
                for p in names
            )
        }

    def proposals(self) -> list[ShapeProposal]:
        """All that fit, the most likely first."""
        if not self._read:
            return []
        if letters := self._letters():
            return letters
        answer = self._best("answer", self._read)
        found: list[ShapeProposal] = []
        label = self._label()
        if answer is not None and (answer.says("answer") >= 2 or label is None):
            asked = self._asked([p for p in self._texts if p is not answer], answer)
            if asked is not None:
                found.append(self._answered(asked, answer))
        if label is not None and not found:
            text = self._labelled_text(label)
            if text is not None:
                found.append(self._classified(text, label))
        found += self._plain() if not found else []
        if found and found[0].sure:
            return found
        return self._candidates([*found, *self._guesses()])

    def _candidates(self, found: list[ShapeProposal]) -> list[ShapeProposal]:
        """What may be meant where nothing is sure: the likeliest, then each other answer and
        label, then texts one way and the other."""
        more: list[ShapeProposal] = []
        kept = found[:1]
        constant = [p for p in self._all if p.nature == "constant" and p.says("answer") == _THREE]
        named = [p for p in self._texts if p.says("answer")]
        answers = sorted([*named, *constant], key=_clearly, reverse=True)
        for answer in answers:
            asked = self._asked([p for p in self._texts if p is not answer], answer)
            if asked is not None and (not answer.repeats or answer in constant):
                more.append(self._answered(asked, answer))
        if len(self._texts) == 1 and len(self._crossed) > 1:
            kept = [labels_by_crosses(self._texts[0].path, self._crossed)]
            more += found
        labels = [p for p in self._read if p.repeats]
        if len(self._texts) == 1:
            labels += [p for p in self._other_answers(self._texts[0]) if p not in labels]
        for label in labels:
            text = self._labelled_text(label)
            if text is not None and not text.repeats:
                more.append(self._classified(text, label))
        seen = {(shape.prompt, shape.completion) for shape in kept}
        for shape in (*more, *found[1:]):
            made = (shape.prompt, shape.completion)
            if made not in seen and len(kept) < _MANY:
                seen.add(made)
                kept.append(_asked_for(shape))
        return kept

    def _letters(self) -> list[ShapeProposal]:
        """“Q” and “A”, where there is no “B” to choose from."""
        by_name = {p.path.casefold(): p for p in self._read if p.kind in ("text", "number")}
        asked, answer = by_name.get("q"), by_name.get("a")
        if asked is None or answer is None or "b" in by_name or asked.kind != "text":
            return []
        reason = Phrase("shape.question_answer", columns=[asked.path], answer=answer.path)
        prompt = f"### Question: {{{asked.path}}}\n### Answer:\n"
        sure = all(p in (asked, answer) or p.repeats for p in self._texts)
        return [self._proposal("question_answer", reason, prompt, answer, sure)]

    # --- prompt and answer ---------------------------------------------------------------------

    def _best(self, role: NameRole, among: Sequence[Profile]) -> Profile | None:
        """The column whose name says a role most clearly; of equals the longest text."""
        named = [p for p in among if p.says(role)]
        if role == "answer":
            # A word that is one of a label, a note or a question too says less.
            named = [p for p in named if p.says(role) >= max(p.says("label"), p.says("question"))]
            # “isBot” says who speaks, not what.
            named = [p for p in named if p.says(role) == _THREE or p.kind != "boolean"]
        return max(
            named,
            key=lambda p: (
                *(p.says(role), not p.says("reasoning"), not p.says("text"), not p.several),
                # Of an object the place that is called so again, not a rating of it.
                *(strength(p.path.split(".")[-1], role), p.path.endswith(".value")),
            ),
            default=None,
        )

    def _asked(self, among: Sequence[Profile], answer: Profile) -> Profile | None:
        among = [p for p in among if p.says("answer") < 3 or p.says("text") == 3]
        among = [p for p in among if not p.says("reasoning") and (_asks(p) or not p.repeats)]
        instruction = self._best("instruction", [*among, *self._fixed])
        # The same instruction in every row needs something that differs next to it.
        enough = instruction not in self._fixed or any(p is not answer for p in self._texts)
        if instruction is not None and instruction.says("instruction") == 3 and enough:
            return instruction
        for role in _ASKING:
            for least in (2, 1):
                named = [p for p in among if p.says(role) >= least]
                if named:
                    return max(named, key=lambda p: (p.says(role), p.mean_length))
        return among[0] if len(among) == 1 and answer.says("answer") >= 2 else None

    def _answered(self, asked: Profile, answer: Profile) -> ShapeProposal:
        others = [p for p in self._texts if p not in (asked, answer)]
        system = self._best("system", [*others, *self._constant("system")])
        more = [p for p in others if p is not system and self._belongs(p, asked)]
        more += [p for p in self._all if p.kind == "empty" and p.says("context") >= 2]
        more += [p for p in self._constant("context") if p not in (asked, system)]
        more += self._choices
        head = f"{{?{system.path}}}{{{system.path}}}\n\n{{/{system.path}}}" if system else ""
        sections = "".join(_section(p.path) for p in more)
        asks = max(map(asked.says, _ASKING))
        sure = bool(answer.says("answer") >= 2 and asks >= 2) or (asks > 0 and not others)
        sure = sure or (answer.says("answer") >= 2 and not others)
        sure = sure and not asked.several  # of several questions only the first would be read
        # Of two answers (a student's and the right one) one is meant.
        sure = sure and not any(
            p.says("answer") == answer.says("answer") > 1 and not p.repeats and "." not in p.path
            for p in others
        )
        # Of several texts about the same (a ticket, its comments) another one may be meant.
        sure = sure and not any(
            p.says("text") == asked.says("text") == _THREE
            and p not in more
            and not (p.repeats or p.says("answer"))
            for p in others
        )
        read = [p.path for p in (asked, *([system] if system else []), *more)]
        if asked.says("instruction") == 3:
            middle = "".join(
                f"{{?{p.path}}}### {heading(p.path)}:\n{{{p.path}}}\n\n{{/{p.path}}}" for p in more
            )
            return self._proposal(
                "instruction",
                Phrase("shape.instruction", columns=read, answer=answer.path),
                f"{head}### Instruction:\n{{{asked.path}}}\n\n{middle}### Response:\n",
                answer,
                sure,
            )
        if asked.says("question"):
            return self._proposal(
                "question_answer",
                Phrase("shape.question_answer", columns=read, answer=answer.path),
                f"{head}{sections}### Question: {{{asked.path}}}\n### Answer:\n",
                answer,
                sure,
            )
        if asked.says("prompt") and not (sections or asked.says("text")):
            between = "\n" if self._are_glued(asked, answer) else ""
            return self._proposal(
                "prompt_completion",
                Phrase("shape.prompt_completion", columns=read, answer=answer.path),
                f"{head}{{{asked.path}}}{between}",
                answer,
                sure,
            )
        return self._proposal(
            "columns",
            Phrase("shape.result", columns=read, answer=answer.path),
            f"{head}{sections}### {heading(asked.path)}: {{{asked.path}}}\n"
            f"### {heading(answer.path)}:\n",
            answer,
            sure,
        )

    def _are_glued(self, asked: Profile, answer: Profile) -> bool:
        """Whether nothing parts most prompts from their answers: no space, line break or mark at
        the end of the one or the beginning of the other."""
        texts = [(str(at(row, asked.path)), str(at(row, answer.path))) for row in self._rows]
        return 2 * sum(bool(_GLUED.search(f"{a[-1:]}\0{b[:1]}")) for a, b in texts) > len(texts)

    def _belongs(self, other: Profile, asked: Profile) -> bool:
        """Whether a column is part of what is asked: a context, an input, a second sentence."""
        if other.says("reasoning") or other.says("answer") > other.says("context"):
            return False
        if other.says("choices") >= 2 or _sibling(other.path, asked.path):
            return True
        if words_of(other.path)[-1:] in _TITLES:
            return bool(asked.says("text")) or asked.says("question") > 2
        return other.says("context") >= 2 and not (other.repeats or other.several)

    def _constant(self, role: NameRole) -> list[Profile]:
        constant = [p for p in self._all if p.nature == "constant" and "." not in p.path]
        return [p for p in constant if p.says(role) >= 2]

    def _listed(self, role: NameRole) -> list[Profile]:
        """Lists that belong to the question as a whole, such as choices: the list's own place."""
        names = dict[str, None]()
        for parts in (p.path.split(".") for p in self._all):
            outside = parts[: parts.index("0")] if "0" in parts else []
            called = [at for at, part in enumerate(outside) if strength(part, role) == 3]
            names.update({".".join(parts[: called[0] + 1]): None} if called else {})
        return [Profile(name, "other", "content", 1, 0, 1, 1, 1) for name in names]

    def _lettered(self) -> list[Profile]:
        """Columns that are choices by their order: “A”, “B”, “C”; “opa”, “opb”, “opc”; “1”, “2”,
        “3”."""
        texts = [p for p in self._all if p.kind == "text" and "." not in p.path]
        groups = dict[str, list[Profile]]()
        for p in texts:
            groups.setdefault(p.path[:-1].casefold(), []).append(p)
        for stem, group in groups.items():
            ends = "".join(p.path[-1].casefold() for p in group)
            if stem in _CHOICE_STEMS and len(group) >= _THREE and ends in _ORDERED:
                return group
        return []

    def _proposal(
        self, shape: Any, reason: Phrase, prompt: str, answer: Profile, sure: bool
    ) -> ShapeProposal:
        return ShapeProposal(
            shape=shape,
            reasons=(reason,) if sure else (reason, Phrase("shape.guess")),
            prompt=prompt,
            completion=f"{{{answer.path}}}",
            sure=sure,
        )

    # --- labels --------------------------------------------------------------------------------

    def _label(self) -> Profile | None:
        """The column of labels: by name, or because few values repeat."""
        named = [p for p in self._read if p.says("label") >= 2 and p.longest <= 200]
        by_value = [p for p in named if p.repeats] or [
            p for p in named if p.says("label") == 3 and not p.several
        ]
        if by_value:
            return max(by_value, key=lambda p: (p.kind == "text", p.says("label")))
        repeating = [p for p in self._read if p.repeats and not p.says("text") and not _asks(p)]
        repeating = [p for p in repeating if not _SPEAKER_NAMES & set(words_of(p.path))]
        texts = [p for p in repeating if p.kind == "text"]
        return next(iter(reversed(texts or repeating)), None)

    def _labelled_text(self, label: Profile) -> Profile | None:
        others = [p for p in self._texts if p is not label]
        for role in ("text", "question", "prompt"):
            named = [p for p in others if p.says(role) == 3]
            if named:
                return max(named, key=lambda p: p.mean_length)
        return max(others, key=lambda p: p.mean_length, default=None)

    def _classified(self, text: Profile, label: Profile) -> ShapeProposal:
        siblings = [
            p
            for p in self._texts
            if p not in (text, label)
            and (_sibling(p.path, text.path) or words_of(p.path)[-1:] in _TITLES or _chooses(p))
        ]
        parts = [p for p in self._texts if p is text or p in siblings] + self._choices
        prompt = "".join(f"### {heading(p.path)}: {{{p.path}}}\n" for p in parts)
        rivals = [p for p in self._read if p.repeats and p is not label]
        # Who speaks, and a mark of yes or no, may be a fact about the row as well as its label.
        fact = label.answers_yes_or_no or bool(_SPEAKER_NAMES & set(words_of(label.path)))
        sure = label.says("label") >= 2 or (label.kind == "text" and not (rivals or fact))
        sure = sure or words_of(label.path)[:1] in (("is",), ("has",))
        # One of several marks of yes or no is as good as the others.
        sure = sure and not (label.is_mark and any(p.is_mark for p in rivals))
        others = [p for p in self._texts if p not in (*parts, label) and not p.repeats]
        sure = sure and (max(map(text.says, _ASKING)) >= 2 or not others)
        # Next to replies in a list of their own a label is one of two tasks.
        sure = sure and not any("." in p.path and p.mean_length >= _WORDY for p in others)
        # Several examples in one text are as many rows.
        written = [str(row.get(text.path)) for row in self._rows]
        sure = sure and sum(map(is_listing, written)) * 2 < len(written)
        if label.several:
            label = replace(label, path=label.path.removesuffix(".0"))
        why = Phrase(
            "shape.label",
            variant="values" if label.repeats else "",
            label=label.path,
            text=text.path,
            distinct=label.distinct,
            present=label.present,
        )
        prompt += f"### {heading(label.path)}:\n"
        return self._proposal("columns", why, prompt, label, sure)

    # --- plain text and guesses ----------------------------------------------------------------

    def _plain(self) -> list[ShapeProposal]:
        """One column of text and nothing else but details."""
        texts = [p for p in self._texts if not p.repeats]
        titles = [p for p in texts if words_of(p.path)[-1:] in _TITLES]
        main = [p for p in texts if p not in titles or len(texts) == 1]
        if len(main) != 1 or (titles and main[0].says("text") < 3):
            return []
        text = main[0]
        other = max(map(text.says, _NOT_TEXT))
        nested = any(
            isinstance(value, (list, Mapping)) and value and strength(str(name), "metadata") < 2
            for row in self._rows
            for name, value in row.items()
        )
        written = [str(row.get(text.path)) for row in self._rows]
        spoken = sum(map(is_spoken, written))
        marked = sum(map(is_marked_up, written))
        sure = (other < 2 or text.says("text") == 3) and not nested and "." not in text.path
        sure = sure and len(self._read) <= 1 + len(titles) and len(written) > 1
        sure = sure and not (self._other_answers(text) or self._crossed)
        sure = sure and marked * 2 < len(written) and len(titles) < 2
        # Messages of several people are a conversation that was taken apart.
        sure = sure and not any(
            p.repeats and _SPEAKER_NAMES & set(words_of(p.path)) for p in self._all
        )
        reasons = [Phrase("shape.text", column=text.path)]
        if spoken * 2 > len(self._rows):
            sure = False
            reasons.append(Phrase("shape.spoken_text"))
        if not sure:
            reasons.append(Phrase("shape.text_guess"))
        return [
            ShapeProposal(
                shape="text",
                reasons=tuple(reasons),
                prompt="",
                completion=f"{{{text.path}}}",
                sure=sure,
            )
        ]

    def _other_answers(self, text: Profile) -> list[Profile]:
        """Columns that may be what is said of a text, though they are no texts: a label that is
        the same in all the first rows, a date or a number that is all that stands next to it."""
        others = [p for p in self._all if p is not text and p.kind != "empty"]
        named = [p for p in others if max(p.says("label"), p.says("answer")) >= 2]
        # A text that is called one is written like; an “event” with its date may be asked for it.
        alone = others if len(others) == 1 and text.says("text") < _CLEAR else []
        # A date that is not called one (“due”) is what is asked for, not when the text was written.
        alone = alone or [p for p in others if len(others) == 1 and not p.says("time")]
        return named or [p for p in alone if p.nature in ("content", "constant", "time")]

    def _guesses(self) -> list[ShapeProposal]:
        """Two columns, one way and the other: the user has to say which is learned."""
        if len(self._texts) < 2:
            return []
        ordered = sorted(self._texts[:_MANY], key=lambda p: -min(p.mean_length, 1000))
        kept = [p for p in self._texts if p in ordered[:2]]
        answer = self._best("answer", self._texts)
        if answer is not None:
            kept = [next(p for p in kept if p is not answer), answer]
        others = [(kept[0], p) for p in self._texts if p not in kept]
        pairs = ((kept[0], kept[1]), (kept[1], kept[0]), *others[:_MANY])
        return [
            ShapeProposal(
                shape="columns",
                reasons=(Phrase("shape.either", first=first.path, second=last.path),),
                prompt=f"### {heading(first.path)}: {{{first.path}}}\n### {heading(last.path)}:\n",
                completion=f"{{{last.path}}}",
                sure=False,
            )
            for first, last in pairs
        ]


def _clearly(profile: Profile) -> int:
    return profile.says("answer")


def _asked_for(shape: ShapeProposal) -> ShapeProposal:
    """The proposal as one of several to choose from."""
    if not shape.sure:
        return shape
    return shape.model_copy(
        update={"sure": False, "reasons": (*shape.reasons, Phrase("shape.guess"))}
    )


def _asks(profile: Profile) -> bool:
    return any(profile.says(role) for role in ("question", "instruction", "prompt"))


def _chooses(profile: Profile) -> bool:
    return profile.says("choices") >= 2


def _section(path: str) -> str:
    return f"{{?{path}}}### {heading(path)}: {{{path}}}\n{{/{path}}}"


def _sibling(first: str, second: str) -> bool:
    """“sentence1” and “sentence2”, “text_a” and “text_b”, “premise” and “hypothesis”."""
    if {first.casefold(), second.casefold()} == {"premise", "hypothesis"}:
        return True
    stem, other = first[:-1], second[:-1]
    return stem == other and len(stem) > 2 and {first[-1], second[-1]} <= set("0123ABCabc")


def _digits(profile: Profile) -> bool:
    return profile.kind == "text" and profile.longest <= 3 and profile.mean_length <= 2
