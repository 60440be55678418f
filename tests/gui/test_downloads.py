"""Fetching base models through the window: the real models service, a hub on loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from phi3studio.app.download_log import DownloadLog
from phi3studio.gui.context import Context
from phi3studio.gui.lifecycle import Helpers
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.models_page import ModelsPage
from phi3studio.gui.pages.settings.settings_page import SettingsPage
from phi3studio.gui.pages.wizard.model_page import ModelPage
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.gui.widgets.basic import Callout
from phi3studio.gui.widgets.download_bar import DownloadButtons, DownloadProgress
from phi3studio.models.model_store import ModelStore, catalogue
from tests.gui.conftest import spin
from tests.worker.hub_standin import Fault, HubStandIn, Repo
from tests.worker.test_models_download import model_files

Make = Callable[..., MainWindow]
NAME, HUB_ID, TITLE = "qwen2.5-0.5b", "Qwen/Qwen2.5-0.5B-Instruct", "Qwen2.5-0.5B-Instruct"
SIZE = 3_000_000
OTHER, OTHER_ID, OTHER_TITLE = "qwen2.5-1.5b", "Qwen/Qwen2.5-1.5B-Instruct", "Qwen2.5-1.5B-Instruct"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStandIn]:
    """A slow hub with two models; the helper processes inherit its address and an empty cache."""
    commits = {entry.name: entry.revision for entry in catalogue()}
    repos = {
        hub_id: Repo(model_files(shards=1, size=SIZE), commit=str(commits[name]))
        for name, hub_id in ((NAME, HUB_ID), (OTHER, OTHER_ID))
    }
    with HubStandIn(repos) as standin:
        standin.plan = lambda request, size: Fault(bytes_per_s=500_000) if size > 10**5 else None
        monkeypatch.setenv("HF_ENDPOINT", standin.endpoint)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
        for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        yield standin


@pytest.fixture
def helpers(context: Context, hub: HubStandIn) -> Helpers:
    return Helpers.make()


@pytest.fixture
def window(make_window: Make, helpers: Helpers, qtbot: QtBot) -> Iterator[MainWindow]:
    before = set(threading.enumerate())
    yield make_window(helpers.services())
    # The hub's threads end with the connections of the models service.
    spin(helpers.close())
    qtbot.waitUntil(
        lambda: not [t for t in threading.enumerate() if t not in before and "request" in t.name],
        timeout=10_000,
    )


def controls(page: object, title: str = TITLE) -> tuple[DownloadButtons, DownloadProgress]:
    """Buttons and progress of the model."""
    buttons = [b for b in page.findChildren(DownloadButtons) if title in b.pause.accessibleName()]  # type: ignore[attr-defined]
    bars = [b for b in page.findChildren(DownloadProgress) if title in b.bar.accessibleName()]  # type: ignore[attr-defined]
    return buttons[-1], bars[-1]


def has_controls(page: object, title: str = TITLE) -> bool:
    """Whether the model is among those that the page lists; it lists them one by one."""
    try:
        controls(page, title)
    except IndexError:
        return False
    return True


def is_paused(page: object) -> bool:
    """Whether the model's progress says so."""
    return has_controls(page) and controls(page)[1].said.text().startswith("paused")


def click(qtbot: QtBot, button: object) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)  # type: ignore[arg-type]


def models_page(window: MainWindow, qtbot: QtBot) -> ModelsPage:
    window.go("models")
    page = window.page("models")
    assert isinstance(page, ModelsPage)
    qtbot.waitUntil(lambda: has_controls(page), timeout=10_000)
    return page


def fetched_half(page: ModelsPage, qtbot: QtBot) -> None:
    """Start the download and wait until a good part of it is there."""
    buttons, progress = controls(page)
    click(qtbot, buttons.begin)
    qtbot.waitUntil(lambda: progress.bar.maximum() == 1000, timeout=60_000)
    qtbot.waitUntil(lambda: progress.bar.value() > 250, timeout=30_000)
    assert " of 3.09 MB" in progress.said.text()


def test_a_download_is_paused_and_resumed_where_it_was(
    window: MainWindow, hub: HubStandIn, context: Context, qtbot: QtBot
) -> None:
    page, store = models_page(window, qtbot), ModelStore(context.home)
    fetched_half(page, qtbot)
    click(qtbot, controls(page)[0].pause)
    qtbot.waitUntil(lambda: store.unfinished_bytes(NAME) > 500_000, timeout=10_000)
    qtbot.waitUntil(lambda: is_paused(page), timeout=10_000)
    buttons, _ = controls(page)
    assert buttons.begin.text() == "Resume"
    assert not buttons.drop.isHidden()
    assert buttons.pause.isHidden()
    sent = hub.sent
    assert sent < SIZE
    hub.plan = lambda request, size: None
    click(qtbot, buttons.begin)
    qtbot.waitUntil(lambda: store.is_installed(NAME), timeout=60_000)
    # What had arrived was not sent again, but for what was on its way when it stopped.
    assert hub.sent < SIZE + 1_500_000
    assert any(request.range for request in hub.requests)
    page.entered()
    qtbot.waitUntil(
        lambda: (
            not any(TITLE in b.begin.accessibleName() for b in page.findChildren(DownloadButtons))
        ),
        timeout=10_000,
    )


