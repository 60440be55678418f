"""One setting of a recipe: title, explanation, range and editor."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.pages.wizard.setting_list import Setting
from phi3studio.gui.widgets.basic import label, restyle

translate = QCoreApplication.translate


class SettingField(QWidget):
    """Title, editor, explanation and range of one setting.

    *apply* takes the typed value over and returns why it could not; the field then shows that.
    """

    edited = Signal()

    def __init__(
        self, setting: Setting, apply: Callable[[Setting, object], UserFacingError | None]
    ) -> None:
        super().__init__()
        self.setting = setting
        self._apply = apply
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 3, 0, 3)
        layout.setSpacing(14)
        text = QVBoxLayout()
        text.setSpacing(1)
        title = label(setting.title)
        text.addWidget(title)
        limits = setting.limits
        self._about = setting.about + (f" ({limits})" if limits else "")
        self._note = label(self._about, "small", wrap=True)
        text.addWidget(self._note)
        layout.addLayout(text, 1)
        self.editor = self._editor()
        self.editor.setFixedWidth(136)
        self.editor.setAccessibleName(setting.title)
        self.editor.setAccessibleDescription(self._about)
        title.setBuddy(self.editor)
        layout.addWidget(self.editor, 0, Qt.AlignmentFlag.AlignTop)

    def show_value(self, value: object) -> None:
        """Show the draft's value, unless the user is just typing another one."""
        editor = self.editor
        if isinstance(editor, QCheckBox):
            editor.setChecked(bool(value))
        elif isinstance(editor, QComboBox):
            text = ", ".join(value) if isinstance(value, list) else str(value)
            if editor.findText(text) < 0:
                editor.addItem(text, value)
            editor.setCurrentText(text)
        elif isinstance(editor, QLineEdit) and not editor.hasFocus():
            editor.setText(shown(value))
            self._complain("")

    def _editor(self) -> QWidget:
        choices = _choices(self.setting.kind)
        if self.setting.kind is bool:
            check = QCheckBox()
            check.clicked.connect(lambda on: self._take(on))
            return check
        if choices:
            box = QComboBox()
            for value in choices:
                box.addItem(str(value), value)
            box.activated.connect(lambda i: self._take(box.itemData(i)))
            return box
        edit = QLineEdit()
        edit.setAlignment(Qt.AlignmentFlag.AlignRight)
        edit.textEdited.connect(lambda text: self._take(text))
        edit.editingFinished.connect(self._leave)
        return edit

    def _take(self, value: object) -> None:
        if isinstance(value, str) and isinstance(self.editor, QLineEdit):
            number = parse(value, optional=type(None) in get_args(self.setting.kind))
            if number is NOTHING:
                self._complain(translate("Settings", "This is not a number."))
                return
            value = number
        error = self._apply(self.setting, value)
        self._complain("" if error is None else self._range())
        self.edited.emit()

    def _range(self) -> str:
        return translate("Settings", "Allowed: {range}").format(
            range=self.setting.limits or translate("Settings", "whole numbers")
        )

    def _leave(self) -> None:
        if isinstance(self.editor, QLineEdit) and not self.editor.property("invalid"):
            self._complain("")

    def _complain(self, text: str) -> None:
        wrong = bool(text)
        self._note.setText(text or self._about)
        role = "danger" if wrong else "small"
        if self._note.property("role") != role:
            self._note.setProperty("role", role)
            restyle(self._note)
        if bool(self.editor.property("invalid")) != wrong:
            self.editor.setProperty("invalid", wrong)
            restyle(self.editor)


NOTHING = object()
"""What was typed is no number."""


def parse(text: str, *, optional: bool) -> object:
    """A number as people write it (comma or point); ``None`` for an empty optional field."""
    text = text.strip().replace("\u202f", "").replace(" ", "")
    if not text and optional:
        return None
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return NOTHING
    if not math.isfinite(value):
        return NOTHING
    return int(value) if value == int(value) and abs(value) < 1e15 else value


def shown(value: object) -> str:
    """A number as it is typed."""
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _choices(kind: Any) -> list[object]:
    """The allowed values of a field, if it has only a few."""
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    for inner in get_args(kind):
        if get_origin(inner) is Literal:
            return list(get_args(inner))
    return []
