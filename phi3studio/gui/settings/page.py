"""Settings and About."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QUrl, Signal, qVersion
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QComboBox, QGridLayout, QLineEdit, QVBoxLayout

from phi3studio import __version__
from phi3studio.domain.errors import UserFacingError
from phi3studio.gui import words
from phi3studio.gui.context import Context
from phi3studio.gui.widgets.basic import Button, Card, Finding, clear, label, row
from phi3studio.gui.widgets.page import Columns, Page
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.runs.secrets import forget_hub_token, hub_token, save_hub_token


class SettingsPage(Page):
    """Look, language, folders, privacy, and who made what."""

    doctor_wanted = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__(self.tr("Settings"))
        self._context = context
        columns = Columns()
        self.content.addWidget(columns)
        self.content.addStretch(1)
        columns.left.addWidget(self._look())
        columns.left.addWidget(self._folders())
        columns.left.addStretch(1)
        columns.left.insertWidget(2, TokenCard(context))
        columns.right.addWidget(self._privacy())
        columns.right.addWidget(self._about())
        columns.right.addStretch(1)

    def _look(self) -> Card:
        card = Card(self.tr("Look and language"))
        grid = QGridLayout()
        grid.setVerticalSpacing(10)
        grid.setHorizontalSpacing(16)
        grid.setColumnStretch(0, 1)
        preferences = self._context.preferences.value
        self.theme = QComboBox()
        for title, mode in (
            (self.tr("As the system"), "system"),
            (self.tr("Light"), "light"),
            (self.tr("Dark"), "dark"),
        ):
            self.theme.addItem(title, mode)
        self.theme.setCurrentIndex(self.theme.findData(preferences.theme))
        self.theme.activated.connect(self._take_theme)
        self.language = QComboBox()
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
        self._later = Finding(
            self._context.theme, "info", self.tr("The language changes at the next start.")
        )
        self._later.hide()
        card.body.addWidget(self._later)
        return card

    def _folders(self) -> Card:
        card = Card(self.tr("Folders"))
        path = label(words.path(self._context.home.root), "mono", wrap=True)
        card.body.addWidget(label(self.tr("Runs, models and the cache are in"), "muted"))
        opened = Button(self._context.theme, self.tr("Open folder"), icon="folder")
        opened.clicked.connect(
            lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._context.home.root)))
        )
        card.body.addLayout(row(path, opened))
        card.body.addWidget(
            label(
                self.tr("The environment variable PHI3STUDIO_HOME moves it elsewhere."),
                "small",
                wrap=True,
            )
        )
        return card

    def _privacy(self) -> Card:
        card = Card(self.tr("Privacy"))
        for text in (
            self.tr("Nothing leaves this computer: no telemetry, no account, no cloud."),
            self.tr("Data, models, chats and logs are files in your own folder."),
            self.tr(
                "Only what you ask for is downloaded: a base model that is not here yet, or a "
                "data set that you name."
            ),
        ):
            card.body.addWidget(Finding(self._context.theme, "good", text))
        return card

    def _about(self) -> Card:
        card = Card(self.tr("About"))
        card.body.addWidget(label(f"Phi-3 Studio {__version__}", "strong"))
        card.body.addWidget(
            label(
                self.tr(
                    "Fine-tunes small language models with Microsoft Olive, on your own computer. "
                    "Free software under the MIT licence."
                ),
                "muted",
                wrap=True,
            )
        )
        card.body.addWidget(
            label(
                self.tr("Qt {version} and PySide6 are used under the LGPL, version 3.").format(
                    version=qVersion()
                ),
                "small",
                wrap=True,
            )
        )
        doctor = Button(self._context.theme, self.tr("Versions and devices"), icon="doctor")
        doctor.clicked.connect(self.doctor_wanted)
        card.body.addLayout(row(doctor, 1))
        return card

    def _take_theme(self, index: int) -> None:
        mode = self.theme.itemData(index)
        self._context.preferences.change(theme=mode)
        self._context.theme.set_mode(mode)

    def _take_language(self, index: int) -> None:
        self._context.preferences.change(language=self.language.itemData(index))
        self._later.show()


class TokenCard(Card):
    """The token for gated models: kept in the system's keyring, never shown again."""

    def __init__(self, context: Context) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("Sign-in for gated models"))
        self.setAccessibleName(self.tr("Sign-in for gated models"))
        self._context = context
        self.body.addWidget(
            label(
                self.tr(
                    "Some models ask you to accept their licence on the Hugging Face hub. A token "
                    "of the kind “Read” then lets them be fetched. It is kept in the keyring of "
                    "the system, never in a file."
                ),
                "muted",
                wrap=True,
            )
        )
        self.field = QLineEdit()
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setPlaceholderText("hf_…")
        self.field.setAccessibleName(self.tr("Token"))
        self._save = Button(context.theme, self.tr("Save"), icon="key")
        self._save.setEnabled(False)
        self._save.clicked.connect(self.save)
        self.field.returnPressed.connect(self._save.click)
        self.field.textChanged.connect(lambda text: self._save.setEnabled(bool(text.strip())))
        self._forget = Button(context.theme, self.tr("Forget"))
        self._forget.clicked.connect(self.forget)
        self._forget.hide()
        self.body.addLayout(row(self.field, self._save, self._forget))
        self._notes = QVBoxLayout()
        self.body.addLayout(self._notes)
        context.tasks.run(asyncio.to_thread(hub_token), self._known)

    def save(self) -> None:
        """Put the token into the keyring."""
        token = self.field.text()
        self._run(partial(save_hub_token, token), lambda _: self._saved())

    def forget(self) -> None:
        """Take the token out of the keyring."""
        self._run(forget_hub_token, lambda _: self._known(None))

    def _run(self, work: Callable[[], object], done: Callable[[object], None]) -> None:
        clear(self._notes)
        self._context.tasks.run(asyncio.to_thread(work), done, self._fail)

    def _saved(self) -> None:
        self.field.clear()
        self._known("set")

    def _known(self, token: str | None) -> None:
        clear(self._notes)
        self._forget.setVisible(bool(token))
        if token:
            self._notes.addWidget(
                Finding(self._context.theme, "good", self.tr("A token is stored."))
            )

    def _fail(self, error: UserFacingError) -> None:
        self._notes.addWidget(ErrorState(self._context.theme, error))
