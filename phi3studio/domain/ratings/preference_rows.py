"""Ratings as rows to train on: pairs of answers, and single answers with a label.

A comparison is a pair. Thumbs are one only where the same question has an answer rated up and
another rated down; any other rated answer is a row of prompt, completion and label, the form of
KTO. The rows have the forms of TRL's data sets, which ``worker/data/reading`` knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from phi3studio.domain.ratings.rating import Message, Question, Rating, written

Row = dict[str, Any]


@dataclass(frozen=True)
class PreferenceRows:
    """``pairs``: prompt, chosen, rejected; ``labelled``: prompt, completion, label (whether the
    answer is good). ``conversations``: prompts and answers are lists of messages, not texts.
    ``left_out``: pairs, or answers with a label, that are empty."""

    pairs: tuple[Row, ...]
    labelled: tuple[Row, ...]
    conversations: bool
    left_out: int

    @property
    def both_kinds(self) -> bool:
        """Whether there are good and bad ones among the answers with a label."""
        return {row["label"] for row in self.labelled} == {True, False}


def preference_rows(ratings: Sequence[Rating]) -> PreferenceRows:
    """*ratings* as rows. They are texts, as the models with a template were sent them, unless one
    of the questions is a conversation: then all are."""
    talk = any(rating.question.messages for rating in ratings)
    pairs: dict[tuple[str, str, str], tuple[Question, str, str]] = {}
    labelled: list[Row] = []
    left_out = 0
    for question, good, bad in _pairs(ratings):
        if good.strip() and bad.strip():
            pairs[question.key, good, bad] = question, good, bad
        else:
            left_out += 1
    paired = {(key, answer) for key, good, bad in pairs for answer in (good, bad)}
    for rating in ratings:
        question, answer = rating.question, rating.answer
        single = rating.verdict != "pair" and answer.strip()
        if single and (question.key, answer) not in paired:
            row = {"prompt": _prompt(question, talk), "completion": _answer(answer, talk)}
            labelled.append(row | {"label": rating.verdict == "up"})
    rows = (
        {
            "prompt": _prompt(question, talk),
            "chosen": _answer(good, talk),
            "rejected": _answer(bad, talk),
        }
        for question, good, bad in pairs.values()
    )
    return PreferenceRows(tuple(rows), tuple(labelled), talk, left_out)


def rated_rows(ratings: Sequence[Rating]) -> PreferenceRows:
    """*ratings* as rows with a label, none as pairs: of a pair the better answer is a good one and
    the other a bad one."""
    talk = any(rating.question.messages for rating in ratings)
    found: dict[tuple[str, str, bool], tuple[Question, str, bool]] = {}
    left_out = 0
    for rating in ratings:
        sides = [(rating.answer, rating.verdict != "down")]
        if rating.verdict == "pair":
            sides.append((rating.rejected, False))
        for answer, good in sides:
            if answer.strip():
                found[rating.question.key, answer, good] = rating.question, answer, good
            else:
                left_out += 1
    rows = (
        {"prompt": _prompt(question, talk), "completion": _answer(answer, talk), "label": good}
        for question, answer, good in found.values()
    )
    return PreferenceRows((), tuple(rows), talk, left_out)


def rows_to_train(ratings: Sequence[Rating]) -> PreferenceRows:
    """*ratings* in the form of which more can be learned: pairs, unless most answers have no
    counterpart and there are good and bad ones."""
    paired, rated = preference_rows(ratings), rated_rows(ratings)
    if len(paired.labelled) <= len(paired.pairs) or not rated.both_kinds:
        return paired
    return rated


def _pairs(ratings: Sequence[Rating]) -> Iterable[tuple[Question, str, str]]:
    """The better and the worse answer: of comparisons, then of thumbs on the same question."""
    for rating in ratings:
        if rating.verdict == "pair":
            yield rating.question, rating.answer, rating.rejected
    bad: dict[str, list[str]] = {}
    for rating in ratings:
        if rating.verdict == "down":
            bad.setdefault(rating.question.key, []).append(rating.answer)
    for rating in ratings:
        if rating.verdict == "up":
            for answer in bad.get(rating.question.key, ()):
                if answer != rating.answer:
                    yield rating.question, rating.answer, answer


def _prompt(question: Question, talk: bool) -> str | list[dict[str, str]]:
    if not talk:
        return question.prompt
    return written(question.messages or (Message("user", question.prompt),))


def _answer(text: str, talk: bool) -> str | list[dict[str, str]]:
    return written((Message("assistant", text),)) if talk else text
