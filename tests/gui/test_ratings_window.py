"""Ratings in the chat: thumbs, the blind comparison, the list, and the way into the wizard."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.domain.ratings.rating import Rating
from phi3studio.domain.sampling import Sampling
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.page_set import Services
from phi3studio.gui.pages.chat.chat_page import ChatPage
from phi3studio.gui.pages.chat.rating.ratings_dialog import RatingsDialog
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.gui.widgets.basic import Callout
from phi3studio.runs.shown.rating_shelf import RatingShelf
from phi3studio.runs.shown.transcript import Figures
from phi3studio.runs.store import RunStore
from phi3studio.services.chat_client import LoadedModel
from tests.gui.conftest import no_fetch, no_probe, olive_config
from tests.gui.test_chat import answered, say
from tests.gui.test_home import button
from tests.showcase.chat import RecordedChat
from tests.showcase.inspector import RecordedInspector

Make = Callable[..., MainWindow]
LONG = 5000


class Answer:
    def __init__(self, text: str) -> None:
        self._text = text
        self.figures: Figures | None = None

    async def __aiter__(self) -> AsyncIterator[str]:
        await asyncio.sleep(0)
        yield self._text
        self.figures = Figures(3, 10, 10, 0.2, 15.0, "stop", True)

    def stop(self) -> None:
        """Nothing more to do."""


class Two(RecordedChat):
    """Each model answers with its folder's name, one that is asked with a seed also with it."""

    def __init__(self) -> None:
        self.samplings: list[Sampling | None] = []
        self.same = False

    async def load(self, folder: Path) -> LoadedModel:
        if folder.name == "tuned":
            return replace(await super().load(folder), folder=str(folder))
        return LoadedModel(str(folder), folder.name, 4096, None, (), True, 0.1, 1_000_000)

    def answer(  # type: ignore[override]
        self,
        folder: Path,
        *,
        sampling: Sampling,
        **_: object,
    ) -> Answer:
        self.samplings.append(sampling)
        seed = "" if sampling.seed is None else f" {sampling.seed}"
        return Answer("the same" if self.same else f"by {folder.name}{seed}")


@pytest.fixture
def engine() -> Two:
    return Two()


@pytest.fixture
def chat(make_window: Make, engine: Two, folder: Path) -> ChatPage:
    window = make_window(Services(RecordedInspector(), engine, no_probe, no_fetch, olive_config))
    window.go("chat")
    page = window.page("chat")
    assert isinstance(page, ChatPage)
    page.add_model(folder / "alpha", "Alpha")
    return page


@pytest.fixture
def kept(home: Home) -> Callable[[], list[Rating]]:
    return lambda: list(RatingShelf(RunStore(home)).all().ratings)


def known(chat: ChatPage, qtbot: QtBot, count: int) -> None:
    qtbot.waitUntil(lambda: len(chat.rating.desk.known.ratings) == count, timeout=LONG)


def test_thumbs_are_kept_taken_back_and_shown_again(
    chat: ChatPage, kept: Callable[[], list[Rating]], qtbot: QtBot
) -> None:
    assert chat.rating.list.isHidden()
    say(chat, qtbot, "Hi")
    answered(chat, qtbot, 1)
    view = chat.columns[0].views[0]
    good, bad = button(view, "Good answer"), button(view, "Bad answer")
    # Reachable by keyboard, as any button.
    good.setFocus()
    qtbot.keyClick(good, Qt.Key.Key_Space)
    known(chat, qtbot, 1)
    (rating,) = kept()
    assert (rating.verdict, rating.answer, rating.question.shown) == ("up", "by alpha", "Hi")
    assert rating.question.prompt == "<user>Hi<assistant>"
    assert (good.isChecked(), bad.isChecked()) == (True, False)
    qtbot.mouseClick(bad, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: [r.verdict for r in kept()] == ["down"], timeout=LONG)
    qtbot.waitUntil(lambda: not good.isChecked(), timeout=LONG)
    assert not chat.rating.list.isHidden()
    # The same answer to the same question in another chat has its rating.
    qtbot.mouseClick(button(chat, "New chat"), Qt.MouseButton.LeftButton)
    say(chat, qtbot, "Hi")
    answered(chat, qtbot, 1)
    again = button(chat.columns[0].views[0], "Bad answer")
    assert again.isChecked()
    qtbot.mouseClick(again, Qt.MouseButton.LeftButton)
    known(chat, qtbot, 0)
    assert kept() == []
    assert not again.isChecked()


