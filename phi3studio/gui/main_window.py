"""The window: a rail and pages. It only wires; pages are built when first entered.

The empty window is painted before the pages' modules are imported: nothing here imports them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QWidget

from phi3studio.gui.preferences import PreferencesFile
from phi3studio.gui.shortcuts import PAGES, ShortcutsDialog, install
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Level, label
from phi3studio.gui.widgets.dialogs.file_dialogs import last_folder, remember_folder
from phi3studio.gui.widgets.in_turns import InTurns
from phi3studio.gui.widgets.page_frame import COMPACT_BELOW, Page, dropped_files
from phi3studio.gui.widgets.rail import Rail, RailEntry
from phi3studio.gui.widgets.search import SearchField

if TYPE_CHECKING:
    from phi3studio.gui.desktop.notifier import Notifier
    from phi3studio.gui.page_set import PageSet
    from phi3studio.gui.pages.home.runs_model import RunsModel
    from phi3studio.runs.store import RunFolder

_SIZE, _LEAST, _FRAME = QSize(1280, 800), QSize(760, 560), QSize(16, 48)


class MainWindow(QMainWindow):
    """Shows one page at a time. ``closed`` when the user closed it for good.

    Made empty; :meth:`add_pages` gives it its pages.
    """

    closed = Signal()
    runs: RunsModel

    def __init__(self, theme: Theme, preferences: PreferencesFile) -> None:
        super().__init__()
        self._theme = theme
        self._preferences = preferences
        self._page_set: PageSet | None = None
        self._pages: dict[str, Page] = {}
        self._former: list[Page] = []
        self._sure = self._asking = False
        self._file = self._wanted = ""
        self.setWindowTitle("Phi-3 Studio")
        self.setAcceptDrops(True)
        self._rail = self._build_rail()
        self._rail.set_current("home")
        self._stack = QStackedWidget()
        # Before the first page: a stack shows at once what it is given first.
        self._stack.addWidget(QWidget())
        middle = QWidget()
        self._row = QHBoxLayout(middle)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)
        self._row.addWidget(self._rail)
        self._row.addWidget(self._stack, 1)
        self.setCentralWidget(middle)
        self._drop_here = label(self.tr("Drop to use this file"), "cardTitle")
        self._drop_here.setObjectName("dropHere")
        self._drop_here.setParent(self)
        self._drop_here.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._drop_here.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._drop_here.hide()
        remember_folder(preferences.value.folder)
        self.resize(_SIZE)
        if preferences.value.geometry:
            self.restoreGeometry(QByteArray.fromBase64(preferences.value.geometry.encode()))
        self._fit()

    def _build_rail(self) -> Rail:
        theme = self._theme
        rail = Rail(
            theme,
            "Phi-3 Studio",
            (
                RailEntry("home", self.tr("Home"), "home"),
                RailEntry("new", self.tr("New fine-tune"), "new"),
                RailEntry("chat", self.tr("Chat"), "chat"),
                RailEntry("compare", self.tr("Compare"), "compare"),
                RailEntry("queue", self.tr("Queue"), "queue"),
                RailEntry("models", self.tr("Models"), "models"),
                RailEntry("doctor", self.tr("Doctor"), "doctor", below=True),
                RailEntry("settings", self.tr("Settings"), "settings", below=True),
            ),
        )
        rail.page_chosen.connect(self.visit)
        return rail

    def relabel(self) -> None:
        """The language is another one: make rail and pages again."""
        key = next(name for name, page in self._pages.items() if page is self.current)
        for page in self._pages.values():
            page.left()
            # From here on it is Python's: it is kept, as what was asked for it may still be
            # answered, and one of its own signals may have brought us here.
            self._stack.removeWidget(page)
            page.hide()
            self._former.append(page)
        self._pages = {}
        before, self._rail = self._rail, self._build_rail()
        self._row.replaceWidget(before, self._rail)
        before.hide()
        before.deleteLater()
        self._rail.set_compact(self.width() < COMPACT_BELOW)
        self._drop_here.setText(self.tr("Drop to use this file"))
        self.visit(key)

    def _fit(self) -> None:
        """No larger than the screen leaves room for, with what a window manager adds."""
        room = self.screen().availableSize() - _FRAME
        self.setMinimumSize(_LEAST.boundedTo(room))
        self.resize(self.size().boundedTo(room))

    def add_pages(self, page_set: PageSet) -> None:
        """Take the pages and go home."""
        from phi3studio.gui.desktop.notifier import Notifier

        self._page_set = page_set
        self.runs = page_set.make_runs(self)
        self.runs.looked.connect(self._retitle)
        for number, key in enumerate(PAGES, start=1):
            install(self, f"Ctrl+{number}", partial(self.visit, key))
        install(self, "Ctrl+N", partial(self.visit, "new"))
        install(self, "Ctrl+,", partial(self.visit, "settings"))
        install(self, "Ctrl+F", self._search)
        install(self, "F1", lambda: ShortcutsDialog(self, self._theme).open())
        notifier = Notifier(self.runs, self._preferences, page_set.tasks, self)
        self._notifier: Notifier = notifier
        notifier.window_wanted.connect(self.bring_forward)
        notifier.wanted.connect(self._show_told)
        self.visit("home")
        if self._file:
            page_set.open_files(self, [self._file])

    @property
    def current(self) -> Page | None:
        """The page in front."""
        page = self._stack.currentWidget()
        return page if isinstance(page, Page) else None

    def page(self, key: str) -> Page:
        """A page, built if need be."""
        if key not in self._pages:
            assert self._page_set is not None, "no pages yet"
            self._pages[key] = self._page_set.build(key, self)
        page = self._pages[key]
        if self._stack.indexOf(page) < 0:
            self._stack.addWidget(page)
        return page

    def go(self, key: str) -> None:
        """Bring a page to the front."""
        if self._page_set is None:
            return
        self._wanted = key
        before = self.current
        page = self.page(key)
        if before is not page:
            if before is not None:
                before.left()
            self._stack.setCurrentWidget(page)
            # Before it is entered: a page may give the focus to what one begins with there.
            page.setFocus()
            page.entered()
        self._rail.set_current("home" if key == "run" else key)

    def visit(self, key: str, fill: Callable[[Page], None] | None = None) -> None:
        """Build a page if need be, fill it and bring it to the front, unless another one was wanted
        since. Nothing before the pages are there or after the end."""
        if self._page_set is None:
            return
        self._wanted = key
        if fill is None and key in self._pages:
            self.go(key)
            return
        self._page_set.once_imported(key, lambda: self._take_turns(self._open(key, fill)))

    def _open(self, key: str, fill: Callable[[Page], None] | None) -> Iterator[None]:
        if key not in self._pages:
            assert self._page_set is not None
            self._pages[key] = self._page_set.build(key, self)
            yield
        page = self.page(key)
        yield
        if fill is not None:
            fill(page)
            yield
        if key == self._wanted:
            self.go(key)

    def _take_turns(self, steps: Iterator[None]) -> None:
        """Do each step in an event of its own: all at once hold the window up."""

        def until_closed() -> Iterator[None]:
            while self._page_set is not None and next(steps, self) is None:
                yield

        turns = InTurns(self, at_once_s=0.0)
        turns.ended.connect(turns.deleteLater)
        QTimer.singleShot(0, turns, lambda: turns.begin(until_closed()))

    def show_run(self, run: RunFolder) -> None:
        """Open the page of a run."""
        if self._page_set is not None:
            self.visit("run", partial(self._page_set.show_run, run=run))

    def open_file(self, name: str) -> None:
        """Come to the front, with the file *name* if one is named; waits for the pages."""
        self.bring_forward()
        if name and self._page_set is not None:
            self._page_set.open_files(self, [name])
        elif name:
            self._file = name

    def bring_forward(self) -> None:
        """Come to the front."""
        if self.isMinimized():
            self.showNormal()
        self.show()
        self.raise_()
        self.activateWindow()

    def _show_told(self, run: RunFolder) -> None:
        self.bring_forward()
        self.show_run(run)

    def _search(self) -> None:
        """Put the cursor into the search field of the page, if it has one."""
        page = self.current
        fields = page.findChildren(SearchField) if page is not None else []
        for field in fields:
            if field.isVisible():
                field.setFocus()
                field.selectAll()
                return

    def _retitle(self) -> None:
        """Say in the title how far the run at work is: it is read in the taskbar."""
        from phi3studio.gui.texts.words import percent

        live = next((e for e in self.runs.entries() if e.state == "running"), None)
        said = f"{percent(live.overall.share)} · {live.title} · " if live is not None else ""
        self.setWindowTitle(f"{said}Phi-3 Studio")

    def set_health(self, level: Level, words: str) -> None:
        """The dot next to Doctor."""
        self._rail.set_dot("doctor", level, words)

    def tell_of_newer(self, version: str) -> None:
        """A dot next to Settings: a newer version is available."""
        text = self.tr("version {version} is available").format(version=version)
        self._rail.set_dot("settings", "good", text)

    def close_for_good(self) -> None:
        """Close without asking: runs go on in the background."""
        self._sure = True
        # After a dialog has gone, so that the window is not closed under it.
        QTimer.singleShot(0, self, self.close)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._rail.set_compact(self.width() < COMPACT_BELOW)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self._page_set is not None and dropped_files(event):
            event.acceptProposedAction()
            self._drop_here.setGeometry(self.rect().adjusted(12, 12, -12, -12))
            self._drop_here.show()
            self._drop_here.raise_()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._drop_here.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        self._drop_here.hide()
        paths = dropped_files(event)
        if paths and self._page_set is not None:
            event.acceptProposedAction()
            page = self.current
            if page is None or not page.take_dropped(paths):
                self._page_set.open_files(self, paths)

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._page_set is not None and not self._sure:
            event.ignore()
            # Runs begin and end elsewhere too: what the list last knew may be old.
            self.runs.look_again(self._close_or_ask)
            return
        for page in self._pages.values():
            page.left()
        if self._page_set is not None:
            self.runs.stop()
            self._notifier.stop()
            # What was still on its way, as a run being made, opens no page behind the user's back.
            self._page_set = None
        geometry = bytes(self.saveGeometry().toBase64().data()).decode()
        self._preferences.change(geometry=geometry, folder=last_folder())
        event.accept()
        self.closed.emit()

    def _close_or_ask(self) -> None:
        live = self.runs.live_count()
        if not live:
            self.close_for_good()
        elif not self._asking:
            self._asking = True
            self._ask_about_runs(live)

    def session_ends(self) -> None:
        """A logout or shutdown: runs keep what they can, and nobody is asked."""
        if self._page_set is not None:
            self._page_set.leave_all(self.runs)
        self._sure = True

    def _ask_about_runs(self, count: int) -> None:
        from phi3studio.gui.widgets.ask import Question

        question = Question(
            self,
            self._theme,
            self.tr("%Ln run(s) still in progress", None, count),
            self.tr(
                "Runs can go on in the background, and the next start shows them. Or "
                "pause now: the work is kept and can be resumed."
            ),
        )
        question.finished.connect(self._asked)
        question.add(self.tr("Pause and close"), self._pause_and_close)
        question.add(self.tr("Close and keep running"), self.close_for_good, kind="primary")
        question.open()

    def _asked(self) -> None:
        self._asking = False

    def _pause_and_close(self) -> None:
        assert self._page_set is not None
        self._page_set.pause_all(self.runs)
        self.close_for_good()
