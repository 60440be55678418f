"""Text fields: one that grows with its text and completes column names, and a drop zone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import QMimeData, QStringListModel, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QFont,
    QKeyEvent,
    QResizeEvent,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
    QTextOption,
)
from PySide6.QtWidgets import QCompleter, QFrame, QPlainTextEdit, QSizePolicy, QToolTip, QWidget

from phi3studio.gui.texts import words
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import announce, restyle
from phi3studio.gui.widgets.page_frame import dropped_files

MOST_CHARACTERS = 100_000
"""As many may be pasted at once: more would hold up the window."""
# Wrapping at the ends of words takes Qt time that grows with the square of a word's length.
_LONG_WORD = re.compile(r"\S{2000}")
_OPEN = re.compile(r"\{[?/]?([^{}\n]*)$")


class GrowingEdit(QPlainTextEdit):
    """As tall as its text, within limits; Tab leaves it. ``edited`` only for the user's changes."""

    edited = Signal(str)

    def __init__(self, theme: Theme, *, mono: bool = True, least: int = 1, most: int = 12) -> None:
        super().__init__()
        self._least, self._most = least, most
        self.setTabChangesFocus(True)
        if mono:
            self.setProperty("mono", True)
            self.setFont(theme.mono())
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(1)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self.textChanged.connect(lambda: self.edited.emit(self.toPlainText()))
        self._fit()

    def put(self, text: str) -> None:
        """Show *text* without reporting it; the cursor stays where it can."""
        if text == self.toPlainText():
            return
        blocked = self.blockSignals(True)
        self.setPlainText(text)
        self.blockSignals(blocked)
        self._fit()

    def setPlainText(self, text: str) -> None:
        self._wrap(text, QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        super().setPlainText(text)

    def insertFromMimeData(self, source: QMimeData) -> None:
        text = source.text()
        if len(text) > MOST_CHARACTERS:
            said = self.tr(
                "Nothing was pasted: the text has {count} characters, and this field takes {most}."
            )
            said = said.format(count=words.count(len(text)), most=words.count(MOST_CHARACTERS))
            QToolTip.showText(self.mapToGlobal(self.cursorRect().bottomLeft()), said, self)
            announce(self, said)
            return
        self._wrap(text, self.wordWrapMode())
        super().insertFromMimeData(source)

    def _wrap(self, text: str, otherwise: QTextOption.WrapMode) -> None:
        long = _LONG_WORD.search(text) is not None
        self.setWordWrapMode(QTextOption.WrapMode.WrapAnywhere if long else otherwise)

    def set_invalid(self, invalid: bool) -> None:
        """Mark the content as wrong."""
        if bool(self.property("invalid")) != invalid:
            self.setProperty("invalid", invalid)
            restyle(self)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        # Text may be dropped here; a file is for the page.
        if event.mimeData().hasUrls():
            event.ignore()
        else:
            super().dragEnterEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        # A plain text document measures its height in lines.
        lines = max(1, round(self.document().size().height()))
        shown = min(max(lines, self._least), self._most)
        self.setVerticalScrollBarPolicy(
            Qt.ScrollBarPolicy.ScrollBarAsNeeded
            if lines > self._most
            else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        )
        height = shown * self.fontMetrics().lineSpacing() + 20
        if height != self.height():
            self.setFixedHeight(height)


class TemplateEdit(GrowingEdit):
    """A template part: placeholders stand out, column names are completed after a brace."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._model = QStringListModel(self)
        self._completer = QCompleter(self._model, self)
        self._completer.setWidget(self)
        self._completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._completer.activated[str].connect(self._complete)  # type: ignore[index]
        self._highlighter = _Placeholders(theme, self)
        theme.changed.connect(self._highlighter.rehighlight)

    def set_columns(self, columns: Sequence[str]) -> None:
        """The names that may be completed."""
        self._model.setStringList(list(columns))

    def insert_column(self, name: str) -> None:
        """Put a placeholder at the cursor."""
        self.textCursor().insertText("{" + name + "}")
        self.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        popup = self._completer.popup()
        assert popup is not None
        if popup.isVisible() and event.key() in {
            Qt.Key.Key_Return,
            Qt.Key.Key_Enter,
            Qt.Key.Key_Tab,
            Qt.Key.Key_Escape,
        }:
            event.ignore()
            return
        super().keyPressEvent(event)
        before = self.textCursor().block().text()[: self.textCursor().positionInBlock()]
        match = _OPEN.search(before)
        if match is None or not event.text():
            popup.hide()
            return
        self._completer.setCompletionPrefix(match.group(1))
        if self._completer.completionCount() == 0:
            popup.hide()
            return
        where = self.cursorRect()
        where.setWidth(220)
        self._completer.complete(where)
        popup.setCurrentIndex(self._completer.completionModel().index(0, 0))

    def _complete(self, name: str) -> None:
        cursor = self.textCursor()
        typed = len(self._completer.completionPrefix())
        cursor.movePosition(QTextCursor.MoveOperation.Left, QTextCursor.MoveMode.KeepAnchor, typed)
        after = self.toPlainText()[self.textCursor().position() :]
        cursor.insertText(name + ("" if after.startswith("}") else "}"))
        self.setTextCursor(cursor)


class _Placeholders(QSyntaxHighlighter):
    _PLACE = re.compile(r"\{\{|\}\}|\{[^{}\n]*\}")

    def __init__(self, theme: Theme, edit: QPlainTextEdit) -> None:
        super().__init__(edit.document())
        self._theme = theme

    def highlightBlock(self, text: str) -> None:
        look = QTextCharFormat()
        look.setForeground(QColor(self._theme.color("accent_text")))
        look.setFontWeight(QFont.Weight.DemiBold)
        for match in self._PLACE.finditer(text):
            if match.group() not in ("{{", "}}"):
                self.setFormat(match.start(), match.end() - match.start(), look)


class DropZone(QFrame):
    """Takes one or more files that are dropped onto it."""

    dropped = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("dropZone")
        self.setAcceptDrops(True)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_files(event):
            event.acceptProposedAction()
            self._over(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._over(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._over(False)
        paths = dropped_files(event)
        if paths:
            event.acceptProposedAction()
            self.dropped.emit(paths)

    def _over(self, over: bool) -> None:
        self.setProperty("over", over)
        restyle(self)
