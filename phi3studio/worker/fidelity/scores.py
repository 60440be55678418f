"""The task score of a model's answers, row by row: labels are right or wrong, texts overlap."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from phi3studio.domain.events.payload import ScoreName
from phi3studio.domain.fidelity import confusion_of, macro_f1

# Scripts without spaces between words count sign by sign.
_CJK = "぀-ヿ㐀-䶿一-鿿豈-﫿가-힯"
_WORDS = re.compile(f"[{_CJK}]|[^\\W{_CJK}]+")


@dataclass(frozen=True)
class TaskScore:
    """``rows`` holds each row's score from 0 to 1; ``figures`` are fields of ``Metrics``."""

    name: ScoreName
    rows: tuple[float, ...]
    figures: dict[str, Any]

    @property
    def mean(self) -> float:
        return sum(self.rows) / len(self.rows) if self.rows else 0.0


def score_answers(
    expected: Sequence[str], answered: Sequence[str], labels: Sequence[str]
) -> TaskScore:
    """Score answers against what was expected, both without the space around them.

    With *labels* the score is the accuracy, and a confusion matrix and the macro F1 come with it.
    Without, it is the mean F1 of the words (of SQuAD, but for its English articles), and the
    ROUGE-L comes with it.
    """
    wanted = [text.strip() for text in expected]
    given = [text.strip() for text in answered]
    if labels:
        rows = tuple(float(a == b) for a, b in zip(wanted, given, strict=True))
        figures = {"confusion": confusion_of(wanted, given), "macro_f1": macro_f1(wanted, given)}
        return TaskScore("accuracy", rows, figures)
    words, longest = _overlaps(wanted, given)
    mean = sum(words) / max(1, len(words))
    figures = {"token_f1": mean, "rouge_l": sum(longest) / max(1, len(longest))}
    return TaskScore("token_f1", tuple(words), figures)


def words_of(text: str) -> list[str]:
    """The words of a text in any script, in lower case."""
    return _WORDS.findall(text.casefold())


def _overlaps(expected: Sequence[str], answered: Sequence[str]) -> tuple[list[float], list[float]]:
    """F1 of single words and of the longest common subsequence, row by row."""
    if not expected:
        return [], []
    from torchmetrics.text.rouge import ROUGEScore

    metric: Any = ROUGEScore(rouge_keys=("rouge1", "rougeL"), normalizer=str, tokenizer=words_of)
    metric.update(list(answered), list(expected))
    return (
        [float(value) for value in metric.rouge1_fmeasure],
        [float(value) for value in metric.rougeL_fmeasure],
    )
