"""One field of the section Azure ML: title, editor, and the explanation or what is wrong."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.messages import Coded
from phi3studio.gui.pages.wizard.azure.azure_entries import Entry
from phi3studio.gui.pages.wizard.setting_fields import NOTHING, parse, shown
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.widgets.basic import label, restyle, set_role
from phi3studio.wizard.azure_form import looks_like_token

translate = QCoreApplication.translate
Apply = Callable[[str, object], UserFacingError | None]
"""Takes the value of a field over; returns why it could not."""


class AzureField(QWidget):
    """Edits one value of the form. A text may be wrong and is kept all the same; a number not."""

    def __init__(self, entry: Entry, apply: Apply) -> None:
        super().__init__()
        self.entry = entry
        self._apply = apply
        self._touched = False
        self._refused = False
        self._value: object = ""
        self._problem = ""
        self._limits = f" ({entry.limits})" if entry.limits else ""
        self._title = label(entry.title)
        self.note = label(entry.about + self._limits, "small", wrap=True)
        self.editor: QLineEdit | QComboBox
        if entry.choices is not None:
            self.editor = self._choice()
        else:
            self.editor = self._line()
        self.editor.setAccessibleName(entry.title)
        self.editor.setAccessibleDescription(self.note.text())
        self._title.setBuddy(self.editor)
        if entry.is_number:
            self._beside()
        else:
            self._below()

    def _below(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 2, 0, 4)
        column.setSpacing(3)
        for widget in (self._title, self.editor, self.note):
            column.addWidget(widget)

    def _beside(self) -> None:
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 2, 0, 4)
        line.setSpacing(14)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(self._title)
        words.addWidget(self.note)
        line.addLayout(words, 1)
        self.editor.setFixedWidth(96)
        line.addWidget(self.editor, 0, Qt.AlignmentFlag.AlignTop)

    def show_value(self, value: object, problem: Coded | None) -> None:
        """Show the form's value, and *problem* unless nobody has been here yet."""
        self._value, self._problem = value, ""
        if problem is not None and (value or self._touched or self.entry.is_number):
            said = explain_error(problem)
            self._problem = f"{said.message} {said.hint}".strip()
        if isinstance(self.editor, QComboBox):
            self.editor.setCurrentIndex(max(0, self.editor.findData(value)))
        elif not self.editor.hasFocus():
            self.editor.setText(shown(value))
            self._refused = False
        if not self._refused:
            self._complain(self._problem)

    def _choice(self) -> QComboBox:
        box = QComboBox()
        for value, words in (self.entry.choices or {}).items():
            box.addItem(words, value)
        # A long item must not push the column.
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(12)
        box.activated.connect(lambda at: self._apply(self.entry.name, box.itemData(at)))
        return box

    def _line(self) -> QLineEdit:
        edit = QLineEdit()
        edit.setPlaceholderText(self.entry.example)
        if self.entry.is_number:
            edit.setAlignment(Qt.AlignmentFlag.AlignRight)
        else:
            edit.setMaxLength(1000)
        edit.textEdited.connect(self._take)
        edit.editingFinished.connect(self._left)
        return edit

    def _take(self, text: str) -> None:
        self._touched = True
        if looks_like_token(text):
            self._refuse(
                translate(
                    "Azure",
                    "This is a token, and it was not taken over: it must stand in no file. Store "
                    "it in a key vault, and name the vault.",
                )
            )
            return
        value: object = text
        if self.entry.is_number:
            value = parse(text, optional=False)
            if value is NOTHING:
                self._refuse(translate("Settings", "This is not a number."))
                return
        self._refused = False
        if self._apply(self.entry.name, value) is not None:
            allowed = self.entry.limits or translate("Settings", "whole numbers")
            self._refuse(translate("Settings", "Allowed: {range}").format(range=allowed))
            return
        self._complain(self._problem)

    def _refuse(self, why: str) -> None:
        self._refused = True
        self._complain(why)

    def _left(self) -> None:
        """What was refused goes when the field is left: it shows what is in force."""
        self._touched = True
        if self._refused and isinstance(self.editor, QLineEdit):
            self._refused = False
            self.editor.setText(shown(self._value))
            self._complain(self._problem)

    def _complain(self, text: str) -> None:
        self.note.setText(text or self.entry.about + self._limits)
        set_role(self.note, "danger" if text else "small")
        if isinstance(self.editor, QLineEdit) and bool(self.editor.property("invalid")) != bool(
            text
        ):
            self.editor.setProperty("invalid", bool(text))
            restyle(self.editor)
        self.editor.setAccessibleDescription(self.note.text())
