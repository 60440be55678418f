"""Looking for what a job in Azure ML lacks, and writing its files for az: buttons and answers."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QVBoxLayout, QWidget

from phi3studio.domain.azure import Azure
from phi3studio.domain.errors import InputError, UserFacingError
from phi3studio.domain.recipe import Recipe
from phi3studio.gui.context import Context
from phi3studio.gui.pages.wizard.azure.azure_desk import AzureDesk
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.widgets import basic
from phi3studio.gui.widgets.basic import Button, clear, label, row
from phi3studio.gui.widgets.dialogs.file_dialogs import choose_folder
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.services.azure_client import CheckItem
from phi3studio.wizard.flow import to_recipe


class AzureCheck(QWidget):
    """Asks the desk, shows each finding as it comes; forgets them when the section changes."""

    def __init__(self, context: Context, session: WizardSession, desk: AzureDesk) -> None:
        super().__init__()
        self._context = context
        self._session = session
        self._desk = desk
        self._task: asyncio.Task[None] | None = None
        self._asked: Azure | None = None
        self._there = desk.installed()
        theme = context.theme
        self.check = Button(theme, self.tr("Check"), icon="doctor")
        self.check.setToolTip(self.tr("Looks for what is missing: login, workspace, compute, …"))
        self.check.clicked.connect(self._start)
        self.cancel = Button(theme, self.tr("Cancel"))
        self.cancel.setAccessibleName(self.tr("Cancel the check"))
        self.cancel.clicked.connect(self.stop)
        self.cancel.hide()
        self.export = Button(theme, self.tr("Export files for az ml…"), icon="save")
        self.export.setToolTip(
            self.tr("job.yml, environment and code, for those who create the job by hand.")
        )
        self.export.clicked.connect(self._choose_folder)
        self._said = label("", "small", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(8)
        buttons = row(self.check, self.cancel, self.export)
        buttons.addWidget(self._said, 1)
        column.addLayout(buttons)
        self._findings = QVBoxLayout()
        self._findings.setSpacing(6)
        column.addLayout(self._findings)
        session.changed.connect(self._draw)

    @property
    def busy(self) -> bool:
        """Whether a check is on its way."""
        return self._task is not None

    def stop(self) -> None:
        """End the check, and the process that does it."""
        if self._task is not None:
            self._task.cancel()

    def export_to(self, chosen: Path) -> None:
        """Write the job's files into *chosen*, or where that holds others into a folder of it."""
        recipe = self._recipe()
        if recipe is None:
            return
        clear(self._findings)
        self.export.setEnabled(False)
        self._said.setText(self.tr("Writing the files…"))

        async def write() -> Path:
            out = await asyncio.to_thread(_place, chosen, recipe)
            await self._desk.export(recipe, out)
            return out

        def done(out: Path) -> None:
            text = self.tr("The files are in {folder}.").format(folder=out)
            hint = self.tr("README.txt there says how to create the job.")
            self._findings.addWidget(basic.Callout(self._context.theme, "good", text, hint))
            ended()

        def failed(error: UserFacingError) -> None:
            self._findings.addWidget(ErrorState(self._context.theme, error))
            ended()

        def ended() -> None:
            self._said.setText("")
            self._draw()

        self._context.tasks.run(write(), done, failed)

    def _choose_folder(self) -> None:
        choose_folder(
            self,
            self.tr("Choose a folder for the job's files"),
            lambda path: self.export_to(Path(path)),
        )

    def _start(self) -> None:
        recipe = self._recipe()
        if recipe is None or self._task is not None:
            return
        clear(self._findings)
        self._asked = recipe.azure
        self._said.setText(self.tr("Checking with Azure…"))
        self.check.hide()
        self.cancel.show()
        self._task = self._context.tasks.run(self._look(recipe), None, self._fail)

    async def _look(self, recipe: Recipe) -> None:
        good = True
        try:
            async with aclosing(self._desk.check(recipe)) as findings:
                async for finding in findings:
                    good = good and finding.error is None
                    self._findings.addWidget(_shown(self._context, finding))
            text = self.tr("Nothing is missing.") if good else self.tr("Something is missing.")
            self._said.setText(text)
        except asyncio.CancelledError:
            self._said.setText(self.tr("The check was cancelled."))
            raise
        except UserFacingError:
            self._said.setText("")
            raise
        finally:
            self._task = None
            self.check.show()
            self.cancel.hide()

    def _fail(self, error: UserFacingError) -> None:
        self._findings.addWidget(ErrorState(self._context.theme, error))

    def _recipe(self) -> Recipe | None:
        try:
            return to_recipe(self._session.draft)
        except InputError:
            return None

    def _draw(self) -> None:
        recipe = self._recipe()
        there = self._there
        self.check.setEnabled(recipe is not None and there)
        self.export.setEnabled(recipe is not None)
        section = recipe.azure if recipe is not None else None
        if self._asked is not None and section != self._asked:
            # Said of another section: it would be taken for this one's.
            self._asked = None
            self.stop()
            self._said.setText("")
            clear(self._findings)


def _place(chosen: Path, recipe: Recipe) -> Path:
    """Where the files go: an empty folder itself, else a new folder inside it."""
    try:
        if not any(chosen.iterdir()):
            return chosen
    except OSError:
        return chosen  # the service says what is wrong with it
    for number in range(1, 1000):
        suffix = "" if number == 1 else f"-{number}"
        place = chosen / f"{recipe.slug}-azure{suffix}"
        if not place.exists():
            return place
    return chosen


def _shown(context: Context, finding: CheckItem) -> basic.Callout:
    """One line: what was looked at, and what was found or what to do."""
    said = explain_error(finding.says)
    level: basic.Level = "good" if finding.error is None else "error"
    text = f"{_title(finding.name)}: {said.message}"
    return basic.Callout(context.theme, level, text, said.hint)


def _title(name: str) -> str:
    translate = QCoreApplication.translate
    return {
        "login": translate("Azure", "Login"),
        "workspace": translate("Azure", "Workspace"),
        "datastores": translate("Azure", "Datastores"),
        "compute": translate("Azure", "Compute"),
        "quota": translate("Azure", "Quota"),
        "data": translate("Azure", "Data"),
        "model": translate("Azure", "Model"),
        "image": translate("Azure", "Image"),
    }.get(name, name)
