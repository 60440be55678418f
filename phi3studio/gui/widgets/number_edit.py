"""A field for one number, written as the user's locale writes numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from PySide6.QtCore import QLocale, Qt, Signal
from PySide6.QtGui import QKeyEvent

from phi3studio.gui.widgets.basic import LineEdit, restyle

NOTHING = object()
"""What was typed is no number."""


class NumberEdit(LineEdit):
    """Hands every number that is typed to *take*, which returns why it cannot be, or nothing.

    What is refused is marked, and nothing of it is in force: the number from before the typing is
    taken again, not what stood on the way (5 and 50 of 5000). The mark stays until the text is
    corrected, Escape takes it back, or another number comes from elsewhere. ``refused_changed``
    carries the reason, empty when all is well again.
    """

    refused_changed = Signal(str)

    def __init__(
        self, take: Callable[[object], str], not_a_number: str, *, optional: bool = False
    ) -> None:
        super().__init__()
        self._take = take
        self._not_a_number = not_a_number
        self._optional = optional
        self._before: object = None
        self._value: object = None
        self._typing = False
        self.refused = ""
        """Why what stands here is not in force; empty: it is."""
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.textEdited.connect(self._typed)
        self.editingFinished.connect(self._leave)

    def show_value(self, value: object, *, refused: bool = False) -> None:
        """Show what is in force, unless another number is just being typed. *refused*: who owns
        the value still knows of the refusal."""
        if self.refused and not refused:
            self.forget()
        if self._typing or (self.refused and value == self._before):
            return
        self._value = self._before = value
        self.setText(shown(value))
        self._mark("")

    def forget(self) -> None:
        """Show what is in force instead of what was refused."""
        self._typing = False
        self._value = self._before
        self.setText(shown(self._before))
        self._mark("")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text() != shown(self._before):
            self._take(self._before)
            self.forget()
            self.selectAll()
            return
        super().keyPressEvent(event)

    def _typed(self, text: str) -> None:
        self._typing = True
        number = parse_number(text, optional=self._optional)
        reason = self._not_a_number if number is NOTHING else self._take(number)
        if reason:
            self._take(self._before)
        else:
            self._value = number
        self._mark(reason)

    def _leave(self) -> None:
        self._typing = False
        if not self.refused:
            self._before = self._value
            self.setText(shown(self._value))

    def _mark(self, reason: str) -> None:
        if reason == self.refused:
            return
        self.refused = reason
        self.setProperty("invalid", bool(reason))
        restyle(self)
        self.refused_changed.emit(reason)


def parse_number(text: str, *, optional: bool = False) -> object:
    """A number as the locale writes it, or as only another way can be meant; ``None`` for an
    empty optional field, :data:`NOTHING` for no number. A whole one is an ``int``.

    In English “1,000” is a thousand and “0,0005” a small number, for no thousands are grouped
    like that; in Italian “1.000” is a thousand and “0.0005” the small number.
    """
    text = "".join(text.split()).replace("\u202f", "")
    if not text and optional:
        return None
    locale = QLocale()
    # A locale that groups only from 10,000 on would not know “1.000”.
    groups = rf"[+-]?\d{{1,3}}({re.escape(locale.groupSeparator())}\d{{3}})+"
    if re.match(rf"{groups}(\D|$)", text):
        text = text.replace(locale.groupSeparator(), "")
    value, valid = locale.toDouble(text)
    if not valid:
        value, valid = QLocale.c().toDouble(text.replace(",", ".") if "." not in text else text)
    if not valid or not math.isfinite(value):
        return NOTHING
    return int(value) if value == int(value) and abs(value) < 1e15 else value


def parse_row(text: str) -> int:
    """A row's number, from 1; 1 for anything else."""
    number = parse_number(text)
    return number if isinstance(number, int) and number > 0 else 1


def shown(value: object) -> str:
    """A number as it is typed: by the locale, thousands not grouped."""
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    locale = QLocale()
    locale.setNumberOptions(QLocale.NumberOption.OmitGroupSeparator)
    return locale.toString(value, "g", 6)
