"""The ratings of the window: what is known of them, and every change, off the window's thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from phi3studio.domain.ratings.rating import Question, Rating, Read, Verdict
from phi3studio.gui.context import Context
from phi3studio.runs.shown.rating_shelf import RatingShelf
from phi3studio.services.chat_client import Chat


class RatingDesk(QObject):
    """``changed``: other ratings are known than before; ``failed`` carries why a file could not be
    read or written."""

    changed = Signal()
    failed = Signal(object)

    def __init__(self, context: Context, engine: Chat, parent: QObject) -> None:
        super().__init__(parent)
        self._context = context
        self._engine = engine
        self.shelf = RatingShelf(context.store)
        self.known = Read()
        self._verdicts: dict[str, Verdict] = {}
        self._turn = asyncio.Lock()

    def look(self) -> None:
        """Read the ratings (again)."""
        self._do(lambda: None)

    def verdict_of(self, question: Question, model: Path, answer: str) -> Verdict | None:
        """How an answer was rated, if it was."""
        return self._verdicts.get(self._rating(question, model, answer, "up").id)

    def rate(self, question: Question, model: Path, answer: str, verdict: Verdict | None) -> None:
        """Rate an answer, or with ``None`` take that back."""
        rating = self._rating(question, model, answer, verdict or "up")
        if verdict is None:
            self._do(lambda: self.shelf.delete(rating))
        else:
            self.keep((rating,))

    def keep(self, ratings: Iterable[Rating]) -> None:
        """Keep ratings, with the prompt as the model is sent it."""

        async def rendered() -> list[Rating]:
            return [await self._with_prompt(rating) for rating in ratings]

        self._do(self.shelf.add, rendered)

    def turn(self, rating: Rating) -> None:
        """Rate the opposite instead."""
        self._do(lambda: self.shelf.turn(rating))

    def delete(self, rating: Rating) -> None:
        """Take a rating back."""
        self._do(lambda: self.shelf.delete(rating))

    def _rating(self, question: Question, model: Path, answer: str, verdict: Verdict) -> Rating:
        return Rating(question, self.shelf.name_of(model), answer, verdict, time.time())

    async def _with_prompt(self, rating: Rating) -> Rating:
        question = rating.question
        if question.prompt or not question.messages:
            return rating
        messages = [{"role": turn.role, "content": turn.content} for turn in question.messages]
        run = self._context.home.runs / rating.model
        folder = run / "model" if run.is_dir() else Path(rating.model)
        prompt = await self._engine.prompt(folder, messages=messages)
        return replace(rating, question=replace(question, prompt=prompt))

    def _do(
        self,
        change: Callable[..., object],
        given: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """Make *change* with what *given* finds out, one after the other, and read all again."""

        async def work() -> Read:
            async with self._turn:
                arguments = () if given is None else (await given(),)
                await asyncio.to_thread(change, *arguments)
                return await asyncio.to_thread(self.shelf.all)

        self._context.tasks.run(work(), self._take, self.failed.emit)

    def _take(self, found: Read) -> None:
        self.known = found
        self._verdicts = {rating.id: rating.verdict for rating in found.ratings}
        self.changed.emit()
