"""What came out of a run: figures side by side, sample answers, files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from phi3studio.domain.events.measured_events import Answer, Forgetting, Metrics
from phi3studio.domain.events.payload import ROLES
from phi3studio.domain.run import RunView
from phi3studio.gui.context import Context
from phi3studio.gui.pages.run.confusion import ConfusionMatrix
from phi3studio.gui.pages.run.resources_used import TakenCard
from phi3studio.gui.pages.run.sharing.export_area import ExportArea
from phi3studio.gui.pages.run.sharing.upload_area import UploadArea
from phi3studio.gui.pages.run.verdict_card import VerdictCard
from phi3studio.gui.texts import words
from phi3studio.gui.texts.run_words import role_title
from phi3studio.gui.widgets.basic import Button, Card, clear, label, line
from phi3studio.gui.widgets.dialogs.open_place import open_path
from phi3studio.gui.widgets.tables import style_table
from phi3studio.runs.store import RunFolder

_SAMPLES = 6


class ResultView(QWidget):
    """The end of a run that has something to show."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._run: RunFolder | None = None
        self._shown: tuple[object, ...] = ()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(14)
        self._figures = Card(self.tr("What it has learned"))
        self._samples = Card(self.tr("Sample answers"))
        self._files = Card(self.tr("Files"))
        self._verdict = VerdictCard(context.theme)
        self._taken = TakenCard()
        self._labels = Card(self.tr("Expected and answered labels"))
        self._matrix = ConfusionMatrix(context.theme)
        self._labels.body.addWidget(self._matrix)
        layout.addWidget(self._figures)
        layout.addWidget(self._verdict)
        layout.addWidget(self._labels)
        layout.addWidget(self._samples)
        layout.addWidget(self._taken)
        layout.addWidget(self._files)
        theme = context.theme
        self.export = ExportArea(context)
        self._card = Button(theme, self.tr("Model card"), icon="file")
        self._card.clicked.connect(self._open_card)
        self._files.header.addWidget(self._card)
        opened = Button(theme, self.tr("Open folder"), icon="folder")
        opened.clicked.connect(self._open_folder)
        self._files.header.addWidget(opened)
        self.upload = UploadArea(context)
        self._files.header.addWidget(self.upload.button)
        self._files.header.addWidget(self.export.button)

    def show_run(self, run: RunFolder, view: RunView) -> None:
        """Draw the result; cheap when nothing changed."""
        self.export.show_run(run, view.proofs)
        self.upload.show_run(run)
        measured = (len(view.metrics), view.forgetting, view.verdict)
        key = (run, *measured, len(view.artifacts), view.finished)
        if key == self._shown:
            return
        self._shown, self._run = key, run
        self._show_figures(view)
        self._verdict.show_verdict(view.verdict)
        self._show_labels(view)
        self._show_samples(view)
        self._taken.show_run(view)
        self._show_files(view)

    def _show_figures(self, view: RunView) -> None:
        clear(self._figures.body)
        roles = [role for role in ROLES if role in view.metrics]
        self._figures.setVisible(bool(roles))
        if not roles:
            return
        rows = view.metrics[roles[0]].rows
        self._figures.detail.setText(self.tr("on %Ln row(s) it has not seen", None, rows))
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(9)
        for column, role in enumerate(roles, 1):
            grid.addWidget(label(role_title(role), "strong", wrap=True), 0, column)
            grid.setColumnStretch(column, 2)
        grid.setColumnStretch(0, 3)
        for index, (title, value) in enumerate(self._lines(), 1):
            said = [value(view.metrics[role]) for role in roles]
            if not any(said):
                continue
            name = label(title, "muted", wrap=True)
            grid.addWidget(name, index, 0, Qt.AlignmentFlag.AlignVCenter)
            for column, text in enumerate(said, 1):
                grid.addWidget(label(text or "–", "figure" if index == 1 else ""), index, column)
        self._figures.body.addLayout(grid)
        if view.forgetting is not None:
            much = view.forgetting.is_much
            text = ("⚠ " if much else "") + self._forgotten(view.forgetting)
            self._figures.body.addWidget(label(text, "warning" if much else "small", wrap=True))

    def _forgotten(self, found: Forgetting) -> str:
        return self.tr(
            "General questions (what it knew before): {after} of the tokens right, "
            "before {before}; {lost} nats a token less likely, {limit} are tolerated."
        ).format(
            after=words.percent(found.right_after),
            before=words.percent(found.right_before),
            lost=words.number(found.lost, 2),
            limit=words.number(found.limit),
        )

    def _show_labels(self, view: RunView) -> None:
        tuned = view.metrics.get("exported") or view.metrics.get("merged")
        confusion = tuned.confusion if tuned else None
        self._labels.setVisible(confusion is not None and bool(confusion.labels))
        if tuned is None or confusion is None:
            return
        said = role_title(tuned.model)
        if confusion.left_out:
            said += " · " + self.tr("%Ln rarer label(s) left out", None, confusion.left_out)
        self._labels.detail.setText(said)
        self._matrix.show_confusion(confusion)

    def _lines(self) -> list[tuple[str, Callable[[Metrics], str]]]:
        def speed(metrics: Metrics) -> str:
            value = metrics.tokens_per_s
            said = self.tr("{speed} tokens / s")
            return "" if value is None else said.format(speed=words.number(value))

        return [
            (self.tr("Right answers (accuracy)"), lambda m: words.percent(m.accuracy)),
            (
                self.tr("Prefers the better answer"),
                lambda m: "" if m.preference is None else words.percent(m.preference.prefers),
            ),
            (
                self.tr("Macro F1 (mean over the labels)"),
                lambda m: "" if m.macro_f1 is None else words.percent(m.macro_f1),
            ),
            (
                self.tr("Word overlap (F1)"),
                lambda m: "" if m.token_f1 is None else words.percent(m.token_f1),
            ),
            (
                self.tr("Tokens of an answer"),
                lambda m: "" if m.answer_tokens is None else words.number(m.answer_tokens, 2),
            ),
            (self.tr("Stops on its own (stop token)"), lambda m: words.percent(m.stops)),
            (
                self.tr("Perplexity of the right answer (1 is best)"),
                lambda m: words.number(m.perplexity),
            ),
            (self.tr("Speed"), speed),
            (
                self.tr("Time to first token"),
                lambda m: "" if m.first_token_s is None else words.duration(m.first_token_s),
            ),
            (
                self.tr("Memory while answering"),
                lambda m: "" if m.peak_memory is None else words.size(m.peak_memory),
            ),
            (self.tr("Load time"), lambda m: "" if m.load_s is None else words.duration(m.load_s)),
            (self.tr("Size"), lambda m: "" if m.bytes is None else words.size(m.bytes)),
        ]

    def _show_samples(self, view: RunView) -> None:
        clear(self._samples.body)
        tuned = view.metrics.get("exported") or view.metrics.get("merged")
        samples = tuned.samples[:_SAMPLES] if tuned else ()
        self._samples.setVisible(bool(samples))
        base = view.metrics.get("base")
        before = {sample.prompt: sample for sample in base.samples} if base else {}
        for index, sample in enumerate(samples):
            if index:
                self._samples.body.addWidget(line())
            self._samples.body.addWidget(self._sample(sample, before.get(sample.prompt)))

    def _sample(self, tuned: Answer, base: Answer | None) -> QWidget:
        holder = QWidget()
        columns = QHBoxLayout(holder)
        columns.setContentsMargins(0, 2, 0, 2)
        columns.setSpacing(16)
        prompt = label(tuned.prompt.strip(), "mono", wrap=True)
        columns.addWidget(prompt, 3, Qt.AlignmentFlag.AlignTop)
        right = tuned.text.strip() == tuned.expected.strip()
        mark = "✓ " if right else "✗ "
        lines = [(self.tr("Tuned"), mark + _short(tuned.text), "good" if right else "danger")]
        if not right:
            lines.append((self.tr("Expected"), _short(tuned.expected), ""))
        if base is not None:
            lines.append((self.tr("Base"), _short(base.text), "muted"))
        answers = QGridLayout()
        answers.setHorizontalSpacing(10)
        answers.setVerticalSpacing(3)
        answers.setColumnStretch(1, 1)
        for index, (who, text, role) in enumerate(lines):
            answers.addWidget(label(who, "small"), index, 0, Qt.AlignmentFlag.AlignTop)
            answers.addWidget(label(text, role, wrap=True), index, 1)
        column = QVBoxLayout()
        column.addLayout(answers)
        column.addStretch(1)
        columns.addLayout(column, 2)
        return holder

    def _show_files(self, view: RunView) -> None:
        clear(self._files.body)
        assert self._run is not None
        artifacts = [a for a in view.artifacts.values() if (self._run.path / a.path).exists()]
        self._files.setVisible(bool(artifacts))
        self._card.setVisible(self._card_file(self._run).is_file())
        self._files.detail.setText(words.path(self._run.path))
        table = QTableWidget(len(artifacts), 3)
        table.setHorizontalHeaderLabels([self.tr("What"), self.tr("File"), self.tr("Size")])
        for index, artifact in enumerate(artifacts):
            for column, text in enumerate(
                (self._kind(artifact.kind), artifact.path, words.size(artifact.bytes))
            ):
                table.setItem(index, column, QTableWidgetItem(text))
        style_table(table)
        table.setAccessibleName(self.tr("Files"))
        self._files.body.addWidget(table)

    def _kind(self, kind: str) -> str:
        return {
            "data": self.tr("Examples"),
            "adapter": self.tr("Adapter (LoRA)"),
            "model": self.tr("Exported model (ONNX)"),
            "merged": self.tr("Merged model"),
            "card": self.tr("Model card"),
        }.get(kind, kind)

    @staticmethod
    def _card_file(run: RunFolder) -> Path:
        return run.card / "card.html"

    def _open_card(self) -> None:
        if self._run is not None:
            open_path(self, self._context.theme, self._card_file(self._run))

    def _open_folder(self) -> None:
        if self._run is not None:
            open_path(self, self._context.theme, self._run.path)


def _short(text: str, limit: int = 160) -> str:
    one = " ".join(text.split()) or "∅"
    return one if len(one) <= limit else one[: limit - 1] + "…"
