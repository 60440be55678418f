"""Asks the inspector what the draft's data look like, and keeps only the latest answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal

from phi3studio.domain.datasets.check_report import CheckProgress, Report
from phi3studio.domain.datasets.source_report import (
    Preview,
    RowPage,
    ShapeProposal,
    SourceReport,
    TemplatePreset,
)
from phi3studio.domain.errors import InputError, UserFacingError
from phi3studio.domain.recipe import Method, Recipe
from phi3studio.gui.base_model_list import BaseModel
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.tasks import Latest, Tasks
from phi3studio.services.inspector_client import Inspector
from phi3studio.wizard.flow import (
    DataFacts,
    Draft,
    to_recipe,
    with_shape,
)

_PREVIEW_MS = 150
_CHECK_MS = 500
PAGE_ROWS = 100
"""Rows of the source that are shown at a time."""


class Inspection(QObject):
    """The data side of the wizard.

    After a change it waits a moment, asks again, and drops what is still on its way: a late answer
    to an old question never shows. ``failed`` carries (what was asked, error).
    """

    looked = Signal()
    paged = Signal()
    previewed = Signal()
    check_moved = Signal()
    failed = Signal(str, object)

    def __init__(self, session: WizardSession, inspector: Inspector, tasks: Tasks) -> None:
        super().__init__(session)
        self._session = session
        self._inspector = inspector
        self._tasks = tasks
        self.source: SourceReport | None = None
        self.page: RowPage | None = None
        self.presets: tuple[TemplatePreset, ...] = ()
        self.preview: Preview | None = None
        self.report: Report | None = None
        self.progress: CheckProgress | None = None
        self.row = 0
        self.shown_finding = ""
        self.places: tuple[int, ...] = ()
        self._recipe: Recipe | None = None
        self._settling: int | None = None
        self._asked = {
            what: Latest(tasks, self, after_ms)
            for what, after_ms in (
                ("look", 0),
                ("presets", 0),
                ("rows", 0),
                ("row", 0),
                ("preview", _PREVIEW_MS),
                ("check", _CHECK_MS),
            )
        }
        session.source_changed.connect(self._look)
        session.changed.connect(self._follow)

    def busy(self, what: str) -> bool:
        """Whether a question (``look``, ``preview``, ``check``) is under way or about to be."""
        return self._asked[what].busy

    def go_to_row(self, row: int) -> None:
        """Preview another row."""
        self.row = max(0, row)
        self._ask_preview()

    @property
    def waits_for(self) -> BaseModel | None:
        """The base model that has to be downloaded before anything is shown of what it will see:
        that is said first, and asked for."""
        base = self._session.base
        if not self._inspector.needs_model or base is None:
            return None
        return base if base.source == self._session.draft.model and base.to_download else None

    def _may_ask(self) -> bool:
        known = self._session.base is not None or not self._inspector.needs_model
        return known and self.waits_for is None

    @property
    def row_count(self) -> int | None:
        """The number of rows, once it is known exactly."""
        if self.report is not None:
            return self.report.statistics.rows
        return self.source.rows if self.source is not None and self.source.rows_exact else None

    def go_to_page(self, offset: int) -> None:
        """Show the rows from *offset* on; a page that is still being read is dropped."""
        source = self._session.draft.source
        if source is None:
            return
        places = self.places[offset:][:PAGE_ROWS]

        async def page() -> RowPage:
            if not places:
                return await self._inspector.rows(source, offset, PAGE_ROWS)
            found = await self._inspector.rows(source, 0, numbers=places)
            end = offset + PAGE_ROWS >= len(self.places)
            return found.model_copy(update={"offset": offset, "end": end})

        self._asked["rows"].ask(page, self._on_page, lambda error: self.failed.emit("rows", error))
        self.paged.emit()

    def show_finding(self, code: str) -> None:
        """Show only the rows of a finding, or all rows (an empty code)."""
        found = [f for f in self.report.findings if f.code == code] if self.report else []
        self.shown_finding = code if found else ""
        self.places = found[0].places if found else ()
        self.go_to_page(0)

    def show_row(self, place: int) -> None:
        """Show the page on which a row is, and preview the row."""
        self.shown_finding, self.places = "", ()
        self.row = place
        self.go_to_page(place // PAGE_ROWS * PAGE_ROWS)
        self.check_moved.emit()
        self._ask_preview()

    def whole_row(self, place: int, then: Callable[[RowPage], None]) -> None:
        """Read one row in full."""
        source = self._session.draft.source
        if source is not None:
            self._asked["row"].ask(
                lambda: self._inspector.rows(source, place, 1, whole=True),
                then,
                lambda error: self.failed.emit("rows", error),
            )

    def stop_rows(self) -> None:
        """Wait no longer for a page."""
        self._asked["rows"].withdraw()
        self.paged.emit()

    def again(self) -> None:
        """Ask everything once more: the service died, or the file was changed."""
        self._recipe = None
        self._look()

    def stop(self) -> None:
        """Withdraw what is still being asked."""
        for question in self._asked.values():
            question.withdraw()

    def _look(self) -> None:
        self.stop()
        self.source = self.preview = self.report = self.progress = self._recipe = None
        self.page = None
        self.row = 0
        self.shown_finding, self.places = "", ()
        source = self._session.draft.source
        self.looked.emit()
        if source is None:
            self.previewed.emit()
            self.check_moved.emit()
            return
        self._asked["look"].ask(
            lambda: self._inspector.look(source), self._on_look, self._on_no_look
        )

    def _on_look(self, report: SourceReport) -> None:
        self.source = report
        self.page = RowPage(offset=0, rows=report.first[:PAGE_ROWS], end=False)
        draft = self._session.draft
        data = DataFacts(
            columns=tuple(column.name for column in report.columns),
            rows=report.rows,
            train_rows=round(report.rows * (1 - draft.split.held_out)),
            held_out_rows=round(report.rows * draft.split.held_out),
            pairs=_preferences(report.shapes),
        )
        if draft.shape is None and report.shapes and report.shapes[0].sure:
            draft = with_shape(draft, report.shapes[0])
        self._session.take(draft, data)
        # What was found and the rows are drawn with an event of their own.
        QTimer.singleShot(0, self, partial(self._show_look, report))

    def _show_look(self, report: SourceReport) -> None:
        if self.source is not report:
            return
        self.looked.emit()
        self.go_to_page(0)
        names = tuple(column.name for column in report.columns)
        self._asked["presets"].ask(
            lambda: self._inspector.presets(names), self._on_presets, lambda _: None
        )

    def _on_no_look(self, error: UserFacingError) -> None:
        self._session.learn(data=DataFacts(error=error))
        self.looked.emit()
        self.failed.emit("look", error)

    def _on_page(self, page: RowPage) -> None:
        self.page = page
        self.paged.emit()

    def _on_presets(self, presets: tuple[TemplatePreset, ...]) -> None:
        self.presets = presets
        self.looked.emit()

    def _follow(self) -> None:
        """Ask for preview and check when something that they depend on has changed."""
        recipe = self._complete(self._session.draft) if self._may_ask() else None
        if recipe is None:
            self._forget()
            return
        if recipe == self._recipe:
            return
        if self._settling is not None and self._recipe is not None:
            shortest = min(r.training.sequence_length for r in (recipe, self._recipe))
            if self._settling <= shortest:
                # The preset followed the figures of the check: no row is cut off before or
                # after, so nothing that was found has changed.
                self._recipe = recipe
                return
        self._recipe = recipe
        self._ask_preview()
        self._ask_check()

    def _forget(self) -> None:
        """The template is not complete: what was found with another one says nothing of it."""
        if self._recipe is None:
            return
        self._recipe = self.preview = self.report = self.progress = None
        for what in ("preview", "check"):
            self._asked[what].withdraw()
        self.previewed.emit()
        self.check_moved.emit()

    def _complete(self, draft: Draft) -> Recipe | None:
        """The recipe reduced to what the data depend on; ``None`` while the page has errors."""
        facts = self._session.facts.data
        if self.source is None or facts is None or facts.error is not None:
            return None
        wrong = {"draft.data_blocked"}
        if any(p.level == "error" and p.code not in wrong for p in self._session.problems("data")):
            return None
        try:
            recipe = to_recipe(draft)
        except InputError:
            return None
        return Recipe(
            data=recipe.data,
            model=recipe.model,
            method=Method(objective=recipe.method.objective),
            training=recipe.training.model_copy(
                update={"epochs": 1.0, "max_steps": None, "learning_rate": 2e-4, "warmup": 0.05}
            ),
        )

    def _ask_preview(self) -> None:
        recipe, row = self._recipe, self.row
        if recipe is not None and self._may_ask():
            self._asked["preview"].ask(
                lambda: self._inspector.preview(recipe, row),
                self._on_preview,
                lambda error: self.failed.emit("preview", error),
            )
            self.previewed.emit()

    def _on_preview(self, preview: Preview) -> None:
        self.preview = preview
        self.previewed.emit()

    def _ask_check(self) -> None:
        recipe = self._recipe
        if recipe is not None:
            self.progress = None
            self._asked["check"].ask(
                lambda: self._check(recipe),
                self._on_report,
                lambda error: self.failed.emit("check", error),
            )
            self.check_moved.emit()

    async def _check(self, recipe: Recipe) -> Report:
        async for item in self._inspector.check(recipe):
            if isinstance(item, Report):
                return item
            self.progress = item
            self.check_moved.emit()
        raise UserFacingError("inspector.no_report")

    def _on_report(self, report: Report) -> None:
        self.report = report
        facts = self._session.facts.data or DataFacts()
        figures = report.statistics
        self._settling = figures.longest
        self._session.learn(
            data=DataFacts(
                columns=facts.columns,
                rows=figures.rows,
                train_rows=figures.train_rows,
                held_out_rows=figures.held_out_rows,
                tokens=figures.tokens,
                longest=figures.longest,
                learned=figures.trained_tokens / max(1, figures.kept),
                blocking=sum(finding.level == "error" for finding in report.findings),
                pairs=facts.pairs,
            )
        )
        self._settling = None
        self.check_moved.emit()


def _preferences(shapes: Sequence[ShapeProposal]) -> ShapeProposal | None:
    """How the rows are read as preferences, where they are some."""
    rated = next((shape for shape in shapes[:1] if shape.rating), None)
    return next((shape for shape in shapes if shape.rejected), rated)
