"""Asks for the limits of a search over a finished run's exports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtWidgets import QVBoxLayout, QWidget

from phi3studio.doctor import Report, examine
from phi3studio.domain.errors import InputError, UserFacingError
from phi3studio.domain.recipe import Limits, Recipe
from phi3studio.gui.base_model_list import BaseModel, known_model
from phi3studio.gui.context import Context
from phi3studio.gui.pages.wizard.limits.limit_fields import LimitFields
from phi3studio.gui.tasks import Latest, in_thread
from phi3studio.gui.texts import words
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import Callout, clear, label
from phi3studio.runs.continuing import searched
from phi3studio.wizard.flow import Draft, Facts, ModelFacts, PageName, Refused, edit, from_recipe
from phi3studio.wizard.page_problems import problems

_WIDE = 560


class SearchDialog(Question):
    """Holds a draft of the search; *Search* is open as long as nothing speaks against it."""

    def __init__(
        self,
        parent: QWidget,
        context: Context,
        recipe: Recipe,
        seconds: float | None,
        answer: Callable[[Limits], object],
    ) -> None:
        super().__init__(
            parent,
            context.theme,
            self.tr("Search exports"),
            self.tr(
                "Exports of what this run has learned are built and measured on this computer, in "
                "a run of its own; nothing is trained again. With a limit on quality (score or "
                "points lost) the smallest that keeps to all limits is taken, without one the most "
                "exact. Empty fields limit nothing."
            ),
        )
        self.draft: Draft = from_recipe(searched(recipe, recipe.limits or Limits()))
        self._facts = Facts()
        self.widen(_WIDE)
        self.fields = LimitFields(self)
        self.extra.addWidget(self.fields)
        self._notes = QVBoxLayout()
        self.extra.addLayout(self._notes)
        said = (
            self.tr("It takes {time}.").format(time=words.about(seconds))
            if seconds is not None
            else self.tr("How long it takes is known after the first exports.")
        )
        self.time = label(said, "small", wrap=True)
        self.extra.addWidget(self.time)
        self.search = self.add(
            self.tr("Search"), lambda: answer(self.draft.limits or Limits()), kind="primary"
        )
        self.fields.draw()
        self._draw()
        model, home = recipe.model.source, context.home
        self._model = Latest(context.tasks, self)
        self._model.ask(lambda: in_thread(known_model, model, home), self._learn_model)
        self._machine = Latest(context.tasks, self)
        self._machine.ask(lambda: in_thread(examine, home), self._learn_machine, lambda _: None)

    def edit(self, page: PageName, **changes: object) -> UserFacingError | None:
        """Take over what was typed; returns why it cannot be."""
        try:
            self.draft = edit(self.draft, page, **changes)
        except UserFacingError as error:
            return error
        self.fields.draw()
        self._draw()
        return None

    def refuse(self, page: PageName, where: str, title: str, reason: str) -> None:
        """A field shows what cannot be, because of *reason*; without one all is well again."""
        others = tuple(r for r in self._facts.refused if r.where != where)
        if reason:
            error = InputError("draft.refused", field=title, reason=reason)
            others = (*others, Refused(page, where, error))
        self._learn(refused=others)

    def is_refused(self, where: str) -> bool:
        """Whether a field shows what cannot be."""
        return any(r.where == where for r in self._facts.refused)

    def _learn_model(self, base: BaseModel) -> None:
        self._learn(model=ModelFacts(base.title, base.size, base.context, False, base.problem))

    def _learn_machine(self, report: Report) -> None:
        self._learn(machine=report.facts)

    def _learn(self, **facts: object) -> None:
        self._facts = replace(self._facts, **facts)  # type: ignore[arg-type]
        self._draw()

    def _draw(self) -> None:
        clear(self._notes)
        found = [
            problem
            for page in ("model", "target")
            for problem in problems(self.draft, self._facts, page)
            if problem.level == "error"
        ]
        for problem in found:
            said = explain_error(problem.says)
            self._notes.addWidget(Callout(self._theme, "error", said.message, said.hint))
        self.search.setEnabled(not found)
