"""Pictures of every page, in light and dark, English and Italian.

    python -m tools.screenshots DIR

Drawn offscreen from recorded runs and recorded answers: no training, no model, no service. Each
language is drawn in a process of its own, because translations are made when a page is built.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phi3studio.domain.recipe import Recipe
    from phi3studio.gui.main_window import MainWindow
    from phi3studio.runs.store import RunFolder

LANGUAGES = ("en", "it")
SIZE = (1280, 860)
_SETTLE_S = 0.25


def render(out: Path) -> list[Path]:
    """Draw all pictures into *out* as ``<page>-<scheme>-<language>.png``; returns them, sorted.

    Starts one child per language and waits for it. Raises ``RuntimeError`` when one fails.
    """
    out.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ, QT_QPA_PLATFORM="offscreen")
    environment.pop("QT_SCALE_FACTOR", None)
    with tempfile.TemporaryDirectory() as folder:
        # The pictures show paths: below a home of their own they are short and tell nothing.
        environment |= {"HOME": folder, "USERPROFILE": folder, "HF_HOME": f"{folder}/.cache/hub"}
        _render_languages(out.absolute(), environment)
    return sorted(out.glob("*.png"))


def _render_languages(out: Path, environment: dict[str, str]) -> None:
    for language in LANGUAGES:
        done = subprocess.run(
            [sys.executable, "-m", "tools.screenshots", str(out), language],
            cwd=Path(__file__).parents[1],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"drawing in {language} failed: {done.stderr.strip()}")


def draw(out: str, language: str) -> None:
    """Draw every page in one language, in both schemes."""
    import qasync
    from PySide6.QtWidgets import QApplication

    if not Path.home().is_relative_to(tempfile.gettempdir()):
        raise SystemExit("This would empty your data directory: set HOME to a temporary folder.")
    app = QApplication(["phi3studio"])
    app.setQuitOnLastWindowClosed(False)
    loop = qasync.QEventLoop(app)
    folder = Path.home() / ".local" / "share"
    folder.mkdir(parents=True, exist_ok=True)
    with loop:
        loop.run_until_complete(_draw_all(app, Path(out), language, folder))


async def _draw_all(app: Any, out: Path, language: str, folder: Path) -> None:
    from phi3studio.app.paths import Home
    from phi3studio.gui.context import Context
    from phi3studio.gui.main_window import MainWindow
    from phi3studio.gui.page_set import PageSet, Services
    from phi3studio.gui.preferences import PreferencesFile
    from phi3studio.gui.tasks import Tasks
    from phi3studio.gui.texts.i18n import install_language
    from phi3studio.gui.theme import Theme
    from phi3studio.resources import resources
    from phi3studio.runs.store import RunStore
    from tests.showcase.azure import recorded_desk
    from tests.showcase.chat import RecordedChat
    from tests.showcase.inspector import RecordedInspector
    from tests.showcase.runs import write_downloads, write_showcase

    async def probe() -> dict[str, Any]:
        return {
            "train_on": ["cpu"],
            "cuda": [],
            "providers": ["CPUExecutionProvider"],
            "threads": 2,
            "problems": [],
        }

    async def fetch(source: str) -> AsyncIterator[dict[str, Any]]:
        yield {"activity": source}

    async def olive_config(recipe: Recipe) -> str:
        return recipe.model_dump_json(indent=2)

    translators = install_language(app, resources() / "translations", language)
    theme = Theme(app, resources(), "light")
    tasks = Tasks(app)
    # A relative path, for the same reason.
    os.chdir(resources() / "samples")
    sample = "emotions.jsonl"

    def window(name: str) -> MainWindow:
        home = Home(folder / name)
        context = Context(
            theme, tasks, home, RunStore(home), resources(), PreferencesFile(folder / "window.json")
        )
        services = Services(
            RecordedInspector(), RecordedChat(), probe, fetch, olive_config, azure=recorded_desk()
        )
        made = MainWindow(theme, context.preferences)
        made.resize(*SIZE)
        made.add_pages(PageSet(context, services))
        made.show()
        return made

    shutil.rmtree(folder / "phi3studio", ignore_errors=True)
    runs = write_showcase(folder / "phi3studio" / "runs", sample, True)
    write_downloads(folder / "phi3studio")
    full, first = window("phi3studio"), window("first")
    await asyncio.sleep(1)
    shots = _Shots(out, language, theme)
    await shots.take(first, "welcome")
    first.close()
    await _walk(full, shots, runs, sample)
    await tasks.close()
    full.close_for_good()
    del translators


class _Shots:
    def __init__(self, out: Path, language: str, theme: Any) -> None:
        self._out = out
        self._language = language
        self._theme = theme

    async def take(self, window: MainWindow, name: str) -> None:
        for scheme in ("light", "dark"):
            self._theme.set_mode(scheme)
            await asyncio.sleep(_SETTLE_S)
            window.grab().save(str(self._out / f"{name}-{scheme}-{self._language}.png"))


async def _walk(window: MainWindow, shots: _Shots, runs: dict[str, RunFolder], sample: str) -> None:
    """Go through every page as a user would."""
    from phi3studio.gui.pages.chat.chat_page import ChatPage
    from phi3studio.gui.pages.chat.untuned_base import Base
    from phi3studio.gui.pages.compare_page import ComparePage
    from phi3studio.gui.pages.wizard.data.data_page import DataPage
    from phi3studio.gui.pages.wizard.target_page import TargetPage
    from phi3studio.gui.pages.wizard.tuning_page import TuningPage
    from phi3studio.gui.pages.wizard.wizard_page import WizardPage
    from phi3studio.runs.shown.transcript import Ask
    from phi3studio.wizard.flow import visit
    from phi3studio.wizard.optional_steps import without_data
    from tools.screenshots_azure import walk_azure, walk_held

    await shots.take(window, "home")
    window.go("new")
    wizard = window.page("new")
    assert isinstance(wizard, WizardPage)
    await shots.take(window, "wizard-0-empty")
    data = wizard.view("data")
    assert isinstance(data, DataPage)
    data.source.take_file(sample)
    await asyncio.sleep(1.5)
    for index, page in enumerate(("data", "model", "tuning", "target", "review"), start=1):
        wizard.session.visit(page)  # type: ignore[arg-type]
        await asyncio.sleep(0.4)
        await shots.take(window, f"wizard-{index}-{page}")
    wizard.session.visit("target")
    target = wizard.view("target")
    assert isinstance(target, TargetPage)
    for card in (target.int4, target.fidelity):
        card.show_all(True)
    await shots.take(window, "wizard-4-target-all")
    wizard.session.visit("tuning")
    tuning = wizard.view("tuning")
    assert isinstance(tuning, TuningPage)
    tuning.show_all(True)
    await shots.take(window, "wizard-3-tuning-all")
    wizard.session.start_over()
    wizard.session.take(visit(without_data(wizard.session.draft), "review"))
    await asyncio.sleep(0.4)
    await shots.take(window, "wizard-5-review-export")
    for name in ("live", "done", "failed", "interrupted"):
        window.show_run(runs[name])
        await asyncio.sleep(1)
        await shots.take(window, f"run-{name}")
    window.go("chat")
    await shots.take(window, "chat-empty")
    chat = window.page("chat")
    assert isinstance(chat, ChatPage)
    chat.add_run(runs["done"])
    chat.add_run(runs["wide"])
    await asyncio.sleep(0.3)
    chat.ask(Ask(values={"phrase": "Footsteps stopped right outside my door."}))
    await asyncio.sleep(0.5)
    await shots.take(window, "chat")
    chat.show_settings(True)
    await shots.take(window, "chat-settings")
    chat.show_settings(False)
    chat.add_base(Base.of(runs["done"].recipe()))
    await shots.take(window, "chat-base")
    window.go("compare")
    compare = window.page("compare")
    assert isinstance(compare, ComparePage)
    compare.choose([runs["done"], runs["wide"], runs["live"]])
    await asyncio.sleep(0.6)
    await shots.take(window, "compare")
    for page_name in ("queue", "models", "doctor", "settings"):
        window.go(page_name)
        await asyncio.sleep(1.2)
        await shots.take(window, page_name)
    root = runs["done"].path.parent
    await walk_azure(window, shots.take, root, sample)
    await walk_held(window, shots.take, runs["done"], root)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        draw(sys.argv[1], sys.argv[2])
    else:
        print(*render(Path(sys.argv[1])), sep="\n")
