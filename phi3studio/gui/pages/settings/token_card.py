"""Signing in to the hub."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from PySide6.QtWidgets import QLineEdit, QVBoxLayout

from phi3studio.app.hub_token import forget_hub_token, hub_token, save_hub_token
from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.context import Context
from phi3studio.gui.widgets.basic import Button, Callout, Card, LineEdit, clear, label, row
from phi3studio.gui.widgets.states import ErrorState


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
                    "Some models ask you to accept their licence on the Hugging Face "
                    "hub. A token of the kind “Read” is then needed to download them. "
                    "It is kept in the keyring of the system, never in a file."
                ),
                "muted",
                wrap=True,
            )
        )
        self.field = LineEdit()
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setPlaceholderText("hf_…")
        self.field.setAccessibleName(self.tr("Token"))
        self._save = Button(context.theme, self.tr("Save"), icon="key")
        self._save.setEnabled(False)
        self._save.clicked.connect(self.save)
        self.field.returnPressed.connect(self._save.click)
        self.field.textChanged.connect(lambda text: self._save.setEnabled(bool(text.strip())))
        self._forget = Button(context.theme, self.tr("Remove"))
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
                Callout(self._context.theme, "good", self.tr("A token is stored."))
            )

    def _fail(self, error: UserFacingError) -> None:
        self._notes.addWidget(ErrorState(self._context.theme, error))
