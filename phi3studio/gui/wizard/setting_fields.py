"""All settings of a training: title, explanation, range and editor of each."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.recipe import Method, Training
from phi3studio.gui.widgets.basic import label, restyle

translate = QCoreApplication.translate
Section = Literal["method", "training"]
_SECTIONS: dict[Section, type[Method] | type[Training]] = {"method": Method, "training": Training}


@dataclass(frozen=True)
class Setting:
    """One field of the recipe, in words."""

    section: Section
    name: str
    title: str
    about: str

    @property
    def kind(self) -> Any:
        """The field's type."""
        return _SECTIONS[self.section].model_fields[self.name].annotation

    def limits(self) -> str:
        """The range in words, from the recipe's own constraints."""
        low = high = ""
        for rule in _SECTIONS[self.section].model_fields[self.name].metadata:
            for key, sign in (("ge", "≥ "), ("gt", "> ")):
                if (value := getattr(rule, key, None)) is not None:
                    low = f"{sign}{value:g}"
            for key, sign in (("le", "≤ "), ("lt", "< ")):
                if (value := getattr(rule, key, None)) is not None:
                    high = f"{sign}{value:g}"
        return ", ".join(part for part in (low, high) if part)


def settings() -> list[Setting]:
    """Every setting, the ones that matter most first."""

    def one(section: Section, name: str, title: str, about: str) -> Setting:
        return Setting(section, name, title, about)

    return [
        one(
            "training",
            "epochs",
            translate("Settings", "Epochs"),
            translate("Settings", "How often every row is seen."),
        ),
        one(
            "training",
            "max_steps",
            translate("Settings", "Most steps"),
            translate("Settings", "Stops after so many steps, whatever the epochs say."),
        ),
        one(
            "training",
            "learning_rate",
            translate("Settings", "Learning rate"),
            translate("Settings", "How large each correction is; too large and it forgets."),
        ),
        one(
            "training",
            "batch_size",
            translate("Settings", "Batch size"),
            translate("Settings", "Rows in one pass; more need more memory."),
        ),
        one(
            "training",
            "accumulation",
            translate("Settings", "Accumulation"),
            translate("Settings", "Passes that make one step: a larger batch in less memory."),
        ),
        one(
            "training",
            "sequence_length",
            translate("Settings", "Sequence length"),
            translate("Settings", "Longest row in tokens; what is longer is cut off."),
        ),
        one(
            "method",
            "rank",
            translate("Settings", "Rank (r)"),
            translate("Settings", "Size of the learned matrices: room for what is new."),
        ),
        one(
            "method",
            "alpha",
            translate("Settings", "Alpha"),
            translate("Settings", "Weight of what was learned; twice the rank is usual."),
        ),
        one(
            "method",
            "dropout",
            translate("Settings", "Dropout"),
            translate("Settings", "Share left out at random, against learning by heart."),
        ),
        one(
            "method",
            "target_modules",
            translate("Settings", "Target modules"),
            translate("Settings", "Which layers get a matrix."),
        ),
        one(
            "training",
            "schedule",
            translate("Settings", "Schedule"),
            translate("Settings", "How the learning rate falls towards the end."),
        ),
        one(
            "training",
            "warmup",
            translate("Settings", "Warm-up"),
            translate("Settings", "Share of the steps in which the learning rate rises."),
        ),
        one(
            "training",
            "weight_decay",
            translate("Settings", "Weight decay"),
            translate("Settings", "Pulls the learned weights towards zero."),
        ),
        one(
            "training",
            "max_grad_norm",
            translate("Settings", "Gradient limit"),
            translate("Settings", "Corrections are clipped to this size."),
        ),
        one(
            "training",
            "precision",
            translate("Settings", "Number format"),
            translate("Settings", "Of the base weights; auto takes the fastest sound one."),
        ),
        one(
            "training",
            "gradient_checkpointing",
            translate("Settings", "Gradient checkpointing"),
            translate("Settings", "Saves memory by computing twice; about a third slower."),
        ),
        one(
            "training",
            "evaluations",
            translate("Settings", "Evaluations"),
            translate("Settings", "How often the held-out rows are measured on the way."),
        ),
        one(
            "training",
            "checkpoint_minutes",
            translate("Settings", "Minutes between checkpoints"),
            translate("Settings", "How much work a power cut may cost."),
        ),
        one(
            "training",
            "seed",
            translate("Settings", "Seed"),
            translate("Settings", "The same seed gives the same model again."),
        ),
    ]


