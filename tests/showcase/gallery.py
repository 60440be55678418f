"""Pictures of every page, dialog and state of the window, over recorded runs and answers.

    python -m tests.showcase.gallery [--language it] [--scheme dark] [--size 1024x700]
        [--scale 2] DIR [STATE…]

Nothing is trained, loaded or downloaded. ``--list`` names the states.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PySide6.QtWidgets import QDialog

    from phi3studio.app.paths import Home
    from phi3studio.gui.main_window import MainWindow
    from phi3studio.runs.store import RunFolder

FIXTURES = Path(__file__).parents[1] / "fixtures" / "olive"
QUESTION = "Footsteps stopped right outside my door."
_SETTLE_S = 0.5
_PATIENCE_S = 15.0


def main() -> None:
    """Draw the pictures; prints their paths."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--language", default="en", choices=("en", "it"))
    parser.add_argument("--scheme", default="light", choices=("light", "dark"))
    parser.add_argument("--size", default="1440x900", help="of the window, in points")
    parser.add_argument("--scale", default="1")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("out", type=Path, nargs="?", default=Path("pictures"))
    parser.add_argument("states", nargs="*", help="some of the states, by name; all without it")
    given = parser.parse_args()
    if given.list:
        print(*(name.replace("_", "-") for name in dir(States) if not name.startswith("_")))
        return
    os.environ |= {"QT_QPA_PLATFORM": "offscreen", "QT_SCALE_FACTOR": given.scale}
    given.out.mkdir(parents=True, exist_ok=True)
    out = given.out.absolute()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"HOME": folder, "PHI3STUDIO_HOME": f"{folder}/phi3studio"}
        width, height = map(int, given.size.split("x"))
        suffix = f"-{given.scheme}-{given.language}-{width}-x{given.scale}"
        _draw(
            Path(folder), out, given.language, given.scheme, (width, height), suffix, given.states
        )


def _draw(
    folder: Path,
    out: Path,
    language: str,
    scheme: str,
    size: tuple[int, int],
    suffix: str,
    states: list[str],
) -> None:
    import qasync
    from PySide6.QtCore import QLocale

    from phi3studio.app.paths import Home
    from phi3studio.domain.errors import UserFacingError
    from phi3studio.gui.application import Application
    from phi3studio.gui.context import Context
    from phi3studio.gui.main_window import MainWindow
    from phi3studio.gui.page_set import PageSet, Services
    from phi3studio.gui.preferences import PreferencesFile
    from phi3studio.gui.tasks import Tasks
    from phi3studio.gui.texts.i18n import install_language
    from phi3studio.gui.theme import Theme
    from phi3studio.resources import resources
    from phi3studio.runs.store import RunStore
    from tests.showcase.chat import RecordedChat
    from tests.showcase.inspector import RecordedInspector

    QLocale.setDefault(QLocale(language))
    app = Application(["phi3studio"])
    app.setQuitOnLastWindowClosed(False)
    translators = install_language(app, resources() / "translations", language)
    theme, tasks, home = Theme(app, resources(), scheme), Tasks(app), Home(folder / "phi3studio")
    home.root.mkdir()
    os.chdir(resources() / "samples")

    async def probe() -> dict[str, Any]:
        return {"train_on": ["cpu"], "providers": ["CPUExecutionProvider"], "threads": 2}

    async def fetch(source: str) -> Any:
        yield {"activity": f"looking for {source}"}
        raise UserFacingError.from_json(
            {"code": "hub.offline", "message": "The hub cannot be reached.", "hint": "Go online."}
        )

    async def olive_config(recipe: Any) -> str:
        return '{"passes": {}}'

    async def draw() -> None:
        preferences = PreferencesFile(folder / "window.json")
        context = Context(theme, tasks, home, RunStore(home), resources(), preferences)
        services = Services(RecordedInspector(), RecordedChat(), probe, fetch, olive_config)
        window = MainWindow(theme, preferences)
        window.add_pages(PageSet(context, services))
        window.show()
        window.resize(*size)
        await _until(lambda: window.current is not None, "the pages")
        shown = States(window, home)
        failed: list[str] = []
        names = states or [n for n in vars(States) if not n.startswith("_")]
        for name in names:
            try:
                await getattr(shown, name.replace("-", "_"))()
                await asyncio.sleep(_SETTLE_S)
                file = out / f"{name.replace('_', '-')}{suffix}.png"
                _picture(window).save(str(file))
                print(file, flush=True)
            except TimeoutError as error:
                failed.append(f"{name}: never came: {error}")
                print(failed[-1], flush=True)
            finally:
                shown._close()
        await tasks.close()
        window.close_for_good()
        await asyncio.sleep(0.1)
        if failed:
            raise SystemExit(1)

    loop = qasync.QEventLoop(app)
    with loop:
        loop.run_until_complete(draw())
    del translators


