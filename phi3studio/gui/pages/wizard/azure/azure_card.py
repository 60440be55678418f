"""The section Azure ML of the page Target: where the job runs, what it takes, what is missing."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QVBoxLayout, QWidget

from phi3studio.app.advice import WITH_AZURE
from phi3studio.app.azure_sdk import install_command
from phi3studio.app.release import REPOSITORY
from phi3studio.domain.messages import Coded
from phi3studio.gui.context import Context
from phi3studio.gui.pages.wizard.azure.azure_check import AzureCheck
from phi3studio.gui.pages.wizard.azure.azure_desk import AzureDesk
from phi3studio.gui.pages.wizard.azure.azure_entries import (
    Entry,
    more_entries,
    place_entries,
    source_entries,
)
from phi3studio.gui.pages.wizard.azure.azure_fields import AzureField
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, Callout, Card, label
from phi3studio.gui.widgets.dialogs.open_place import open_address
from phi3studio.gui.widgets.page_frame import Columns
from phi3studio.wizard.azure_form import AzureForm

translate = QCoreApplication.translate
# Fields that only count where another one says so.
_ONLY_WITH = {
    "data": "data_in_cloud",
    "data_type": "data_in_cloud",
    "model": "model_in_cloud",
    "model_format": "model_in_cloud",
}


class AzureCard(Card):
    """Edits the draft's form; shown only where the draft trains in Azure ML."""

    def __init__(self, context: Context, session: WizardSession, desk: AzureDesk) -> None:
        super().__init__("Azure ML")
        self._session = session
        theme = context.theme
        self.detail.setText(
            self.tr("the whole run is a job there; its curves, log and model come back here")
        )
        self._absent = _how_to_get_the_packages(context.theme)
        self._absent.setVisible(not desk.installed())
        self.body.addWidget(self._absent)
        self.fields: dict[str, AzureField] = {}
        columns = Columns()
        self.body.addWidget(columns)
        self._add(columns.left, place_entries())
        columns.left.addStretch(1)
        self._add(columns.right, source_entries())
        self._more = QWidget()
        self._fold = Button(theme, self.tr("More settings"), kind="link", icon="down")
        self._fold.clicked.connect(lambda: self.show_all(self._more.isHidden()))
        columns.right.addWidget(self._fold)
        self._rest = QVBoxLayout(self._more)
        self._rest.setContentsMargins(0, 0, 0, 0)
        self._more.hide()
        columns.right.addWidget(self._more)
        columns.right.addStretch(1)
        self.look = AzureCheck(context, session, desk)
        self.body.addWidget(self.look)
        self.body.addWidget(
            label(
                self.tr(
                    "Nothing secret is kept here: the login stays with Azure's own tools, and a "
                    "token in its vault."
                ),
                "small",
                wrap=True,
            )
        )
        self.hide()
        session.changed.connect(self._draw)
        # To build and to draw this many fields at once holds the window up.
        QTimer.singleShot(0, self, self._draw)

    def show_all(self, shown: bool) -> None:
        """Unfold or fold what few people need; its fields are made when first shown."""
        if shown and not self._rest.count():
            self._add(self._rest, more_entries())
            self._draw()
        self._more.setVisible(shown)
        self._fold.rename(self.tr("Fewer settings") if shown else self.tr("More settings"))
        self._fold.set_icon("up" if shown else "down")

    def field(self, name: str) -> QWidget:
        """The editor of a field, unfolded if need be."""
        if name not in self.fields:
            self.show_all(True)
        return self.fields[name].editor

    def _add(self, column: QVBoxLayout, entries: Sequence[Entry]) -> None:
        column.setSpacing(6)
        for entry in entries:
            field = AzureField(entry, self._session)
            self.fields[entry.name] = field
            column.addWidget(field)

    def _draw(self) -> None:
        draft = self._session.draft
        self.setVisible(draft.in_cloud)
        if not draft.in_cloud:
            return
        form = draft.azure or AzureForm()
        wrong: dict[str, Coded] = {}
        for problem in self._session.problems("target"):
            wrong.setdefault(problem.where.removeprefix("azure."), problem.says)
        for name, field in self.fields.items():
            field.show_value(getattr(form, name), wrong.get(name))
            if name in _ONLY_WITH:
                field.setVisible(bool(getattr(form, _ONLY_WITH[name])))
        if not self._more.isHidden():
            return
        if any(entry.name in wrong for entry in more_entries()):
            self.show_all(True)


def _how_to_get_the_packages(theme: Theme) -> Callout:
    """Shown where Azure's packages are absent; the installed app cannot take them in."""
    command = install_command()
    text = translate(
        "AzureCard", "Azure's packages are not installed, so no job can be started from here."
    )
    if command is None:
        hint = translate(
            "AzureCard",
            "They cannot be added to the installed app. Start Phi-3 Studio from its "
            "source instead, which shows the same runs: {command}",
        ).format(command=WITH_AZURE)
        link = Button(theme, translate("AzureCard", "Open the page of the source"), kind="link")
        link.clicked.connect(lambda: open_address(link, theme, REPOSITORY))
    else:
        hint = translate(
            "AzureCard", "Install them and start Phi-3 Studio again: {command}"
        ).format(command=command)
        link = Button(theme, translate("AzureCard", "Copy the command"), kind="link", icon="copy")
        link.clicked.connect(lambda: QGuiApplication.clipboard().setText(command))
    finding = Callout(theme, "warning", text, hint)
    finding.buttons.addWidget(link)
    return finding
