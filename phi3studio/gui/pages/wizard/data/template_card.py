"""The template editor: prompt and completion, with the columns to put in."""

from __future__ import annotations

from PySide6.QtWidgets import QMenu, QVBoxLayout, QWidget

from phi3studio.gui.context import Context
from phi3studio.gui.pages.wizard.data.inspection import Inspection
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.widgets.basic import Button, Card, ComboBox, label
from phi3studio.gui.widgets.editors import TemplateEdit
from phi3studio.wizard.page_problems import Problem


class TemplateCard(Card):
    """Edits the draft's template, or names the column of the conversations."""

    def __init__(self, context: Context, session: WizardSession, inspection: Inspection) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("Template"))
        self.setAccessibleName(self.tr("Template"))
        self._session = session
        self._inspection = inspection
        theme = context.theme
        self._presets = Button(theme, self.tr("Start from"))
        self._presets_menu = QMenu(self._presets)
        self._presets.setMenu(self._presets_menu)
        self._insert = Button(theme, self.tr("Insert column"))
        self._insert_menu = QMenu(self._insert)
        self._insert.setMenu(self._insert_menu)
        self.header.addWidget(self._presets)
        self.header.addWidget(self._insert)
        self._fields = QWidget()
        fields = QVBoxLayout(self._fields)
        fields.setContentsMargins(0, 0, 0, 0)
        fields.setSpacing(6)
        self.prompt = TemplateEdit(theme)
        self.completion = TemplateEdit(theme)
        self._wrong: dict[str, QWidget] = {}
        for name, title, edit in (
            ("prompt", self.tr("Prompt: shown to the model, not learned"), self.prompt),
            ("completion", self.tr("Completion: what it learns to say"), self.completion),
        ):
            caption = label(title, "muted")
            caption.setBuddy(edit)
            edit.setAccessibleName(title)
            wrong = label("", "danger", wrap=True)
            wrong.hide()
            self._wrong[name] = wrong
            fields.addWidget(caption)
            fields.addWidget(edit)
            fields.addWidget(wrong)
            fields.addSpacing(4)
        self.body.addWidget(self._fields)
        self._talk = QWidget()
        talk = QVBoxLayout(self._talk)
        talk.setContentsMargins(0, 0, 0, 0)
        talk.addWidget(
            label(
                self.tr(
                    "Rows are whole conversations. The model's own chat template "
                    "formats them; every answer of the assistant is learned."
                ),
                "muted",
                wrap=True,
            )
        )
        self._column = ComboBox()
        self._column.setAccessibleName(self.tr("Column with the messages"))
        talk.addWidget(label(self.tr("Column with the messages"), "muted"))
        talk.addWidget(self._column)
        wrong = label("", "danger", wrap=True)
        wrong.hide()
        self._wrong["messages"] = wrong
        talk.addWidget(wrong)
        self.body.addWidget(self._talk)
        self._rejected = label("", "muted", wrap=True)
        self.body.addWidget(self._rejected)
        self._last = self.prompt
        self.prompt.edited.connect(lambda text: session.edit("data", prompt=text))
        self.completion.edited.connect(lambda text: session.edit("data", completion=text))
        self.prompt.selectionChanged.connect(lambda: self._used(self.prompt))
        self.completion.cursorPositionChanged.connect(lambda: self._used(self.completion))
        self.prompt.cursorPositionChanged.connect(lambda: self._used(self.prompt))
        self._column.activated.connect(
            lambda i: session.edit("data", messages=self._column.itemText(i), rejected="")
        )
        session.changed.connect(self._draw)
        inspection.looked.connect(self._offer)

    def _used(self, edit: TemplateEdit) -> None:
        if edit.hasFocus():
            self._last = edit

    def _offer(self) -> None:
        facts = self._session.facts.data
        columns = facts.columns if facts else ()
        self._insert_menu.clear()
        for name in columns:
            self._insert_menu.addAction(name).triggered.connect(
                lambda _=False, n=name: self._last.insert_column(n)
            )
        self._presets_menu.clear()
        for preset in self._inspection.presets:
            said = explain_error(preset.says).message
            self._presets_menu.addAction(said).triggered.connect(
                lambda _=False, p=preset: self._session.edit(
                    "data",
                    shape="columns",
                    prompt=p.prompt,
                    completion=p.completion,
                    rejected="",
                )
            )
        self._presets.setVisible(bool(self._inspection.presets))
        for edit in (self.prompt, self.completion):
            edit.set_columns(columns)
        self._column.clear()
        self._column.addItems(list(columns))
        self._draw()

    def _draw(self) -> None:
        draft = self._session.draft
        talk = draft.shape == "messages"
        self.setVisible(self._inspection.source is not None)
        self._fields.setVisible(not talk)
        self._talk.setVisible(talk)
        self._insert.setVisible(not talk)
        self.prompt.put(draft.prompt)
        self.completion.put(draft.completion)
        if talk and self._column.findText(draft.messages) < 0:
            self._column.addItem(draft.messages)
        self._column.setCurrentText(draft.messages)
        self._rejected.setVisible(bool(draft.rejected or draft.rating))
        self._rejected.setText(
            self.tr("Good or bad, as the column says: {column}").format(column=draft.rating)
            if draft.rating
            else self.tr("Compared with the worse answer: {place}").format(place=draft.rejected)
        )
        problems = [p for p in self._session.problems("data") if p.level == "error"]
        for name, wrong in self._wrong.items():
            mine = [p for p in problems if p.where == name]
            wrong.setText(" ".join(_said(problem) for problem in mine))  # type: ignore[attr-defined]
            wrong.setVisible(bool(mine))
        self.prompt.set_invalid(any(p.where == "prompt" for p in problems))
        self.completion.set_invalid(any(p.where == "completion" for p in problems))


def _said(problem: Problem) -> str:
    words = explain_error(problem.says)
    return f"{words.message} {words.hint}".strip()
