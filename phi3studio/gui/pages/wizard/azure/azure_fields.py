"""One field of the section Azure ML: title, editor, and the explanation or what is wrong."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from phi3studio.domain.messages import Coded
from phi3studio.gui.pages.wizard.azure.azure_entries import Entry
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.pages.wizard.setting_fields import allowed
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.widgets.basic import ComboBox, LineEdit, label, restyle, set_role
from phi3studio.gui.widgets.number_edit import NumberEdit
from phi3studio.wizard.azure_form import looks_like_token

translate = QCoreApplication.translate


class AzureField(QWidget):
    """Edits one value of the form. A text may be wrong and is kept all the same; a number not,
    nor a text that is a secret: what was there before it was typed is in force again."""

    def __init__(self, entry: Entry, session: WizardSession) -> None:
        super().__init__()
        self.entry = entry
        self._session = session
        self._touched = False
        self._refused = ""
        self._before: object = ""
        self._typing = False
        self._value: object = ""
        self._problem = ""
        self._limits = f" ({entry.limits})" if entry.limits else ""
        self._title = label(entry.title)
        self.note = label(entry.about + self._limits, "small", wrap=True)
        self.editor: QLineEdit | ComboBox
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
        if isinstance(self.editor, ComboBox):
            self.editor.setCurrentIndex(max(0, self.editor.findData(value)))
        elif isinstance(self.editor, NumberEdit):
            self.editor.show_value(value, refused=self._session.is_refused(self._where))
        elif not self.editor.hasFocus() and not self._typing:
            self._before = value
            self.editor.setText(str(value))
            self._refused = ""
        self._complain(self._refused or self._problem)

    @property
    def _where(self) -> str:
        return f"azure.{self.entry.name}"

    def _choice(self) -> ComboBox:
        box = ComboBox()
        for value, words in (self.entry.choices or {}).items():
            box.addItem(words, value)
        # A long item must not push the column.
        box.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(12)
        box.activated.connect(lambda at: self._apply(box.itemData(at)))
        return box

    def _line(self) -> QLineEdit:
        if self.entry.is_number:
            number = NumberEdit(self._apply, translate("Settings", "This is not a number."))
            number.refused_changed.connect(self._refuse_number)
            number.editingFinished.connect(self._left)
            return number
        edit = LineEdit()
        edit.setPlaceholderText(self.entry.example)
        edit.setMaxLength(1000)
        edit.textEdited.connect(self._take)
        edit.editingFinished.connect(self._left)
        return edit

    def _apply(self, value: object) -> str:
        error = self._session.edit("target", azure={self.entry.name: value})
        return "" if error is None else allowed(self.entry.limits)

    def _take(self, text: str) -> None:
        self._touched = self._typing = True
        if looks_like_token(text):
            # Nor its beginning, which was taken while it was typed.
            self._apply(self._before)
            self._refused = translate(
                "Azure",
                "This is a token, so it was not accepted: a token must never be stored "
                "in a file. Put it into a key vault and name the vault.",
            )
        else:
            self._refused = ""
            self._apply(text)
        self._complain(self._refused or self._problem)

    def _refuse_number(self, reason: str) -> None:
        self._refused = reason
        self._session.refuse("target", self._where, self.entry.title, reason)
        self._complain(self._refused or self._problem)

    def _left(self) -> None:
        """A secret goes when the field is left: it shows what is in force."""
        self._touched, self._typing = True, False
        if not isinstance(self.editor, QLineEdit) or isinstance(self.editor, NumberEdit):
            return
        if self._refused:
            self._refused = ""
            self.editor.setText(str(self._before))
            self._complain(self._problem)
        self._before = self._value

    def _complain(self, text: str) -> None:
        self.note.setText(text or self.entry.about + self._limits)
        set_role(self.note, "danger" if text else "small")
        if isinstance(self.editor, QLineEdit) and bool(self.editor.property("invalid")) != bool(
            text
        ):
            self.editor.setProperty("invalid", bool(text))
            restyle(self.editor)
        self.editor.setAccessibleDescription(self.note.text())
