"""``compare``: two answers to each question of a file without names, and which is better."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phi3studio.app.files import expanded
from phi3studio.cli.exported_runs import exported_run
from phi3studio.cli.waiting import wait_for
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages.formatting import percent

if TYPE_CHECKING:
    from random import Random

    from phi3studio.cli.rating.asked_rows import AskedRow
    from phi3studio.domain.ratings.blind import BlindPair, BlindScore, Pick, Side
    from phi3studio.domain.ratings.rating import Question
    from phi3studio.runs.shown.rating_shelf import RatingShelf
    from phi3studio.runs.store import RunFolder
    from phi3studio.services.chat_client import Chat, LoadedModel

_KEYS: dict[str, Pick] = {"1": "1", "2": "2", "t": "tie", "b": "bad"}
# Answers of one model to compare with one another have to differ.
_TEMPERATURE = 0.8

RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's name, a beginning of it, or latest.")
]


def compare(
    first: RunName,
    second: Annotated[
        str,
        typer.Argument(metavar="RUN", help="The other run; the same one answers with two seeds."),
    ],
    data: Annotated[Path, typer.Option("--data", help="File whose questions are asked.")],
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="At most so many of its questions.")
    ] = 50,
    temperature: Annotated[
        float | None,
        typer.Option(
            "--temperature", min=0.0, max=5.0, help="0 for two runs and 0.8 for one, when absent."
        ),
    ] = None,
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", min=1, help="Maximum number of tokens in an answer.")
    ] = 256,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Of the order and the sampling, to repeat them.")
    ] = None,
) -> None:
    """Which of two answers is better? Asked blind; what you choose is kept (phi3studio ratings)."""
    from random import Random

    if not sys.stdin.isatty():
        raise InputError("rating.no_terminal")
    runs = exported_run(first), exported_run(second)
    file = expanded(data).absolute()
    if not file.is_file():
        raise InputError("data.no_file", variant="option", path=data)
    if temperature is None:
        temperature = _TEMPERATURE if runs[0].name == runs[1].name else 0.0
    if runs[0].name == runs[1].name and not temperature:
        raise InputError("rating.same_answers")
    random = Random(seed)  # noqa: S311 - it guards no secret
    seeds = random.randrange(2**31), random.randrange(2**31)
    wait_for(_Comparison(runs, temperature, max_tokens, seeds, random).run(file, limit))


class _Comparison:
    """One blind comparison at the terminal."""

    def __init__(
        self,
        runs: tuple[RunFolder, RunFolder],
        temperature: float,
        max_tokens: int,
        seeds: tuple[int, int],
        random: Random,
    ) -> None:
        from phi3studio.app.paths import user_home
        from phi3studio.domain.sampling import Sampling
        from phi3studio.runs.shown.rating_shelf import RatingShelf
        from phi3studio.runs.store import RunStore

        self._runs = runs
        self._max_tokens = max_tokens
        self._samplings = [Sampling(temperature=temperature, seed=seed) for seed in seeds]
        self._random = random
        self._shelf: RatingShelf = RatingShelf(RunStore(user_home()))

    async def run(self, file: Path, limit: int) -> None:
        from phi3studio.cli.rating.asked_rows import asked_rows
        from phi3studio.domain.ratings.blind import BlindScore
        from phi3studio.services.chat_client import Chat
        from phi3studio.services.connection import Service
        from phi3studio.services.inspector_client import Inspector

        score = BlindScore()
        async with Service.start("chat") as service:
            chat = Chat(service)
            models = [await chat.load(run.model) for run in self._runs]
            talk = any(model.is_conversation for model in models)
            recipe = next(
                run.recipe()
                for run, model in zip(self._runs, models, strict=True)
                if model.is_conversation or not talk
            )
            async with Service.start("inspector") as reader:
                rows = await asked_rows(Inspector(reader), file, recipe, talk, limit)
            typer.echo("1 or 2: that answer is better; t: tie; b: both are bad; q: stop.")
            for number, row in enumerate(rows, 1):
                pair = await self._ask(chat, models, row)
                typer.echo(f"\n[{number} of {len(rows)}] {pair.question.shown.strip()}")
                pick = "tie" if pair.equal else await self._picked(pair)
                if pick is None:
                    break
                choice = pair.choice(pick)
                self._shelf.add(pair.ratings(choice, time.time()))
                score = score.counted(choice)
        self._tell(score)

    async def _ask(self, chat: Chat, models: list[LoadedModel], row: AskedRow) -> BlindPair:
        from phi3studio.domain.ratings.blind import BlindPair, Side
        from phi3studio.domain.ratings.rating import Question, messages_of

        sides: list[Side] = []
        questions: list[Question] = []
        for run, model, sampling in zip(self._runs, models, self._samplings, strict=True):
            asked: dict[str, Any] = (
                {"messages": row.messages}
                if model.is_conversation
                else {"values": row.values(model.columns)}
            )
            prompt = await chat.prompt(run.model, **asked)
            questions.append(Question(prompt, messages_of(asked.get("messages", ()))))
            answer = chat.answer(run.model, **asked, sampling=sampling, max_tokens=self._max_tokens)
            text = "".join([piece async for piece in answer])
            sides.append(Side(self._shelf.name_of(run.model), text))
        question = next((q for q in questions if q.messages), questions[0])
        return BlindPair(question, sides[0], sides[1]).shuffled(self._random)

    async def _picked(self, pair: BlindPair) -> Pick | None:
        """What the person says; ``None`` to stop."""
        import asyncio

        for name, text in zip("12", pair.shown, strict=True):
            typer.echo(f"\n--- {name} ---\n{text.strip() or '(empty)'}")
        while True:
            try:
                said = (await asyncio.to_thread(input, "\n1, 2, t, b or q> ")).strip().lower()
            except EOFError:
                return None
            if said in _KEYS:
                return _KEYS[said]
            if said == "q":
                return None
            typer.echo("Write 1, 2, t (tie), b (both bad) or q (stop), and Enter.")

    def _tell(self, score: BlindScore) -> None:
        if not score.total:
            typer.echo("Nothing was compared.")
            return
        names = [run.name for run in self._runs]
        if names[0] == names[1]:
            names = [f"{names[0]}, seed {sampling.seed}" for sampling in self._samplings]
        typer.echo("")
        for name, won in zip(names, (score.first, score.second), strict=True):
            typer.echo(f"  {won:>4}  {name}")
        typer.echo(f"  {score.ties:>4}  ties\n  {score.bad:>4}  both bad")
        if not score.decided:
            return
        low, high = score.interval
        typer.echo(
            f"{names[0]} was better in {percent(score.share)} of {score.decided} "
            f"(95 % interval {percent(low)} to {percent(high)})."
        )
        if score.winner is None:
            typer.echo("That does not say yet which is better; compare more.")
        typer.echo("Kept. Train on it: phi3studio ratings export FILE")
