"""Shapes by what the columns of a data set are called and hold: prompt, answer, label."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from phi3studio.domain.datasets.source_report import ShapeProposal
from phi3studio.domain.messages import Phrase
from phi3studio.worker.data.inspecting.column_roles import (
    ASKING,
    SPEAKER_NAMES,
    TITLES,
    WORDY,
    ColumnRoles,
    are_siblings,
)
from phi3studio.worker.data.inspecting.crosses import labels_by_crosses
from phi3studio.worker.data.inspecting.row_places import at, heading
from phi3studio.worker.data.meaning.column_names import NameRole, strength, words_of
from phi3studio.worker.data.meaning.column_profile import Profile
from phi3studio.worker.data.meaning.written_texts import is_listing, is_marked_up, is_spoken
from phi3studio.worker.data.preparing.row_pipeline import Row

_MANY = 6
_NOT_TEXT: tuple[NameRole, ...] = ("question", "answer", "label", "instruction", "prompt")
_GLUED = re.compile(r"[\w.,;!?…)\]\"'”’»。！？]\0[^\s]")


class ColumnShapes:
    """Proposals for rows with columns: by what the columns are called and hold."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._columns = ColumnRoles(rows)

    def proposals(self) -> list[ShapeProposal]:
        """All that fit, the most likely first."""
        if not self._columns.read:
            return []
        if letters := self._letters():
            return letters
        answer = self._columns.best("answer", self._columns.read)
        found: list[ShapeProposal] = []
        label = self._columns.label()
        if answer is not None and (answer.says("answer") >= 2 or label is None):
            asked = self._columns.asked([p for p in self._columns.texts if p is not answer], answer)
            if asked is not None:
                found.append(self._answered(asked, answer))
        if label is not None and not found:
            text = self._columns.labelled_text(label)
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
        constant = [
            p for p in self._columns.all if p.nature == "constant" and p.says("answer") == 3
        ]
        named = [p for p in self._columns.texts if p.says("answer")]
        answers = sorted([*named, *constant], key=_clearly, reverse=True)
        for answer in answers:
            asked = self._columns.asked([p for p in self._columns.texts if p is not answer], answer)
            if asked is not None and (not answer.repeats or answer in constant):
                more.append(self._answered(asked, answer))
        if len(self._columns.texts) == 1 and len(self._columns.crossed) > 1:
            kept = [labels_by_crosses(self._columns.texts[0].path, self._columns.crossed)]
            more += found
        labels = [p for p in self._columns.read if p.repeats]
        if len(self._columns.texts) == 1:
            labels += [
                p for p in self._columns.other_answers(self._columns.texts[0]) if p not in labels
            ]
        for label in labels:
            text = self._columns.labelled_text(label)
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
        by_name = {p.path.casefold(): p for p in self._columns.read if p.kind in ("text", "number")}
        asked, answer = by_name.get("q"), by_name.get("a")
        if asked is None or answer is None or "b" in by_name or asked.kind != "text":
            return []
        reason = Phrase("shape.question_answer", columns=[asked.path], answer=answer.path)
        prompt = f"### Question: {{{asked.path}}}\n### Answer:\n"
        sure = all(p in (asked, answer) or p.repeats for p in self._columns.texts)
        return [self._proposal("question_answer", reason, prompt, answer, sure)]

    def _answered(self, asked: Profile, answer: Profile) -> ShapeProposal:
        others = [p for p in self._columns.texts if p not in (asked, answer)]
        system = self._columns.best("system", [*others, *self._columns.constant("system")])
        more = [p for p in others if p is not system and self._columns.belongs(p, asked)]
        more += [p for p in self._columns.all if p.kind == "empty" and p.says("context") >= 2]
        more += [p for p in self._columns.constant("context") if p not in (asked, system)]
        more += self._columns.choices
        head = f"{{?{system.path}}}{{{system.path}}}\n\n{{/{system.path}}}" if system else ""
        sections = "".join(_section(p.path) for p in more)
        named = max(map(asked.says, ASKING))
        sure = bool(answer.says("answer") >= 2 and named >= 2) or (named > 0 and not others)
        sure = sure or (answer.says("answer") >= 2 and not others)
        sure = sure and not asked.several  # of several questions only the first would be read
        # Of two answers (a student's and the right one) one is meant.
        sure = sure and not any(
            p.says("answer") == answer.says("answer") > 1 and not p.repeats and "." not in p.path
            for p in others
        )
        # Of several texts about the same (a ticket, its comments) another one may be meant.
        sure = sure and not any(
            p.says("text") == asked.says("text") == 3
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
        texts = [
            (str(at(row, asked.path)), str(at(row, answer.path))) for row in self._columns.rows
        ]
        return 2 * sum(bool(_GLUED.search(f"{a[-1:]}\0{b[:1]}")) for a, b in texts) > len(texts)

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

    def _classified(self, text: Profile, label: Profile) -> ShapeProposal:
        siblings = [
            p
            for p in self._columns.texts
            if p not in (text, label)
            and (are_siblings(p.path, text.path) or words_of(p.path)[-1:] in TITLES or _chooses(p))
        ]
        parts = [
            p for p in self._columns.texts if p is text or p in siblings
        ] + self._columns.choices
        prompt = "".join(f"### {heading(p.path)}: {{{p.path}}}\n" for p in parts)
        rivals = [p for p in self._columns.read if p.repeats and p is not label]
        # Who speaks, and a mark of yes or no, may be a fact about the row as well as its label.
        fact = label.answers_yes_or_no or bool(SPEAKER_NAMES & set(words_of(label.path)))
        sure = label.says("label") >= 2 or (label.kind == "text" and not (rivals or fact))
        sure = sure or words_of(label.path)[:1] in (("is",), ("has",))
        # One of several marks of yes or no is as good as the others.
        sure = sure and not (label.is_mark and any(p.is_mark for p in rivals))
        others = [p for p in self._columns.texts if p not in (*parts, label) and not p.repeats]
        sure = sure and (max(map(text.says, ASKING)) >= 2 or not others)
        # Next to replies in a list of their own a label is one of two tasks.
        sure = sure and not any("." in p.path and p.mean_length >= WORDY for p in others)
        # Several examples in one text are as many rows.
        written = [str(row.get(text.path)) for row in self._columns.rows]
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

    def _plain(self) -> list[ShapeProposal]:
        """One column of text and nothing else but details."""
        texts = [p for p in self._columns.texts if not p.repeats]
        titles = [p for p in texts if words_of(p.path)[-1:] in TITLES]
        main = [p for p in texts if p not in titles or len(texts) == 1]
        if len(main) != 1 or (titles and main[0].says("text") < 3):
            return []
        text = main[0]
        other = max(map(text.says, _NOT_TEXT))
        nested = any(
            isinstance(value, (list, Mapping)) and value and strength(str(name), "metadata") < 2
            for row in self._columns.rows
            for name, value in row.items()
        )
        written = [str(row.get(text.path)) for row in self._columns.rows]
        spoken = sum(map(is_spoken, written))
        marked = sum(map(is_marked_up, written))
        sure = (other < 2 or text.says("text") == 3) and not nested and "." not in text.path
        sure = sure and len(self._columns.read) <= 1 + len(titles) and len(written) > 1
        sure = sure and not (self._columns.other_answers(text) or self._columns.crossed)
        sure = sure and marked * 2 < len(written) and len(titles) < 2
        # Messages of several people are a conversation that was taken apart.
        sure = sure and not any(
            p.repeats and SPEAKER_NAMES & set(words_of(p.path)) for p in self._columns.all
        )
        reasons = [Phrase("shape.text", column=text.path)]
        if spoken * 2 > len(self._columns.rows):
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

    def _guesses(self) -> list[ShapeProposal]:
        """Two columns, one way and the other: the user has to say which is learned."""
        if len(self._columns.texts) < 2:
            return []
        ordered = sorted(self._columns.texts[:_MANY], key=lambda p: -min(p.mean_length, 1000))
        kept = [p for p in self._columns.texts if p in ordered[:2]]
        answer = self._columns.best("answer", self._columns.texts)
        if answer is not None:
            kept = [next(p for p in kept if p is not answer), answer]
        others = [(kept[0], p) for p in self._columns.texts if p not in kept]
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


def _chooses(profile: Profile) -> bool:
    return profile.says("choices") >= 2


def _section(path: str) -> str:
    return f"{{?{path}}}### {heading(path)}: {{{path}}}\n{{/{path}}}"
