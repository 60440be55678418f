"""About in Settings: what this is, and whether there is something newer."""

from __future__ import annotations

import asyncio
from functools import partial

from PySide6.QtCore import Signal, qVersion
from PySide6.QtWidgets import QCheckBox, QVBoxLayout

from phi3studio import __version__
from phi3studio.app.release import is_newer
from phi3studio.app.settings import read_settings, set_update_check
from phi3studio.app.update_check import Checked, check_now, last_check
from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.context import Context
from phi3studio.gui.pages.settings.about_dialog import AboutDialog
from phi3studio.gui.texts import words
from phi3studio.gui.widgets.basic import Button, Callout, Card, clear, label, row
from phi3studio.gui.widgets.dialogs.open_place import open_address
from phi3studio.gui.widgets.states import ErrorState


class AboutCard(Card):
    """Version, licences, and the check for a newer version: off until it is turned on here."""

    doctor_wanted = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("About"))
        self.setAccessibleName(self.tr("About"))
        self._context = context
        theme = context.theme
        self.body.addWidget(label(f"Phi-3 Studio {__version__}", "strong"))
        self.body.addWidget(
            label(
                self.tr(
                    "Fine-tunes small language models with Microsoft Olive, on your own computer. "
                    "Free software under the MIT licence."
                ),
                "muted",
                wrap=True,
            )
        )
        self.body.addWidget(
            label(
                self.tr("Qt {version} and PySide6 are used under the LGPL, version 3.").format(
                    version=qVersion()
                ),
                "small",
                wrap=True,
            )
        )
        self.updates = QCheckBox(self.tr("Check for a newer version once a day"))
        self.updates.setChecked(read_settings(context.home).update_check)
        self.updates.toggled.connect(self._take)
        self.body.addWidget(self.updates)
        self.body.addWidget(
            label(
                self.tr(
                    "Asks GitHub for the newest release and sends nothing else. While this is off "
                    "nothing is asked. Nothing is ever installed by itself."
                ),
                "small",
                wrap=True,
            )
        )
        self._notes = QVBoxLayout()
        self.body.addLayout(self._notes)
        licences = Button(theme, self.tr("Version and licences"), icon="info")
        licences.clicked.connect(self.show_dialog)
        doctor = Button(theme, self.tr("Versions and devices"), icon="doctor")
        doctor.clicked.connect(self.doctor_wanted)
        self.body.addLayout(row(licences, doctor, 1))

    def look(self) -> None:
        """Show what the last check found."""
        if self.updates.isChecked():
            self._context.tasks.run(asyncio.to_thread(last_check, self._context.home), self._draw)
        else:
            clear(self._notes)

    def show_dialog(self) -> None:
        """Open the dialog with the licences."""
        AboutDialog(self._context, self.window()).open()

    def _take(self, wanted: bool) -> None:
        home = self._context.home

        def keep() -> Checked | None:
            set_update_check(home, wanted)
            return check_now(home) if wanted else None

        clear(self._notes)
        if wanted:
            self._notes.addWidget(label(self.tr("Checking…"), "small"))
        self._context.tasks.run(asyncio.to_thread(keep), self._draw, self._refuse)

    def _draw(self, checked: Checked | None) -> None:
        clear(self._notes)
        if checked is None or not self.updates.isChecked():
            return
        theme, when = self._context.theme, words.moment(checked.t)
        release = checked.release
        if release is None:
            note = Callout(
                theme,
                "info",
                self.tr("{when}: the check failed.").format(when=when),
                checked.error,
            )
        elif is_newer(release.version, __version__):
            note = Callout(
                theme,
                "good",
                self.tr("Version {version} is available.").format(version=release.version),
            )
            opened = Button(theme, self.tr("Show it"), kind="link")
            opened.clicked.connect(partial(open_address, self, self._context.theme, release.page))
            note.buttons.addWidget(opened)
        else:
            note = Callout(
                theme, "good", self.tr("{when}: this is the newest version.").format(when=when)
            )
        self._notes.addWidget(note)

    def _refuse(self, error: UserFacingError) -> None:
        clear(self._notes)
        self._notes.addWidget(ErrorState(self._context.theme, error))
