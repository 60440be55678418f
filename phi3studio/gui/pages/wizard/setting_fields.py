"""One setting of a recipe: title, explanation, range and editor."""

from __future__ import annotations

from typing import Any, Literal, Protocol, get_args, get_origin

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QVBoxLayout, QWidget

from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.pages.wizard.setting_list import Setting
from phi3studio.gui.widgets.basic import ComboBox, label, set_role
from phi3studio.gui.widgets.number_edit import NumberEdit
from phi3studio.wizard.flow import Draft, PageName

translate = QCoreApplication.translate


class Holder(Protocol):
    """Who owns the draft that fields edit."""

    @property
    def draft(self) -> Draft: ...
    def edit(self, page: PageName, **changes: object) -> UserFacingError | None: ...
    def refuse(self, page: PageName, where: str, title: str, reason: str) -> None: ...
    def is_refused(self, where: str) -> bool: ...


class SettingField(QWidget):
    """Title, editor, explanation and range of one setting of the draft, on the page it belongs to.

    A value that cannot be is marked and said here, and holds the page back.
    """

    def __init__(self, session: Holder, page: PageName, setting: Setting) -> None:
        super().__init__()
        self._session = session
        self._page: PageName = page
        self.setting = setting
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 3, 0, 3)
        layout.setSpacing(14)
        text = QVBoxLayout()
        text.setSpacing(1)
        title = label(setting.title)
        text.addWidget(title)
        limits = setting.limits
        self._about = f"{setting.about.rstrip('.')} ({limits})." if limits else setting.about
        self._note = label(self._about, "small", wrap=True)
        text.addWidget(self._note)
        layout.addLayout(text, 1)
        self.editor = self._editor()
        self.editor.setFixedWidth(136)
        self.editor.setAccessibleName(setting.title)
        self.editor.setAccessibleDescription(self._about)
        title.setBuddy(self.editor)
        layout.addWidget(self.editor, 0, Qt.AlignmentFlag.AlignTop)

    @property
    def where(self) -> str:
        """The setting's place in the recipe."""
        return f"{self.setting.section}.{self.setting.name}"

    def draw(self) -> None:
        """Show the draft's value, unless the user is just typing another one."""
        section = getattr(self._session.draft, self.setting.section)
        value = getattr(section, self.setting.name, None)
        editor = self.editor
        if isinstance(editor, QCheckBox):
            editor.setChecked(bool(value))
        elif isinstance(editor, ComboBox):
            text = ", ".join(value) if isinstance(value, list) else str(value)
            if editor.findText(text) < 0:
                editor.addItem(text, value)
            editor.setCurrentText(text)
        elif isinstance(editor, NumberEdit):
            editor.show_value(value, refused=self._session.is_refused(self.where))

    def hold(self, reason: str) -> None:
        """Let nothing be typed because of *reason*; without one it can be typed again."""
        if self._session.is_refused(self.where):
            return  # what is wrong there is to be corrected
        self.editor.setEnabled(not reason)
        self._note.setText(reason or self._about)
        self.editor.setAccessibleDescription(self._note.text())

    def _editor(self) -> QWidget:
        choices = _choices(self.setting.kind)
        if self.setting.kind is bool:
            check = QCheckBox()
            check.clicked.connect(self._take)
            return check
        if choices:
            box = ComboBox()
            for value in choices:
                box.addItem(str(value), value)
            box.activated.connect(lambda i: self._take(box.itemData(i)))
            return box
        edit = NumberEdit(
            self._take,
            translate("Settings", "This is not a number."),
            optional=type(None) in get_args(self.setting.kind),
        )
        edit.refused_changed.connect(self._refused)
        return edit

    def _take(self, value: object) -> str:
        changes = {self.setting.section: {self.setting.name: value}}
        error = self._session.edit(self._page, **changes)
        return "" if error is None else allowed(self.setting.limits)

    def _refused(self, reason: str) -> None:
        self._note.setText(reason or self._about)
        set_role(self._note, "danger" if reason else "small")
        self.editor.setAccessibleDescription(self._note.text())
        self._session.refuse(self._page, self.where, self.setting.title, reason)


def allowed(limits: str) -> str:
    """The range of a number, for whoever typed another one."""
    return translate("Settings", "Allowed: {range}").format(
        range=limits or translate("Settings", "whole numbers")
    )


def _choices(kind: Any) -> list[object]:
    """The allowed values of a field, if it has only a few."""
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    for inner in get_args(kind):
        if get_origin(inner) is Literal:
            return list(get_args(inner))
    return []
