"""The verdict of the fidelity gate and the confusion matrix, as the run page draws them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtWidgets import QLabel, QTableWidget
from pytestqt.qtbot import QtBot

from phi3studio.domain.events.measured_events import (
    Candidate,
    Confusion,
    ModelFigures,
    Verified,
    verdict_note,
)
from phi3studio.domain.events.measured_events import VerdictNote as Found
from phi3studio.gui.context import Context
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.run.confusion import ConfusionMatrix
from phi3studio.gui.pages.run.run_page import RunPage
from phi3studio.gui.pages.run.verdict_card import VerdictCard
from phi3studio.gui.widgets.basic import Callout
from phi3studio.runs.store import RunFolder

Make = Callable[..., MainWindow]


@pytest.fixture
def card(context: Context, qtbot: QtBot) -> VerdictCard:
    found = VerdictCard(context.theme)
    qtbot.addWidget(found)
    return found


def texts(card: VerdictCard) -> str:
    return "\n".join(label.text() for label in card.findChildren(QLabel))


def test_a_finished_run_shows_its_verdict_and_its_labels(
    make_window: Make, showcase: dict[str, RunFolder], qtbot: QtBot
) -> None:
    window = make_window()
    window.show_run(showcase["done"])
    page = window.page("run")
    assert isinstance(page, RunPage)
    qtbot.waitUntil(lambda: page._result.isVisible(), timeout=5000)
    said = texts(page._result._verdict)
    for part in ("Yes: it is faithful", "0.8", "95 % interval: -0.8 to 2.4", "0.006", "<|im_end|>"):
        assert part in said
    matrix = page._result._matrix
    assert matrix.isVisible()
    assert "Surprise: Fear 3, Joy 1, Surprise 18" in matrix.accessibleDescription()
    window.show_run(showcase["failed"])
    qtbot.waitUntil(lambda: page._body.isVisible(), timeout=5000)
    qtbot.waitUntil(page._result.isHidden)


def test_an_unfaithful_export_says_why_and_what_to_try(card: VerdictCard) -> None:
    card.show_verdict(
        Verified(
            faithful=False,
            rows=80,
            score_name="token_f1",
            points_lost=7.25,
            limits={"points_lost": 3.0, "stops": 0.99},
            models={"exported": ModelFigures(perplexity=2.0, stops=0.9)},
            reasons=(
                Found(code="fidelity.score", text="It loses 7.2 points.", next="Try quality."),
            ),
            remarks=(Found(code="fidelity.few_rows", text="Few rows.", next="Hold out more."),),
            candidates=(
                Candidate(preset="small", bytes=100_000_000, faithful=False, points_lost=9.0),
                Candidate(preset="fast", bytes=200_000_000, faithful=False, kept=True),
            ),
        )
    )
    levels = {finding.level: finding.text.text() for finding in card.findChildren(Callout)}
    assert levels == {"error": "It loses 7.2 points.", "warning": "Few rows."}
    said = texts(card)
    for part in ("No: it is not faithful", "Points of word F1 lost", "Try quality.", "90 %"):
        assert part in said
    table = card.findChild(QTableWidget)
    assert table is not None
    assert [table.item(1, x).text() for x in range(5)] == [
        "fast",
        "200 MB",
        "–",
        "–",
        "not faithful, kept",
    ]


def test_the_export_of_pairs_says_how_much_preference_it_lost(card: VerdictCard) -> None:
    card.show_verdict(
        Verified(
            faithful=True,
            rows=50,
            preference_lost=2.0,
            preference_interval=(-3.0, 7.0),
            limits={"points_lost": 3.0, "stops": 0.99, "preference_lost": 2.0},
        )
    )
    said = texts(card)
    assert "Points of preference lost" in said
    assert "2 are allowed, 95 % interval: -3 to 7" in said


def test_what_could_not_be_measured_is_not_called_faithful(card: VerdictCard) -> None:
    card.show_verdict(Verified(faithful=True, measured=False, general=True, rows=12))
    said = texts(card)
    assert "Not proven" in said
    assert "12 rows of general text" in card.detail.text() or "12 row(s)" in card.detail.text()


def test_a_run_without_a_verdict_shows_no_card(card: VerdictCard) -> None:
    card.show_verdict(None)
    assert card.isHidden()


@pytest.mark.parametrize("labels", [1, 20])
def test_matrices_of_any_size_are_painted(context: Context, qtbot: QtBot, labels: int) -> None:
    matrix = ConfusionMatrix(context.theme)
    qtbot.addWidget(matrix)
    names = tuple(f"a rather long label {n}" for n in range(labels))
    rows = tuple(tuple(10 if x == y else 0 for x in range(labels + 1)) for y in range(labels))
    matrix.show_confusion(Confusion(labels=names, counts=rows))
    matrix.resize(600, matrix.height())
    picture = matrix.grab().toImage()
    colours = {picture.pixelColor(x, 38).name() for x in range(picture.width())}
    assert len(colours) > 3


def test_an_export_without_anything_to_compare_it_with_is_not_proven(card: VerdictCard) -> None:
    tried = Candidate(preset="fast", bytes=1, faithful=False, comparable=False)
    reason = verdict_note("fidelity.int4_aware")
    verdict = Verified(faithful=False, comparable=False, reasons=(reason,), candidates=(tried,))
    card.show_verdict(verdict)
    assert [said.level for said in card.findChildren(Callout)] == ["warning"]
    assert "Not proven: there is nothing to compare it with" in texts(card)
    table = card.findChild(QTableWidget)
    assert table is not None
    said = {table.item(0, x).text() for x in range(table.columnCount()) if table.item(0, x)}
    assert "not proven" in said
