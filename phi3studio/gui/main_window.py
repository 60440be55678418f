"""The window: a rail and rooms. It only wires; rooms are built when first entered."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QByteArray, QSize, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QWidget

from phi3studio.gui.context import Context
from phi3studio.gui.home.model import RunsModel
from phi3studio.gui.home.page import HomePage
from phi3studio.gui.rooms import Rooms
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import Level
from phi3studio.gui.widgets.page import COMPACT_BELOW, Page
from phi3studio.gui.widgets.rail import Rail, Room
from phi3studio.runs.store import RunFolder


class MainWindow(QMainWindow):
    """Shows one room at a time. ``closed`` when the user closed it for good."""

    closed = Signal()

    def __init__(self, context: Context, rooms: Rooms) -> None:
        super().__init__()
        self._context = context
        self._rooms = rooms
        self._pages: dict[str, Page] = {}
        self._sure = False
        self.setWindowTitle("Phi-3 Studio")
        self.setMinimumSize(QSize(760, 560))
        self.runs = RunsModel(context.store, context.tasks, self)
        self._rail = Rail(
            context.theme,
            "Phi-3 Studio",
            (
                Room("home", self.tr("Home"), "home"),
                Room("new", self.tr("New fine-tune"), "new"),
                Room("chat", self.tr("Chat"), "chat"),
                Room("compare", self.tr("Compare"), "compare"),
                Room("queue", self.tr("Queue"), "queue"),
                Room("models", self.tr("Models"), "models"),
                Room("doctor", self.tr("Doctor"), "doctor", below=True),
                Room("settings", self.tr("Settings"), "settings", below=True),
            ),
        )
        self._rail.room_chosen.connect(self.go)
        self._stack = QStackedWidget()
        middle = QWidget()
        layout = QHBoxLayout(middle)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._rail)
        layout.addWidget(self._stack, 1)
        self.setCentralWidget(middle)
        self._factories: dict[str, Callable[[], Page]] = {
            "home": self._home,
            "new": lambda: rooms.wizard(self),
            "chat": lambda: rooms.chat(self),
            "compare": lambda: rooms.compare(self),
            "queue": lambda: rooms.queue(self),
            "models": lambda: rooms.models(self),
            "doctor": lambda: rooms.doctor(self),
            "settings": lambda: rooms.settings(self),
            "run": lambda: rooms.run(self),
        }
        for number, key in enumerate(
            ("home", "new", "chat", "compare", "queue", "models"), start=1
        ):
            shortcut = QShortcut(QKeySequence(f"Ctrl+{number}"), self)
            shortcut.activated.connect(lambda k=key: self.go(k))
        QShortcut(QKeySequence(QKeySequence.StandardKey.New), self).activated.connect(
            lambda: self.go("new")
        )
        self.resize(1280, 800)
        self.go("home")

    @property
    def current(self) -> Page | None:
        """The room in front."""
        page = self._stack.currentWidget()
        return page if isinstance(page, Page) else None

    def page(self, key: str) -> Page:
        """A room, built if need be."""
        if key not in self._pages:
            page = self._factories[key]()
            self._pages[key] = page
            self._stack.addWidget(page)
        return self._pages[key]

    def go(self, key: str) -> None:
        """Bring a room to the front."""
        page = self.page(key)
        before = self.current
        if before is not page or self._stack.count() == 1:
            if before is not None and before is not page:
                before.left()
            self._stack.setCurrentWidget(page)
            page.entered()
            page.setFocus()
        self._rail.set_current("home" if key == "run" else key)

    def show_run(self, run: RunFolder) -> None:
        """Open the page of a run."""
        self.go("run")
        self._rooms.show_run(self.page("run"), run)

    def bring_forward(self) -> None:
        """Come to the front: someone started the program a second time."""
        if self.isMinimized():
            self.showNormal()
        self.show()
        self.raise_()
        self.activateWindow()

    def set_health(self, level: Level, words: str) -> None:
        """The dot beside Doctor."""
        self._rail.set_dot("doctor", level, words)

    def restore(self, geometry: str) -> None:
        """Take the place and size of the last time."""
        if geometry:
            self.restoreGeometry(QByteArray.fromBase64(geometry.encode()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._rail.set_compact(self.width() < COMPACT_BELOW)

    def closeEvent(self, event: QCloseEvent) -> None:
        live = [entry for entry in self.runs.entries() if entry.live]
        if live and not self._sure:
            event.ignore()
            self._ask_about_runs(len(live))
            return
        for page in self._pages.values():
            page.left()
        self._context.preferences.change(
            geometry=bytes(self.saveGeometry().toBase64().data()).decode()
        )
        event.accept()
        self.closed.emit()

    def _ask_about_runs(self, count: int) -> None:
        question = Question(
            self,
            self._context.theme,
            self.tr("%Ln run(s) still going on", None, count),
            self.tr(
                "They can go on in the background; the next start finds them. "
                "Or stop them now: their work is kept and can be resumed."
            ),
        )
        question.add(self.tr("Pause them and close"), self._pause_and_close)
        question.add(self.tr("Let them run and close"), self.close_for_good, kind="primary")
        question.open()

    def _pause_and_close(self) -> None:
        self._rooms.pause_all(self.runs)
        self.close_for_good()

    def close_for_good(self) -> None:
        """Close without asking: runs go on in the background."""
        self._sure = True
        # After the dialog has gone, so that the window is not closed under it.
        QTimer.singleShot(0, self, self.close)

    def _home(self) -> Page:
        page = HomePage(self._context, self.runs)
        page.run_chosen.connect(self.show_run)
        page.new_wanted.connect(lambda: self.go("new"))
        page.chat_wanted.connect(lambda run: self._rooms.open_chat(self, run))
        page.repeat_wanted.connect(lambda run: self._rooms.repeat(self, run))
        page.demo_wanted.connect(lambda: self._rooms.start_demo(self, page))
        return page
