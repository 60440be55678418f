"""The log of a run, with search."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QKeySequence, QShortcut, QTextCursor, QTextDocument
from PySide6.QtWidgets import QPlainTextEdit

from phi3studio.domain.messages.printable import printable
from phi3studio.gui.tasks import Tasks
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, Card
from phi3studio.gui.widgets.search import SearchField

_POLL_MS = 1000
_FIRST_BYTES = 256 * 1024
_BLOCKS = 5000


class LogCard(Card):
    """Shows the end of ``log.txt`` and what is added; the last 5,000 lines are kept."""

    def __init__(self, theme: Theme, tasks: Tasks) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("Log"))
        self.setAccessibleName(self.tr("Log"))
        self._tasks = tasks
        self._file: Path | None = None
        self._offset = 0
        self._reading = False
        self._search = SearchField(theme, self.tr("Find in the log"), 200)
        self._search.returnPressed.connect(self.find_next)
        self._search.textChanged.connect(self._find_first)
        up = Button(theme, self.tr("Previous match"), kind="icon", icon="up")
        up.clicked.connect(self.find_previous)
        down = Button(theme, self.tr("Next match"), kind="icon", icon="down")
        down.clicked.connect(self.find_next)
        for widget in (self._search, up, down):
            self.header.addWidget(widget)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setProperty("mono", True)
        self.text.setFont(theme.mono())
        self.text.setMaximumBlockCount(_BLOCKS)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setAccessibleName(self.tr("Log"))
        self.text.setFixedHeight(170)
        self.text.setTabChangesFocus(True)
        self.text.setPlaceholderText(self.tr("Nothing has been written yet."))
        self.body.addWidget(self.text)
        shortcut = QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self)
        shortcut.activated.connect(self._search.setFocus)
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._read)

    def follow(self, file: Path) -> None:
        """Show another file from its last part on."""
        self._file, self._offset = file, -1
        self.text.clear()
        self._timer.start()
        self._read()

    def stop(self) -> None:
        """Read no more."""
        self._timer.stop()

    def say(self, text: str) -> None:
        """Show a word next to the title, unless the search has one."""
        if not self._search.text():
            self.detail.setText(text)

    def find_next(self) -> None:
        """Go to the next place; after the last comes the first."""
        self._find(QTextDocument.FindFlag(0), QTextCursor.MoveOperation.Start)

    def find_previous(self) -> None:
        """Go to the place before; before the first comes the last."""
        self._find(QTextDocument.FindFlag.FindBackward, QTextCursor.MoveOperation.End)

    def _find_first(self) -> None:
        self.text.moveCursor(QTextCursor.MoveOperation.Start)
        self.find_next()

    def _find(self, flags: QTextDocument.FindFlag, wrap: QTextCursor.MoveOperation) -> None:
        wanted = self._search.text()
        found = True
        if wanted and not self.text.find(wanted, flags):
            self.text.moveCursor(wrap)
            found = self.text.find(wanted, flags)
        self.detail.setText("" if found or not wanted else self.tr("not found"))

    def _read(self) -> None:
        if not self._reading and self._file is not None:
            self._reading = True
            self._tasks.run(self._read_new(self._file))

    async def _read_new(self, file: Path) -> None:
        try:
            text, offset = await asyncio.to_thread(_new_text, file, self._offset)
            if file == self._file:
                self._offset = offset
                if text:
                    self._append(text)
        finally:
            self._reading = False

    def _append(self, text: str) -> None:
        bar = self.text.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 4
        first = self.text.document().isEmpty()
        self.text.appendPlainText(text.rstrip("\n"))
        if first:
            # The cursor is kept in sight, and went along to the end of a long line.
            self.text.moveCursor(QTextCursor.MoveOperation.End)
            self.text.moveCursor(QTextCursor.MoveOperation.StartOfBlock)
        if at_end:
            bar.setValue(bar.maximum())


def _new_text(file: Path, offset: int) -> tuple[str, int]:
    """What was appended after *offset* (-1: the last part), up to the last whole line."""
    try:
        with file.open("rb") as stream:
            end = stream.seek(0, 2)
            start = max(0, end - _FIRST_BYTES) if offset < 0 or offset > end else offset
            stream.seek(start)
            data = stream.read(_FIRST_BYTES)
    except OSError:
        return "", offset
    whole = data[: data.rfind(b"\n") + 1]
    # A progress bar rewrites its line with carriage returns: only its last state is a line.
    lines = [
        part.rsplit("\r", 1)[-1]
        for part in whole.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    ]
    return printable("\n".join(lines)), start + len(whole)
