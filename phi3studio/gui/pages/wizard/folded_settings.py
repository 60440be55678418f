"""A card of settings that few people need: folded until asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PySide6.QtWidgets import QVBoxLayout, QWidget

from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.pages.wizard.setting_fields import SettingField
from phi3studio.gui.pages.wizard.setting_list import Setting
from phi3studio.gui.texts import words
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, Card, line
from phi3studio.gui.widgets.in_turns import InTurns
from phi3studio.wizard.flow import PageName


class SettingColumn(QWidget):
    """Fields of settings, one below the other: made when they are first asked for, as two dozen of
    them take a tenth of a second."""

    def __init__(self, session: WizardSession, page: PageName, settings: Sequence[Setting]) -> None:
        super().__init__()
        self._session = session
        self._page = page
        self.settings = settings
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self._fields: list[SettingField] = []
        self._to_make = self._made()
        self._turns = InTurns(self)
        self.hide()

    @property
    def fields(self) -> list[SettingField]:
        """The fields, with the draft's values: all of them, at once."""
        for _ in self._to_make:
            pass
        return self._fields

    def _made(self) -> Iterator[None]:
        for index, setting in enumerate(self.settings):
            if index:
                self._column.addWidget(line())
            field = SettingField(self._session, self._page, setting)
            self._fields.append(field)
            self._column.addWidget(field)
            field.draw()
            yield

    def draw(self) -> None:
        """Show the draft's values in the fields that there are."""
        for field in self._fields:
            field.draw()

    def show_all(self, shown: bool) -> None:
        """Unfold or fold them."""
        if shown:
            self._turns.begin(self._to_make)
        self.setVisible(shown)


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
        self._column = SettingColumn(session, page, settings)
        self.body.addWidget(self._column)
        session.changed.connect(self.draw)
        self.draw()

    @property
    def fields(self) -> list[SettingField]:
        """The fields, made if need be."""
        return self._column.fields

    def show_without_frame(self) -> None:
        """It is part of a card."""
        self.setProperty("card", False)
        layout = self.layout()
        assert layout is not None
        layout.setContentsMargins(0, 6, 0, 0)

    def _toggle(self) -> None:
        self.show_all(self._column.isHidden())

    def show_all(self, shown: bool) -> None:
        """Unfold or fold them."""
        self._column.show_all(shown)
        self._fold.rename(self.tr("Hide") if shown else self.tr("Show"))
        self._fold.set_icon("up" if shown else "down")

    def draw(self) -> None:
        """Show the draft's values."""
        parts = []
        for setting in self._column.settings:
            value = getattr(getattr(self._session.draft, setting.section), setting.name)
            if value is not None:
                parts.append(f"{setting.title.lower()} {words.number(value)}")
        self._column.draw()
        self.detail.setText(", ".join(parts))
