"""Settings and About."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QGridLayout

from phi3studio.gui.context import Context
from phi3studio.gui.pages.settings.about_card import AboutCard
from phi3studio.gui.pages.settings.computing_card import ComputingCard
from phi3studio.gui.pages.settings.folders_card import FoldersCard
from phi3studio.gui.pages.settings.privacy_card import PrivacyCard
from phi3studio.gui.pages.settings.runtime_card import RuntimeCard
from phi3studio.gui.pages.settings.token_card import TokenCard
from phi3studio.gui.widgets.basic import Card, ComboBox, label
from phi3studio.gui.widgets.page_frame import Columns, Page


class SettingsPage(Page):
    """Look, language, folders, privacy, and who made what."""

    doctor_wanted = Signal()
    language_chosen = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__(self.tr("Settings"))
        self._context = context
        columns = Columns()
        self.content.addWidget(columns)
        self.content.addStretch(1)
        self.folders = FoldersCard(context)
        self.privacy = PrivacyCard(context)
        columns.left.addWidget(self._look())
        columns.left.addWidget(ComputingCard(context))
        self.runtime = RuntimeCard(context)
        columns.left.addWidget(self.runtime)
        columns.left.addWidget(self.folders)
        columns.left.addWidget(TokenCard(context))
        columns.left.addStretch(1)
        columns.right.addWidget(self.privacy)
        self.about = AboutCard(context)
        self.about.doctor_wanted.connect(self.doctor_wanted)
        columns.right.addWidget(self.about)
        columns.right.addStretch(1)

    def entered(self) -> None:
        self.folders.look()
        self.privacy.look()
        self.runtime.look()
        self.about.look()

    def _look(self) -> Card:
        card = Card(self.tr("Look and language"))
        grid = QGridLayout()
        grid.setVerticalSpacing(10)
        grid.setHorizontalSpacing(16)
        grid.setColumnStretch(0, 1)
        preferences = self._context.preferences.value
        self.theme = ComboBox()
        for title, mode in (
            (self.tr("As the system"), "system"),
            (self.tr("Light"), "light"),
            (self.tr("Dark"), "dark"),
        ):
            self.theme.addItem(title, mode)
        self.theme.setCurrentIndex(self.theme.findData(preferences.theme))
        self.theme.activated.connect(self._take_theme)
        self.language = ComboBox()
        for title, code in (
            (self.tr("As the system"), ""),
            ("English", "en"),
            ("Italiano", "it"),
        ):
            self.language.addItem(title, code)
        self.language.setCurrentIndex(self.language.findData(preferences.language))
        self.language.activated.connect(self._take_language)
        for index, (title, box) in enumerate(
            ((self.tr("Colours"), self.theme), (self.tr("Language"), self.language))
        ):
            caption = label(title)
            caption.setBuddy(box)
            box.setAccessibleName(title)
            box.setMinimumWidth(180)
            grid.addWidget(caption, index, 0)
            grid.addWidget(box, index, 1)
        card.body.addLayout(grid)
        self.notify = QCheckBox(self.tr("Show a notification when a run ends or stops"))
        self.notify.setChecked(preferences.notify == "on")
        self.notify.clicked.connect(self._take_notify)
        card.body.addWidget(self.notify)
        card.body.addWidget(
            label(
                self.tr(
                    "Also while the window is closed. It says the run's name and how it ended, "
                    "nothing else."
                ),
                "small",
                wrap=True,
            )
        )
        return card

    def _take_theme(self, index: int) -> None:
        mode = self.theme.itemData(index)
        self._context.preferences.change(theme=mode)
        self._context.theme.set_mode(mode)

    def _take_notify(self, wanted: bool) -> None:
        self._context.preferences.change(notify="on" if wanted else "off")

    def _take_language(self, index: int) -> None:
        self._context.preferences.change(language=self.language.itemData(index))
        self.language_chosen.emit()
