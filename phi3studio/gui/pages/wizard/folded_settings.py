"""A card of settings that few people need: folded until asked for."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QVBoxLayout, QWidget

from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.pages.wizard.setting_fields import SettingField
from phi3studio.gui.pages.wizard.setting_list import Setting
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, Card, line
from phi3studio.wizard.flow import PageName


class FoldedSettings(Card):
    """Edits settings of the draft on the page that they belong to."""

    def __init__(
        self,
        theme: Theme,
        session: WizardSession,
        page: PageName,
        title: str,
        settings: Sequence[Setting],
    ) -> None:
        super().__init__(title)
        self._session = session
        self._fold = Button(theme, self.tr("Show"), icon="down")
        self._fold.setAccessibleName(self.tr("Show: {title}").format(title=title))
        self._fold.clicked.connect(self._toggle)
        self.header.addWidget(self._fold)
        self._holder = QWidget()
        fields = QVBoxLayout(self._holder)
        fields.setContentsMargins(0, 0, 0, 0)
        fields.setSpacing(4)
        self.fields: list[SettingField] = []
        for index, setting in enumerate(settings):
            if index:
                fields.addWidget(line())
            field = SettingField(session, page, setting)
            self.fields.append(field)
            fields.addWidget(field)
        self._holder.hide()
        self.body.addWidget(self._holder)
        session.changed.connect(self.draw)
        self.draw()

    def _toggle(self) -> None:
        self.show_all(self._holder.isHidden())

    def show_all(self, shown: bool) -> None:
        """Unfold or fold them."""
        self._holder.setVisible(shown)
        self._fold.rename(self.tr("Hide") if shown else self.tr("Show"))
        self._fold.set_icon("up" if shown else "down")

    def draw(self) -> None:
        """Show the draft's values."""
        parts = []
        for field in self.fields:
            section = getattr(self._session.draft, field.setting.section)
            value = getattr(section, field.setting.name)
            field.draw()
            parts.append(f"{field.setting.title.lower()} {value:g}")
        self.detail.setText(", ".join(parts))