def _dialogs(window: MainWindow) -> list[QDialog]:
    from PySide6.QtWidgets import QDialog

    return [found for found in window.findChildren(QDialog) if found.isVisible()]


def _picture(window: MainWindow) -> Any:
    """The window, with its dialog over it."""
    from PySide6.QtGui import QPainter

    picture = window.grab()
    for dialog in _dialogs(window):
        above = dialog.grab()
        room = window.size() - dialog.size()
        painter = QPainter(picture)
        painter.fillRect(picture.rect(), "#60000000")
        painter.drawPixmap(max(0, room.width() // 2), max(0, room.height() // 2), above)
        painter.end()
    return picture


async def _until(ready: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(what)
        await asyncio.sleep(0.05)


class States:
    """Brings the window into each state; in this order the first ones have no runs yet."""

    def __init__(self, window: MainWindow, home: Home) -> None:
        self._window, self._home = window, home
        self._made: dict[str, RunFolder] = {}

    def _close(self) -> None:
        for dialog in _dialogs(self._window):
            dialog.reject()

    async def _go(self, key: str) -> Any:
        self._window.visit(key)
        await _until(
            lambda: self._window.current is self._window._pages.get(key, self), f"page {key}"
        )
        await asyncio.sleep(0.2)
        return self._window.current

    async def home_first(self) -> None:
        await self._go("home")

    async def chat_nothing(self) -> None:
        await self._go("chat")

    async def compare_nothing(self) -> None:
        await self._go("compare")

    async def queue_nothing(self) -> None:
        await self._go("queue")

    async def data_nothing(self) -> None:
        await self._step("data", sample=False)

    # --- a new fine-tune --------------------------------------------------------------------------

    async def _step(self, step: str, sample: bool = True) -> Any:
        wizard = await self._go("new")
        if sample and wizard.session.draft.source is None:
            wizard.open_files(["emotions.jsonl"])
            await _until(lambda: wizard.inspection.report and wizard.inspection.preview, "check")
        wizard.session.visit(step)
        await _until(lambda: wizard.session.facts.model is not None or not sample, "the model")
        await asyncio.sleep(_SETTLE_S)
        return wizard

    async def data(self) -> None:
        await self._step("data")

    async def data_replace(self) -> None:
        await self._step("data")
        from phi3studio.gui.pages.wizard.data.workbench import Workbench

        bench: Any = self._window.findChild(Workbench)
        bench._replace()
        await _until(lambda: _dialogs(self._window), "find and replace")

    async def model(self) -> None:
        await self._step("model")

    async def tuning(self) -> None:
        await self._step("tuning")

    async def target(self) -> None:
        await self._step("target")

    async def limits(self) -> None:
        from phi3studio.domain.recipe import Limits

        wizard = await self._step("target")
        wizard.session.edit("target", limits=Limits(size_mb=120.5, points_lost=2.5))
        card = wizard.view("target").limits
        card.show_all(True)
        await asyncio.sleep(_SETTLE_S)
        _scroll_to(card)

    async def review(self) -> None:
        await self._step("review")

    async def review_lower(self) -> None:
        wizard = await self._step("review")
        _scroll_to(wizard.view("review").start)

    async def start_over(self) -> None:
        wizard = await self._step("review")
        wizard._over.click()
        await _until(lambda: _dialogs(self._window), "the question")

    async def olive_import(self) -> None:
        file = self._home.root / "olive-config.json"
        shutil.copy(FIXTURES / "lora-phrases.json", file)
        (await self._go("new")).open_files([str(file)])
        await _until(lambda: _dialogs(self._window), "the import")

    async def olive_imports(self) -> None:
        folder = self._home.root / "configs"
        folder.mkdir(exist_ok=True)
        values = json.loads((FIXTURES / "lora-phrases.json").read_text("utf-8"))
        for name in ("one.json", "two.json"):
            (folder / name).write_text(json.dumps(values), "utf-8")
        (await self._go("new")).open_files([str(folder)])
        await _until(lambda: _dialogs(self._window), "the imports")

    async def pairs(self) -> None:
        file = self._home.root / "pairs.jsonl"
        rows = [
            {"prompt": f"Say it kindly, {n}.", "chosen": f"Gladly, {n}.", "rejected": "No."}
            for n in range(40)
        ]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        wizard = await self._go("new")
        wizard.begin_anew()
        wizard.open_files([str(file)])
        await _until(lambda: wizard.session.draft.source is not None, "pairs")
        wizard.session.edit(
            "data", shape="columns", prompt="{prompt}", completion="{chosen}",
            rejected="{rejected}",
        )  # fmt: skip
        wizard.session.visit("data")
        await asyncio.sleep(2)

    async def pairs_tuning(self) -> None:
        await self._step("tuning")

    async def ratings_data(self) -> None:
        file = self._home.root / "ratings.jsonl"
        rows = [
            {"prompt": f"Say it kindly, {n}.", "completion": "Gladly.", "label": n % 2 == 0}
            for n in range(40)
        ]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        wizard = await self._go("new")
        wizard.begin_anew()
        wizard.open_files([str(file)])
        await _until(lambda: wizard.session.draft.source is not None, "ratings")
        wizard.session.edit(
            "data", shape="columns", prompt="{prompt}", completion="{completion}", rating="label"
        )
        wizard.session.visit("data")
        await asyncio.sleep(2)

    async def ratings_tuning(self) -> None:
        await self._step("tuning")

    # --- runs -------------------------------------------------------------------------------------

    def _runs(self) -> dict[str, RunFolder]:
        if not self._made:
            from phi3studio.domain.events.measured_events import Forgetting, Verified
            from phi3studio.domain.events.run_events import Waiting
            from phi3studio.domain.recipe import Limits, parse_recipe
            from phi3studio.runs.demo import demo_recipe
            from tests.showcase.runs import course, not_proven, write_run, write_showcase
            from tests.showcase.searches import POINTS, write_search_run

            root, sample = self._home.runs, "emotions.jsonl"
            self._made = write_showcase(root, sample, True)
            for folder in (self._made["done"].model, self._made["done"].adapter):
                folder.mkdir(exist_ok=True)
                with (folder / "model.onnx").open("wb") as file:  # as large as its event says
                    file.truncate(128_000_000 if folder.name == "model" else 9_800_000)
            forgot = Forgetting(
                questions=60, before=1.9, after=2.4, interval=(0.41, 0.6), limit=0.3,
                right_before=0.58, right_after=0.49,
            )  # fmt: skip
            events = list(course())
            events.insert(-2, (events[-2][0], forgot))
            recipe = parse_recipe({**demo_recipe().to_json(), "name": "forgetful"})
            self._made["forgot"] = write_run(root, recipe, events, age_s=7200)
            values = demo_recipe().to_json()
            aware = {**values["training"], "int4_aware": True}
            recipe = parse_recipe({**values, "name": "four-bits", "training": aware})
            verdict = not_proven(recipe)
            events = [(at, verdict if isinstance(p, Verified) else p) for at, p in course()]
            self._made["not proven"] = write_run(root, recipe, events, age_s=8000)
            at = time.time() + 6 * 3600
            recipe = parse_recipe({**demo_recipe().to_json(), "name": "tonight"})
            waiting: list[Any] = [(0.0, Waiting(ahead=0, start_at=at))]
            self._made["waiting"] = write_run(root, recipe, waiting, age_s=30, alive=True)
            tickets = root / ".queue"
            tickets.mkdir()
            (tickets / f"{1:020d}--{self._made['waiting'].name}").touch()
            limits = Limits(size_mb=120.5, points_lost=2.5)
            self._made["searched"] = write_search_run(root, sample, "found", limits)
            self._made["searching"] = write_search_run(
                root, sample, "on-the-way", Limits(size_mb=200), POINTS[:3], done=False, alive=True
            )
        return self._made

    async def _run(self, name: str) -> Any:
        run = self._runs()[name]
        self._window.show_run(run)
        await _until(lambda: getattr(self._window.current, "run", None) == run, f"the run {name}")
        await asyncio.sleep(1.5)
        return self._window.current

    async def home(self) -> None:
        runs = self._runs()
        await self._go("home")
        await _until(lambda: len(self._window.runs.entries()) >= len(runs), "the list")
        await asyncio.sleep(1)

    async def home_chosen(self) -> None:
        await self.home()
        page: Any = self._window.current
        page._cards.selectAll()

    async def home_nothing_found(self) -> None:
        await self.home()
        page: Any = self._window.current
        page._cards.clearSelection()
        page._search.setText("zebra")

    async def notes(self) -> None:
        await self.home()
        page: Any = self._window.current
        page._search.setText("")
        page._edit_notes(self._runs()["done"])

    async def trash(self) -> None:
        await self.home()
        page: Any = self._window.current
        page._thrown.discard([self._runs()["interrupted"]])
        await asyncio.sleep(1.5)
        page._thrown.look_into(page)
        await _until(lambda: _dialogs(self._window), "the trash")

    async def trash_undo(self) -> None:
        await self.home()

    async def run_live(self) -> None:
        await self._run("live")

    async def run_done(self) -> None:
        await self._run("done")

    async def run_done_lower(self) -> None:
        page = await self._run("done")
        _scroll_to(page._result._samples)

    async def run_forgot(self) -> None:
        page = await self._run("forgot")
        _scroll_to(page._result._figures)

    async def run_not_proven(self) -> None:
        await self._run("not proven")

    async def run_not_proven_verdict(self) -> None:
        page = await self._run("not proven")
        _scroll_to(page._result._verdict)

    async def run_interrupted(self) -> None:
        await self._run("interrupted")

    async def run_failed(self) -> None:
        await self._run("failed")

    async def run_paused(self) -> None:
        await self._run("paused")

    async def run_waiting(self) -> None:
        await self._run("waiting")

    async def run_searched(self) -> None:
        page = await self._run("searched")
        await _until(lambda: not page.searching.busy, "the table")
        _scroll_to(page.searching)

    async def run_searched_table(self) -> None:
        page = await self._run("searched")
        await _until(lambda: not page.searching.busy, "the table")
        _scroll_to(page.searching.points)

    async def run_searching(self) -> None:
        page = await self._run("searching")
        _scroll_to(page.searching)

    async def elsewhere(self) -> None:
        (await self._run("done"))._elsewhere.click()
        await _until(lambda: _dialogs(self._window), "the places")

    async def export(self) -> None:
        (await self._run("done"))._result.export.ask()
        await _until(lambda: _dialogs(self._window), "the question")

    async def upload(self) -> None:
        (await self._run("done"))._result.upload.ask()
        await _until(lambda: _dialogs(self._window), "the question")
        await asyncio.sleep(2)

    async def search(self) -> None:
        (await self._run("done"))._search.click()
        await _until(lambda: _dialogs(self._window), "the question")

    async def cancel(self) -> None:
        (await self._run("live"))._cancel.click()
        await _until(lambda: _dialogs(self._window), "the question")

    # --- the rest ---------------------------------------------------------------------------------

    async def chat_empty(self) -> None:
        await self._go("chat")

    async def chat(self) -> None:
        from phi3studio.runs.shown.transcript import Ask

        page = await self._go("chat")
        page.add_run(self._runs()["done"])
        wide = self._runs()["wide"]
        wide.model.mkdir(exist_ok=True)
        page.add_run(wide)
        await _until(lambda: len(page.columns) == 2, "two models")
        await _until(lambda: all(c.model is not None for c in page.columns), "models")
        page.ask(Ask(values={"phrase": QUESTION}))
        await asyncio.sleep(1)

    async def chat_settings(self) -> None:
        page = await self._go("chat")
        page.show_settings(True)

    async def blind(self) -> None:
        from phi3studio.runs.shown.transcript import Ask

        page = await self._go("chat")
        page.show_settings(False)
        page.rating.compare.click()
        page.ask(Ask(values={"phrase": QUESTION}))
        await _until(page.rating.view.buttons["1"].isEnabled, "two answers")

    async def blind_end(self) -> None:
        page = await self._go("chat")
        page.rating.view.pick("1")
        page.rating.view.finish.click()

    async def ratings(self) -> None:
        page = await self._go("chat")
        await _until(lambda: page.rating.desk.known.ratings, "a rating")
        page.rating.open_list()
        await _until(lambda: _dialogs(self._window), "the ratings")

    async def chats(self) -> None:
        page = await self._go("chat")
        page._list_button.click()

    async def compare(self) -> None:
        page = await self._go("compare")
        page.choose([self._runs()["done"], self._runs()["wide"]])
        await asyncio.sleep(1.5)

    async def queue(self) -> None:
        await self._go("queue")
        await asyncio.sleep(1.5)

    async def models(self) -> None:
        await self._go("models")
        await asyncio.sleep(1.5)

    async def doctor(self) -> None:
        await self._go("doctor")
        await asyncio.sleep(1.5)

    async def settings(self) -> None:
        await self._go("settings")

    async def settings_lower(self) -> None:
        page = await self._go("settings")
        _scroll_to(page.runtime)

    async def crash(self) -> None:
        from phi3studio.gui.crash import CrashDialog, report_of

        await self._go("settings")
        CrashDialog(self._window._theme, report_of(ValueError("a fault")), self._window).open()

    async def about(self) -> None:
        from phi3studio.gui.pages.settings.about_card import AboutCard

        page = await self._go("settings")
        page.findChild(AboutCard).show_dialog()
        await _until(lambda: _dialogs(self._window), "About")

    async def keys(self) -> None:
        from phi3studio.gui.shortcuts import ShortcutsDialog

        await self._go("settings")
        ShortcutsDialog(self._window, self._window._theme).open()


def _scroll_to(widget: Any) -> None:
    """Bring the widget to the top of its page."""
    from PySide6.QtCore import QPoint
    from PySide6.QtWidgets import QScrollArea

    area = widget.parentWidget()
    while area is not None and not isinstance(area, QScrollArea):
        area = area.parentWidget()
    if area is not None:
        inner = area.widget()
        area.verticalScrollBar().setValue(widget.mapTo(inner, QPoint(0, 0)).y() - 12)


if __name__ == "__main__":
    main()