class SettingField(QWidget):
    """Title, editor, explanation and range of one setting.

    *apply* takes the typed value over and returns why it could not; the field then shows that.
    """

    edited = Signal()

    def __init__(
        self, setting: Setting, apply: Callable[[Setting, object], UserFacingError | None]
    ) -> None:
        super().__init__()
        self.setting = setting
        self._apply = apply
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 3, 0, 3)
        layout.setSpacing(14)
        text = QVBoxLayout()
        text.setSpacing(1)
        title = label(setting.title)
        text.addWidget(title)
        limits = setting.limits()
        self._about = setting.about + (f" ({limits})" if limits else "")
        self._note = label(self._about, "small", wrap=True)
        text.addWidget(self._note)
        layout.addLayout(text, 1)
        self.editor = self._editor()
        self.editor.setFixedWidth(136)
        self.editor.setAccessibleName(setting.title)
        self.editor.setAccessibleDescription(self._about)
        title.setBuddy(self.editor)
        layout.addWidget(self.editor, 0, Qt.AlignmentFlag.AlignTop)

    def show_value(self, value: object) -> None:
        """Show the draft's value, unless the user is just typing another one."""
        editor = self.editor
        if isinstance(editor, QCheckBox):
            editor.setChecked(bool(value))
        elif isinstance(editor, QComboBox):
            text = ", ".join(value) if isinstance(value, list) else str(value)
            if editor.findText(text) < 0:
                editor.addItem(text)
            editor.setCurrentText(text)
        elif isinstance(editor, QLineEdit) and not editor.hasFocus():
            editor.setText(shown(value))
            self._complain("")

    def _editor(self) -> QWidget:
        choices = _choices(self.setting.kind)
        if self.setting.kind is bool:
            check = QCheckBox()
            check.clicked.connect(lambda on: self._take(on))
            return check
        if choices:
            box = QComboBox()
            box.addItems(choices)
            box.activated.connect(lambda i: self._take(box.itemText(i)))
            return box
        edit = QLineEdit()
        edit.setAlignment(Qt.AlignmentFlag.AlignRight)
        edit.textEdited.connect(lambda text: self._take(text))
        edit.editingFinished.connect(self._leave)
        return edit

    def _take(self, value: object) -> None:
        if isinstance(value, str) and isinstance(self.editor, QLineEdit):
            number = parse(value, optional=type(None) in get_args(self.setting.kind))
            if number is _NOTHING:
                self._complain(translate("Settings", "This is not a number."))
                return
            value = number
        error = self._apply(self.setting, value)
        self._complain("" if error is None else self._range())
        self.edited.emit()

    def _range(self) -> str:
        return translate("Settings", "Allowed: {range}").format(
            range=self.setting.limits() or translate("Settings", "whole numbers")
        )

    def _leave(self) -> None:
        if isinstance(self.editor, QLineEdit) and not self.editor.property("invalid"):
            self._complain("")

    def _complain(self, text: str) -> None:
        wrong = bool(text)
        self._note.setText(text or self._about)
        role = "danger" if wrong else "small"
        if self._note.property("role") != role:
            self._note.setProperty("role", role)
            restyle(self._note)
        if bool(self.editor.property("invalid")) != wrong:
            self.editor.setProperty("invalid", wrong)
            restyle(self.editor)


_NOTHING = object()


def parse(text: str, *, optional: bool) -> object:
    """A number as people write it (comma or point); ``None`` for an empty optional field."""
    text = text.strip().replace("\u202f", "").replace(" ", "")
    if not text and optional:
        return None
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return _NOTHING
    if not math.isfinite(value):
        return _NOTHING
    return int(value) if value == int(value) and abs(value) < 1e15 else value


def shown(value: object) -> str:
    """A number as it is typed."""
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _choices(kind: Any) -> list[str]:
    """The allowed words of a field, if it has such."""
    if get_origin(kind) is Literal:
        return [str(value) for value in get_args(kind)]
    for inner in get_args(kind):
        if get_origin(inner) is Literal:
            return [str(value) for value in get_args(inner)]
    return []
