"""Taking a run's model along: how far the writing is, and what came of it."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.events.measured_events import Proof
from phi3studio.domain.places.browser import START as PAGE_START
from phi3studio.gui.context import Context
from phi3studio.gui.pages.run.sharing.export_question import ExportQuestion, proven
from phi3studio.gui.pages.run.sharing.work_area import WorkArea
from phi3studio.gui.texts import words
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import Button, Callout, label
from phi3studio.gui.widgets.dialogs.file_dialogs import choose_target
from phi3studio.gui.widgets.dialogs.open_place import open_path
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.runs.store import RunFolder
from phi3studio.services.run_export import Export, ExportPlace, Wish, export_run

_TELL_EVERY_S = 0.1


class ExportArea(WorkArea):
    """Asks, has the copy made in the background, says how far it is and what came of it. Another
    run may be shown meanwhile."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._run: RunFolder | None = None
        self._proofs: Mapping[str, Proof] = {}
        self.button.rename(self.tr("Export…"))
        self.button.clicked.connect(lambda: self.ask())

    def show_run(self, run: RunFolder, proofs: Mapping[str, Proof]) -> None:
        """Take a run's results, with what was measured of its GGUF files; what was said of another
        run is gone."""
        self._proofs = proofs
        if run != self._run:
            self._run = run
            self.forget_notes()
        there = (run.model, run.merged, run.adapter)
        self.button.setVisible(any(folder.is_dir() for folder in there))

    def ask(self, place: ExportPlace | None = None) -> None:
        """Ask what to export, for *place* unless another is chosen, then where to."""
        run = self._run
        if run is None or self.busy:
            return
        question = ExportQuestion(self, self._context, run, self._proofs, place)
        question.wished.connect(self._choose_place)
        question.open()

    def _choose_place(self, wish: Wish, as_zip: bool) -> None:
        assert self._run is not None
        name = "-".join([self._run.name, *([wish.place] if wish.place else [])])
        choose_target(
            self,
            self.tr("Export"),
            name + (".zip" if as_zip else ""),
            lambda place: self.export(Path(place), wish),
            ask=False,
        )

    def export(self, place: Path, wish: Wish) -> None:
        """Write the bundle to *place*: a new folder, or a zip file."""
        run = self._run
        if run is not None and not self.busy:
            self.begin(
                self.tr("Exporting {run}").format(run=run.name),
                self.tr("Progress of the export"),
                self._write(run, place, wish),
                self._written,
                lambda error: self._refuse(error, place, wish),
            )

    def cancelled_words(self) -> str:
        return self.tr("The export was cancelled; nothing is left of it.")

    async def _write(self, run: RunFolder, place: Path, wish: Wish) -> Export:
        loop = asyncio.get_running_loop()
        reported = 0.0

        def tell(done: int, total: int) -> None:
            nonlocal reported
            now = time.monotonic()
            if now - reported >= _TELL_EVERY_S or done == total:
                reported = now
                said = self.tr("{done} of {total}").format(
                    done=words.size(done), total=words.size(total)
                )
                loop.call_soon_threadsafe(self.show_progress, said, done, total)

        def item(item: dict[str, Any]) -> None:
            self.show_progress(
                self._activity(str(item["activity"])), int(item["step"]), int(item["total"])
            )

        return await export_run(run, place, wish, on_item=item, on_progress=tell)

    def _activity(self, activity: str) -> str:
        """What the service does, in the window's language."""
        known = {
            "writing the Olive config": self.tr("Writing the Olive config"),
            "calibrating the 4-bit weights": self.tr("Calibrating the 4-bit weights on your rows"),
            "writing the GGUF file": self.tr("Writing the GGUF file"),
            "downloading transformers.js": self.tr("Downloading transformers.js"),
            "writing the model for browsers": self.tr("Writing the model for browsers"),
            "measuring the GGUF model": self.tr("Measuring the GGUF file in llama.cpp"),
        }
        return known.get(activity, self.tr("Measuring the trained model"))

    def _written(self, made: Export) -> None:
        theme, bundle = self._context.theme, made.bundle
        lossy = made.proof is not None and not made.proof.verdict.faithful
        files = self.tr("%Ln file(s)", None, len(bundle.files))
        note = Callout(
            theme,
            "warning" if lossy else "good",
            self.tr("Exported to {path}").format(path=words.path(bundle.path)),
            f"{files} · {words.size(bundle.bytes)}",
        )
        shown = bundle.path if bundle.path.is_dir() else bundle.path.parent
        opened = Button(theme, self.tr("Open folder"), kind="link")
        opened.clicked.connect(lambda: open_path(self, theme, shown))
        note.buttons.addWidget(opened)
        notes: list[QWidget] = [note]
        if made.start:
            self._show_start(note, made)
        if made.proof is not None:
            note.words.addWidget(label(proven(made.proof), wrap=True))
            notes += [ErrorState(theme, found, "warning") for found in made.proof.verdict.reasons]
        if made.unproven is not None:
            notes.append(ErrorState(theme, made.unproven, "info"))
        notes += [Callout(theme, "info", explain_error(said).message) for said in made.notes]
        self.show_notes(*notes)

    def _show_start(self, note: Callout, made: Export) -> None:
        """The one line that starts the model there, to be copied."""
        theme, start = self._context.theme, made.start or ""
        typed = label(start, "code", wrap=True)
        typed.setFont(theme.mono())
        said = self.tr("To start it, type in its folder:")
        if start == PAGE_START:
            said = self.tr(
                "To start it, type in its folder, then open http://localhost:8000 in a browser:"
            )
        elif made.file is None:
            said = self.tr(
                "Move it into the folder that “foundry cache location” names; to start it, type:"
            )
        note.words.addWidget(label(said, "muted", wrap=True))
        note.words.addWidget(typed)
        copy = Button(theme, self.tr("Copy"), kind="link", icon="copy")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(start))
        note.buttons.addWidget(copy)

    def _refuse(self, error: UserFacingError, place: Path, wish: Wish) -> None:
        if error.code != "browser.download":
            self.show_notes(ErrorState(self._context.theme, error))
            return
        self.show_notes()
        question = Question(
            self, self._context.theme, self.tr("Download?"), explain_error(error).message
        )
        allowed = dataclasses.replace(wish, download=True)
        question.add(self.tr("Download"), lambda: self.export(place, allowed), kind="primary")
        question.open()
