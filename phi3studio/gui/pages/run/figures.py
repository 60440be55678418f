"""Large figures on small cards."""

from __future__ import annotations

from PySide6.QtWidgets import QGridLayout, QWidget

from phi3studio.domain.run import Curve, Curves, RunView
from phi3studio.gui.texts import words
from phi3studio.gui.widgets.basic import Card, label


class FigureCard(Card):
    """What, how much, and how that is to be read."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self.body.setSpacing(2)
        self.body.addWidget(label(title, "muted", wrap=True))
        self.figure = label("–", "figure")
        self.body.addWidget(self.figure)
        self.note = label(" ", "muted", wrap=True)
        self.body.addWidget(self.note)

    def show_figure(self, figure: str, note: str = "") -> None:
        """Change the figure and its note."""
        self.figure.setText(figure)
        self.note.setText(note or " ")
        self.setAccessibleName(f"{self._title}: {figure} {note}")


class RunFigures(QWidget):
    """Training loss, evaluation loss, speed and memory."""

    def __init__(self, machine_memory: int) -> None:
        super().__init__()
        self._memory_of = machine_memory
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(14)
        self.loss = FigureCard(self.tr("Training loss"))
        self.evaluation = FigureCard(self.tr("Evaluation loss"))
        self.speed = FigureCard(self.tr("Speed"))
        self.memory = FigureCard(self.tr("Memory"))
        for column, card in enumerate((self.loss, self.evaluation, self.speed, self.memory)):
            grid.addWidget(card, 0, column)
            grid.setColumnStretch(column, 1)

    def show_run(self, view: RunView, curves: Curves) -> None:
        """Draw the latest values."""
        loss = curves.loss.points
        if loss:
            self.loss.show_figure(
                words.number(_recent(curves.loss)),
                self.tr("from {first}").format(first=words.number(loss[0][1])),
            )
        else:
            self.loss.show_figure("–", self.tr("when the training begins"))
        taken = curves.eval_loss.points
        if taken:
            best = min(value for _, value in taken)
            last = taken[-1][1]
            note = (
                self.tr("best so far")
                if last <= best
                else self.tr("best was {best}").format(best=words.number(best))
            )
            self.evaluation.show_figure(words.number(last), note)
        else:
            self.evaluation.show_figure("–", self.tr("not measured yet"))
        speed = curves.tokens_per_s.points
        if speed:
            self.speed.show_figure(
                words.number(_recent(curves.tokens_per_s)), self.tr("tokens / s")
            )
        else:
            self.speed.show_figure("–", self.tr("tokens / s"))
        memory = (view.progress.memory if view.progress else None) or view.peak_memory
        # A job's memory is not this computer's.
        of = (
            self.tr("on the job's machine")
            if view.device == "azureml"
            else self.tr("of {size}").format(size=words.size(self._memory_of))
        )
        if view.peak_memory and memory != view.peak_memory:
            of += " · " + self.tr("highest {size}").format(size=words.size(view.peak_memory))
        self.memory.show_figure(words.size(memory) if memory else "–", of)


def _recent(curve: Curve, points: int = 5) -> float:
    """The mean of the last few points: one step alone says little."""
    last = [value for _, value in curve.points[-points:]]
    return sum(last) / len(last)
