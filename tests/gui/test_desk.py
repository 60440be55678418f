"""What is expected of a desktop program: notes, keys, the language at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from filelock import FileLock
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.domain.events.event_line import AnyPayload, Event
from phi3studio.domain.events.run_events import Finished
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.home.home_page import HomePage
from phi3studio.gui.pages.settings.settings_page import SettingsPage
from phi3studio.gui.shortcuts import ShortcutsDialog
from phi3studio.gui.texts.i18n import install_language
from phi3studio.resources import resources
from phi3studio.runs.store import RunFolder
from tests.notification_service import missing as no_bus
from tests.notification_service import session_bus
from tests.showcase.runs import course, write_run

Make = Callable[..., MainWindow]


def end(run: RunFolder, payload: AnyPayload) -> None:
    with run.events_file.open("a", encoding="utf-8") as file:
        file.write(Event(seq=9999, t=time.time(), payload=payload).to_line() + "\n")


@pytest.mark.parametrize("wanted", [True, False])
def test_the_end_of_a_run_is_said_to_who_looks_elsewhere(
    make_window: Make, qtbot: QtBot, home: Home, showcase: dict[str, RunFolder], wanted: bool
) -> None:
    run = write_run(home.runs, showcase["done"].recipe(), course(until=90), age_s=80)
    shown: list[tuple[str, str]] = []
    with FileLock(run.life_lock):
        window = make_window()
        window._notifier.notified.connect(lambda title, text: shown.append((title, text)))
        window.go("settings")
        settings = window.page("settings")
        assert isinstance(settings, SettingsPage)
        assert settings.notify.isChecked()
        if not wanted:
            settings.notify.click()
        window.isActiveWindow = lambda: False  # type: ignore[method-assign]
        qtbot.waitUntil(lambda: "90" in window.windowTitle() or window.runs.live_count() == 1)
        qtbot.waitUntil(lambda: " % · " in window.windowTitle(), timeout=8000)
        failed = Finished(outcome="failed", code="memory.short", message="No room.", hint="Less.")
        end(run, failed)
    qtbot.waitUntil(lambda: window.windowTitle() == "Phi-3 Studio", timeout=8000)
    said = "The run has failed. Its page says why and what to do."
    assert shown == ([("emotions", said)] if wanted else [])


_SHARES = """
from PySide6.QtWidgets import QApplication, QWidget
from phi3studio.gui.desktop.taskbar import Taskbar
app = QApplication([])
bar = Taskbar(QWidget())
for share in (0.42, 0.423, None):
    bar.show_share(share)
app.processEvents()
"""


@pytest.mark.skipif(sys.platform != "linux" or no_bus(), reason="needs dbus-daemon")
def test_docks_are_shown_how_far_the_run_is() -> None:
    with session_bus() as bus:
        address = {"DBUS_SESSION_BUS_ADDRESS": bus.address}
        subprocess.run([sys.executable, "-c", _SHARES], env=os.environ | address, check=True)
        name = "application://phi3studio.desktop"
        shown = {"progress": 0.42, "progress-visible": True}
        assert bus.launchers.get(timeout=10) == (name, shown)
        assert bus.launchers.get(timeout=10) == (name, {"progress": 0, "progress-visible": False})
        assert bus.launchers.empty()


def test_the_keys_work_and_are_listed(make_window: Make, qtbot: QtBot) -> None:
    window = make_window()
    keys = Qt.KeyboardModifier.ControlModifier
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=5000)
    qtbot.keyClick(window, Qt.Key.Key_Comma, keys)
    qtbot.waitUntil(lambda: window.current is window.page("settings"))
    qtbot.keyClick(window, Qt.Key.Key_4, keys)
    qtbot.waitUntil(lambda: window.current is window.page("compare"))
    qtbot.keyClick(window, Qt.Key.Key_F, keys)
    focused = window.focusWidget()
    assert focused is not None
    assert focused.accessibleName() == "Search runs"
    qtbot.keyClick(window, Qt.Key.Key_F1)
    dialog = window.findChild(ShortcutsDialog)
    assert dialog is not None
    said = [shown.text() for shown in dialog.findChildren(QLabel)]
    assert {"Ctrl+,", "F1", "Settings"} <= set(said)
    dialog.accept()


@pytest.fixture
def english_again(qapp: QApplication) -> Iterator[None]:
    yield
    install_language(qapp, resources() / "translations", "en")
    for translator in qapp.children():
        if type(translator).__name__ == "QTranslator":
            qapp.removeTranslator(translator)  # type: ignore[arg-type]


def test_the_language_changes_at_once(
    make_window: Make, qtbot: QtBot, showcase: dict[str, RunFolder], english_again: None
) -> None:
    window = make_window()
    window.go("settings")
    settings = window.page("settings")
    assert isinstance(settings, SettingsPage)
    settings.language.setCurrentIndex(settings.language.findData("it"))
    settings.language.activated.emit(settings.language.currentIndex())
    qtbot.waitUntil(lambda: isinstance(window.current, SettingsPage), timeout=5000)
    page = window.current
    assert isinstance(page, SettingsPage)
    assert page is not settings
    assert page.title.text() == "Impostazioni"
    window.go("home")
    qtbot.waitUntil(lambda: isinstance(window.current, HomePage), timeout=5000)
    home = window.current
    assert isinstance(home, HomePage)
    assert home._new.text() == "Nuovo addestramento" or home._new.text() != "New fine-tune"
    qtbot.waitUntil(lambda: home._filter.rowCount() == 6, timeout=8000)
