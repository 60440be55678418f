"""What the draft will take: memory, disk and time."""

from __future__ import annotations

from PySide6.QtWidgets import QGridLayout

from phi3studio.domain.fit import estimate_draft, judge
from phi3studio.gui import words
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Card, Finding, clear, label
from phi3studio.gui.wizard.session import WizardSession


class EstimateCard(Card):
    """Follows the draft; says so while too little is known."""

    def __init__(self, theme: Theme, session: WizardSession) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("What it will take"))
        self.setAccessibleName(self.tr("What it will take"))
        self._theme = theme
        self._session = session
        session.changed.connect(self._draw)

    def _draw(self) -> None:
        clear(self.body)
        # What is not trained takes little, and was never measured.
        self.setVisible(self._session.draft.trains)
        found = estimate_draft(self._session.draft, self._session.facts)
        machine = self._session.facts.machine
        if found is None or machine is None:
            self.body.addWidget(
                label(self.tr("Known as soon as data, model and machine are."), "muted", wrap=True)
            )
            return
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(10)
        grid.setColumnStretch(1, 1)
        lines = (
            (
                self.tr("Time"),
                words.about(found.total_seconds),
                self.tr("training {time}").format(
                    time=words.about(found.seconds.get("train", 0.0))
                ),
            ),
            (
                self.tr("Memory"),
                words.size(found.memory_bytes),
                self.tr("{free} are free").format(free=words.size(machine.free_memory)),
            ),
            (
                self.tr("Disk"),
                words.size(found.disk_bytes),
                self.tr("{free} are free").format(free=words.size(machine.free_disk)),
            ),
        )
        for index, (title, figure, note) in enumerate(lines):
            grid.addWidget(label(title, "muted"), index, 0)
            grid.addWidget(label(figure, "cardTitle"), index, 1)
            grid.addWidget(label(note, "small"), index, 2)
        self.body.addLayout(grid)
        memory = judge(found.memory_bytes, machine.free_memory)
        if memory.level != "fits":
            text = (
                self.tr("The memory is tight: the system may swap, which is slow.")
                if memory.level == "tight"
                else self.tr("The memory will not be enough.")
            )
            hint = self.tr("Choose a smaller batch or sequence length, or a smaller model.")
            self.body.addWidget(
                Finding(self._theme, "warning" if memory.level == "tight" else "error", text, hint)
            )
        if found.disk_bytes > machine.free_disk:
            self.body.addWidget(
                Finding(
                    self._theme,
                    "error",
                    self.tr("The disk has too little room."),
                    self.tr("Free some space, or choose another folder in the settings."),
                )
            )
