"""Questions to services: asked late, withdrawn in time, never two at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt
from pytestqt.qtbot import QtBot

from phi3studio.domain.recipe import Recipe
from phi3studio.gui.context import Context
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.page_set import Services
from phi3studio.gui.pages.wizard.review_page import ReviewPage
from phi3studio.gui.tasks import Latest, in_thread
from tests.gui.conftest import SAMPLE, no_fetch, no_probe
from tests.gui.test_wizard import data_of, wizard_of
from tests.showcase.chat import RecordedChat
from tests.showcase.inspector import RecordedInspector


class Oracle:
    """Answers when told to; counts what is in flight."""

    def __init__(self) -> None:
        self.begun: list[object] = []
        self.now = self.most = 0
        self.may_answer = asyncio.Event()

    async def ask(self, question: object) -> object:
        self.begun.append(question)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.may_answer.wait()
            return question
        finally:
            # What it takes to end is part of the question.
            await asyncio.sleep(0)
            self.now -= 1


def test_only_the_newest_question_is_answered_and_never_two_are_in_flight(
    context: Context, qtbot: QtBot
) -> None:
    oracle, answers = Oracle(), list[object]()
    latest = Latest(context.tasks, context.tasks)
    for number in range(5):
        latest.ask(lambda n=number: oracle.ask(n), answers.append)
        qtbot.wait(1)
    oracle.may_answer.set()
    qtbot.waitUntil(lambda: not latest.busy, timeout=5000)
    assert answers == [4]
    assert oracle.most == 1


def test_nothing_is_asked_before_changes_have_settled(context: Context, qtbot: QtBot) -> None:
    oracle, answers = Oracle(), list[object]()
    oracle.may_answer.set()
    latest = Latest(context.tasks, context.tasks, after_ms=50)
    for number in range(20):
        latest.ask(lambda n=number: oracle.ask(n), answers.append)
    qtbot.waitUntil(lambda: not latest.busy, timeout=5000)
    assert (oracle.begun, answers) == ([19], [19])
    latest.ask(lambda: oracle.ask("unwanted"), answers.append)
    latest.withdraw()
    assert not latest.busy
    assert oracle.begun == [19]


def test_a_withdrawn_thread_is_waited_for(context: Context, qtbot: QtBot) -> None:
    import threading

    go, inside, most = threading.Event(), list[int](), list[int]()
    latest = Latest(context.tasks, QObject(context.tasks))

    def work() -> int:
        inside.append(1)
        most.append(len(inside))
        go.wait(10)
        return len(inside) and inside.pop()

    answers: list[int] = []
    for _ in range(3):
        latest.ask(lambda: in_thread(work), answers.append)
        qtbot.waitUntil(lambda: bool(inside), timeout=5000)
    go.set()
    qtbot.waitUntil(lambda: not latest.busy, timeout=5000)
    assert answers == [1]
    assert max(most) == 1


def test_typing_a_name_asks_olive_nothing_more(
    make_window: Callable[..., MainWindow], qtbot: QtBot
) -> None:
    asked: list[Recipe] = []

    async def olive_config(recipe: Recipe) -> str:
        asked.append(recipe)
        return '{"passes": {}}'

    wizard = wizard_of(
        make_window(Services(RecordedInspector(), RecordedChat(), no_probe, no_fetch, olive_config))
    )
    data_of(wizard).source.take_file(str(SAMPLE))
    qtbot.waitUntil(lambda: wizard.inspection.report is not None, timeout=5000)
    review = wizard.view("review")
    assert isinstance(review, ReviewPage)
    wizard.session.visit("review")
    qtbot.mouseClick(review._fold, Qt.MouseButton.LeftButton)
    review._which.setCurrentIndex(1)
    qtbot.waitUntil(lambda: "passes" in review._text.toPlainText(), timeout=5000)
    review.name.setFocus()
    review.name.selectAll()
    qtbot.keyClicks(review.name, "a name of eighty letters " * 4)
    assert wizard.session.draft.name
    assert "passes" in review._text.toPlainText()
    # Not even elsewhere in the wizard, until the config can be seen again.
    qtbot.mouseClick(wizard._back, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not review.isVisible())
    for epochs in (2, 3, 4):
        wizard.session.edit("tuning", training={"epochs": epochs})
    qtbot.wait(600)
    assert len(asked) == 1
    wizard.session.visit("review")
    qtbot.waitUntil(lambda: len(asked) == 2, timeout=5000)
    assert asked[1].training.epochs == 4
