"""A blind comparison: two answers without names in random order, and the running score."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from phi3studio.domain.intervals import wilson_interval
from phi3studio.domain.ratings.rating import Question, Rating

Choice = Literal["first", "second", "tie", "bad"]
"""What was chosen, by the models' order: which is better, neither, or that both are bad."""
Pick = Literal["1", "2", "tie", "bad"]
"""The same by the order in which the answers were shown."""


@dataclass(frozen=True)
class Side:
    """An answer and the name of the model that gave it."""

    model: str
    answer: str


@dataclass(frozen=True)
class BlindPair:
    """The answers of the first and the second model to *question*; ``swapped``: the second one's
    is shown first."""

    question: Question
    first: Side
    second: Side
    swapped: bool = False

    def shuffled(self, random: Random) -> BlindPair:
        """In an order that nobody can guess."""
        return replace(self, swapped=random.random() < 0.5)

    @property
    def shown(self) -> tuple[str, str]:
        """The answers in the order in which they are shown."""
        pair = self.first.answer, self.second.answer
        return (pair[1], pair[0]) if self.swapped else pair

    @property
    def equal(self) -> bool:
        """Whether there is nothing to choose."""
        return self.first.answer.strip() == self.second.answer.strip()

    def choice(self, pick: Pick) -> Choice:
        """Which model's answer was picked."""
        if pick in ("tie", "bad"):
            return "tie" if pick == "tie" else "bad"
        return "first" if (pick == "1") != self.swapped else "second"

    def ratings(self, choice: Choice, time: float) -> tuple[Rating, ...]:
        """What is kept of a choice: a pair, or two answers rated down; of a tie nothing."""
        question, one, other = self.question, self.first, self.second
        if choice == "tie":
            return ()
        if choice == "bad":
            return tuple(
                Rating(question, side.model, side.answer, "down", time) for side in (one, other)
            )
        if choice == "second":
            one, other = other, one
        return (Rating(question, one.model, one.answer, "pair", time, other.answer, other.model),)


@dataclass(frozen=True)
class BlindScore:
    """How often each was chosen."""

    first: int = 0
    second: int = 0
    ties: int = 0
    bad: int = 0

    def counted(self, choice: Choice) -> BlindScore:
        """With one choice more."""
        name = {"first": "first", "second": "second", "tie": "ties", "bad": "bad"}[choice]
        return replace(self, **{name: getattr(self, name) + 1})

    @property
    def decided(self) -> int:
        """Comparisons that one of the two won."""
        return self.first + self.second

    @property
    def total(self) -> int:
        """All comparisons."""
        return self.decided + self.ties + self.bad

    @property
    def share(self) -> float:
        """The first one's share of what was decided; a half before anything was."""
        return self.first / self.decided if self.decided else 0.5

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of :attr:`share`, which also holds for few comparisons."""
        return wilson_interval(self.first, self.decided)

    @property
    def winner(self) -> Literal["first", "second"] | None:
        """The one that is better, if the interval leaves no doubt."""
        low, high = self.interval
        if low > 0.5:
            return "first"
        return "second" if high < 0.5 else None
