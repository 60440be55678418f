"""Pictures of the window over a data directory with real runs.

    python -m tools.screenshots --home HOME [--language en] [--scheme light] DIR [PAGE…]

HOME is a data directory with a finished run, as ``PHI3STUDIO_HOME=HOME phi3studio demo`` leaves
one; it is only read. The window is drawn offscreen with its real helper processes: rows, tokens,
figures and answers are what a user would see. Where the untuned base model was exported, it answers
in the chat as well.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phi3studio.gui.lifecycle import Helpers
    from phi3studio.gui.main_window import MainWindow
    from phi3studio.runs.store import RunFolder

SIZE = (1280, 860)
QUESTION = "Footsteps stopped right outside my door."
_SETTLE_S = 0.6
_LONGEST_WAIT_S = 300


def main() -> None:
    """Draw the pictures; prints their paths."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--language", default="en", choices=("en", "it"))
    parser.add_argument("--scheme", default="light", choices=("light", "dark"))
    parser.add_argument("out", type=Path)
    parser.add_argument("pages", nargs="*", help="some of the pictures, by name; all without it")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    out, home = given.out.absolute(), given.home.absolute()
    with tempfile.TemporaryDirectory() as folder:
        # Pictures show paths: below a home of their own they are short and tell nothing.
        os.environ |= {"HOME": folder, "USERPROFILE": folder}
        data = Path(folder) / "phi3studio"
        shutil.copytree(home, data, symlinks=True, ignore=shutil.ignore_patterns("checkpoint-*"))
        os.environ["PHI3STUDIO_HOME"] = str(data)
        _draw(data, out, given.language, given.scheme, set(given.pages))


def _draw(data: Path, out: Path, language: str, scheme: str, pages: set[str]) -> None:
    import qasync

    from phi3studio.app.paths import Home
    from phi3studio.gui.application import Application
    from phi3studio.gui.context import Context
    from phi3studio.gui.lifecycle import Helpers
    from phi3studio.gui.main_window import MainWindow
    from phi3studio.gui.page_set import PageSet
    from phi3studio.gui.preferences import PreferencesFile
    from phi3studio.gui.tasks import Tasks
    from phi3studio.gui.texts.i18n import install_language
    from phi3studio.gui.theme import Theme
    from phi3studio.resources import resources
    from phi3studio.runs.store import RunStore

    app = Application(["phi3studio"])
    app.setQuitOnLastWindowClosed(False)
    translators = install_language(app, resources() / "translations", language)
    theme, tasks, home = Theme(app, resources(), scheme), Tasks(app), Home(data)
    # A relative path, so that the pictures show no folder of this machine.
    os.chdir(resources() / "samples")

    async def draw() -> None:
        helpers = Helpers.make()
        preferences = PreferencesFile(data / "window.json")
        context = Context(theme, tasks, home, RunStore(home), resources(), preferences)
        window = MainWindow(theme, preferences)
        window.resize(*SIZE)
        window.add_pages(PageSet(context, helpers.services()))
        window.show()
        try:
            await _walk(_Shots(window, out, f"-{scheme}-{language}", pages), helpers, home)
        finally:
            await tasks.close()
            await helpers.close()
            window.close_for_good()

    loop = qasync.QEventLoop(app)
    with loop:
        loop.run_until_complete(draw())
    del translators


class _Shots:
    """Takes the pictures that are wanted, each after the page has settled."""

    def __init__(self, window: MainWindow, out: Path, suffix: str, wanted: set[str]) -> None:
        self.window = window
        self._out = out
        self._suffix = suffix
        self._wanted = wanted

    def wants(self, name: str) -> bool:
        return not self._wanted or name in self._wanted

    async def take(self, name: str, arrange: Callable[[], Awaitable[None]]) -> None:
        """Arrange the window, and take the picture *name* of it."""
        if not self.wants(name):
            return
        await arrange()
        await asyncio.sleep(_SETTLE_S)
        file = self._out / f"{name}{self._suffix}.png"
        self.window.grab().save(str(file))
        print(file)


async def _until(ready: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + _LONGEST_WAIT_S
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(what)
        await asyncio.sleep(0.1)


async def _walk(shots: _Shots, helpers: Helpers, home: Any) -> None:
    """Go through the pages as a user would."""
    from phi3studio.gui.pages.wizard.data.data_page import DataPage
    from phi3studio.gui.pages.wizard.wizard_page import WizardPage
    from phi3studio.runs.store import RunStore

    window = shots.window
    await _until(lambda: window.runs is not None, "the pages")
    runs = [run for run in RunStore(home).all() if (run.path / "card").is_dir()]
    if not runs:
        raise SystemExit(
            "This data directory has no finished run: PHI3STUDIO_HOME=… phi3studio demo"
        )

    await _until(lambda: len(window.runs.entries()) >= len(runs), "the list of runs")

    async def go(page: str) -> None:
        window.go(page)
        await asyncio.sleep(_SETTLE_S)

    await shots.take("home", lambda: go("home"))
    steps = ("data", "model", "tuning", "target", "review")
    if any(shots.wants(f"wizard-{n}-{step}") for n, step in enumerate(steps, 1)):
        await go("new")
        wizard = window.page("new")
        assert isinstance(wizard, WizardPage)
        data = wizard.view("data")
        assert isinstance(data, DataPage)
        data.source.take_file("emotions.jsonl")
        inspection = wizard.inspection
        await _until(lambda: inspection.preview and inspection.report, "preview and check")

        for number, step in enumerate(steps, 1):

            async def visit(step: Any = step) -> None:
                wizard.session.visit(step)
                await asyncio.sleep(_SETTLE_S)

            await shots.take(f"wizard-{number}-{step}", visit)

    async def show() -> None:
        window.show_run(runs[0])
        await asyncio.sleep(2)

    await shots.take("run-done", show)
    await shots.take("chat", lambda: _chat(window, runs[0]))
    await shots.take("chat-settings", lambda: _chat_settings(window))
    for page in ("compare", "queue", "models", "doctor", "settings"):
        await shots.take(page, lambda page=page: go(page))  # type: ignore[misc]


async def _chat(window: MainWindow, run: RunFolder) -> None:
    """Ask the tuned model, and its base where it was exported."""
    from phi3studio.gui.pages.chat.chat_page import ChatPage
    from phi3studio.gui.pages.chat.untuned_base import Base
    from phi3studio.runs.shown.transcript import Ask

    window.go("chat")
    chat = window.page("chat")
    assert isinstance(chat, ChatPage)
    base = Base.of(run.recipe())
    chat.add_run(run)
    wanted = 1
    if base.find(window.runs.entries()) is not None:
        chat.add_base(base)
        wanted = 2
    columns = lambda: [column for column in chat.columns if column.model is not None]  # noqa: E731
    await _until(lambda: len(columns()) == wanted, "the models are loaded")
    chat.ask(Ask(values={"phrase": QUESTION}))
    await asyncio.sleep(1)
    await _until(lambda: not any(column.busy for column in chat.columns), "the answers")


async def _chat_settings(window: MainWindow) -> None:
    from phi3studio.gui.pages.chat.chat_page import ChatPage

    window.go("chat")
    chat = window.page("chat")
    assert isinstance(chat, ChatPage)
    chat.show_settings(True)
    await _until(chat.settings_panel.isVisible, "the settings")


if __name__ == "__main__":
    main()
