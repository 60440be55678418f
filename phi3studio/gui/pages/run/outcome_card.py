"""What came of a run, in one sentence, and the next step as a button: the first thing to see."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QHBoxLayout

from phi3studio.domain.recipe import Recipe
from phi3studio.domain.run import RunView
from phi3studio.gui.texts import words
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.texts.run_words import measured_words, outcome_words
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, Card, Icon, announce, clear, label
from phi3studio.runs.shown.outcome import (
    NextStep,
    Outcome,
    longer_seconds,
    outcome,
    rebuild_seconds,
)
from phi3studio.runs.store import RunFolder


class OutcomeCard(Card):
    """The sentence and the buttons; *steps* does what each of them says."""

    def __init__(self, theme: Theme, steps: dict[NextStep, Callable[[], object]]) -> None:
        super().__init__()
        self._theme = theme
        self._steps = steps
        self._shown: object = None
        self.buttons: dict[NextStep, Button] = {}
        line = QHBoxLayout()
        line.setSpacing(12)
        self._mark = Icon(theme, "check", "good_text", 24)
        line.addWidget(self._mark)
        self.said = label("", "outcome", wrap=True)
        line.addWidget(self.said, 1)
        self.body.addLayout(line)
        self._line = QHBoxLayout()
        self._line.setSpacing(10)
        self.body.addSpacing(4)
        self.body.addLayout(self._line)

    def show_run(self, run: RunFolder, view: RunView, recipe: Recipe | None) -> None:
        """Say what came of a completed run; hidden for any other."""
        found = outcome(view, recipe)
        self.setVisible(found is not None)
        key = (run, found)
        if found is None or key == self._shown:
            return
        self._shown = key
        look = outcome_words(found.kind)
        self._mark.show_icon(look.icon, look.role)
        self.said.setText(self.sentence(found))
        self.setAccessibleName(self.said.text())
        announce(self, self.said.text())
        clear(self._line)
        self.buttons = {}
        for step in found.next_steps:
            if not _possible(step, run, recipe):
                continue
            kind = "plain" if self.buttons else "primary"
            title, icon = self._title(step, view, recipe)
            button = Button(self._theme, title, kind=kind, icon=icon)  # type: ignore[arg-type]
            button.clicked.connect(self._steps[step])
            self.buttons[step] = button
            self._line.addWidget(button)
        self._line.addStretch(1)

    def sentence(self, found: Outcome) -> str:
        """The outcome in plain words."""
        said = self._learned(found)
        if found.ending is not None:
            share = words.percent(found.ending)
            said += " " + self.tr("Only {share} of its answers end by themselves.").format(
                share=share
            )
        return said

    def _learned(self, found: Outcome) -> str:
        if found.preference is not None:
            return explain_error(found.preference).message
        match found.kind:
            case "unmeasured":
                return self.tr(
                    "It is trained. How good it is was not measured: no rows were held out."
                )
            case "exported":
                return self.tr("The model is exported and ready.")
            case "learned":
                said = self.tr("It learned the task: {figures}.")
            case "lossy":
                said = self.tr("It learned ({figures}), but the exported model lost too much.")
            case "partly":
                said = self.tr("It has learned a part of the task: {figures}.")
            case "no_better":
                said = self.tr("It is no better than before the training: {figures}.")
            case _:
                said = self.tr("It has not learned the task yet: {figures}.")
        said = said.format(figures=" ".join(measured_words(found)))
        if found.kind == "learned" and found.exported is not None:
            said += " " + (
                self.tr("The exported model is as good.")
                if found.proven
                else self.tr("It is not proven that the exported model is as good.")
            )
        return said

    def _title(self, step: NextStep, view: RunView, recipe: Recipe | None) -> tuple[str, str]:
        seconds = None
        match step:
            case "chat":
                return self.tr("Chat"), "chat"
            case "export":
                return self.tr("Export…"), "save"
            case "elsewhere":
                return self.tr("Use it elsewhere"), "right"
            case "data":
                return self.tr("Look at the data"), "file"
            case "own_data":
                return self.tr("Now with your data"), "plus"
            case "longer":
                said, icon = self.tr("Train longer"), "refresh"
                seconds = longer_seconds(view, recipe) if recipe is not None else None
            case "rate":
                said, icon = self.tr("Try a higher rate"), "refresh"
                seconds = sum(view.timings.values()) or None
            case _:
                said, icon = self.tr("Run again with Quality"), "refresh"
                seconds = rebuild_seconds(view)
        return (f"{said} ({words.about(seconds)})" if seconds else said), icon


def _possible(step: NextStep, run: RunFolder, recipe: Recipe | None) -> bool:
    match step:
        case "chat" | "elsewhere":
            return run.model.is_dir()
        case "export":
            return any(folder.is_dir() for folder in (run.model, run.merged, run.adapter))
        case "rate":
            return recipe is not None and recipe.azure is None
        case "longer" | "quality":
            return recipe is not None and recipe.azure is None and run.adapter.is_dir()
        case _:
            return recipe is not None
