"""The rows of the data, page by page: recorded answers, and the real inspector on a large file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.datasets.source_report import RowPage
from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.context import Context
from phi3studio.gui.lifecycle import Helpers
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.page_set import Services
from phi3studio.gui.pages.wizard.data.data_page import DataPage
from phi3studio.gui.pages.wizard.data.rows_pager import RowsPager
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.gui.widgets.basic import Callout
from tests.gui.conftest import SAMPLE, no_fetch, no_probe, olive_config, spin
from tests.gui.pulse import Pulse
from tests.gui.test_home import button
from tests.showcase.chat import RecordedChat
from tests.showcase.inspector import RecordedInspector

Make = Callable[..., MainWindow]


def pager_of(window: MainWindow, file: Path) -> RowsPager:
    window.go("new")
    wizard = window.page("new")
    assert isinstance(wizard, WizardPage)
    data = wizard.view("data")
    assert isinstance(data, DataPage)
    data.source.take_file(str(file))
    return data.source.rows


def first_number(pager: RowsPager) -> str:
    model = pager.table.model()
    return str(model.headerData(0, Qt.Orientation.Vertical))


def test_pages_forwards_backwards_and_to_a_row(make_window: Make, qtbot: QtBot) -> None:
    pager = pager_of(make_window(), SAMPLE)
    qtbot.waitUntil(lambda: pager.said.text() == "rows 1 to 100 of 656", timeout=5000)
    assert not pager.before.isEnabled()
    qtbot.mouseClick(pager.after, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: pager.said.text() == "rows 101 to 200 of 656", timeout=5000)
    assert first_number(pager) == "101"
    qtbot.keyClicks(pager.number, "650")
    qtbot.keyClick(pager.number, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: pager.said.text() == "rows 601 to 656 of 656", timeout=5000)
    assert not pager.after.isEnabled()
    qtbot.mouseClick(pager.before, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: pager.said.text() == "rows 501 to 600 of 656", timeout=5000)


def test_a_row_of_a_later_page_is_previewed_as_itself(make_window: Make, qtbot: QtBot) -> None:
    window = make_window()
    pager = pager_of(window, SAMPLE)
    wizard = window.page("new")
    assert isinstance(wizard, WizardPage)
    qtbot.waitUntil(lambda: wizard.inspection.preview is not None, timeout=5000)
    qtbot.mouseClick(pager.after, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: first_number(pager) == "101", timeout=5000)
    pager.table.setCurrentIndex(pager.table.model().index(4, 0))
    qtbot.waitUntil(
        lambda: wizard.inspection.preview is not None and wizard.inspection.preview.row == 104,
        timeout=5000,
    )


class Slow(RecordedInspector):
    """Reads later pages slowly, or not at all."""

    def __init__(self) -> None:
        self.wait_s = 0.0
        self.error: UserFacingError | None = None
        self.withdrawn = 0

    async def rows(self, source: Source, offset: int, limit: int = 100) -> RowPage:
        try:
            await asyncio.sleep(self.wait_s if offset else 0)
        except asyncio.CancelledError:
            self.withdrawn += 1
            raise
        if self.error is not None and offset:
            raise self.error
        return await super().rows(source, offset, limit)


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def slow_pager(make_window: Make, slow: Slow, qtbot: QtBot) -> RowsPager:
    window = make_window(Services(slow, RecordedChat(), no_probe, no_fetch, olive_config))
    pager = pager_of(window, SAMPLE)
    qtbot.waitUntil(lambda: pager.said.text() == "rows 1 to 100 of 656", timeout=5000)
    return pager


def test_a_slow_page_says_so_and_can_be_stopped(
    slow_pager: RowsPager, slow: Slow, qtbot: QtBot
) -> None:
    slow.wait_s = 30
    qtbot.mouseClick(slow_pager.after, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: slow_pager.said.text() == "reading…", timeout=3000)
    qtbot.mouseClick(button(slow_pager, "Stop reading"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: slow_pager.said.text().startswith("rows 1 to 100"), timeout=3000)
    qtbot.waitUntil(lambda: slow.withdrawn == 1, timeout=3000)
    assert slow_pager.after.isEnabled()


def test_a_page_that_cannot_be_read_is_explained(
    slow_pager: RowsPager, slow: Slow, qtbot: QtBot
) -> None:
    slow.error = UserFacingError.from_json(
        {"code": "data.broken_json", "message": "Line 7 is broken.", "hint": "Correct it."}
    )
    qtbot.mouseClick(slow_pager.after, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: any(f.text.text() == "Line 7 is broken." for f in slow_pager.findChildren(Callout)),
        timeout=3000,
    )
    slow.error = None
    qtbot.mouseClick(slow_pager.after, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: first_number(slow_pager) == "101", timeout=3000)
    assert not slow_pager.findChildren(Callout)


@pytest.fixture
def helpers(context: Context) -> Iterator[Helpers]:
    found = Helpers.make()
    yield found
    spin(found.close())


def test_a_huge_file_is_paged_by_the_real_inspector_without_a_freeze(
    make_window: Make, helpers: Helpers, folder: Path, qtbot: QtBot
) -> None:
    file = folder / "huge.csv"
    with file.open("w") as lines:
        lines.write("text,label\n")
        for start in range(0, 1_500_000, 1000):
            lines.write("".join(f"row number {n},a\n" for n in range(start, start + 1000)))
    pager = pager_of(make_window(helpers.services()), file)
    qtbot.waitUntil(lambda: pager.said.text().startswith("rows 1 to 100"), timeout=60_000)
    qtbot.waitUntil(pager.after.isEnabled, timeout=60_000)
    pulse = Pulse()
    qtbot.keyClicks(pager.number, "1200001")
    pulse.begin()
    qtbot.keyClick(pager.number, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: first_number(pager) == "1200001", timeout=60_000)
    pulse.stop()
    assert pager.table.model().index(0, 0).data() == "row number 1200000"
    assert pulse.longest < 0.5, "the inspector reads, the window goes on"
