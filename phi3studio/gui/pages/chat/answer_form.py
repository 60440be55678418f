"""What answers are held to: anything, one of some labels, or JSON that fits a schema."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from phi3studio.domain.answer_constraints import parse_labels, parse_schema
from phi3studio.domain.errors import InputError, UserFacingError
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, ComboBox, label, row
from phi3studio.gui.widgets.dialogs.file_dialogs import choose_file
from phi3studio.gui.widgets.editors import GrowingEdit

Kind = Literal["free", "labels", "schema"]
# Longer than any schema that a person wrote.
_MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class Held:
    """What an answer is held to; neither: nothing."""

    labels: tuple[str, ...] | None = None
    schema: dict[str, Any] | None = None


class AnswerForm(QWidget):
    """Edits :class:`Held`. What is wrong is said below its field, and ``held`` is ``None`` then."""

    changed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._of_run: tuple[str, ...] = ()
        self._refused = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        title = label(self.tr("The answer is"), "muted")
        column.addWidget(title)
        self.kind = ComboBox()
        self.kind.setAccessibleName(self.tr("The answer is"))
        for kind, words in (
            ("free", self.tr("any text")),
            ("labels", self.tr("one of some labels")),
            ("schema", self.tr("JSON by a schema")),
        ):
            self.kind.addItem(words, kind)
        self.kind.currentIndexChanged.connect(self._choose)
        title.setBuddy(self.kind)
        column.addWidget(self.kind)
        self.labels = GrowingEdit(theme, mono=False, least=3, most=10)
        self.labels.setAccessibleName(self.tr("Labels, one on each line"))
        self.labels.setPlaceholderText(self.tr("One label on each line"))
        self._take_labels = Button(theme, self.tr("As in the run's data"), kind="link")
        self._take_labels.clicked.connect(self._take_of_run)
        self.schema = GrowingEdit(theme, least=5, most=16)
        self.schema.setAccessibleName(self.tr("JSON schema"))
        self.schema.setPlaceholderText('{"type": "object", "properties": {…}}')
        self._file = Button(theme, self.tr("From a file…"), kind="link", icon="folder")
        self._file.clicked.connect(self._choose_file)
        self.wrong = label("", "danger", wrap=True)
        for widget in (self.labels, self.schema):
            widget.textChanged.connect(self._edited)
            column.addWidget(widget)
        column.addLayout(row(self._take_labels, self._file, 1))
        column.addWidget(self.wrong)
        self._draw()

    @property
    def held(self) -> Held | None:
        """What answers are held to; ``None`` while that is not right yet."""
        try:
            return self._parsed()
        except InputError:
            return None

    @property
    def said(self) -> str:
        """What answers are held to, in a few words; empty for any text."""
        held = self.held
        if held is None:
            return ""
        if held.labels is not None:
            return self.tr("The answer is one of: {labels}").format(labels=", ".join(held.labels))
        return self.tr("The answer is JSON that fits the schema.") if held.schema else ""

    def offer(self, labels: Sequence[str]) -> None:
        """The labels of the run that is talked to, none of a run that has none; they fill a list
        that is empty or holds another run's."""
        before, self._of_run = self._of_run, tuple(labels)
        text = self.labels.toPlainText().strip()
        if before != self._of_run and (not text or text == "\n".join(before)):
            self.labels.setPlainText("\n".join(self._of_run))
            if not self._of_run and self._kind() == "labels":
                self.kind.setCurrentIndex(0)
        self._draw()

    def refuse(self, error: UserFacingError) -> None:
        """The model's engine could not keep to it: said here until something is changed."""
        self._refused = _words(error)
        self._draw()

    def read_file(self, file: Path) -> None:
        """Take the schema from *file*."""
        try:
            if file.stat().st_size > _MOST_BYTES:
                raise InputError("chat.schema", variant="too_large", file=file.name)
            self.schema.setPlainText(file.read_text("utf-8-sig"))
        except (OSError, ValueError) as exc:
            reason = getattr(exc, "strerror", None) or str(exc)
            self.refuse(
                InputError("chat.schema", variant="unreadable", file=file.name, reason=reason)
            )
        except InputError as error:
            self.refuse(error)

    def _parsed(self) -> Held:
        match self._kind():
            case "labels":
                return Held(labels=parse_labels(self.labels.toPlainText()))
            case "schema":
                return Held(schema=parse_schema(self.schema.toPlainText()))
            case _:
                return Held()

    def _kind(self) -> Kind:
        kind: Kind = self.kind.currentData()
        return kind

    def _choose(self) -> None:
        self._refused = ""
        self._draw()
        self.changed.emit()

    def _edited(self) -> None:
        self._refused = ""
        self._draw()
        self.changed.emit()

    def _take_of_run(self) -> None:
        self.labels.setPlainText("\n".join(self._of_run))

    def _choose_file(self) -> None:
        choose_file(
            self,
            self.tr("Choose a JSON schema"),
            lambda path: self.read_file(Path(path)),
            (self.tr("JSON files (*.json)"), self.tr("All files (*)")),
        )

    def _draw(self) -> None:
        kind = self._kind()
        shown: dict[QWidget, bool] = {
            self.labels: kind == "labels",
            self._take_labels: kind == "labels"
            and bool(self._of_run)
            and self.labels.toPlainText() != "\n".join(self._of_run),
            self.schema: kind == "schema",
            self._file: kind == "schema",
        }
        for widget, visible in shown.items():
            widget.setVisible(visible)
        said = self._refused or _problem(self._parsed)
        self.wrong.setText(said)
        self.wrong.setVisible(bool(said))
        for edit in (self.labels, self.schema):
            edit.set_invalid(bool(said) and shown[edit])


def _problem(parsed: Callable[[], Held]) -> str:
    try:
        parsed()
    except InputError as error:
        return _words(error)
    return ""


def _words(error: UserFacingError) -> str:
    said = explain_error(error)
    return f"{said.message} {said.hint}"
