"""The chat pane."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.sampling import Sampling
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.page_set import Services
from phi3studio.gui.pages.chat.chat_page import ChatPage
from phi3studio.gui.widgets.basic import Callout
from phi3studio.runs.shown.transcript import Ask, Figures
from phi3studio.runs.store import RunFolder
from phi3studio.services.chat_client import LoadedModel
from tests.gui.conftest import no_fetch, no_probe, olive_config
from tests.gui.test_home import button
from tests.showcase.chat import RecordedChat
from tests.showcase.inspector import RecordedInspector

Make = Callable[..., MainWindow]


class Answer:
    """Pieces, with an ending as told."""

    def __init__(self, engine: Talker) -> None:
        self._engine = engine
        self.figures: Figures | None = None

    async def __aiter__(self) -> AsyncIterator[str]:
        for piece in self._engine.pieces:
            yield piece
            await asyncio.sleep(self._engine.pause_s)
        if self._engine.error is not None:
            raise self._engine.error
        self.figures = Figures(3, 10, 10, 0.2, 15.0, "stop", True)

    def stop(self) -> None:
        """Nothing more to do: the task is cancelled."""


class Talker(RecordedChat):
    """A model that holds conversations."""

    def __init__(self) -> None:
        self.pieces = ["Hello", " there"]
        self.pause_s = 0.0
        self.error: UserFacingError | None = None
        self.load_error: UserFacingError | None = None
        self.questions: list[list[dict[str, str]]] = []
        self.samplings: list[Sampling | None] = []

    async def load(self, folder: Path) -> LoadedModel:
        if self.load_error is not None:
            raise self.load_error
        return LoadedModel(str(folder), "talker", 4096, None, (), True, 0.1, 1_000_000)

    def answer(  # type: ignore[override]
        self,
        folder: Path,
        *,
        messages: Sequence[Mapping[str, str]] | None = None,
        sampling: Sampling | None = None,
        **_: object,
    ) -> Answer:
        self.questions.append([dict(m) for m in messages or ()])
        self.samplings.append(sampling)
        return Answer(self)


@pytest.fixture
def talker() -> Talker:
    return Talker()


@pytest.fixture
def chat(make_window: Make, talker: Talker, folder: Path) -> ChatPage:
    window = make_window(Services(RecordedInspector(), talker, no_probe, no_fetch, olive_config))
    window.go("chat")
    page = window.page("chat")
    assert isinstance(page, ChatPage)
    page.add_model(folder, "Talker")
    return page


def say(chat: ChatPage, qtbot: QtBot, text: str) -> None:
    field = next(iter(chat._prompt._fields.values()))
    qtbot.keyClicks(field, text)
    qtbot.waitUntil(chat._prompt._send.isEnabled, timeout=5000)
    qtbot.keyClick(field, Qt.Key.Key_Return)


def answered(chat: ChatPage, qtbot: QtBot, turns: int) -> None:
    column = chat.columns[0]
    qtbot.waitUntil(lambda: not column.busy and len(column.transcript.turns) == turns, timeout=5000)


def test_a_conversation_remembers_what_was_said(
    chat: ChatPage, talker: Talker, qtbot: QtBot
) -> None:
    say(chat, qtbot, "Hi")
    answered(chat, qtbot, 1)
    say(chat, qtbot, "And now?")
    answered(chat, qtbot, 2)
    assert [m["role"] for m in talker.questions[-1]] == ["user", "assistant", "user"]
    assert talker.questions[-1][1]["content"] == "Hello there"


def test_what_is_made_again_or_edited_is_a_branch_with_a_way_back(
    chat: ChatPage, talker: Talker, qtbot: QtBot
) -> None:
    say(chat, qtbot, "Hi")
    answered(chat, qtbot, 1)
    say(chat, qtbot, "And now?")
    answered(chat, qtbot, 2)
    column = chat.columns[0]
    talker.pieces = ["Other"]
    qtbot.mouseClick(button(chat, "Regenerate"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: column.transcript.turns[-1].answer == "Other", timeout=5000)
    assert [t.ask.text for t in column.transcript.turns] == ["Hi", "And now?"]
    # The first question, not the last: nothing goes before the new one is sent.
    first = column.views[0]
    qtbot.mouseClick(button(first, "Edit"), Qt.MouseButton.LeftButton)
    field = next(iter(chat._prompt._fields.values()))
    assert field.toPlainText() == "Hi"
    assert len(column.transcript.turns) == 2
    qtbot.mouseClick(button(chat, "Do not edit"), Qt.MouseButton.LeftButton)
    assert field.toPlainText() == ""
    qtbot.mouseClick(button(first, "Edit"), Qt.MouseButton.LeftButton)
    field.selectAll()
    say(chat, qtbot, "Hello")
    answered(chat, qtbot, 1)
    assert talker.questions[-1] == [{"role": "user", "content": "Hello"}]
    view = column.views[0]
    assert view._place.text() == "2 of 2"
    qtbot.mouseClick(button(view, "Earlier version"), Qt.MouseButton.LeftButton)
    assert [t.answer for t in column.transcript.turns] == ["Hello there", "Other"]
    assert column.views[1]._place.text() == "2 of 2"
    qtbot.mouseClick(button(column.views[1], "Earlier version"), Qt.MouseButton.LeftButton)
    assert [t.answer for t in column.transcript.turns] == ["Hello there", "Hello there"]
    qtbot.mouseClick(button(column.views[0], "Later version"), Qt.MouseButton.LeftButton)
    assert [t.ask.text for t in column.transcript.turns] == ["Hello"]


def titles(chat: ChatPage) -> list[str]:
    rows = chat.list.list
    return [rows.item(row).text() for row in range(rows.count())]


def choose(chat: ChatPage, qtbot: QtBot, title: str) -> None:
    rows = chat.list.list
    item = rows.item(titles(chat).index(title))
    at = rows.visualItemRect(item).center()
    qtbot.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=at)


def test_chats_are_listed_opened_again_renamed_and_deleted_with_a_way_back(
    chat: ChatPage, talker: Talker, qtbot: QtBot
) -> None:
    column = chat.columns[0]
    say(chat, qtbot, "Hi")
    answered(chat, qtbot, 1)
    qtbot.waitUntil(lambda: titles(chat) == ["Talker", "Hi"], timeout=5000)
    qtbot.mouseClick(button(chat, "New chat"), Qt.MouseButton.LeftButton)
    assert column.transcript.turns == ()
    assert chat.window().focusWidget() is chat._prompt._fields[""]
    say(chat, qtbot, "Something else")
    answered(chat, qtbot, 1)
    assert talker.questions[-1] == [{"role": "user", "content": "Something else"}]
    qtbot.waitUntil(lambda: set(titles(chat)) == {"Talker", "Hi", "Something else"}, timeout=5000)
    choose(chat, qtbot, "Hi")
    assert [t.ask.text for t in column.transcript.turns] == ["Hi"]
    say(chat, qtbot, "Go on")
    answered(chat, qtbot, 2)
    assert [m["content"] for m in talker.questions[-1]] == ["Hi", "Hello there", "Go on"]
    qtbot.keyClicks(chat.list._search, "else")
    assert titles(chat) == ["Talker", "Something else"]
    chat.list._search.clear()
    rows = chat.list.list
    rows.setFocus()
    qtbot.waitUntil(lambda: "Hi" in titles(chat), timeout=5000)
    rows.setCurrentRow(titles(chat).index("Hi"))
    qtbot.keyClick(rows, Qt.Key.Key_F2)
    editor = rows.findChild(QLineEdit)
    assert editor is not None
    editor.setText("Greetings")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "Greetings" in titles(chat) and "Hi" not in titles(chat), timeout=5000)
    rows.setCurrentRow(titles(chat).index("Greetings"))
    qtbot.keyClick(rows, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: titles(chat) == ["Talker", "Something else"], timeout=5000)
    # The chat that was deleted was the one in front.
    assert column.transcript.turns == ()
    qtbot.mouseClick(button(chat, "Undo"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Greetings" in titles(chat), timeout=5000)
    choose(chat, qtbot, "Greetings")
    assert len(column.transcript.turns) == 2


def with_two_models(
    make_window: Make, qtbot: QtBot, showcase: dict[str, RunFolder]
) -> tuple[MainWindow, ChatPage]:
    """A window whose chat shows the models of two runs with one template."""
    window = make_window()
    qtbot.waitUntil(lambda: len(window.runs.entries()) == 6, timeout=10_000)
    window.go("chat")
    page = window.page("chat")
    assert isinstance(page, ChatPage)
    page.add_run(showcase["done"])
    page.add_run(showcase["wide"])
    qtbot.waitUntil(lambda: list(page._prompt._fields) == ["phrase"], timeout=5000)
    return window, page


def test_a_chat_survives_the_window_and_brings_its_models_along(
    make_window: Make, qtbot: QtBot, showcase: dict[str, RunFolder]
) -> None:
    _window, page = with_two_models(make_window, qtbot, showcase)
    say(page, qtbot, "Footsteps.")
    qtbot.waitUntil(lambda: len(page.list.chats) == 2, timeout=5000)
    again = make_window()
    qtbot.waitUntil(lambda: len(again.runs.entries()) == 6, timeout=10_000)
    again.go("chat")
    other = again.page("chat")
    assert isinstance(other, ChatPage)
    qtbot.waitUntil(lambda: "Footsteps." in titles(other), timeout=5000)
    choose(other, qtbot, "Footsteps.")
    assert {c.folder for c in other.columns} == {showcase[n].model for n in ("done", "wide")}
    assert all(len(c.transcript.turns) == 1 for c in other.columns)


def test_an_empty_chat_offers_held_out_rows_and_has_the_focus(
    make_window: Make, qtbot: QtBot, showcase: dict[str, RunFolder]
) -> None:
    window = make_window()
    qtbot.waitUntil(lambda: len(window.runs.entries()) == 6, timeout=10_000)
    window._page_set.open_chat(window, showcase["done"])  # type: ignore[union-attr]
    page = window.page("chat")
    assert isinstance(page, ChatPage)
    qtbot.waitUntil(page._examples.isVisible, timeout=5000)
    assert window.focusWidget() is page._prompt._fields["phrase"]
    qtbot.mouseClick(
        button(page, "Footsteps stopped right outside my door."), Qt.MouseButton.LeftButton
    )
    answered(page, qtbot, 1)
    assert page.columns[0].transcript.turns[0].ask.values == {
        "phrase": "Footsteps stopped right outside my door."
    }
    assert not page._examples.isVisible()


def test_an_answer_can_be_stopped_and_keeps_what_it_has(
    chat: ChatPage, talker: Talker, qtbot: QtBot
) -> None:
    talker.pieces, talker.pause_s = ["word "] * 500, 0.01
    say(chat, qtbot, "Talk")
    qtbot.waitUntil(lambda: chat.columns[0].views[-1].turn.answer.count("word") > 3, timeout=5000)
    qtbot.mouseClick(button(chat, "Stop"), Qt.MouseButton.LeftButton)
    answered(chat, qtbot, 1)
    turn = chat.columns[0].transcript.turns[0]
    assert turn.stopped_by_user
    assert 3 < turn.answer.count("word") < 500


def test_the_pane_recovers_from_a_killed_model_process(
    chat: ChatPage, talker: Talker, qtbot: QtBot
) -> None:
    talker.error = UserFacingError.from_json(
        {"code": "service.died", "message": "The chat service ended.", "hint": "Try again."}
    )
    say(chat, qtbot, "Hi")
    qtbot.waitUntil(
        lambda: any("ended" in f.text.text() for f in chat.findChildren(Callout)), timeout=5000
    )
    talker.error = None
    qtbot.mouseClick(button(chat, "Regenerate"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: (
            bool(chat.columns[0].transcript.turns)
            and chat.columns[0].transcript.turns[-1].figures is not None
        ),
        timeout=5000,
    )


def test_a_model_that_does_not_load_can_be_tried_again(
    make_window: Make, talker: Talker, qtbot: QtBot, folder: Path
) -> None:
    talker.load_error = UserFacingError.from_json(
        {"code": "chat.bad_model", "message": "No model there.", "hint": "Choose another."}
    )
    window = make_window(Services(RecordedInspector(), talker, no_probe, no_fetch, olive_config))
    window.go("chat")
    page = window.page("chat")
    assert isinstance(page, ChatPage)
    page.add_model(folder, "Broken")
    shown = "No model there."
    qtbot.waitUntil(
        lambda: any(f.text.text() == shown for f in page.findChildren(Callout)), timeout=5000
    )
    assert not page._prompt._send.isEnabled()
    talker.load_error = None
    qtbot.mouseClick(button(page, "Try again"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.columns[0].model is not None, timeout=5000)


def test_settings_reach_the_model_and_wrong_ones_do_not(
    chat: ChatPage, talker: Talker, qtbot: QtBot
) -> None:
    chat.show_settings(True)
    panel = chat._panel
    for key, text in (("temperature", "0,7"), ("top_k", "20"), ("seed", "9")):
        panel._edits[key].selectAll()
        qtbot.keyClicks(panel._edits[key], text)
    panel._edits["top_p"].selectAll()
    qtbot.keyClicks(panel._edits["top_p"], "7")
    assert panel._edits["top_p"].property("invalid")
    chat._prompt.put(Ask(text="Not yet"))
    assert not chat._prompt._send.isEnabled()
    qtbot.keyClick(panel._edits["top_p"], Qt.Key.Key_Escape)
    qtbot.keyClicks(panel.system, "Be kind.")
    say(chat, qtbot, "Hi")
    answered(chat, qtbot, 1)
    assert talker.samplings[-1] == Sampling(0.7, 1.0, 20, 1.0, 9)
    assert talker.questions[-1][0] == {"role": "system", "content": "Be kind."}


def test_a_template_gets_a_form_and_two_models_are_asked_at_once(
    make_window: Make, qtbot: QtBot, showcase: dict[str, RunFolder], folder: Path
) -> None:
    _window, page = with_two_models(make_window, qtbot, showcase)
    assert page._prompt._send.text() == "Ask both"
    say(page, qtbot, "Footsteps.")
    for column in page.columns:
        qtbot.waitUntil(lambda c=column: len(c.transcript.turns) == 1, timeout=5000)
    kept = showcase["done"].path / "transcripts"
    qtbot.waitUntil(lambda: kept.is_dir() and bool(list(kept.glob("*.json"))), timeout=5000)
    page.save.save_to(folder / "chat.md")
    assert "> Footsteps." in (folder / "chat.md").read_text()
    page.save.save_to(folder / "nowhere" / "chat.jsonl")
    assert any("could not be written" in f.text.text() for f in page.findChildren(Callout))


def test_nothing_is_cut_off_in_three_narrow_columns(
    make_window: Make, qtbot: QtBot, showcase: dict[str, RunFolder], italian: None
) -> None:
    window, page = with_two_models(make_window, qtbot, showcase)
    showcase["paused"].model.mkdir(exist_ok=True)
    page.add_run(showcase["paused"])
    qtbot.waitUntil(lambda: len([c for c in page.columns if c.model]) == 3, timeout=5000)
    say(page, qtbot, "Footsteps.")
    for column in page.columns:
        qtbot.waitUntil(lambda c=column: len(c.transcript.turns) == 1 and not c.busy, timeout=5000)
    for width in (1440, 760):
        window.resize(width, 560)
        qtbot.wait(100)
        for column in page.columns:
            holder = column._area.widget()
            assert holder is not None
            assert holder.width() <= column._area.viewport().width(), width
            tools = [t for t in column.views[0]._named if not t.isHidden()]
            assert all(t.width() >= t.sizeHint().width() and t.accessibleName() for t in tools)
            assert {bool(t.text()) for t in tools} == {width == 1440}
