"""Starts the window: nothing here imports the machine learning libraries."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from phi3studio import __version__
from phi3studio.app.paths import (
    HOME_VARIABLE,
    Home,
    default_home,
    pointer_file,
    user_home,
)
from phi3studio.domain.errors import InputError
from phi3studio.gui.application import Application
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.preferences import PreferencesFile
from phi3studio.gui.single_instance import SingleInstance
from phi3studio.gui.texts.i18n import choose_language, install_language
from phi3studio.gui.theme import Theme
from phi3studio.resources import resources


def main(argv: Sequence[str]) -> int:
    """Show the window until it is closed; returns the exit code.

    *argv* may name a recipe, which the wizard then shows. A second start for the same home folder
    brings the first window forward with its recipe, and ends. The empty window comes first; what
    it is filled with is imported after it was shown.
    """
    app = Application([sys.argv[0], *argv])
    # Qt has taken its own options out of them.
    files = [str(Path(name).absolute()) for name in app.arguments()[1:]]
    file = files[0] if files else ""
    app.setApplicationName("Phi-3 Studio")
    app.setApplicationVersion(__version__)
    app.setDesktopFileName("phi3studio")
    # The loop ends after the helpers have ended, not when the window closes.
    app.setQuitOnLastWindowClosed(False)
    from_environment = bool(os.environ.get(HOME_VARIABLE))
    missing: InputError | None = None
    try:
        home = user_home()
    except InputError as error:
        missing, home = error, Home(default_home())
    single = SingleInstance(home.root, app)
    if not single.first(file):
        return 0
    folder = resources()
    preferences = PreferencesFile(home.root / "window.json")
    language = choose_language(preferences.value.language)
    install_language(app, folder / "translations", language)
    theme = Theme(app, folder, preferences.value.theme)
    app.setWindowIcon(QIcon(str(folder / "icons" / "app.svg")))
    if missing is not None:
        from phi3studio.gui.moving import ask_without_home

        if not ask_without_home(app, theme, missing):
            single.close()
            return 0
    elif not from_environment and pointer_file().is_file():
        found = _moved(app, theme)
        if found is not None:
            home = found
            single.close()
            single = SingleInstance(home.root, app)
            if not single.first(file):
                return 0
            preferences = PreferencesFile(home.root / "window.json")
    # Its helpers and workers stay in this home, whatever is chosen for the next start.
    os.environ[HOME_VARIABLE] = str(home.root)
    window = MainWindow(theme, preferences)
    single.called.connect(window.open_file)
    app.file_opened.connect(window.open_file)
    if sys.platform in ("win32", "darwin"):
        # There processes end with the session; elsewhere they get a signal where they have to.
        app.commitDataRequest.connect(window.session_ends)
    window.show()
    # Painted before what follows is imported.
    app.processEvents()
    if file:
        window.open_file(file)
    from phi3studio.gui.lifecycle import live

    try:
        live(app, home, theme, preferences, window, home_from_environment=from_environment)
    finally:
        single.close()
    return 0


def _moved(app: QApplication, theme: Theme) -> Home | None:
    """The new home, where one was planned for this start."""
    from phi3studio.runs.relocate import pending

    planned = pending()
    if planned is None:
        return None
    from phi3studio.gui.moving import move_home

    return move_home(app, theme, planned)
