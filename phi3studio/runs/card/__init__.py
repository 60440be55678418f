"""The model card of a run: what the model is, how good it is, and what it must not be used for.

``card/README.md`` is Markdown with the front matter of the Hugging Face hub and pictures next to
it; ``card/card.html`` is one page that needs nothing else. Neither holds rows of the data but for
the sample answers, nor paths of this computer.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from phi3studio.app.files import write_atomically
from phi3studio.domain.messages.printable import printable
from phi3studio.resources import resources
from phi3studio.runs.card import charts
from phi3studio.runs.card.card_words import FILTERS
from phi3studio.runs.card.facts import CardFacts, gather
from phi3studio.runs.store import RunFolder

MARKDOWN = "README.md"
HTML = "card.html"


def write_card(run: RunFolder) -> Path:
    """Write the card of *run* from its recipe, manifest and events; returns its folder."""
    facts = gather(run)
    pictures = draw(facts)
    folder = run.card
    folder.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        write_atomically(folder / f"{name}.svg", printable(picture) + "\n")
    for old in folder.glob("*.svg"):
        if old.stem not in pictures:
            old.unlink()
    for file, template, escape in ((MARKDOWN, "card.md.j2", False), (HTML, "card.html.j2", True)):
        page = _environment(escape).get_template(template)
        text = page.render(facts=facts, pictures=pictures, colours=charts.colours())
        write_atomically(folder / file, printable(text))
    return folder


def card_text(run: RunFolder) -> str:
    """The card as Markdown, as it was at the run's end: the same whenever it is asked for."""
    facts = gather(run)
    ended = time.strftime("%Y-%m-%d", time.gmtime(facts.view.ended_at or 0))
    same = replace(facts, written=ended, view=replace(facts.view, proofs={}))
    page = _environment(False).get_template("card.md.j2")
    return printable(page.render(facts=same, pictures={}, colours=charts.colours()))


def draw(facts: CardFacts) -> dict[str, str]:
    """The card's pictures by name, each a whole SVG document."""
    found = {
        "loss": charts.loss(facts.curves.loss.points, facts.curves.eval_loss.points),
        "scores": charts.scores(facts.scores),
        "confusion": charts.confusion(facts.confusion),
        "lengths": charts.lengths(facts.lengths),
    }
    return {name: picture for name, picture in found.items() if picture is not None}


def _environment(escape: bool) -> Environment:
    # Markdown is not HTML: there the filters ``plain`` and ``fenced`` do what escaping does here.
    environment = Environment(
        loader=FileSystemLoader(resources() / "card"),
        autoescape=escape,  # noqa: S701
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= FILTERS
    return environment
