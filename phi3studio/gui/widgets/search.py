"""The field to search with."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QToolButton

from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import LineEdit

_LEAST = 80


class SearchField(LineEdit):
    """One line with a magnifier and a button that clears it; *name* is said and shown."""

    def __init__(self, theme: Theme, name: str, width: int | None = None) -> None:
        super().__init__()
        self._theme = theme
        self.setPlaceholderText(name)
        self.setAccessibleName(name)
        if width is not None:
            # It is the first thing to give way in a narrow window.
            self.setMinimumWidth(_LEAST)
            self.setMaximumWidth(width)
            self._width = width
        else:
            self._width = 0
        self._glass = self.addAction(
            theme.icon("search", "muted"), LineEdit.ActionPosition.LeadingPosition
        )
        self._glass.setToolTip(name)
        self.setClearButtonEnabled(True)
        theme.changed.connect(self._retint)
        for button in self.findChildren(QToolButton):
            if button.defaultAction() is self._glass:
                button.setAccessibleName(name)
            else:
                button.setAccessibleName(self.tr("Clear"))
                button.setToolTip(self.tr("Clear"))

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return QSize(self._width, hint.height()) if self._width else hint

    def _retint(self) -> None:
        self._glass.setIcon(self._theme.icon("search", "muted"))
