"""Whether the exported model is the trained one: the verdict, and what it rests on."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QTableWidget, QTableWidgetItem

from phi3studio.domain.events.measured_events import Candidate, Verified
from phi3studio.domain.events.measured_events import VerdictNote as Found
from phi3studio.gui.texts import words
from phi3studio.gui.texts.run_words import role_title
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Card, Icon, Level, clear, label, row
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.gui.widgets.tables import style_table

Line = tuple[str, str, str]
"""What was compared, how it came out, and how that is to be read."""


class VerdictCard(Card):
    """The fidelity gate in words and figures."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("Is the exported model the trained one?"))
        self.setAccessibleName(self.title.text())
        self._theme = theme

    def show_verdict(self, verdict: Verified | None) -> None:
        """Draw it; hidden while there is none."""
        clear(self.body)
        self.setVisible(verdict is not None)
        if verdict is None:
            return
        self.detail.setText(self._measured_on(verdict))
        level, said = self._word(verdict)
        icon = {"good": "check", "warning": "warning"}.get(level, "error")
        ink = {"good": "good", "warning": "warning"}.get(level, "danger")
        heading = label(said, "cardTitle")
        self.body.addLayout(row(Icon(self._theme, icon, f"{ink}_text", 20), heading, 1))
        levels: tuple[tuple[Level, tuple[Found, ...]], ...] = (
            # What proves nothing either way is no fault of the export.
            ("warning" if verdict.word == "not proven" else "error", verdict.reasons),
            ("warning", verdict.remarks),
        )
        for grade, all_found in levels:
            for found in all_found:
                self.body.addWidget(ErrorState(self._theme, found, grade))
        grid = QGridLayout()
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(7)
        grid.setColumnStretch(2, 1)
        for index, (title, figure, note) in enumerate(self._lines(verdict)):
            grid.addWidget(label(title, "muted"), index, 0)
            grid.addWidget(label(figure, "strong"), index, 1, Qt.AlignmentFlag.AlignRight)
            grid.addWidget(label(note, "small", wrap=True), index, 2)
        self.body.addLayout(grid)
        if verdict.candidates:
            self.body.addSpacing(4)
            self.body.addWidget(label(self.tr("Presets tried by Automatic"), "strong"))
            self.body.addWidget(self._candidates(verdict.candidates))

    def _word(self, verdict: Verified) -> tuple[Level, str]:
        match verdict.word:
            case "faithful":
                return "good", self.tr("Yes: it is faithful")
            case "not faithful":
                return "error", self.tr("No: it is not faithful")
            case _ if verdict.measured:
                return "warning", self.tr("Not proven: there is nothing to compare it with")
            case _:
                return "warning", self.tr("Not proven: it could not be measured here")

    def _measured_on(self, verdict: Verified) -> str:
        if verdict.general:
            return self.tr("measured on %Ln row(s) of general text", None, verdict.rows)
        return self.tr("measured on %Ln held-out row(s)", None, verdict.rows)

    def _lines(self, verdict: Verified) -> list[Line]:
        reference = role_title(verdict.reference).lower()
        lines: list[Line] = []
        if verdict.points_lost is not None:
            note = self.tr("{limit} are allowed").format(
                limit=words.number(verdict.limits.get("points_lost", 0.0))
            )
            if verdict.interval is not None:
                low, high = verdict.interval
                note += ", " + self.tr("95 % interval: {low} to {high}").format(
                    low=words.number(low, 2), high=words.number(high, 2)
                )
            title = {
                "accuracy": self.tr("Points of accuracy lost"),
                "token_f1": self.tr("Points of word F1 lost"),
            }.get(verdict.score_name or "", self.tr("Points lost"))
            lines.append((title, words.number(verdict.points_lost, 2), note))
        if verdict.preference_lost is not None and verdict.preference_interval is not None:
            note = self.tr("{limit} are allowed, 95 % interval: {low} to {high}").format(
                limit=words.number(verdict.limits.get("preference_lost", 0.0), 2),
                low=words.number(verdict.preference_interval[0], 2),
                high=words.number(verdict.preference_interval[1], 2),
            )
            title = self.tr("Points of preference lost")
            lines.append((title, words.number(verdict.preference_lost, 2), note))
        if verdict.kl is not None:
            lines.append(
                (
                    self.tr("Divergence (KL)"),
                    words.number(verdict.kl),
                    self.tr(
                        "nats per token against the model “{name}”; 0 is the same model"
                    ).format(name=reference),
                )
            )
        if verdict.agreement is not None:
            lines.append(
                (
                    self.tr("Top-1 agreement"),
                    words.percent(verdict.agreement),
                    self.tr(
                        "same most probable token, at %Ln position(s)", None, verdict.positions
                    ),
                )
            )
        exported = verdict.models.get("exported")
        if exported is not None and exported.stops is not None:
            lines.append(
                (
                    self.tr("Answers that stop"),
                    words.percent(exported.stops),
                    self.tr("at least {limit} are required").format(
                        limit=words.percent(verdict.limits.get("stops", 0.0))
                    ),
                )
            )
        if verdict.parity is not None:
            lines.append(
                (
                    self.tr("Tokenizer parity"),
                    words.percent(verdict.parity),
                    self.tr(
                        "of the prompts have the same tokens in training and in the exported model"
                    ),
                )
            )
        if verdict.stop_listed is not None:
            listed = self.tr("yes") if verdict.stop_listed else self.tr("no")
            lines.append((self.tr("Stop token is listed"), listed, verdict.stop))
        return lines

    def _candidates(self, candidates: tuple[Candidate, ...]) -> QTableWidget:
        table = QTableWidget(len(candidates), 5)
        table.setAccessibleName(self.tr("Presets tried by Automatic"))
        table.setHorizontalHeaderLabels(
            [
                self.tr("Kind"),
                self.tr("Size"),
                self.tr("Points lost"),
                self.tr("Perplexity"),
                self.tr("Verdict"),
            ]
        )
        for y, item in enumerate(candidates):
            verdict = {
                "faithful": self.tr("faithful"),
                "not faithful": self.tr("not faithful"),
                "not proven": self.tr("not proven"),
            }[item.word]
            if item.kept:
                verdict += ", " + self.tr("kept")
            lost = "–" if item.points_lost is None else words.number(item.points_lost, 2)
            surprise = "–" if item.perplexity is None else words.number(item.perplexity)
            for x, text in enumerate(
                (item.preset, words.size(item.bytes), lost, surprise, verdict)
            ):
                table.setItem(y, x, QTableWidgetItem(text))
        style_table(table)
        return table
