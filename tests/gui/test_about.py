"""About: version, licences, and the check for a newer version against a server on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices, QGuiApplication
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from phi3studio import __version__
from phi3studio.app import about
from phi3studio.app.paths import Home
from phi3studio.app.settings import read_settings
from phi3studio.gui.context import Context
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.settings.about_dialog import AboutDialog
from phi3studio.gui.pages.settings.settings_page import SettingsPage
from phi3studio.gui.widgets.basic import Callout
from tests.gui.test_home import button

Make = Callable[..., MainWindow]


class Releases:
    """A feed of releases; ``asked`` holds the requests with their headers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answer: Any = {"tag_name": "v9.9.9", "html_url": "https://example.org/r/9.9.9"}
        releases = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                releases.asked.append((self.path, dict(self.headers)))
                body = json.dumps(releases.answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/releases/latest"


@pytest.fixture
def releases(monkeypatch: pytest.MonkeyPatch) -> Iterator[Releases]:
    found = Releases()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    monkeypatch.setenv("PHI3STUDIO_RELEASES", found.url)
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


@pytest.fixture
def page(releases: Releases, make_window: Make) -> SettingsPage:
    window = make_window()
    window.go("settings")
    found = window.page("settings")
    assert isinstance(found, SettingsPage)
    return found


def said(page: SettingsPage) -> str:
    return " ".join(f"{f.text.text()} {f.hint.text()}" for f in page.about.findChildren(Callout))


def test_nothing_is_asked_until_the_user_wants_it(
    page: SettingsPage, releases: Releases, home: Home, qtbot: QtBot
) -> None:
    qtbot.wait(300)
    assert not page.about.updates.isChecked()
    assert releases.asked == []
    assert read_settings(home).update_check is False


def test_a_newer_version_is_shown_with_its_page(
    page: SettingsPage,
    releases: Releases,
    home: Home,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    page.about.updates.setChecked(True)
    qtbot.waitUntil(lambda: "9.9.9" in said(page), timeout=10_000)
    qtbot.mouseClick(button(page.about, "Show it"), Qt.MouseButton.LeftButton)
    assert opened == ["https://example.org/r/9.9.9"]
    assert read_settings(home).update_check is True
    # One question, and nothing in it that tells one computer from another.
    ((path, headers),) = releases.asked
    assert path == "/releases/latest"
    assert headers["User-Agent"] == "phi3studio"
    assert not {"Cookie", "Authorization", "From", "Referer"} & headers.keys()
    page.about.updates.setChecked(False)
    qtbot.waitUntil(lambda: not read_settings(home).update_check, timeout=5000)
    assert said(page) == ""


def test_the_newest_version_is_said_to_be_that(
    page: SettingsPage, releases: Releases, qtbot: QtBot
) -> None:
    releases.answer = {"tag_name": f"v{__version__}", "html_url": "https://example.org"}
    page.about.updates.setChecked(True)
    qtbot.waitUntil(lambda: "this is the newest version" in said(page), timeout=10_000)


def test_a_failure_is_quiet_but_reported_in_about(
    page: SettingsPage, releases: Releases, qtbot: QtBot
) -> None:
    releases.answer = ["no", "release"]
    page.about.updates.setChecked(True)
    qtbot.waitUntil(lambda: "the check failed" in said(page), timeout=10_000)
    assert "cannot be read" in said(page)


def test_the_dialog_shows_the_licences_of_what_is_inside(
    page: SettingsPage, home: Home, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    home.root.mkdir(parents=True, exist_ok=True)
    qtbot.mouseClick(button(page.about, "Version and licences"), Qt.MouseButton.LeftButton)
    dialog = page.window().findChild(AboutDialog)
    assert isinstance(dialog, AboutDialog)
    qtbot.waitUntil(lambda: dialog.list.count() > 50, timeout=10_000)
    assert "MIT" in dialog.text.toPlainText()
    dialog.list.setCurrentRow(1)
    text = dialog.text.toPlainText()
    assert text.startswith("Qt, PySide6 ")
    for part in (
        "GNU LESSER GENERAL PUBLIC LICENSE",
        "Version 3, 29 June 2007",
        "source code of Qt",
    ):
        assert part in text
    dialog.search.setText("numpy")
    visible = [
        dialog.list.item(row)
        for row in range(dialog.list.count())
        if not dialog.list.item(row).isHidden()
    ]
    assert [item.text() for item in visible] == ["numpy"]
    dialog.list.setCurrentItem(visible[0])
    assert "Redistribution and use in source and binary forms" in dialog.text.toPlainText()
    qtbot.mouseClick(button(dialog, "Open the data directory"), Qt.MouseButton.LeftButton)
    assert opened == [str(home.root)]
    qtbot.mouseClick(button(dialog, "Copy version"), Qt.MouseButton.LeftButton)
    assert f"Phi-3 Studio {__version__}" in QGuiApplication.clipboard().text()
    qtbot.mouseClick(button(dialog, "Close"), Qt.MouseButton.LeftButton)


def test_about_may_be_closed_before_the_licences_are_read(
    page: SettingsPage, context: Context, qtbot: QtBot
) -> None:
    qtbot.mouseClick(button(page.about, "Version and licences"), Qt.MouseButton.LeftButton)
    dialog = page.window().findChild(AboutDialog)
    assert isinstance(dialog, AboutDialog)
    dialog.close()
    qtbot.waitUntil(lambda: not isValid(dialog), timeout=5000)
    # A fault would be one of the context's.
    qtbot.waitUntil(lambda: context.tasks.count == 0, timeout=10_000)


def test_every_part_states_its_licence_or_has_its_text() -> None:
    parts = about.components()
    bare = [part.name for part in parts if not part.licence and not part.text]
    assert len(parts) > 100
    assert len(bare) < 0.03 * len(parts), bare
    names = [part.name.lower() for part in parts]
    assert names == sorted(set(names))


def test_a_build_names_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert about.build() == about.Build(__version__)
    (tmp_path / "build.json").write_text(
        json.dumps({"commit": "abc123", "date": 1_790_000_000, "flavour": "cpu", "version": "x"})
    )
    monkeypatch.setenv("PHI3STUDIO_RESOURCES", str(tmp_path))
    assert about.build() == about.Build(__version__, "abc123", "2026-09-21", "cpu")
    (tmp_path / "build.json").write_text("[]")
    assert about.build() == about.Build(__version__)
