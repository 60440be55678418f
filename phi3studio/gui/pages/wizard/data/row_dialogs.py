"""Dialogs of the rows: one row's fields, and find and replace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QFrame,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from phi3studio.domain.rows.row_edits import ReplaceText
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import ComboBox, LineEdit, label
from phi3studio.gui.widgets.editors import GrowingEdit
from phi3studio.wizard.row_view import Field, changed_values


class RowDialog(Question):
    """The cells and turns of one row as fields. Ctrl+Return saves, Escape leaves it as it was.

    *save* gets the values that were changed: place in the row → value.
    """

    def __init__(
        self,
        parent: QWidget,
        theme: Theme,
        title: str,
        fields: Sequence[Field],
        save: Callable[[dict[str, Any]], object],
    ) -> None:
        super().__init__(
            parent,
            theme,
            title,
            self.tr("The file is not changed: the edit is recorded in the recipe."),
        )
        self._fields = fields
        self._save = save
        self.widen(640)
        self.edits: list[GrowingEdit] = []
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(0, 0, 6, 0)
        layout.setSpacing(4)
        for field in fields:
            name = f"{field.column} · {field.role}" if field.role else field.column
            edit = GrowingEdit(theme, mono=field.json, least=1, most=10)
            edit.setPlainText(field.text)
            edit.setAccessibleName(name)
            edit.textChanged.connect(self._settle)
            said = label(name, "strong")
            said.setBuddy(edit)
            layout.addWidget(said)
            layout.addWidget(edit)
            layout.addSpacing(4)
            self.edits.append(edit)
        layout.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inside)
        area.setMinimumHeight(min(420, 76 * len(fields) + 20))
        self.extra.addWidget(area)
        self._wrong = label("", "danger", wrap=True)
        self._wrong.hide()
        self.extra.addWidget(self._wrong)
        # Not add(): a value that is no JSON keeps the dialog open.
        self.add_kept(self.tr("Save"), self._try, "primary")
        QShortcut(QKeySequence("Ctrl+Return"), self, self._try)
        if self.edits:
            self.edits[0].setFocus()

    def _settle(self) -> None:
        self._wrong.hide()
        for edit in self.edits:
            edit.set_invalid(False)

    def _try(self) -> None:
        changed, wrong = changed_values(self._fields, [e.toPlainText() for e in self.edits])
        for at in wrong:
            self.edits[at].set_invalid(True)
        if wrong:
            names = ", ".join(self._fields[at].column for at in wrong)
            self._wrong.setText(
                self.tr("Not valid JSON: {names}. Correct it, or cancel.").format(names=names)
            )
            self._wrong.show()
            self.edits[wrong[0]].setFocus()
            return
        self.accept()
        if changed:
            self._save(changed)


class ReplaceDialog(Question):
    """Find a text in a column and replace it in every row."""

    def __init__(
        self,
        parent: QWidget,
        theme: Theme,
        columns: Sequence[str],
        column: str,
        replace: Callable[[ReplaceText], object],
    ) -> None:
        super().__init__(
            parent,
            theme,
            self.tr("Find and replace"),
            self.tr("In every row as it is read for training: the file is not changed."),
        )
        self._replace = replace
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.setSpacing(8)
        self.column = ComboBox()
        self.column.addItems(list(columns))
        self.column.setCurrentText(column)
        self.sought = LineEdit()
        self.by = LineEdit()
        for caption, widget in (
            (self.tr("Column"), self.column),
            (self.tr("Find"), self.sought),
            (self.tr("Replace with"), self.by),
        ):
            widget.setAccessibleName(caption)
            form.addRow(caption, widget)
        self.case = QCheckBox(self.tr("Match case"))
        self.case.setChecked(True)
        self.words = QCheckBox(self.tr("Whole words only"))
        form.addRow("", self.case)
        form.addRow("", self.words)
        self.extra.addLayout(form)
        self.doing = self.add(self.tr("Replace"), self._take, "primary")
        self.doing.setEnabled(False)
        self.sought.textChanged.connect(lambda text: self.doing.setEnabled(bool(text)))
        self.sought.returnPressed.connect(self.doing.click)
        self.by.returnPressed.connect(self.doing.click)
        self.sought.setFocus()

    def _take(self) -> None:
        self._replace(
            ReplaceText(
                column=self.column.currentText(),
                find=self.sought.text(),
                by=self.by.text(),
                match_case=self.case.isChecked(),
                whole_words=self.words.isChecked(),
            )
        )
