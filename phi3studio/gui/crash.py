"""What happens when the program itself is at fault: a report that can be copied."""

from __future__ import annotations

import contextlib
import platform
import sys
import traceback
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QObject, QSize, Qt, Signal, qVersion
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from phi3studio import __version__
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.ask import fit
from phi3studio.gui.widgets.basic import Button, label

KEPT = "last-crash.txt"


def report_of(error: BaseException) -> str:
    """Versions and the traceback; the user's folder is shortened to ``~``."""
    head = (
        f"Phi-3 Studio {__version__}, Python {platform.python_version()}, Qt {qVersion()}, "
        f"{platform.platform()}"
    )
    text = f"{head}\n\n{''.join(traceback.format_exception(error))}"
    return text.replace(str(Path.home()), "~")


class CrashWatch(QObject):
    """Catches what nobody caught; ``crashed`` carries the report's text.

    The report is also kept in a file, so that the next start can show it when this one ends.
    """

    crashed = Signal(str)

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._file = folder / KEPT

    def install(self) -> None:
        """Take over ``sys.excepthook``: PySide reports errors of slots there."""
        sys.excepthook = self._hook

    def uninstall(self) -> None:
        """Give it back."""
        sys.excepthook = sys.__excepthook__

    def take(self, error: object) -> None:
        """Report an error."""
        if not isinstance(error, BaseException) or isinstance(error, KeyboardInterrupt):
            return
        text = report_of(error)
        if sys.stderr is not None:
            sys.stderr.write(text + "\n")
        # Where the file cannot be written the dialog still shows the report.
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(text, "utf-8")
        self.crashed.emit(text)

    def last(self) -> str:
        """The report of a crash that ended the program the last time; read once."""
        try:
            text = self._file.read_text("utf-8")
            self._file.unlink()
        except OSError:
            return ""
        return text

    def forget(self) -> None:
        """The report was seen."""
        self._file.unlink(missing_ok=True)

    def _hook(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        self.take(error)


class CrashDialog(QDialog):
    """Shows one report; later ones are added to it instead of piling up dialogs."""

    def __init__(self, theme: Theme, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Something went wrong"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        fit(self, QSize(620, 420))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 18)
        layout.setSpacing(10)
        layout.addWidget(label(self.tr("Something went wrong in Phi-3 Studio"), "cardTitle"))
        layout.addWidget(
            label(
                self.tr(
                    "This is a bug in the program, not your mistake. Runs in progress "
                    "are not affected. The report below helps to fix it; read it "
                    "before you pass it on."
                ),
                "muted",
                wrap=True,
            )
        )
        self.text = QPlainTextEdit(text)
        self.text.setReadOnly(True)
        self.text.setProperty("mono", True)
        self.text.setFont(theme.mono())
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(self.tr("Report"))
        layout.addWidget(self.text, 1)
        line = QHBoxLayout()
        line.setSpacing(10)
        copy = Button(theme, self.tr("Copy report"), icon="copy")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text.toPlainText()))
        close = Button(theme, self.tr("Continue"), kind="primary")
        close.clicked.connect(self.accept)
        line.addWidget(copy)
        line.addStretch(1)
        line.addWidget(close)
        layout.addLayout(line)

    def add(self, text: str) -> None:
        """A further report."""
        self.text.appendPlainText("\n" + text)
