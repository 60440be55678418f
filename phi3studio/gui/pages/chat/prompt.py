"""Where a question is written: a text field, or the columns of the training's template."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, Callout, Card, clear, label
from phi3studio.gui.widgets.editors import GrowingEdit
from phi3studio.runs.shown.transcript import Ask


class _Field(GrowingEdit):
    """Enter sends, Shift and Enter starts a new line."""

    sent = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}
        if enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.sent.emit()
            return
        super().keyPressEvent(event)


class PromptBar(Card):
    """Reports a question by ``asked``; ``stop_wanted`` while answers are on their way."""

    asked = Signal(object)
    stop_wanted = Signal()
    edit_cancelled = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__(" ")
        self._theme = theme
        self._columns: tuple[str, ...] = ()
        self._fields: dict[str, _Field] = {}
        self._ready = False
        self._holder = QVBoxLayout()
        self._holder.setSpacing(6)
        line = QHBoxLayout()
        line.setSpacing(10)
        fields = QWidget()
        fields.setLayout(self._holder)
        self._holder.setContentsMargins(0, 0, 0, 0)
        line.addWidget(fields, 1)
        self._send = Button(theme, self.tr("Ask"), kind="primary", icon="send")
        self._send.clicked.connect(self._ask)
        self._stop = Button(theme, self.tr("Stop"), icon="stop")
        self._stop.clicked.connect(self.stop_wanted)
        self._stop.hide()
        # After an answer comes the next question.
        self._send.heir = self._stop.heir = self.focus
        line.addWidget(self._send, 0, Qt.AlignmentFlag.AlignBottom)
        line.addWidget(self._stop, 0, Qt.AlignmentFlag.AlignBottom)
        self.body.addLayout(line)
        self._editing = Callout(
            theme,
            "info",
            self.tr("You edit a question. What came after it stays, as another version."),
        )
        dismiss = Button(theme, self.tr("Do not edit"), kind="link")
        dismiss.clicked.connect(self.edit_cancelled)
        dismiss.heir = self.focus
        self._editing.buttons.addWidget(dismiss)
        self._editing.hide()
        self.body.insertWidget(0, self._editing)
        self._held = label("", "small", wrap=True)
        self._held.hide()
        self.body.addWidget(self._held)
        self.show_form((), "")

    def show_form(self, columns: tuple[str, ...], template: str) -> None:
        """A free text, or one field for each of *columns* of *template*."""
        if columns == self._columns and self._fields:
            return
        # Also of a window that is not in front.
        focused = self.window().focusWidget() in self._fields.values()
        clear(self._holder)
        self._columns = columns
        self._fields = {}
        self.title.setText(self.tr("Prompt form") if columns else self.tr("Your message"))
        self.detail.setText(
            self.tr("training template: {template}").format(template=" ".join(template.split()))
            if columns
            else self.tr("Enter sends, Shift + Enter starts a new line")
        )
        for name in columns or ("",):
            field = _Field(self._theme, mono=False, least=1, most=8)
            field.setAccessibleName(name or self.tr("Your message"))
            field.setPlaceholderText(name or self.tr("Write a message"))
            field.sent.connect(self._ask)
            field.textChanged.connect(self._allow)
            if len(columns) > 1:
                self._holder.addWidget(label(name, "muted"))
            self._holder.addWidget(field)
            self._fields[name] = field
        self._allow()
        if focused:
            # What the layout would only show later takes no focus yet.
            next(iter(self._fields.values())).show()
            self.focus()

    def edit(self, editing: bool) -> None:
        """Say that an earlier question is edited, or no longer."""
        self._editing.setVisible(editing)

    def put(self, ask: Ask) -> None:
        """Show a question."""
        for name, field in self._fields.items():
            field.setPlainText(ask.values.get(name, "") if name else ask.shown)
        self.focus()

    def say_held(self, text: str) -> None:
        """What the answers are held to; the settings that say it may be closed."""
        self._held.setText(text)
        self._held.setVisible(bool(text))

    def focus(self) -> None:
        """Put the cursor into the first field."""
        next(iter(self._fields.values())).setFocus()

    def set_state(self, *, ready: bool, busy: bool, models: int) -> None:
        """*ready* when a model can be asked, *busy* while one answers."""
        self._ready = ready and not busy
        self._stop.setVisible(busy)
        self._send.setVisible(not busy)
        self._send.rename(
            self.tr("Ask")
            if models <= 1
            else (self.tr("Ask both") if models == 2 else self.tr("Ask all"))
        )
        self._allow()

    def _allow(self) -> None:
        filled = all(field.toPlainText().strip() for field in self._fields.values())
        self._send.setEnabled(self._ready and filled)

    def _ask(self) -> None:
        if not self._send.isEnabled() or self._send.isHidden():
            return
        texts = {name: field.toPlainText() for name, field in self._fields.items()}
        ask = Ask(values=texts) if self._columns else Ask(text=texts[""])
        for field in self._fields.values():
            field.put("")
        self._allow()
        self.asked.emit(ask)
