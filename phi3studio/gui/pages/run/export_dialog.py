"""Taking a run's model along: what, in which form, and how far the writing is."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QProgressBar,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from phi3studio.app.files import scratch_folder
from phi3studio.domain.errors import Cancelled, UserFacingError
from phi3studio.domain.recipe import Recipe
from phi3studio.gui.context import Context
from phi3studio.gui.texts import words
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import Button, Callout, clear, label, row
from phi3studio.gui.widgets.dialogs.file_dialogs import choose_target
from phi3studio.gui.widgets.dialogs.open_place import open_path
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.runs.store import RunFolder

if TYPE_CHECKING:
    from phi3studio.runs.bundle import Bundle
    from phi3studio.runs.bundle.contents import What

WriteOlive = Callable[[Recipe, Path], Awaitable[None]]
"""Writes the Olive config of a recipe into a folder."""

_TELL_EVERY_S = 0.1


@dataclass(frozen=True)
class Wish:
    """What to take along, and in which form."""

    what: What
    as_zip: bool
    olive: bool


class ExportQuestion(Question):
    """Asks for a :class:`Wish`; what the run does not have is not offered."""

    wished = Signal(object)

    def __init__(self, parent: QWidget, context: Context, run: RunFolder, *, olive: bool) -> None:
        super().__init__(
            parent,
            context.theme,
            self.tr("Export"),
            self.tr(
                "A bundle that runs elsewhere: with prompt, samples in Python and C#, "
                "model card, licence and checksums. Private parts of paths are left "
                "out."
            ),
        )
        self.whats: dict[What, QRadioButton] = {}
        offers: tuple[tuple[What, Path, str], ...] = (
            ("model", run.model, self.tr("The exported model (ONNX)")),
            ("merged", run.merged, self.tr("The merged model (Hugging Face)")),
            ("adapter", run.adapter, self.tr("Only the adapter (LoRA)")),
        )
        whats = QButtonGroup(self)
        for what, folder, title in offers:
            if folder.is_dir():
                radio = QRadioButton(title)
                whats.addButton(radio)
                radio.setChecked(not self.whats)
                self.whats[what] = radio
                self.extra.addWidget(radio)
        self.extra.addSpacing(6)
        forms = QButtonGroup(self)
        self.folder = QRadioButton(self.tr("As a folder"))
        self.folder.setChecked(True)
        self.zip = QRadioButton(self.tr("As one zip file"))
        for radio in (self.folder, self.zip):
            forms.addButton(radio)
            self.extra.addWidget(radio)
        self.extra.addSpacing(6)
        self.olive = QCheckBox(self.tr("With the Olive config of its recipe"))
        self.olive.setChecked(olive)
        self.olive.setVisible(olive)
        self.extra.addWidget(self.olive)
        self.add(self.tr("Choose where…"), self._answer, kind="primary")

    def _answer(self) -> None:
        what = next(name for name, radio in self.whats.items() if radio.isChecked())
        self.wished.emit(Wish(what, self.zip.isChecked(), self.olive.isChecked()))


class ExportArea(QWidget):
    """Asks, writes in a thread, says how far it is and what came of it."""

    def __init__(self, context: Context, write_olive: WriteOlive | None) -> None:
        super().__init__()
        self._context = context
        self._write_olive = write_olive
        self._run: RunFolder | None = None
        self._stop = threading.Event()
        self._notes = QVBoxLayout(self)
        self._notes.setContentsMargins(0, 0, 0, 0)
        self.button = Button(context.theme, self.tr("Export…"), icon="save")
        self.button.clicked.connect(self.ask)
        self._bar = QProgressBar()
        self._said = label("", "small")

    def show_run(self, run: RunFolder) -> None:
        """Take a run's results; what was said of another one is gone."""
        if run != self._run:
            self._run = run
            clear(self._notes)
        there = (run.model, run.merged, run.adapter)
        self.button.setVisible(any(folder.is_dir() for folder in there))

    def ask(self) -> None:
        """Ask what to export, then where to."""
        run = self._run
        if run is None:
            return
        trained = False
        if self._write_olive is not None:
            try:
                trained = "train" in run.recipe().steps
            except UserFacingError:
                trained = False
        question = ExportQuestion(self, self._context, run, olive=trained)
        question.wished.connect(self._choose_place)
        question.open()

    def _choose_place(self, wish: Wish) -> None:
        assert self._run is not None
        choose_target(
            self,
            self.tr("Export"),
            self._run.name + (".zip" if wish.as_zip else ""),
            lambda place: self.export(Path(place), wish),
            ask=False,
        )

    def export(self, place: Path, wish: Wish) -> None:
        """Write the bundle to *place*: a new folder, or a zip file."""
        if self._run is None:
            return
        self.button.setEnabled(False)
        self._stop = threading.Event()
        self._draw_progress()
        self._context.tasks.run(self._write(self._run, place, wish), self._written, self._refuse)

    async def _write(self, run: RunFolder, place: Path, wish: Wish) -> Bundle | None:
        loop, stop = asyncio.get_running_loop(), self._stop
        reported = 0.0

        def tell(done: int, total: int) -> None:
            nonlocal reported
            if stop.is_set():
                raise Cancelled
            now = time.monotonic()
            if now - reported >= _TELL_EVERY_S or done == total:
                reported = now
                loop.call_soon_threadsafe(self._show_progress, done, total)

        def write(olive: Path | None) -> Bundle | None:
            from phi3studio.runs.bundle import export_bundle

            try:
                return export_bundle(run, place, wish.what, olive=olive, on_progress=tell)
            except Cancelled:
                return None

        home = self._context.home
        with scratch_folder(home.made(home.cache)) as scratch:
            olive = None
            if wish.olive and self._write_olive is not None:
                olive = scratch / "olive"
                try:
                    await self._write_olive(run.recipe(), olive)
                except UserFacingError:
                    # The model is what matters; a recipe that Olive cannot express has none.
                    olive = None
            try:
                return await asyncio.to_thread(write, olive)
            finally:
                stop.set()

    def _draw_progress(self) -> None:
        clear(self._notes)
        self._said = label(self.tr("Preparing the bundle…"), "small")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 0)
        self._bar.setAccessibleName(self.tr("Progress of the export"))
        cancel = Button(self._context.theme, self.tr("Cancel"), kind="link")
        cancel.clicked.connect(self._stop.set)
        self._notes.addLayout(row(self._said, 1, cancel))
        self._notes.addWidget(self._bar)

    def _show_progress(self, done: int, total: int) -> None:
        if not self._stop.is_set():
            self._bar.setRange(0, 1000)
            self._bar.setValue(round(1000 * done / max(1, total)))
            self._said.setText(
                self.tr("{done} of {total}").format(done=words.size(done), total=words.size(total))
            )

    def _written(self, made: Bundle | None) -> None:
        self.button.setEnabled(True)
        clear(self._notes)
        theme = self._context.theme
        if made is None:
            self._notes.addWidget(
                Callout(theme, "info", self.tr("The export was cancelled; nothing is left of it."))
            )
            return
        files = self.tr("%Ln file(s)", None, len(made.files))
        note = Callout(
            theme,
            "good",
            self.tr("Exported to {path}").format(path=words.path(made.path)),
            f"{files} · {words.size(made.bytes)}",
        )
        shown = made.path if made.path.is_dir() else made.path.parent
        opened = Button(theme, self.tr("Open folder"), kind="link")
        opened.clicked.connect(lambda: open_path(self, theme, shown))
        note.buttons.addWidget(opened)
        self._notes.addWidget(note)
        for text in made.notes:
            self._notes.addWidget(Callout(theme, "info", text))

    def _refuse(self, error: UserFacingError) -> None:
        self.button.setEnabled(True)
        clear(self._notes)
        self._notes.addWidget(ErrorState(self._context.theme, error))
