"""Good or bad: two buttons below an answer."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from phi3studio.domain.ratings.rating import Verdict
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button


class Thumbs(QWidget):
    """``rated`` carries ``up`` or ``down``, or ``None`` where a second click takes it back."""

    rated = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(2)
        self._buttons: dict[Verdict, Button] = {}
        verdicts: tuple[tuple[Verdict, str, str], ...] = (
            ("up", self.tr("Good answer"), "good"),
            ("down", self.tr("Bad answer"), "bad"),
        )
        for verdict, name, icon in verdicts:
            button = Button(theme, name, kind="icon", icon=icon)
            button.setCheckable(True)
            button.clicked.connect(
                lambda checked=False, v=verdict: self.rated.emit(v if checked else None)
            )
            line.addWidget(button)
            self._buttons[verdict] = button

    def show_verdict(self, verdict: Verdict | None) -> None:
        """Show how the answer is rated."""
        for name, button in self._buttons.items():
            button.setChecked(name == verdict)