def compare(chat: ChatPage, qtbot: QtBot, question: str) -> None:
    blind = chat.rating.view
    say(chat, qtbot, question)
    qtbot.waitUntil(lambda: blind.buttons["1"].isEnabled(), timeout=LONG)


def shown(chat: ChatPage) -> list[str]:
    return [card._text.text() for card in chat.rating.view._cards]


def test_two_models_are_compared_without_names_by_keyboard(
    chat: ChatPage, folder: Path, kept: Callable[[], list[Rating]], qtbot: QtBot
) -> None:
    chat.add_model(folder / "beta", "Beta")
    qtbot.waitUntil(lambda: all(c.model is not None for c in chat.columns), timeout=LONG)
    qtbot.mouseClick(chat.rating.compare, Qt.MouseButton.LeftButton)
    blind = chat.rating.view
    assert blind.isVisible()
    assert all(column.isHidden() for column in chat.columns)
    orders = set()
    for at in range(12):
        compare(chat, qtbot, f"Question {at}")
        answers = shown(chat)
        assert sorted(answers) == ["by alpha", "by beta"]
        orders.add(tuple(answers))
        # Alpha wins each time, wherever it stands.
        place = answers.index("by alpha")
        focused = chat.window().focusWidget()
        assert focused is blind.buttons["1"]
        qtbot.keyClick(focused, (Qt.Key.Key_1, Qt.Key.Key_2)[place])
        assert f"{at + 1} compared: {at + 1} to 0" in blind._said.text()
        assert "Alpha" not in blind._said.text()
        assert chat.window().focusWidget() is chat._prompt._fields[""]
    assert len(orders) == 2
    compare(chat, qtbot, "Tie")
    qtbot.keyClick(chat.window().focusWidget(), Qt.Key.Key_0)
    compare(chat, qtbot, "Bad")
    qtbot.keyClick(chat.window().focusWidget(), Qt.Key.Key_B)
    known(chat, qtbot, 14)
    assert (blind.score.first, blind.score.second, blind.score.ties, blind.score.bad) == (
        12,
        0,
        1,
        1,
    )
    ratings = kept()
    pairs = [rating for rating in ratings if rating.verdict == "pair"]
    assert len(pairs) == 12
    assert {rating.answer for rating in pairs} == {"by alpha"}
    assert {rating.question.prompt for rating in pairs} >= {"<user>Question 3<assistant>"}
    assert {rating.verdict for rating in ratings if rating not in pairs} == {"down"}
    qtbot.mouseClick(blind.finish, Qt.MouseButton.LeftButton)
    assert blind.isHidden()
    assert not chat.columns[0].isHidden()
    said = " ".join(note.text.text() for note in chat.findChildren(Callout))
    assert "Alpha: 12. Beta: 0. Ties: 1. Both bad: 1." in said
    hints = " ".join(note.hint.text() for note in chat.findChildren(Callout))
    assert "95 % interval: 76 % to 100 %" in hints
    assert chat.window().focusWidget() is chat._prompt._fields[""]


def test_one_model_is_compared_with_itself_by_two_seeds(
    chat: ChatPage, engine: Two, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: chat.columns[0].model is not None, timeout=LONG)
    qtbot.mouseClick(chat.rating.compare, Qt.MouseButton.LeftButton)
    compare(chat, qtbot, "Hi")
    one, other = engine.samplings[-2:]
    assert one is not None
    assert other is not None
    assert one.seed != other.seed
    assert one.temperature == other.temperature == 0.8
    # A question that is not answered is not counted, and nothing is asked over it.
    assert not chat._prompt._send.isEnabled()
    engine.same = True
    chat.rating.view.pick("tie")
    say(chat, qtbot, "Same")
    qtbot.waitUntil(lambda: chat.rating.view.score.ties == 2, timeout=LONG)
    assert not chat.rating.view.buttons["1"].isEnabled()
    # Ended by its own button as well, and where a model leaves.
    qtbot.mouseClick(chat.rating.compare, Qt.MouseButton.LeftButton)
    assert not chat.rating.view.active
    said = "Alpha: 2 compared, one answer better in 0, ties 2, both bad 0."
    qtbot.waitUntil(
        lambda: [n.text.text() for n in chat.findChildren(Callout) if n.isVisible()] == [said]
    )
    qtbot.mouseClick(chat.rating.compare, Qt.MouseButton.LeftButton)
    assert chat.rating.view.active
    chat._remove(chat.columns[0])
    assert not chat.rating.view.active


