"""What a run took, stage by stage, compared with what was expected."""

from __future__ import annotations

from PySide6.QtWidgets import QGridLayout

from phi3studio.domain.events.payload import STAGES
from phi3studio.domain.run import RunView
from phi3studio.gui.texts import words
from phi3studio.gui.texts.run_words import stage_title
from phi3studio.gui.widgets.basic import Card, clear, label


class TakenCard(Card):
    """Time of every stage and memory of the whole; hidden until a stage is done."""

    def __init__(self) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("Time and memory used"))
        self.setAccessibleName(self.tr("Time and memory used"))

    def show_run(self, view: RunView) -> None:
        """Draw the times and the memory of a run."""
        clear(self.body)
        self.setVisible(bool(view.timings))
        expected = view.estimated
        self.detail.setText(
            ""
            if expected is None
            else self.tr("compared with the estimate from three measured steps")
            if expected.measured
            else self.tr("compared with the estimate before the start")
        )
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(7)
        grid.setColumnStretch(3, 1)
        lines = [
            (
                stage_title(stage),
                words.duration(seconds),
                words.about(expected.seconds[stage])
                if expected is not None and stage in expected.seconds
                else "",
            )
            for stage in STAGES
            if (seconds := view.timings.get(stage)) is not None
        ]
        foretold = (
            sum(expected.seconds.get(stage, 0.0) for stage in view.timings) if expected else 0
        )
        lines.append(
            (
                self.tr("Total"),
                words.duration(sum(view.timings.values())),
                words.about(foretold) if foretold else "",
            )
        )
        if view.peak_memory:
            most = max(expected.memory.values(), default=0) if expected else 0
            lines.append(
                (
                    self.tr("Peak memory"),
                    words.size(view.peak_memory),
                    words.size(most) if most else "",
                )
            )
        for row, (title, took, said) in enumerate(lines):
            grid.addWidget(label(title, "muted"), row, 0)
            grid.addWidget(label(took, "strong"), row, 1)
            if said:
                text = self.tr("expected: {figure}").format(figure=said)
                grid.addWidget(label(text, "small"), row, 2)
        self.body.addLayout(grid)
