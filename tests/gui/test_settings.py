"""Settings: threads, folders, and the start after another home was chosen."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home, default_home, user_home
from phi3studio.app.settings import read_settings
from phi3studio.gui.context import Context
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.page_set import PageSet
from phi3studio.gui.pages.settings.computing_card import ComputingCard
from phi3studio.gui.pages.settings.folders_card import FoldersCard
from phi3studio.gui.pages.settings.settings_page import SettingsPage
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import Callout
from phi3studio.runs import relocate
from tests.gui.test_home import button

Make = Callable[..., MainWindow]


@pytest.fixture
def page(make_window: Make, context: Context) -> SettingsPage:
    window = make_window()
    window.go("settings")
    found = window.page("settings")
    assert isinstance(found, SettingsPage)
    return found


@pytest.fixture
def own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The pointer to the home lies in a place of the test's."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user" / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user" / "data"))
    return tmp_path


def test_the_number_of_threads_is_chosen(page: SettingsPage, home: Home) -> None:
    card = page.findChild(ComputingCard)
    assert card is not None
    assert card.threads.currentData() is None
    index = card.threads.findData(1)
    card.threads.setCurrentIndex(index)
    card.threads.activated.emit(index)
    assert read_settings(home).threads == 1
    assert any("from now" in f.text.text() for f in card.findChildren(Callout))
    card.threads.activated.emit(0)
    assert read_settings(home).threads is None


def test_threads_of_the_environment_are_said_to_decide(
    make_window: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHI3STUDIO_THREADS", "2")
    window = make_window()
    card = window.page("settings").findChild(ComputingCard)
    assert card is not None
    assert not card.threads.isEnabled()
    assert any("PHI3STUDIO_THREADS" in f.text.text() for f in card.findChildren(Callout))


def test_folders_are_opened(
    page: SettingsPage, home: Home, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    home.runs.mkdir(parents=True)
    qtbot.mouseClick(button(page, "Open Runs"), Qt.MouseButton.LeftButton)
    # Not made yet: the nearest folder that is there.
    qtbot.mouseClick(button(page, "Open Your models"), Qt.MouseButton.LeftButton)
    assert opened == [str(home.runs), str(home.root)]


def ask(page: SettingsPage, folder: Path) -> Question:
    page.folders.ask(folder)
    question = page.window().findChild(Question)
    assert isinstance(question, Question)
    return question


def test_a_new_home_is_planned_and_the_plan_undone(
    own_config: Path, page: SettingsPage, qtbot: QtBot
) -> None:
    new = own_config / "new home"
    question = ask(page, new)
    qtbot.mouseClick(button(question, "Move"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: any("everything moves" in f.text.text() for f in page.findChildren(Callout)),
        timeout=5000,
    )
    assert relocate.pending() == relocate.Pending(new, True)
    qtbot.mouseClick(button(page.folders, "Undo"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: relocate.pending() is None, timeout=5000)
    qtbot.waitUntil(lambda: not page.folders.findChildren(Callout), timeout=5000)


def test_a_folder_that_cannot_be_the_home_is_refused(
    own_config: Path, page: SettingsPage, home: Home, qtbot: QtBot
) -> None:
    home.root.mkdir(parents=True, exist_ok=True)
    question = ask(page, home.root / "inside")
    qtbot.mouseClick(button(question, "Use it as it is"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: any("inside each other" in f.text.text() for f in page.findChildren(Callout)),
        timeout=5000,
    )
    assert relocate.pending() is None


def test_the_environment_decides_where_it_is_set(context: Context, qtbot: QtBot) -> None:
    card = FoldersCard(replace(context, home_from_environment=True))
    qtbot.addWidget(card)
    assert not card.change.isEnabled()


def start(tmp_path: Path, *before: str) -> subprocess.CompletedProcess[str]:
    """A real start of the window, closed as soon as its pages are there."""
    code = "\n".join(
        (
            "import os; os.environ['QT_QPA_PLATFORM'] = 'offscreen'",
            "from PySide6.QtCore import QTimer",
            "from phi3studio.gui import start",
            *before,
            "add_pages = start.MainWindow.add_pages",
            "def added(self, page_set):",
            "    add_pages(self, page_set)",
            "    from phi3studio.app.paths import user_home",
            "    print('home', user_home().root)",
            "    QTimer.singleShot(300, self, self.close_for_good)",
            "start.MainWindow.add_pages = added",
            "raise SystemExit(start.main([]))",
        )
    )
    environment = {k: v for k, v in os.environ.items() if k != "PHI3STUDIO_HOME"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_next_start_moves_the_home(own_config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHI3STUDIO_HOME", raising=False)
    old, new = default_home(), own_config / "moved here"
    (old / "runs" / "r").mkdir(parents=True)
    (old / "runs" / "r" / "recipe.json").write_text("{}")
    relocate.check_new_home(new, old, move=True)
    relocate.plan(new, move=True)
    done = start(own_config)
    assert done.returncode == 0, done.stderr
    assert f"home {new}" in done.stdout
    assert (new / "runs" / "r" / "recipe.json").is_file()
    assert not old.exists()
    assert user_home() == Home(new)


def test_a_home_that_is_gone_is_asked_about(
    own_config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PHI3STUDIO_HOME", raising=False)
    new = own_config / "disk"
    relocate.apply(relocate.Pending(new, False))
    new.rmdir()
    press = (
        "from PySide6.QtWidgets import QApplication, QPushButton",
        "def press():",
        "    for b in QApplication.activeWindow().findChildren(QPushButton):",
        "        if b.text() == {name!r}: b.click()",
        "import phi3studio.gui.moving as moving",
        "shown = moving.StartDialog.show",
        "def show(self):",
        "    shown(self); self.activateWindow(); QTimer.singleShot(200, self, press)",
        "moving.StartDialog.show = show",
    )

    def pressing(name: str) -> tuple[str, ...]:
        return tuple(line.format(name=name) if "{name" in line else line for line in press)

    done = start(own_config, *pressing("Quit"))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    done = start(own_config, *pressing("Use the standard folder"))
    assert done.returncode == 0, done.stderr
    assert f"home {default_home()}" in done.stdout
    assert not new.exists()


def test_pages_share_one_downloader(context: Context, services: object) -> None:
    page_set = PageSet(context, services)  # type: ignore[arg-type]
    assert page_set.downloader is page_set.downloader


def test_interrupted_runs_may_go_on_by_themselves(page: SettingsPage, home: Home) -> None:
    card = page.findChild(ComputingCard)
    assert card is not None
    assert not card.resume_runs.isChecked()
    card.resume_runs.click()
    assert read_settings(home).resume_runs
    card.resume_runs.click()
    assert not read_settings(home).resume_runs
    assert read_settings(home).keep_awake
    card.keep_awake.click()
    assert not read_settings(home).keep_awake
