"""Small things that are met every day: dialogs, folders, samples, numbers, logs, curves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from phi3studio.gui.context import Context
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.page_set import Services
from phi3studio.gui.pages.home.welcome import Welcome
from phi3studio.gui.pages.run.curves import CurvePlot, Series
from phi3studio.gui.pages.run.log_view import LogCard
from phi3studio.gui.pages.wizard.data.data_page import DataPage
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.gui.preferences import PreferencesFile
from phi3studio.gui.tasks import Tasks
from phi3studio.gui.texts import words
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import Button
from phi3studio.gui.widgets.dialogs.file_dialogs import choose_folder, last_folder, remember_folder
from phi3studio.gui.widgets.dialogs.open_place import open_address, open_path
from phi3studio.runs.store import RunFolder
from tests.gui.conftest import SAMPLE, spin

Make = Callable[..., MainWindow]


def click(qtbot: QtBot, root: QWidget, text: str) -> None:
    found = next(b for b in root.findChildren(Button) if b.text() == text)
    qtbot.mouseClick(found, Qt.MouseButton.LeftButton)


def test_a_dialog_opens_where_the_last_one_ended_also_after_a_restart(
    make_window: Make, context: Context, qtbot: QtBot, tmp_path: Path
) -> None:
    remember_folder("")
    chosen: list[str] = []
    window = make_window()
    (tmp_path / "mine" / "model").mkdir(parents=True)
    first = choose_folder(window, "Choose", chosen.append)
    first.fileSelected.emit(str(tmp_path / "mine" / "model"))
    first.reject()
    assert chosen == [str(tmp_path / "mine" / "model")]
    second = choose_folder(window, "Choose", chosen.append)
    assert second.directory().absolutePath() == str(tmp_path / "mine")
    second.reject()
    window.close_for_good()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=5000)
    remember_folder("")
    context.preferences.__init__(context.home.root / "window.json")  # type: ignore[misc]
    make_window()
    assert last_folder() == str(tmp_path / "mine")
    assert not window.findChildren(QFileDialog) or not second.isVisible()


@pytest.mark.parametrize(
    ("show", "place", "copy"),
    [
        (open_path, Path("/some/where"), "Copy the path"),
        (open_address, "https://example.org/page", "Copy the address"),
    ],
)
def test_where_nothing_opens_a_folder_or_a_page_its_place_is_said(
    make_window: Make,
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: QtBot,
    show: Callable[..., None],
    place: object,
    copy: str,
) -> None:
    window = make_window()
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: False)
    show(window, context.theme, place)
    said = window.findChild(Question)
    assert said is not None
    assert any(str(place) in text.text() for text in said.findChildren(QLabel))
    click(qtbot, said, copy)
    assert QGuiApplication.clipboard().text() == str(place)


def test_the_samples_are_on_the_first_page_and_used_files_are_offered_again(
    make_window: Make, context: Context, qtbot: QtBot, tmp_path: Path
) -> None:
    window = make_window()
    welcome = window.findChild(Welcome)
    assert welcome is not None
    click(qtbot, welcome, "Questions and answers")
    wizard = window.page("new")
    assert isinstance(wizard, WizardPage)
    qtbot.waitUntil(lambda: wizard.session.draft.source is not None, timeout=10_000)
    qtbot.waitUntil(lambda: window.current is wizard)
    source = wizard.session.draft.source
    assert source is not None
    assert Path(source.source).name == "faq.csv"
    own = tmp_path / "own.jsonl"
    own.write_bytes(SAMPLE.read_bytes())
    data = wizard.view("data")
    assert isinstance(data, DataPage)
    data.source.take_file(str(own))
    qtbot.waitUntil(lambda: wizard.inspection.source is not None, timeout=10_000)
    kept = PreferencesFile(context.home.root / "window.json").value.recent
    assert kept.split("\n") == [str(own)]
    wizard.begin_anew()
    data.source._recent.aboutToShow.emit()
    offered = data.source._recent.actions()
    assert offered[0].text().startswith("own.jsonl")
    own.unlink()
    data.source._recent.aboutToShow.emit()
    assert [action.text() for action in data.source._recent.actions()] == [
        "No file has been used yet"
    ]


def test_a_thousand_million_is_a_billion() -> None:
    assert words.parameters(999_885_952) == "1 billion parameters"
    assert words.parameters(999_400_000) == "999 million parameters"


def test_a_receiver_that_fails_is_a_bug_that_is_shown(loop: object) -> None:
    tasks, crashed = Tasks(), []
    tasks.crashed.connect(crashed.append)

    def fail(answer: object) -> None:
        raise LookupError(answer)

    async def answer() -> int:
        return 7

    tasks.run(answer(), fail)
    spin(asyncio.sleep(0.05))
    assert [type(error) for error in crashed] == [LookupError]


def test_the_doctor_names_no_provider_that_asks_elsewhere(
    make_window: Make, services: Services, qtbot: QtBot
) -> None:
    async def probe() -> dict[str, Any]:
        return {
            "train_on": ["cpu"],
            "providers": ["AzureExecutionProvider", "CPUExecutionProvider"],
        }

    window = make_window(
        Services(services.inspector, services.chat, probe, services.fetch, services.olive_config)
    )
    window.go("doctor")
    page = window.page("doctor")
    qtbot.waitUntil(lambda: "runs on: CPU" in page.text(), timeout=10_000)  # type: ignore[attr-defined]


def test_a_long_line_of_the_log_is_seen_from_its_beginning(
    context: Context, qtbot: QtBot, tmp_path: Path
) -> None:
    log = tmp_path / "log.txt"
    log.write_text("short\n" + "long " * 400 + "\n")
    card = LogCard(context.theme, context.tasks)
    qtbot.addWidget(card)
    card.follow(log)
    card.resize(400, 260)
    card.show()
    qtbot.waitUntil(lambda: "long" in card.text.toPlainText(), timeout=5000)
    card.resize(420, 260)
    qtbot.wait(50)
    assert card.text.horizontalScrollBar().value() == 0
    card.stop()


def test_other_lines_bring_their_own_axes(context: Context, qtbot: QtBot) -> None:
    plot = CurvePlot(context.theme)
    qtbot.addWidget(plot)
    plot.show_series([Series("one", ((0, 1.0), (10, 2.0)), "series_1")])
    box = plot._plot.getPlotItem().getViewBox()
    box.setRange(xRange=(0, 1), yRange=(0, 0.1))
    plot.show_series([Series("two", ((0, 100.0), (5000, 200.0)), "series_1")])
    qtbot.wait(50)
    box.updateAutoRange()
    assert box.viewRange()[0][1] >= 5000
    assert box.viewRange()[1][1] >= 200


@pytest.mark.parametrize("language", ["english", "italian"])
def test_nothing_is_cut_off_at_the_right_of_a_narrow_window(
    make_window: Make,
    qtbot: QtBot,
    showcase: dict[str, RunFolder],
    request: pytest.FixtureRequest,
    language: str,
) -> None:
    request.getfixturevalue(language)
    window = make_window()
    qtbot.waitUntil(lambda: len(window.runs.entries()) == 6, timeout=10_000)
    window.setMinimumSize(0, 0)
    # A screen of 1440 × 900 at twice the size.
    window.resize(720, 450)
    for key in ("home", "new", "chat", "compare", "queue", "models", "settings", "run"):
        if key == "run":
            window.show_run(showcase["done"])
        else:
            window.go(key)
        qtbot.wait(150)
        page = window.current
        assert page is not None
        kinds = (QAbstractButton, QComboBox, QLineEdit)
        for control in (w for kind in kinds for w in page.findChildren(kind) if w.isVisible()):
            right = control.mapTo(window, QPoint(control.width(), 0)).x()
            name = control.accessibleName() or control.objectName()
            assert right <= window.width(), f"{key}: {name} ends at {right}"
        shown = [page.buttons.itemAt(i).widget() for i in range(page.buttons.count())]
        areas = [w.geometry() for w in (page.title, *shown) if w is not None and w.isVisible()]
        for index, area in enumerate(areas):
            assert not any(area.intersects(other) for other in areas[index + 1 :]), key
        assert page.title.width() >= min(page.title.sizeHint().width(), 200), key
