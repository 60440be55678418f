"""What the draft will take: memory, disk and time."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QGridLayout, QHBoxLayout

from phi3studio.domain.errors import InputError
from phi3studio.domain.estimation.estimate import Estimate
from phi3studio.domain.recipe import Recipe
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.texts import words
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, Callout, Card, clear, label
from phi3studio.wizard.flow import to_recipe
from phi3studio.wizard.machine_fit import estimate_draft, fit_of


def present_estimate(session: WizardSession) -> Estimate | None:
    """What the draft will take: as it was measured, else calculated; ``None`` while too little is
    known."""
    measured = session.measured
    if measured is not None and measured[0] == _recipe(session):
        return measured[1]
    return estimate_draft(session.draft, session.facts)


def _recipe(session: WizardSession) -> Recipe | None:
    """The draft as a recipe without its name, which takes nothing."""
    try:
        recipe = to_recipe(session.draft.model_copy(update={"name": "estimate"}))
    except InputError:
        return None
    return recipe if session.draft.trains else None


class EstimateCard(Card):
    """Follows the draft; says so while too little is known. On request a few real steps
    and small copies of the model are tried first; the figures are predicted from what they took."""

    def __init__(self, theme: Theme, session: WizardSession) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("Estimate"))
        self.setAccessibleName(self.tr("Estimate"))
        self._theme = theme
        self._session = session
        session.changed.connect(self._draw)

    def _draw(self) -> None:
        clear(self.body)
        # What is not trained takes little, and was never measured.
        self.setVisible(self._session.draft.trains)
        if self._session.draft.in_cloud:
            text = self.tr(
                "The job runs on machines of Azure ML, so this computer's memory and "
                "speed do not matter. It is stopped at the time limit set on the "
                "Target page."
            )
            self.body.addWidget(label(text, "muted", wrap=True))
            return
        recipe = _recipe(self._session)
        found = present_estimate(self._session)
        machine = self._session.facts.machine
        if found is None or machine is None:
            self.body.addWidget(
                label(self.tr("Shown once data, model and machine are known."), "muted", wrap=True)
            )
            return
        parts = self.tr("training {time}").format(time=words.about(found.seconds.get("train", 0.0)))
        if self._session.draft.limits is not None:
            time = words.about(found.seconds["quantise"])
            parts += ", " + self.tr("export search {time}").format(time=time)
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(10)
        grid.setColumnStretch(2, 1)
        lines = (
            (
                self.tr("Time"),
                words.about(found.total_seconds),
                parts,
            ),
            (
                self.tr("Memory"),
                words.size(found.memory_bytes),
                self.tr("{free} free").format(free=words.size(machine.free_memory)),
            ),
            (
                self.tr("Disk"),
                words.size(found.disk_bytes),
                self.tr("{free} free").format(free=words.size(machine.free_disk)),
            ),
        )
        for index, (title, figure, note) in enumerate(lines):
            grid.addWidget(label(title, "muted"), index, 0)
            grid.addWidget(label(figure, "cardTitle"), index, 1)
            grid.addWidget(label(note, "small", wrap=True), index, 2)
        self.body.addLayout(grid)
        memory = fit_of(found.memory_bytes, machine.free_memory)
        if memory.level != "fits":
            text = (
                self.tr("The memory is tight: the system may swap, which is slow.")
                if memory.level == "tight"
                else self.tr("The memory will not be enough.")
            )
            hint = self.tr("Choose a smaller batch or sequence length, or a smaller model.")
            self.body.addWidget(
                Callout(self._theme, "warning" if memory.level == "tight" else "error", text, hint)
            )
        self._draw_measuring(recipe, found.measured)
        if found.disk_bytes > machine.free_disk:
            self.body.addWidget(
                Callout(
                    self._theme,
                    "error",
                    self.tr("There is too little disk space."),
                    self.tr("Free some space, or choose another folder in the settings."),
                )
            )

    def _draw_measuring(self, recipe: Recipe | None, measured: bool) -> None:
        row = QHBoxLayout()
        if self._session.is_measuring:
            text = self.tr("Measuring a few steps and small copies of the model …")
            button = Button(self._theme, self.tr("Cancel"), kind="link")
            button.clicked.connect(self._session.stop_measuring)
        elif measured:
            text, button = self.tr("Measured with real steps and small copies of the model."), None
        else:
            text = self.tr("Calculated from the settings.")
            button = Button(self._theme, self.tr("Measure it"), kind="link")
            button.setToolTip(
                self.tr(
                    "Trains a few real steps and runs the other stages on small copies "
                    "of the model: a minute, or several for a large model."
                )
            )
            button.setEnabled(recipe is not None)
            if recipe is not None:
                button.clicked.connect(partial(self._session.measure, recipe))
        row.addWidget(label(text, "small", wrap=True), 1)
        if button is not None:
            row.addWidget(button)
        self.body.addLayout(row)
        error = self._session.measure_error
        if error is not None:
            said = explain_error(error)
            self.body.addWidget(Callout(self._theme, "error", said.message, said.hint))
