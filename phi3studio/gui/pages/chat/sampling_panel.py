"""How answers are sampled and constrained: the panel next to the chat."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLabel

from phi3studio.domain.sampling import Sampling
from phi3studio.gui.pages.chat.answer_form import AnswerForm, Held
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Card, label, set_role
from phi3studio.gui.widgets.editors import GrowingEdit
from phi3studio.gui.widgets.number_edit import NumberEdit, shown


@dataclass(frozen=True)
class ChatSettings:
    """All that a question takes besides its text."""

    system: str = ""
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int = 256
    held: Held = field(default_factory=Held)


@dataclass(frozen=True)
class _Field:
    key: str
    title: str
    about: str
    low: float
    high: float
    whole: bool = False
    optional: bool = False


class SamplingPanel(Card):
    """Edits the settings; nothing can be asked while one shows a value that cannot be."""

    changed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("Settings"))
        self.setAccessibleName(self.tr("Settings"))
        self._values: dict[str, float | None] = {
            "temperature": 0.0,
            "top_p": 1.0,
            "top_k": 50,
            "repetition_penalty": 1.0,
            "max_tokens": 256,
            "seed": None,
        }
        self.system = GrowingEdit(theme, mono=False, least=2, most=6)
        self.system.setAccessibleName(self.tr("System prompt"))
        self.system.setPlaceholderText(self.tr("Who the model is and how it should answer"))
        caption = label(self.tr("System prompt"), "muted")
        self.body.addWidget(caption)
        self.body.addWidget(self.system)
        self.answer = AnswerForm(theme)
        self.body.addWidget(self.answer)
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(0, 1)
        self._edits: dict[str, NumberEdit] = {}
        for index, spec in enumerate(self._fields()):
            title = label(spec.title)
            grid.addWidget(title, 2 * index, 0)
            edit = NumberEdit(
                partial(self._take, spec), self.tr("This is not a number."), optional=spec.optional
            )
            edit.show_value(self._values[spec.key])
            edit.setFixedWidth(78)
            edit.setAccessibleName(spec.title)
            edit.setAccessibleDescription(spec.about)
            note = label(spec.about, "small", wrap=True)
            edit.refused_changed.connect(partial(self._mark, note, spec))
            title.setBuddy(edit)
            grid.addWidget(edit, 2 * index, 1, 2, 1, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(note, 2 * index + 1, 0)
            self._edits[spec.key] = edit
        self.body.addLayout(grid)
        self.body.addStretch(1)

    @property
    def settings(self) -> ChatSettings:
        """The present settings."""
        v = self._values
        seed = v["seed"]
        return ChatSettings(
            system=self.system.toPlainText(),
            sampling=Sampling(
                temperature=float(v["temperature"] or 0),
                top_p=float(v["top_p"] or 1),
                top_k=int(v["top_k"] or 50),
                repetition_penalty=float(v["repetition_penalty"] or 1),
                seed=None if seed is None else int(seed),
            ),
            max_tokens=int(v["max_tokens"] or 256),
            held=self.answer.held or Held(),
        )

    def _fields(self) -> list[_Field]:
        return [
            _Field(
                "temperature",
                self.tr("Temperature"),
                self.tr("0 always takes the most probable token; higher is more varied (0 to 2)"),
                0,
                2,
            ),
            _Field(
                "top_p",
                self.tr("Top-p"),
                self.tr("Only the most probable tokens, up to this total probability"),
                0.01,
                1,
            ),
            _Field(
                "top_k",
                self.tr("Top-k"),
                self.tr("Only this many of the most probable tokens"),
                1,
                1000,
                True,
            ),
            _Field(
                "repetition_penalty",
                self.tr("Repetition penalty"),
                self.tr("Above 1, repeated tokens become less probable (0.5 to 2)"),
                0.5,
                2,
            ),
            _Field(
                "max_tokens",
                self.tr("Length"),
                self.tr("Maximum number of tokens in an answer"),
                1,
                32768,
                True,
            ),
            _Field(
                "seed",
                self.tr("Seed"),
                self.tr("The same seed gives the same answer; empty: a new one each time"),
                0,
                2**31,
                True,
                True,
            ),
        ]

    @property
    def valid(self) -> bool:
        """Whether every field shows what is in force."""
        return not any(edit.refused for edit in self._edits.values())

    def _take(self, spec: _Field, value: object) -> str:
        whole = not spec.whole or isinstance(value, int)
        if value is not None and not (
            isinstance(value, int | float) and whole and spec.low <= value <= spec.high
        ):
            return self.tr("Allowed: {low} to {high}").format(
                low=shown(spec.low), high=shown(spec.high)
            )
        if value != self._values[spec.key]:
            self._values[spec.key] = value
            self.changed.emit()
        return ""

    def _mark(self, note: QLabel, spec: _Field, reason: str) -> None:
        note.setText(reason or spec.about)
        set_role(note, "danger" if reason else "small")
        self.changed.emit()
