"""What comes before the window: the data directory moves, or is not there."""

from __future__ import annotations

import asyncio
import threading
import time

import qasync
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog, QHBoxLayout, QProgressBar, QVBoxLayout

from phi3studio.app.paths import Home
from phi3studio.domain.errors import Cancelled, UserFacingError
from phi3studio.gui.texts import words
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, label
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.runs import relocate

_TELL_EVERY_S = 0.1


class StartDialog(QDialog):
    """A small window with a text, perhaps a progress bar, and buttons."""

    def __init__(self, theme: Theme, title: str, text: str) -> None:
        super().__init__()
        self._theme = theme
        self.setWindowTitle("Phi-3 Studio")
        self.setMinimumWidth(460)
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, False)
        self._body = QVBoxLayout(self)
        self._body.setContentsMargins(24, 20, 24, 18)
        self._body.setSpacing(10)
        self._body.addWidget(label(title, "cardTitle", wrap=True))
        self._body.addWidget(label(text, "muted", wrap=True))
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(title)
        self.bar.setRange(0, 0)
        self.bar.hide()
        self._body.addWidget(self.bar)
        self.said = label("", "small")
        self._body.addWidget(self.said)
        self._body.addStretch(1)
        self.buttons = QHBoxLayout()
        self.buttons.addStretch(1)
        self._body.addLayout(self.buttons)

    def add(self, text: str, *, primary: bool = False) -> Button:
        """A button at the lower right."""
        button = Button(self._theme, text, kind="primary" if primary else "plain")
        self.buttons.addWidget(button)
        return button

    def show_progress(self, done: int, total: int) -> None:
        """How much has been copied, in bytes."""
        self.bar.setRange(0, 1000)
        self.bar.setValue(round(1000 * done / max(1, total)))
        self.said.setText(
            self.tr("{done} of {total}").format(done=words.size(done), total=words.size(total))
        )

    def show_error(self, error: UserFacingError) -> None:
        """Why it could not be done."""
        self.bar.hide()
        self.said.hide()
        self._body.insertWidget(2, ErrorState(self._theme, error))


class MoveDialog(StartDialog):
    """Moves the data directory and says how far it is."""

    def __init__(self, theme: Theme, planned: relocate.Pending) -> None:
        folder = words.path(planned.home)
        super().__init__(
            theme,
            self.tr("Moving everything to {folder}").format(folder=folder),
            self.tr(
                "Runs, models and settings are copied completely before the old ones are removed."
            ),
        )
        self._planned = planned
        self._stop = threading.Event()
        self._told = 0.0
        self._cancel = self.add(self.tr("Cancel"))
        self._cancel.clicked.connect(self._stop.set)
        self.rejected.connect(self._stop.set)
        self.bar.show()

    async def run(self) -> Home | None:
        """The new home; ``None`` when it stays where it was."""
        loop = asyncio.get_running_loop()

        def check() -> None:
            if self._stop.is_set():
                raise Cancelled

        def tell(done: int, total: int) -> None:
            now = time.monotonic()
            if now - self._told >= _TELL_EVERY_S or done == total:
                self._told = now
                loop.call_soon_threadsafe(self.show_progress, done, total)

        try:
            return await asyncio.to_thread(relocate.apply, self._planned, tell, check)
        except Cancelled:
            relocate.forget_plan()
            return None
        except UserFacingError as error:
            if error.code != "home.busy":
                relocate.forget_plan()
            await self._told_why(error)
            return None

    async def _told_why(self, error: UserFacingError) -> None:
        seen = asyncio.get_running_loop().create_future()

        def see() -> None:
            if not seen.done():
                seen.set_result(None)

        self.show_error(error)
        self._cancel.hide()
        go_on = self.add(self.tr("Keep the present folder"), primary=True)
        go_on.clicked.connect(see)
        go_on.setFocus()
        self.rejected.connect(see)
        await seen


def move_home(app: QApplication, theme: Theme, planned: relocate.Pending) -> Home | None:
    """Do what was planned before the window comes; ``None`` when the home stays where it was."""
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    dialog = MoveDialog(theme, planned)
    dialog.show()
    with loop:
        home: Home | None = loop.run_until_complete(dialog.run())
    dialog.hide()
    dialog.deleteLater()
    return home


def ask_without_home(app: QApplication, theme: Theme, error: UserFacingError) -> bool:
    """The chosen home is gone; whether to go on with the system's own folder."""
    dialog = StartDialog(
        theme,
        QApplication.translate("StartDialog", "The data directory was not found"),
        QApplication.translate(
            "StartDialog", "Perhaps its disk is not connected. Waiting changes nothing."
        ),
    )
    dialog.show_error(error)
    dialog.add(dialog.tr("Quit")).clicked.connect(dialog.reject)
    dialog.add(dialog.tr("Use the standard folder"), primary=True).clicked.connect(dialog.accept)
    dialog.finished.connect(app.exit)
    dialog.show()
    return app.exec() == int(QDialog.DialogCode.Accepted)
