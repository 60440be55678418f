"""A window of its own for each test, and nothing of it left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
import qasync
import shiboken6
from PySide6.QtCore import QEventLoop, QLocale, QTimer
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.recipe import Recipe
from phi3studio.gui.context import Context
from phi3studio.gui.lifecycle import Helpers
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.page_set import PageSet, Services, import_pages
from phi3studio.gui.preferences import PreferencesFile
from phi3studio.gui.tasks import Tasks
from phi3studio.gui.texts.i18n import install_language
from phi3studio.gui.theme import Theme
from phi3studio.resources import resources
from phi3studio.runs.store import RunFolder, RunStore
from tests.event_watch import LIMIT_S, EventWatch
from tests.showcase.chat import RecordedChat
from tests.showcase.inspector import RecordedInspector
from tests.showcase.runs import write_showcase

SAMPLE = resources() / "samples" / "emotions.jsonl"


@pytest.fixture(autouse=True)
def english() -> None:
    QLocale.setDefault(QLocale("en"))


@pytest.fixture(scope="session")
def qapp_cls() -> type[QApplication]:
    """What pytest-qt makes its application of."""
    return EventWatch


@pytest.fixture(scope="session")
def pages_imported() -> None:
    """As in the running program, a moment after its start."""
    import_pages()


@pytest.fixture(autouse=True)
def no_slow_event(qapp: EventWatch, pages_imported: None) -> Iterator[None]:
    """Fail the test in which a single event held the window up, or a part of a page was a window of
    its own for a moment."""
    qapp.slow.clear()
    qapp.shown_alone.clear()
    # What the collector goes through is the heap of all tests before, which is not the window's.
    gc.disable()
    yield
    gc.enable()
    slow = list(qapp.slow)
    misplaced = [w for w in qapp.shown_alone if shiboken6.isValid(w) and w.parent() is not None]
    qapp.shown_alone.clear()
    assert not misplaced, f"shown before they had their place: {misplaced}"
    assert not slow, f"events over {1000 * LIMIT_S:.0f} ms: {slow}"


@pytest.fixture(autouse=True)
def no_timer_left() -> Iterator[None]:
    """Fail the test after which a timer goes on that it started, in a window or not."""
    before = set(map(id, ticking()))
    yield
    left = [timer for timer in ticking() if id(timer) not in before]
    shown = [f"{type(timer.parent()).__name__}: {timer.interval()} ms" for timer in left]
    for timer in left:
        timer.stop()
    assert not left, f"timers go on: {shown}"


def ticking() -> list[QTimer]:
    """Every timer that repeats and is active."""
    found = [thing for thing in gc.get_objects() if issubclass(type(thing), QTimer)]
    return [t for t in found if shiboken6.isValid(t) and t.isActive() and not t.isSingleShot()]


@pytest.fixture
def italian(english: None, qapp: QApplication) -> Iterator[None]:
    """The window speaks Italian."""
    translators = install_language(qapp, resources() / "translations", "it")
    yield
    for translator in translators:
        qapp.removeTranslator(translator)


@pytest.fixture
def loop(qapp: QApplication) -> Iterator[qasync.QEventLoop]:
    """An asyncio loop that Qt's own event loop drives, as in the running program."""
    found = qasync.QEventLoop(qapp, already_running=True)
    asyncio.set_event_loop(found)
    yield found
    asyncio.events._set_running_loop(None)
    asyncio.set_event_loop(None)
    # qasync closes no loop that was "already running", and its stop() would end the application.
    found._after_run_forever()
    found._QEventLoop__is_running = False
    found.close()


@pytest.fixture
def faults() -> list[BaseException]:
    """What the tasks reported as bugs; must be empty at the end."""
    return []


@pytest.fixture
def context(
    loop: qasync.QEventLoop, qapp: QApplication, home: Home, faults: list[BaseException]
) -> Iterator[Context]:
    """Surroundings over an empty home folder. Its tasks must come to their end."""
    theme = Theme(qapp, resources(), "light")
    tasks = Tasks()
    tasks.crashed.connect(faults.append)
    yield Context(
        theme,
        tasks,
        home,
        RunStore(home),
        resources(),
        PreferencesFile(home.root / "window.json"),
    )
    spin(tasks.close())
    assert not faults, f"unexpected errors: {faults!r}"
    theme.setParent(None)


def spin(work: Any) -> Any:
    """Drive the loop until *work* is done."""
    task = asyncio.get_event_loop().create_task(work)
    waiter = QEventLoop()
    if not task.done():
        task.add_done_callback(lambda _: waiter.quit())
        QTimer.singleShot(60_000, waiter.quit)
        waiter.exec()
    assert task.done(), "did not end in 60 s"
    return task.result()


async def no_probe() -> dict[str, Any]:
    """What the probe finds on a machine without a GPU."""
    return {"train_on": ["cpu"], "providers": ["CPUExecutionProvider"], "threads": 2}


async def no_fetch(source: str) -> AsyncIterator[dict[str, Any]]:
    """Brings nothing and says so."""
    yield {"activity": f"looking for {source}"}
    raise UserFacingError.from_json(
        {"code": "hub.offline", "message": "The hub cannot be reached.", "hint": "Go online."}
    )


async def olive_config(recipe: Recipe) -> str:
    """What Olive would be given."""
    return '{"passes": {}}'


@pytest.fixture
def services() -> Services:
    """Recorded answers; tests of the real services make their own."""
    return Services(RecordedInspector(), RecordedChat(), no_probe, no_fetch, olive_config)


@pytest.fixture
def helpers(context: Context) -> Iterator[Helpers]:
    """The real helper processes, ended afterwards."""
    found = Helpers.make()
    yield found
    spin(found.close())


@pytest.fixture
def make_window(
    context: Context, services: Services, qtbot: QtBot
) -> Iterator[Callable[..., MainWindow]]:
    """Makes windows and closes them; fails for timers and threads that go on afterwards."""
    made: list[MainWindow] = []
    threads = {t for t in threading.enumerate() if t is not threading.main_thread()}

    def make(other: Services | None = None) -> MainWindow:
        window = MainWindow(context.theme, context.preferences)
        window.resize(1280, 820)
        window.add_pages(PageSet(context, other or services))
        window.show()
        made.append(window)
        qtbot.waitExposed(window)
        qtbot.waitUntil(lambda: window.current is not None)
        return window

    yield make
    for window in made:
        window.close_for_good()
        qtbot.waitUntil(lambda w=window: not w.isVisible(), timeout=5000)
    spin(context.tasks.close())
    ticking = [timer for window in made for timer in running_timers(window)]
    assert not ticking, f"timers still run: {ticking}"
    left = [t for t in threading.enumerate() if t not in threads and t.is_alive()]
    left = [t for t in left if t is not threading.main_thread() and "Dummy" not in t.name]
    assert not left, f"threads still run: {left}"
    for window in made:
        shiboken6.delete(window)
    gc.collect()


def running_timers(widget: QWidget) -> list[str]:
    """Timers below *widget* that repeat and are active."""
    return [
        f"{type(timer.parent()).__name__}: {timer.interval()} ms"
        for timer in widget.findChildren(QTimer)
        if timer.isActive() and not timer.isSingleShot()
    ]


@pytest.fixture
def showcase(home: Home) -> dict[str, RunFolder]:
    """Runs in every state; none of them has a living worker."""
    return write_showcase(home.runs, str(SAMPLE), False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for data files."""
    found = tmp_path / "data"
    found.mkdir()
    return found
