"""What goes wrong, driven through the real window: real workers, services, and a killed program."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.app.process_tree import end_processes, process_tree
from phi3studio.domain.events.payload import StageName
from phi3studio.gui.context import Context
from phi3studio.gui.lifecycle import Helpers
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.chat.chat_page import ChatPage
from phi3studio.gui.pages.chat.untuned_base import Base, BaseColumn
from phi3studio.gui.pages.run.run_page import RunPage
from phi3studio.gui.widgets.basic import Callout
from phi3studio.runs import launch
from phi3studio.runs.shown.transcript import Ask
from phi3studio.runs.store import RunFolder, RunStore
from tests.conftest import Pair
from tests.gui.conftest import spin
from tests.gui.test_home import button
from tests.worker.running import story, tiny_recipe, write_rows

Make = Callable[..., MainWindow]
LONG = 120_000


@pytest.fixture
def helpers(context: Context) -> Iterator[Helpers]:
    """The real helper processes, ended afterwards."""
    found = Helpers.make()
    yield found
    spin(found.close())


def shown(window: MainWindow, run: RunFolder) -> RunPage:
    window.show_run(run)
    page = window.page("run")
    assert isinstance(page, RunPage)
    return page


def ended(run: RunFolder, qtbot: QtBot) -> None:
    """Wait until the worker is gone, and collect it."""

    def gone() -> bool:
        launch.reap()
        return run.worker() is None

    qtbot.waitUntil(gone, timeout=20_000)


# --- runs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stage",
    [
        "prepare",
        "train",
        pytest.param("merge", marks=pytest.mark.slow),
        pytest.param("quantise", marks=pytest.mark.slow),
        "verify",
    ],
)
def test_a_run_is_cancelled_in_each_stage(
    make_window: Make,
    home: Home,
    tiny_phi3: Path,
    folder: Path,
    qtbot: QtBot,
    stage: StageName,
) -> None:
    rows = write_rows(folder / "rows.jsonl", 400)
    recipe = tiny_recipe(
        tiny_phi3, rows, stage, max_steps=3, limit=None, quantisation="int4", int4="quality"
    )
    window = make_window()
    run = RunStore(home).create(recipe)
    launch.start(run)
    page = shown(window, run)
    qtbot.waitUntil(lambda: run.view().stage == stage, timeout=LONG)
    page.cancel_run()
    qtbot.waitUntil(lambda: "Cancelled" in page.subtitle.text(), timeout=30_000)
    ended(run, qtbot)
    assert run.state() == "cancelled", story(run)
    states = {step.title: step.state for step in page._stepper.steps}
    assert "failed" not in states.values()
    assert button(page, "Resume").isEnabled()
    assert not any("stopped unexpectedly" in f.text.text() for f in page.findChildren(Callout))


def test_a_worker_that_is_killed_is_said_to_be_dead_and_resumed(
    make_window: Make, home: Home, tiny_phi3: Path, phrases: Path, qtbot: QtBot
) -> None:
    recipe = tiny_recipe(tiny_phi3, phrases, "killed", max_steps=400, checkpoint_minutes=0.0001)
    window = make_window()
    run = RunStore(home).create(recipe)
    launch.start(run)
    page = shown(window, run)
    qtbot.waitUntil(lambda: "step" in page._progress.detail.text(), timeout=LONG)
    worker = run.worker()
    assert worker is not None
    end_processes(process_tree(worker))
    ended(run, qtbot)
    qtbot.waitUntil(
        lambda: any("stopped unexpectedly" in f.text.text() for f in page.findChildren(Callout)),
        timeout=20_000,
    )
    qtbot.mouseClick(button(page, "Resume"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: run.view().attempt == 2, timeout=LONG)
    qtbot.waitUntil(lambda: run.view().progress is not None, timeout=LONG)
    page.cancel_run()
    qtbot.waitUntil(lambda: "Cancelled" in page.subtitle.text(), timeout=30_000)
    ended(run, qtbot)


@pytest.mark.slow
def test_the_program_is_killed_in_mid_run_and_started_again(
    make_window: Make, home: Home, tiny_phi3: Path, phrases: Path, qtbot: QtBot
) -> None:
    run = RunStore(home).create(tiny_recipe(tiny_phi3, phrases, "survivor", max_steps=150))
    code = "\n".join(
        (
            "import os, sys; os.environ['QT_QPA_PLATFORM'] = 'offscreen'",
            "from pathlib import Path",
            "from PySide6.QtCore import QTimer",
            "from phi3studio.gui import start",
            "from phi3studio.runs import launch",
            "from phi3studio.runs.store import RunFolder",
            "add_pages = start.MainWindow.add_pages",
            "def added(self, page_set):",
            "    add_pages(self, page_set)",
            "    run = RunFolder(Path(sys.argv[1]))",
            "    launch.start(run)",
            "    self.show_run(run)",
            "start.MainWindow.add_pages = added",
            "raise SystemExit(start.main([]))",
        )
    )
    program = subprocess.Popen(
        [sys.executable, "-c", code, str(run.path)],
        env=os.environ | {"PHI3STUDIO_HOME": str(home.root)},
    )
    try:
        qtbot.waitUntil(lambda: run.view().progress is not None, timeout=LONG)
    finally:
        program.send_signal(signal.SIGKILL)
        program.wait(10)
    assert run.worker() is not None, "the worker outlives the window"
    window = make_window()
    qtbot.waitUntil(
        lambda: any(entry.run == run and entry.live for entry in window.runs.entries()),
        timeout=20_000,
    )
    page = shown(window, run)
    qtbot.waitUntil(lambda: "Done" in page.subtitle.text(), timeout=LONG)
    qtbot.waitUntil(lambda: run.worker() is None, timeout=20_000)
    assert len(page._curves.plot.shown[0].points) == 150


# --- the helper processes -----------------------------------------------------------------------


def kill(pid: int | None) -> None:
    assert pid is not None
    psutil.Process(pid).kill()


@pytest.fixture
def tuned(pair: Pair, home: Home) -> RunFolder:
    """A finished run with a model that answers."""
    home.runs.mkdir(parents=True)
    shutil.copytree(pair.first.path, home.runs / pair.first.name)
    return RunFolder(home.runs / pair.first.name)


@pytest.fixture
def chat(make_window: Make, helpers: Helpers, tuned: RunFolder, qtbot: QtBot) -> ChatPage:
    window = make_window(helpers.services())
    qtbot.waitUntil(lambda: window.runs.entry(tuned) is not None, timeout=10_000)
    window.go("chat")
    page = window.page("chat")
    assert isinstance(page, ChatPage)
    page.add_run(tuned)
    qtbot.waitUntil(lambda: page.columns[0].model is not None, timeout=LONG)
    return page


def test_the_chat_goes_on_after_its_process_was_killed(
    chat: ChatPage, helpers: Helpers, qtbot: QtBot
) -> None:
    column = chat.columns[0]
    kill(helpers.chat.pid)
    chat.ask(Ask(values={"phrase": "The results came back clear!"}))
    qtbot.waitUntil(lambda: not column.busy, timeout=LONG)
    if not column.transcript.turns:
        qtbot.waitUntil(lambda: bool(column.findChildren(Callout)), timeout=5000)
        qtbot.mouseClick(button(column, "Regenerate"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(column.transcript.turns), timeout=LONG)
    assert column.transcript.turns[-1].figures is not None


def test_a_chat_killed_while_it_answers_says_so_and_goes_on(
    chat: ChatPage, helpers: Helpers, qtbot: QtBot
) -> None:
    column, pid = chat.columns[0], helpers.chat.pid
    assert pid is not None
    # Held still, so that it is certainly at work on the question when it dies.
    psutil.Process(pid).suspend()
    chat.ask(Ask(values={"phrase": "The results came back clear!"}))
    qtbot.wait(300)
    assert column.busy
    kill(pid)
    qtbot.waitUntil(lambda: not column.busy, timeout=10_000)
    qtbot.waitUntil(
        lambda: any("stopped unexpectedly" in f.text.text() for f in column.findChildren(Callout)),
        timeout=5000,
    )
    qtbot.mouseClick(button(column, "Regenerate"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(column.transcript.turns), timeout=LONG)
    assert column.transcript.turns[-1].figures is not None
    assert not column.findChildren(Callout)


def test_a_text_that_is_longer_than_the_context_is_explained(chat: ChatPage, qtbot: QtBot) -> None:
    column = chat.columns[0]
    chat.ask(Ask(values={"phrase": "word " * 5000}))
    qtbot.waitUntil(lambda: not column.busy, timeout=LONG)
    qtbot.waitUntil(
        lambda: any("the model can hold" in f.text.text() for f in column.findChildren(Callout)),
        timeout=5000,
    )
    assert column.transcript.turns == ()


@pytest.mark.slow
def test_the_base_model_is_exported_once_and_answers_next_to_the_tuned_one(
    chat: ChatPage, tuned: RunFolder, context: Context, qtbot: QtBot
) -> None:
    chat.models.fill()
    offer = next(a for a in chat.models.actions() if "untuned" in a.text())
    offer.trigger()
    waiting = chat.findChild(BaseColumn)
    assert waiting is not None
    qtbot.waitUntil(waiting.isVisible, timeout=5000)
    qtbot.mouseClick(button(waiting, "Export the base model"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(chat.columns) == 2, timeout=LONG)
    base = chat.columns[1]
    qtbot.waitUntil(lambda: base.model is not None, timeout=LONG)
    made = next(run for run in context.store.all() if run.recipe().steps == ["quantise"])
    ended(made, qtbot)
    assert base.folder == made.model
    assert base.untuned
    # Asked by the form of the tuned model, both with the very same text.
    qtbot.waitUntil(lambda: "phrase" in chat._prompt._fields, timeout=5000)
    chat.ask(Ask(values={"phrase": "The results came back clear!"}))
    qtbot.waitUntil(lambda: all(c.transcript.turns for c in chat.columns), timeout=LONG)
    figures = [column.transcript.turns[0].figures for column in chat.columns]
    assert all(figures)
    assert figures[0].prompt_tokens == figures[1].prompt_tokens  # type: ignore[union-attr]
    # Later chats find it.
    chat._remove(base)
    recipe = tuned.recipe()

    def found() -> bool:
        entry = Base.of(recipe).find(chat._runs.entries())
        return entry is not None and not entry.live

    qtbot.waitUntil(found, timeout=10_000)
    chat.add_base(Base.of(recipe))
    assert [column.folder for column in chat.columns] == [tuned.model, made.model]
    assert chat.findChild(BaseColumn) is None or chat._waiting is None


def test_a_base_export_that_fails_says_why_and_can_be_tried_again(
    chat: ChatPage, tuned: RunFolder, tiny_phi3: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tuned.recipe().model_copy(
        update={"model": tuned.recipe().model.model_copy(update={"source": "/nowhere/model"})}
    )
    chat.add_base(Base.of(gone))
    waiting = chat.findChild(BaseColumn)
    assert waiting is not None
    qtbot.mouseClick(button(waiting, "Export the base model"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(waiting.findChildren(Callout)), timeout=10_000)
    assert button(waiting, "Export the base model").isEnabled()
    qtbot.mouseClick(button(waiting, "Remove this model"), Qt.MouseButton.LeftButton)
    assert chat._waiting is None
