"""Questions to begin a chat with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, clear, label, row
from phi3studio.runs.shown.transcript import Ask

_LONGEST = 70


class ExampleBar(QWidget):
    """Hidden without examples. ``asked`` carries the one that was chosen."""

    asked = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(
            label(self.tr("Ask it something that it was not trained on:"), "muted", wrap=True)
        )
        self._lines = QVBoxLayout()
        self._lines.setSpacing(4)
        layout.addLayout(self._lines)
        self._shown: tuple[Ask, ...] = ()
        self.hide()

    def show_examples(self, examples: Sequence[Ask]) -> None:
        """Offer these."""
        if tuple(examples) != self._shown:
            self._shown = tuple(examples)
            clear(self._lines)
            for ask in examples:
                said = " ".join(ask.shown.split())
                short = said if len(said) <= _LONGEST else said[: _LONGEST - 1].rstrip() + "…"
                button = Button(self._theme, short.replace("&", "&&"), icon="spark")
                button.setAccessibleName(said)
                button.setToolTip(said if short != said else "")
                button.clicked.connect(partial(self._choose, ask))
                self._lines.addLayout(row(button, 1))
        self.setVisible(bool(examples))

    def _choose(self, ask: Ask) -> None:
        self.asked.emit(ask)