def test_a_cancelled_download_leaves_nothing(
    window: MainWindow, context: Context, qtbot: QtBot
) -> None:
    page, store = models_page(window, qtbot), ModelStore(context.home)
    fetched_half(page, qtbot)
    click(qtbot, controls(page)[0].cancel)
    qtbot.waitUntil(lambda: store.unfinished_bytes(NAME) == 0, timeout=15_000)
    qtbot.waitUntil(
        lambda: (
            has_controls(page)
            and controls(page)[0].begin.text().startswith("Download")
            and not controls(page)[0].begin.isHidden()
        ),
        timeout=10_000,
    )
    assert not store.cache.repo(HUB_ID).exists()


def test_two_downloads_go_on_side_by_side_and_are_stopped_apart(
    window: MainWindow, context: Context, qtbot: QtBot
) -> None:
    page, store = models_page(window, qtbot), ModelStore(context.home)
    fetched_half(page, qtbot)
    other = controls(page, OTHER_TITLE)[0]
    assert other.begin.isVisible()
    assert other.begin.isEnabled()
    click(qtbot, other.begin)
    qtbot.waitUntil(
        lambda: has_controls(page, OTHER_TITLE) and controls(page, OTHER_TITLE)[1].bar.value() > 0,
        timeout=60_000,
    )
    assert controls(page)[0].pause.isVisible(), "the first one goes on"
    click(qtbot, controls(page, OTHER_TITLE)[0].cancel)
    qtbot.waitUntil(lambda: store.is_installed(NAME), timeout=60_000)
    assert not store.is_installed(OTHER)
    qtbot.waitUntil(lambda: not store.cache.repo(OTHER_ID).exists(), timeout=15_000)


def test_a_paused_download_is_discarded(window: MainWindow, context: Context, qtbot: QtBot) -> None:
    page, store = models_page(window, qtbot), ModelStore(context.home)
    fetched_half(page, qtbot)
    click(qtbot, controls(page)[0].pause)
    qtbot.waitUntil(lambda: is_paused(page), timeout=10_000)
    click(qtbot, controls(page)[0].drop)
    qtbot.waitUntil(lambda: store.unfinished_bytes(NAME) == 0, timeout=15_000)
    qtbot.waitUntil(lambda: has_controls(page) and controls(page)[1].isHidden(), timeout=10_000)


def test_one_download_shows_on_every_page_and_in_the_list(
    window: MainWindow, hub: HubStandIn, context: Context, qtbot: QtBot
) -> None:
    page = models_page(window, qtbot)
    fetched_half(page, qtbot)
    window.go("new")
    wizard = window.page("new")
    assert isinstance(wizard, WizardPage)
    choice = wizard.view("model")
    assert isinstance(choice, ModelPage)
    qtbot.waitUntil(lambda: has_controls(choice), timeout=10_000)
    buttons, progress = controls(choice)
    # The page just made hears of the download with its next step.
    qtbot.waitUntil(
        lambda: not buttons.cancel.isHidden() and progress.bar.value() > 0, timeout=10_000
    )
    click(qtbot, buttons.pause)
    log = DownloadLog(context.home.root)
    qtbot.waitUntil(lambda: bool(log.read()), timeout=10_000)
    window.go("settings")
    settings = window.page("settings")
    assert isinstance(settings, SettingsPage)

    def shown() -> str:
        return " ".join(text.text() for text in settings.privacy.findChildren(QLabel))

    qtbot.waitUntil(lambda: HUB_ID in shown(), timeout=5000)
    assert "from 127.0.0.1 · stopped" in shown()
    assert log.read()[0].bytes > 500_000


def test_a_hub_that_is_gone_is_explained(window: MainWindow, hub: HubStandIn, qtbot: QtBot) -> None:
    page = models_page(window, qtbot)
    hub.api_plan = lambda request, size: Fault(status=404)
    click(qtbot, controls(page)[0].begin)
    qtbot.waitUntil(
        lambda: any("no model" in f.text.text() for f in page.findChildren(Callout)),
        timeout=60_000,
    )
    qtbot.waitUntil(
        lambda: has_controls(page) and controls(page)[0].begin.isEnabled(), timeout=5000
    )
