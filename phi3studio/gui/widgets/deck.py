"""One of several widgets at a time, as tall as the one that is shown."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget


class Deck(QWidget):
    """Like a stack, but hidden cards claim no room: a QStackedWidget is as tall as its tallest."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._shown: QWidget | None = None

    @property
    def shown(self) -> QWidget | None:
        """The widget in front."""
        return self._shown

    def add(self, widget: QWidget) -> None:
        """Add a widget, hidden."""
        widget.hide()
        self._layout.addWidget(widget)

    def show_only(self, widget: QWidget) -> None:
        """Bring one to the front."""
        if widget is not self._shown:
            if self._shown is not None:
                self._shown.hide()
            self._shown = widget
            widget.show()
