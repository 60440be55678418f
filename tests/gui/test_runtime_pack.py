"""The card of the runtime pack in Settings, over the real uv and an index on loopback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.settings.runtime_card import RuntimeCard
from phi3studio.gui.pages.settings.settings_page import SettingsPage
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import Callout, label
from phi3studio.runtime_pack.place import PackPlace, pack_source
from tests.gui.test_home import button
from tests.package_index import PackageIndex, library, write_lock

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="there are no packs for macOS")
Make = Callable[..., MainWindow]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    folder = tmp_path / "wheels"
    folder.mkdir()
    projects = {"heavytorch": "1.0", "heavyort": "1.0"}
    for name in projects:
        library(folder, name)
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("PHI3STUDIO_PACK_LOCKS", str(tmp_path / "locks"))
    with PackageIndex(folder) as found:
        platform = "windows" if os.name == "nt" else "linux"
        write_lock(tmp_path / "locks", found, projects, platform=platform)
        yield found


@pytest.fixture
def card(index: PackageIndex, make_window: Make, qtbot: QtBot) -> RuntimeCard:
    window = make_window()
    window.go("settings")
    page = window.page("settings")
    assert isinstance(page, SettingsPage)
    qtbot.waitUntil(page.runtime.isVisible, timeout=5000)
    return page.runtime


def place(home: Home) -> PackPlace:
    source = pack_source("cuda")
    assert source is not None
    return PackPlace(home, "cuda", source.id)


def texts(card: RuntimeCard) -> str:
    return " ".join(f.text.text() + f.hint.text() for f in card.findChildren(Callout))


def test_a_pack_is_installed_broken_repaired_and_removed(
    card: RuntimeCard, home: Home, qtbot: QtBot
) -> None:
    assert "Not installed" in card.said.text()
    assert not card.remove.isVisible()
    assert card.install.text().startswith("Install 2")
    qtbot.mouseClick(button(card, card.install.text()), Qt.MouseButton.LeftButton)
    assert card.busy
    assert card.cancel.isVisible()
    qtbot.waitUntil(lambda: card.said.text().startswith("Installed"), timeout=60_000)
    assert "can use the GPU" in texts(card)
    assert not card.install.isVisible()
    (place(home).packages / "heavyort" / "lib.bin").unlink()
    card.look()
    qtbot.waitUntil(lambda: "Broken" in card.said.text(), timeout=5000)
    assert "lib.bin is gone" in card.said.text()
    qtbot.mouseClick(button(card, "Repair"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: card.said.text().startswith("Installed"), timeout=60_000)
    qtbot.mouseClick(button(card, "Remove the runtime pack"), Qt.MouseButton.LeftButton)
    question = card.window().findChild(Question)
    assert isinstance(question, Question)
    qtbot.mouseClick(button(question, "Remove"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Not installed" in card.said.text(), timeout=10_000)
    assert not place(home).folder.exists()


def test_an_installation_is_cancelled_and_gone_on_with(
    card: RuntimeCard, index: PackageIndex, qtbot: QtBot
) -> None:
    index.held.add("heavytorch")
    card.start()
    qtbot.waitUntil(lambda: bool(index.asked["heavytorch-1.0-py3-none-any.whl"]), timeout=30_000)
    qtbot.mouseClick(button(card, "Cancel the installation"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "are kept" in card.said.text(), timeout=20_000)
    assert texts(card) == "", "a cancelled installation is no error"
    index.held.clear()
    index.go_on.set()
    qtbot.mouseClick(button(card, "Continue"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: card.said.text().startswith("Installed"), timeout=60_000)


def test_the_progress_is_shown_in_packages_and_bytes(
    card: RuntimeCard, index: PackageIndex, qtbot: QtBot
) -> None:
    index.held.add("heavytorch")
    card.start()
    qtbot.waitUntil(lambda: card.said.text().startswith("1 of 2 packages"), timeout=30_000)
    assert card.bar.maximum() == 1000
    assert card.bar.value() > 200
    card.stop()
    qtbot.waitUntil(lambda: not card.busy, timeout=20_000)


def test_an_index_that_is_gone_is_reported(
    card: RuntimeCard, index: PackageIndex, qtbot: QtBot
) -> None:
    index.close()
    card.start()
    qtbot.waitUntil(lambda: not card.busy and "cannot be reached" in shown(card), timeout=30_000)
    qtbot.waitUntil(lambda: card.install.text() == "Continue", timeout=5000)
    assert card.install.isVisible()


def shown(card: RuntimeCard) -> str:
    return " ".join(item.text() for item in card.findChildren(type(label())))


def test_a_window_that_closes_ends_the_installation(
    card: RuntimeCard, index: PackageIndex, qtbot: QtBot
) -> None:
    """The fixtures fail for a process or a thread that is left."""
    index.held.add("heavytorch")
    card.start()
    qtbot.waitUntil(lambda: bool(index.asked["heavytorch-1.0-py3-none-any.whl"]), timeout=30_000)


def test_a_build_without_a_pack_says_why(
    make_window: Make, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On Windows, where only PyTorch's own index has what the list is made of."""
    monkeypatch.setenv("PHI3STUDIO_PACK_LOCKS", str(tmp_path / "none"))
    window = make_window()
    window.go("settings")
    page = window.page("settings")
    assert isinstance(page, SettingsPage)
    qtbot.waitUntil(page.runtime.isVisible, timeout=5000)
    assert "This build has no CUDA runtime pack" in texts(page.runtime)
    assert "Training uses the processor" in texts(page.runtime)
    for shown in (page.runtime.install, page.runtime.remove, page.runtime.bar, page.runtime.said):
        assert not shown.isVisible()


def test_a_system_without_a_pack_shows_no_card(
    make_window: Make, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    window = make_window()
    window.go("settings")
    page = window.page("settings")
    assert isinstance(page, SettingsPage)
    qtbot.wait(300)
    assert not page.runtime.isVisible()