@pytest.fixture
def rated(chat: ChatPage, qtbot: QtBot) -> RatingsDialog:
    for text, name in (("Hi", "Good answer"), ("Ho", "Bad answer")):
        say(chat, qtbot, text)
        answered(chat, qtbot, len(chat.columns[0].transcript.turns) + 1)
        view = chat.columns[0].views[-1]
        qtbot.mouseClick(button(view, name), Qt.MouseButton.LeftButton)
    known(chat, qtbot, 2)
    return chat.rating.open_list()


def test_the_list_turns_deletes_and_saves(
    chat: ChatPage,
    rated: RatingsDialog,
    kept: Callable[[], list[Rating]],
    tmp_path: Path,
    qtbot: QtBot,
) -> None:
    assert [rating.question.shown for rating in rated.listed] == ["Ho", "Hi"]
    assert not rated._turn.isEnabled()
    rated.table.choose(0)
    assert rated._turn.isEnabled()
    qtbot.keyClick(rated.table, Qt.Key.Key_F2)
    qtbot.waitUntil(lambda: [r.verdict for r in kept()] == ["up", "up"], timeout=LONG)
    qtbot.waitUntil(lambda: rated.listed[0].verdict == "up", timeout=LONG)
    rated.table.choose(1)
    qtbot.keyClick(rated.table, Qt.Key.Key_Delete)
    known(chat, qtbot, 1)
    assert [rating.question.shown for rating in rated.listed] == ["Ho"]
    file = tmp_path / "mine.jsonl"
    chat.rating.save_to(rated.listed, file)
    qtbot.waitUntil(file.exists, timeout=LONG)
    assert '"label": true' in file.read_text()
    chat.rating.save_to(rated.listed, tmp_path / "mine.jsonl" / "below a file.jsonl")
    qtbot.waitUntil(
        lambda: any("below a file" in n.text.text() for n in chat.findChildren(Callout)),
        timeout=LONG,
    )
    rated.reject()


def test_train_on_these_opens_the_wizard_with_the_pairs(
    chat: ChatPage, folder: Path, home: Home, qtbot: QtBot
) -> None:
    chat._remove(chat.columns[0])
    chat.add_model(folder / "tuned", "Tuned")
    qtbot.waitUntil(lambda: chat.columns[0].model is not None, timeout=LONG)
    qtbot.mouseClick(chat.rating.compare, Qt.MouseButton.LeftButton)
    compare(chat, qtbot, "Hi")
    chat.rating.view.pick("1")
    known(chat, qtbot, 1)
    dialog = chat.rating.open_list()
    qtbot.mouseClick(dialog.train_button, Qt.MouseButton.LeftButton)
    window = chat.window()
    assert isinstance(window, MainWindow)
    page = window.page("new")
    assert isinstance(page, WizardPage)
    qtbot.waitUntil(lambda: page.session.draft.source is not None, timeout=LONG)
    qtbot.waitUntil(lambda: page.inspection.report is not None, timeout=LONG)
    draft = page.session.draft
    assert (draft.prompt, draft.completion) == ("{prompt}", "{chosen}")
    assert (draft.rejected, draft.objective) == ("{rejected}", "dpo")
    assert draft.source is not None
    file = Path(draft.source.source)
    assert file.parent == home.root / "ratings" / "training"
    row = json.loads(file.read_text())
    # As the model was sent it.
    assert row["prompt"] == "### Text: Hi\n### The tone is:\n"
    assert {row["chosen"][:8], row["rejected"][:8]} == {"by tuned"}


@pytest.mark.parametrize(("width", "height"), [(1024, 700), (720, 450)])
def test_the_window_grows_for_nothing_that_the_chat_shows(
    italian: None, chat: ChatPage, folder: Path, qtbot: QtBot, width: int, height: int
) -> None:
    window = chat.window()
    window.setMinimumSize(0, 0)
    window.resize(width, height)
    qtbot.waitUntil(lambda: window.width() == width)
    say(chat, qtbot, "Hi")
    answered(chat, qtbot, 1)
    chat.columns[0].rated.emit(0, "up")
    known(chat, qtbot, 1)
    chat.add_model(folder / "beta", "Beta")
    qtbot.waitUntil(lambda: all(c.model is not None for c in chat.columns), timeout=LONG)
    qtbot.mouseClick(chat.rating.compare, Qt.MouseButton.LeftButton)
    compare(chat, qtbot, "Who are you?")
    qtbot.keyClick(chat.rating.view.buttons["1"], Qt.Key.Key_2)
    qtbot.mouseClick(chat.rating.view.finish, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: all(c.isVisible() for c in chat.columns), timeout=LONG)
    assert (window.width(), window.height()) == (width, height)
