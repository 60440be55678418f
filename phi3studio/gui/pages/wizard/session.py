"""The draft of the window and what has been found out about it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal
from shiboken6 import isValid

from phi3studio.app.files import write_atomically
from phi3studio.doctor import Report, examine
from phi3studio.domain.errors import InputError, UserFacingError
from phi3studio.domain.estimation.estimate import Estimate
from phi3studio.domain.recipe import Recipe
from phi3studio.gui.base_model_list import BaseModel, known_model
from phi3studio.gui.context import Context
from phi3studio.gui.tasks import Latest, in_thread
from phi3studio.runs.draft_shelf import DraftShelf
from phi3studio.services.estimator_client import measure
from phi3studio.wizard.azure_form import AzureForm, parse_form
from phi3studio.wizard.edit_history import EditHistory
from phi3studio.wizard.flow import (
    DataFacts,
    Draft,
    Facts,
    ModelFacts,
    PageName,
    Refused,
    edit,
    parse_draft,
    visit,
    with_source,
)
from phi3studio.wizard.page_problems import (
    Problem,
    can_continue,
    problems,
    reachable,
)
from phi3studio.wizard.tuning_presets import follow_preset

_SAVE_MS = 400


def _text_of(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, ValueError):
        return ""


class WizardSession(QObject):
    """Holds one draft, saves it a moment after each change, and reports every change.

    Decides nothing: edits go through ``domain.flow``, answers come from there too.
    """

    changed = Signal()
    source_changed = Signal()
    machine_seen = Signal(object)
    shelved = Signal()

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._draft = Draft()
        self.facts = Facts()
        self.history = EditHistory()
        self.machine: Report | None = None
        self.base: BaseModel | None = None
        self.measured: tuple[Recipe, Estimate] | None = None
        """What a dry run found, and of which recipe."""
        self.measure_error: UserFacingError | None = None
        self.shelf = DraftShelf(context.drafts_folder)
        self._azure = AzureForm()
        self._measuring: asyncio.Task[Estimate] | None = None
        self._machine_question = Latest(context.tasks, self)
        self._model_question = Latest(context.tasks, self)
        self._save_timer = QTimer(self)
        self._save_timer.setSingleShot(True)
        self._save_timer.setInterval(_SAVE_MS)
        self._save_timer.timeout.connect(self._save)

    @property
    def draft(self) -> Draft:
        """The present draft."""
        return self._draft

    def load(self) -> None:
        """Take up the saved draft and look at the machine."""
        self._draft = parse_draft(_text_of(self._context.draft_file))
        self._azure = parse_form(_text_of(self._context.azure_file))
        self._look_at_machine()
        self.ask_model()
        self.changed.emit()
        self.source_changed.emit()

    def edit(self, page: PageName, **changes: object) -> UserFacingError | None:
        """Apply what the user changed on *page*; returns why a value was not taken over."""
        try:
            self.take(edit(self._draft, page, **changes))
        except UserFacingError as error:
            return error
        return None

    def refuse(self, page: PageName, where: str, title: str, reason: str) -> None:
        """A field shows what cannot be, because of *reason*; without one all is well again."""
        others = tuple(r for r in self.facts.refused if r.where != where)
        if reason:
            error = InputError("draft.refused", field=title, reason=reason)
            others = (*others, Refused(page, where, error))
        self.learn(refused=others)

    def is_refused(self, where: str) -> bool:
        """Whether a field shows what cannot be."""
        return any(r.where == where for r in self.facts.refused)

    def forget_refused(self, page: PageName | None = None) -> None:
        """What was typed in vain, on one page or on all, is gone: other values come."""
        kept = tuple(r for r in self.facts.refused if page not in (None, r.page))
        self.facts = replace(self.facts, refused=kept)

    def use_azure(self) -> None:
        """Train in Azure ML: in the workspace that was named last, if any."""
        form = self._draft.azure or self._azure
        self.edit("target", target={"train_on": "azureml"}, azure=form)

    @property
    def is_measuring(self) -> bool:
        """Whether a dry run is on its way."""
        return self._measuring is not None

    def measure(self, recipe: Recipe) -> None:
        """Find out by a dry run what *recipe* takes; one at a time, for it fills the machine."""
        if self._measuring is not None:
            return
        self.measure_error = None

        def done(found: Estimate) -> None:
            self._measuring = None
            self.measured = (recipe, found)
            self.changed.emit()

        def failed(error: UserFacingError) -> None:
            self._measuring = None
            self.measure_error = error
            self.changed.emit()

        self._measuring = self._context.tasks.run(measure(recipe), done, failed)
        self.changed.emit()

    def stop_measuring(self) -> None:
        """End the dry run."""
        if self._measuring is not None:
            self._measuring.cancel()
            self._measuring = None
        self.changed.emit()

    def visit(self, page: PageName) -> None:
        """Go to a page. The page Target looks at the machine again, for a new runtime pack."""
        self.take(visit(self._draft, page))
        if page == "target":
            self._look_at_machine()

    def take(self, draft: Draft, data: DataFacts | None = None) -> None:
        """Replace the draft; *data*, found out with it, is the same change, drawn once."""
        if data is not None:
            self.facts = replace(self.facts, data=data)
        draft = follow_preset(draft, self.facts)
        if draft == self._draft and data is None:
            return
        other_source = draft.source != self._draft.source
        other_model = draft.model != self._draft.model
        self.history = self.history.after(self._draft, draft)
        self._draft = draft
        if draft.azure is not None:
            self._azure = draft.azure.without_addresses()
        self._save_timer.start()
        if other_source:
            self.facts = replace(self.facts, data=None)
        if other_model:
            self.ask_model()
        self.changed.emit()
        if other_source:
            self.source_changed.emit()

    def choose_source(self, source: str, *also: str) -> None:
        """Take the rows from other files. A template whose rows could not be read stays: it is
        meant for them, wherever they are."""
        data, draft = self.facts.data, self._draft
        if data is not None and data.error is not None:
            draft = draft.model_copy(update={"source": None})
        self.take(with_source(draft, source, *also))

    def undo(self) -> None:
        """Take the last change of the repairs back."""
        history, draft = self.history.undo(self._draft)
        self.take(draft)
        self.history = history
        self.changed.emit()

    def redo(self) -> None:
        """Make the change of the repairs again that was undone last."""
        history, draft = self.history.redo(self._draft)
        self.take(draft)
        self.history = history
        self.changed.emit()

    def start_over(self) -> None:
        """Forget the draft."""
        self.replace(Draft())

    def replace(self, draft: Draft) -> None:
        """Go on with another draft instead of this one, which is gone."""
        self.forget_refused()
        self.take(draft)

    def put_aside(self, draft: Draft) -> None:
        """Go on with another draft; this one waits on the shelf."""
        before = self._draft

        def put() -> None:
            self.shelf.put(before)

        self.replace(draft)

        def tell(_: None) -> None:
            if isValid(self):  # the window may have gone meanwhile
                self.shelved.emit()

        self._context.tasks.run(asyncio.to_thread(put), tell, lambda _: None)

    def learn(self, **facts: object) -> None:
        """Something was found out."""
        self.facts = replace(self.facts, **facts)  # type: ignore[arg-type]
        self._draft = follow_preset(self._draft, self.facts)
        self.changed.emit()

    def problems(self, page: PageName) -> tuple[Problem, ...]:
        """What is wrong on a page."""
        return problems(self._draft, self.facts, page)

    def can_continue(self, page: PageName) -> bool:
        """Whether the page may be left forwards."""
        return can_continue(self._draft, self.facts, page)

    def reachable(self, page: PageName) -> bool:
        """Whether the stepper may go there."""
        return reachable(self._draft, self.facts, page)

    def save_now(self) -> None:
        """Write the draft without waiting: the window closes."""
        if self._save_timer.isActive():
            self._save_timer.stop()
            self._write(self._draft, self._azure)

    def _save(self) -> None:
        self._context.tasks.run(asyncio.to_thread(self._write, self._draft, self._azure))

    def _write(self, draft: Draft, azure: AzureForm) -> None:
        file = self._context.draft_file
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(file, draft.to_json())
            if azure != AzureForm():
                write_atomically(self._context.azure_file, azure.to_json())
        except OSError:
            # Losing a draft is bad, losing the window over it is worse; the disk problem shows
            # itself when the run is made.
            return

    def _look_at_machine(self) -> None:
        def seen(report: Report) -> None:
            self.machine = report
            self.learn(machine=report.facts)
            self.machine_seen.emit(report)

        # A home that cannot be written is said where something is to be written there.
        self._machine_question.ask(
            lambda: in_thread(examine, self._context.home), seen, lambda _: None
        )

    def ask_model(self) -> None:
        """Look at the chosen base model (again)."""
        source = self._draft.model

        def known(base: BaseModel) -> None:
            self.base = base
            self.learn(
                model=ModelFacts(
                    base.title, base.size, base.context, base.download_first, base.problem
                )
            )

        self._model_question.ask(lambda: in_thread(known_model, source, self._context.home), known)
