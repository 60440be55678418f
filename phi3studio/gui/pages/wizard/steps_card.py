"""Which steps the run does, and which it leaves out."""

from __future__ import annotations

from PySide6.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from phi3studio.domain.recipe import ALL_STEPS, Step
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.texts.run_words import stage_title
from phi3studio.gui.widgets.basic import Card, label
from phi3studio.wizard.optional_steps import StepReason, step_reason, with_step


class StepsCard(Card):
    """One line a step; what cannot be switched says why."""

    def __init__(self, session: WizardSession) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("Steps"))
        self.setAccessibleName(self.tr("Steps"))
        self._session = session
        about = {
            "train": self.tr("the adapter learns from your rows"),
            "merge": self.tr(
                "the adapter is merged into the base model; without this step it stays separate"
            ),
            "quantise": self.tr("the ONNX model is built, which the chat and other programs run"),
            "verify": self.tr("the models are measured and compared on the held-out rows"),
        }
        self.boxes: dict[Step, QCheckBox] = {}
        self._about: dict[Step, str] = about  # type: ignore[assignment]
        self._lines = {}
        for step in ALL_STEPS:
            holder = QWidget()
            column = QVBoxLayout(holder)
            column.setContentsMargins(0, 1, 0, 2)
            column.setSpacing(1)
            box = QCheckBox(stage_title(step))
            box.clicked.connect(lambda on, s=step: self._switch(s, on))
            line = label(about[step], "small", wrap=True)
            line.setContentsMargins(28, 0, 0, 0)
            column.addWidget(box)
            column.addWidget(line)
            self.body.addWidget(holder)
            self.boxes[step] = box
            self._lines[step] = line
        session.changed.connect(self._draw)
        self._draw()

    def _switch(self, step: Step, on: bool) -> None:
        self._session.take(with_step(self._session.draft, step, on=on))
        self._draw()

    def _draw(self) -> None:
        draft = self._session.draft
        for step, box in self.boxes.items():
            box.setChecked(step in draft.steps)
            reason = step_reason(draft, step)
            box.setEnabled(not reason)
            text = self._about[step] + (f" ({self._said(reason)})" if reason else "")
            self._lines[step].setText(text)
            box.setAccessibleDescription(text)
        done = [stage_title(step) for step in draft.steps]
        self.detail.setText(self.tr("all") if len(done) == len(ALL_STEPS) else ", ".join(done))

    def _said(self, reason: StepReason) -> str:
        return {
            "": "",
            "needs_data": self.tr("needs data: choose them on the first page"),
            "needs_adapter": self.tr("needs an adapter: train one, or start from one under Model"),
            "only_step": self.tr("the only step"),
            "nothing_to_verify": self.tr("there would be nothing new to measure"),
        }[reason]
