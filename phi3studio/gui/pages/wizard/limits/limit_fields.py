"""The fields of the limits, one below the other."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from phi3studio.gui.pages.wizard.setting_fields import Holder, SettingField
from phi3studio.gui.pages.wizard.setting_list import settings
from phi3studio.gui.widgets.basic import line

_INSTEAD = {"score": "points_lost", "points_lost": "score"}
"""Of these two one alone can be asked for."""


class LimitFields(QWidget):
    """Edits the limits of a holder's draft; an empty field limits nothing."""

    def __init__(self, holder: Holder) -> None:
        super().__init__()
        self._holder = holder
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self.fields = {
            setting.name: SettingField(holder, "target", setting) for setting in settings("limits")
        }
        for index, field in enumerate(self.fields.values()):
            if index:
                column.addWidget(line())
            column.addWidget(field)

    def draw(self) -> None:
        """Show the draft's limits."""
        limits = self._holder.draft.limits
        for name, field in self.fields.items():
            field.draw()
            other = _INSTEAD.get(name)
            if limits is None:
                field.hold(self.tr("Switch the search on first."))
            elif other is not None and getattr(limits, other) is not None:
                said = self.tr("Empty “{other}” to ask for this instead.")
                field.hold(said.format(other=self.fields[other].setting.title))
            else:
                field.hold("")

    def forget(self) -> None:
        """Take back what was typed in vain."""
        for field in self.fields.values():
            self._holder.refuse("target", field.where, field.setting.title, "")
