"""Commands for ratings that were given in the chat or by ``compare``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phi3studio.app.files import expanded
from phi3studio.cli.options import AsJson
from phi3studio.cli.output import print_json
from phi3studio.domain.errors import InputError

if TYPE_CHECKING:
    from phi3studio.domain.ratings.rating import Rating, Read
    from phi3studio.runs.shown.rating_shelf import RatingShelf

_SHOWN = 72
_SIGNS = {"up": "good", "down": "bad", "pair": "better"}

OfRun = Annotated[
    str | None, typer.Option("--run", metavar="RUN", help="Only those of this run's model.")
]

ratings_app = typer.Typer(
    help="Ratings of answers, from the chat or phi3studio compare: list them, delete them, write "
    "them as a file to train on.",
    no_args_is_help=True,
)


@ratings_app.command("list")
def list_ratings(run: OfRun = None, as_json: AsJson = False) -> None:
    """The ratings, the newest first."""
    found = _read(_shelf(), run)
    if as_json:
        ratings = [_document(rating) for rating in found.ratings]
        print_json({"ratings": ratings, "damaged_lines": found.damaged})
        return
    if not found.ratings:
        typer.echo("No ratings yet. Rate answers in the chat, or: phi3studio compare RUN RUN")
    for rating in found.ratings:
        stamp = time.strftime("%Y-%m-%d %H:%M", time.localtime(rating.time))
        typer.echo(f"{rating.id}  {stamp}  {_SIGNS[rating.verdict]:<6}  {rating.model}")
        typer.echo(f"    {_short(rating.question.shown)}")
        typer.echo(
            f"    + {_short(rating.answer)}"
            if rating.verdict != "down"
            else f"    - {_short(rating.answer)}"
        )
        if rating.verdict == "pair":
            typer.echo(f"    - {_short(rating.rejected)}  ({rating.rejected_model})")
    _warn(found)


@ratings_app.command("export")
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new JSON Lines file.")],
    run: OfRun = None,
    labels: Annotated[
        bool,
        typer.Option(
            "--labels", help="Every answer as a row with a label, those of pairs too (for KTO)."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write them to train on: pairs of a better and a worse answer.

    Thumbs make a pair only where one question has an answer rated up and another rated down. The
    other answers are written as prompt, completion and label (the form of KTO): into FILE where
    there is no pair, else into a second file next to it. With --labels all are written like that.
    """
    from phi3studio.domain.ratings.preference_rows import preference_rows, rated_rows

    file = expanded(file).absolute()
    if file.exists():
        raise InputError("rating.exists", file=file)
    shelf = _shelf()
    found = _read(shelf, run)
    done = shelf.export(found.ratings, file, rated_rows if labels else preference_rows)
    pairs, labelled = len(done.rows.pairs), len(done.rows.labelled)
    if as_json:
        print_json(
            {
                "file": str(file),
                "pairs": pairs,
                "labelled": labelled,
                "labels_file": str(done.labels or file) if labelled else None,
                "left_out": done.rows.left_out,
                "damaged_lines": found.damaged,
            }
        )
        return
    if pairs:
        typer.echo(f"{_count(pairs, 'pair')} in {file}")
    if labelled:
        answers = _count(labelled, "answer")
        alone = " without a counterpart," if pairs else ","
        typer.echo(f"{answers}{alone} each with a label, in {done.labels or file}")
    if done.rows.left_out:
        typer.echo(f"Left out, as an answer is empty: {_count(done.rows.left_out, 'rating')}")
    _warn(found)
    if pairs or done.rows.both_kinds:
        what = "the pairs" if pairs else "them"
        typer.echo(
            f"Train on {what}: phi3studio recipe new --data {file}{_from(found.ratings)} "
            "--out recipe.json"
        )


@ratings_app.command("delete")
def delete(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID...", help="As phi3studio ratings list says.")
    ] = None,
    run: OfRun = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All of them; with --run all of that run's model.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take ratings back."""
    if bool(ids) == everything:
        raise InputError("rating.which")
    shelf = _shelf()
    found = _read(shelf, run).ratings
    for name in ids or ():
        if not any(rating.id == name for rating in found):
            raise InputError("rating.unknown", id=name)
    gone = [rating for rating in found if everything or rating.id in (ids or ())]
    for rating in gone:
        shelf.delete(rating)
    if as_json:
        print_json({"deleted": [rating.id for rating in gone]})
        return
    typer.echo(f"Deleted: {_count(len(gone), 'rating')}.")


def _from(ratings: Sequence[Rating]) -> str:
    """The option that goes on from the run whose answers were rated, if it is one that learned."""
    from phi3studio.app.paths import user_home
    from phi3studio.runs.store import RunFolder

    names = {rating.model for rating in ratings}
    run = RunFolder(user_home().runs / names.pop()) if len(names) == 1 else None
    return f" --from {run.name}" if run is not None and run.adapter.is_dir() else ""


def _shelf() -> RatingShelf:
    from phi3studio.app.paths import user_home
    from phi3studio.runs.shown.rating_shelf import RatingShelf
    from phi3studio.runs.store import RunStore

    return RatingShelf(RunStore(user_home()))


def _read(shelf: RatingShelf, run: str | None) -> Read:
    if run is None:
        return shelf.all()
    from phi3studio.app.paths import user_home
    from phi3studio.runs.store import RunStore

    return shelf.of(RunStore(user_home()).find(run).name)


def _document(rating: Rating) -> dict[str, Any]:
    from phi3studio.domain.parsing import parse_json

    values: dict[str, Any] = parse_json(rating.to_line())
    return values


def _warn(found: Read) -> None:
    if found.damaged:
        typer.echo(f"Passed over: {_count(found.damaged, 'damaged line')}.", err=True)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _short(text: str) -> str:
    line = " ".join(text.split()) or "(empty)"
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
