"""Home as a desk: runs are named, tagged, pinned, sorted, chosen, thrown away and taken back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.gui.context import Context
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.compare_page import ComparePage
from phi3studio.gui.pages.home.home_page import HomePage
from phi3studio.gui.pages.home.notes_dialog import NotesDialog
from phi3studio.gui.pages.home.run_entries import read_entry
from phi3studio.gui.pages.home.runs_model import EntryRole, RunRole
from phi3studio.gui.pages.home.trash_dialog import TrashDialog
from phi3studio.gui.widgets.basic import Button
from phi3studio.runs.shown.run_notes import read_notes
from phi3studio.runs.store import RunFolder, RunStore
from tests.gui.test_home import button

Make = Callable[..., MainWindow]


@pytest.fixture
def home_page(make_window: Make, qtbot: QtBot, showcase: dict[str, RunFolder]) -> HomePage:
    window = make_window()
    qtbot.waitUntil(lambda: len(window.runs.entries()) == 6, timeout=10_000)
    page = window.current
    assert isinstance(page, HomePage)
    return page


def shown(page: HomePage) -> list[str]:
    cards = page._filter
    entries = (cards.index(row, 0).data(EntryRole) for row in range(cards.rowCount()))
    return [entry.title for entry in entries if entry is not None]


def at(page: HomePage, run: RunFolder) -> QPoint:
    cards = page._filter
    index = next(
        cards.index(row, 0)
        for row in range(cards.rowCount())
        if cards.index(row, 0).data(RunRole).name == run.name
    )
    page._cards.scrollTo(index)
    return page._cards.visualRect(index).topLeft() + QPoint(40, 20)


def click(page: HomePage, qtbot: QtBot, run: RunFolder, ctrl: bool = False) -> None:
    keys = Qt.KeyboardModifier.ControlModifier if ctrl else Qt.KeyboardModifier.NoModifier
    qtbot.mouseClick(page._cards.viewport(), Qt.MouseButton.LeftButton, keys, pos=at(page, run))


def choose(page: HomePage, run: RunFolder, said: str) -> None:
    page._menu(run, page.mapToGlobal(page.rect().center()))
    menu = page.findChildren(QMenu)[-1]
    next(a for a in menu.actions() if a.text().split("\t")[0] == said).trigger()
    menu.close()


def test_a_run_is_named_tagged_and_pinned(
    home_page: HomePage, qtbot: QtBot, showcase: dict[str, RunFolder]
) -> None:
    run = showcase["wide"]
    choose(home_page, run, "Name, tags and note…")
    dialog = home_page.findChild(NotesDialog)
    assert dialog is not None
    dialog.name.setText(" My best  one ")
    dialog.tags.setText("#good, For Anna,good")
    dialog.note.setPlainText("Rank 32 was enough.")
    qtbot.mouseClick(button(dialog, "Save"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "My best one" in shown(home_page), timeout=5000)
    assert read_notes(run).tags == ("good", "For Anna")
    home_page._search.setText("anna enough")
    assert shown(home_page) == ["My best one"]
    home_page._search.clear()
    choose(home_page, run, "Pin")
    qtbot.waitUntil(lambda: shown(home_page)[0] == "My best one", timeout=5000)
    assert run.recipe().name == "emotions-rank-32", "the recipe stays"
    choose(home_page, run, "Unpin")
    qtbot.waitUntil(lambda: shown(home_page)[0] != "My best one", timeout=5000)


def test_runs_are_sorted_and_filtered(
    home_page: HomePage, qtbot: QtBot, showcase: dict[str, RunFolder]
) -> None:
    assert shown(home_page)[:2] == ["emotions-joy", "emotions"]
    for index, first in ((1, "emotions"), (2, "emotions"), (3, "emotions")):
        home_page._order.setCurrentIndex(index)
        home_page._order.activated.emit(index)
        assert shown(home_page)[0] == first
    home_page._order.activated.emit(1)
    home_page._order.setCurrentIndex(1)
    home_page._order.activated.emit(1)
    assert shown(home_page) == sorted(shown(home_page))
    home_page._group.setCurrentIndex(2)
    home_page._group.activated.emit(2)
    assert sorted(shown(home_page)) == ["emotions", "emotions-rank-32"]
    home_page._group.setCurrentIndex(1)
    home_page._group.activated.emit(1)
    assert shown(home_page) == []
    qtbot.mouseClick(button(home_page, "Show all runs"), Qt.MouseButton.LeftButton)
    assert len(shown(home_page)) == 6
    home_page._search.setText("3")
    assert shown(home_page) == [], "a number is found whole, not in another one"


def test_several_runs_are_chosen_and_compared(
    home_page: HomePage, qtbot: QtBot, showcase: dict[str, RunFolder]
) -> None:
    click(home_page, qtbot, showcase["done"], ctrl=True)
    assert not home_page._bar.isVisible()
    click(home_page, qtbot, showcase["wide"], ctrl=True)
    assert home_page._bar.isVisible()
    window = home_page.window()
    assert isinstance(window, MainWindow)
    assert window.current is home_page, "choosing opens nothing"
    qtbot.mouseClick(button(home_page, "Compare"), Qt.MouseButton.LeftButton)
    compare = window.page("compare")
    assert isinstance(compare, ComparePage)
    qtbot.waitUntil(lambda: window.current is compare)
    assert set(compare._chosen) == {showcase["done"].name, showcase["wide"].name}
    # A live run reports each second; the list under the mouse stays.
    boxes = dict(compare._boxes)
    entry = window.runs.entry(showcase["done"])
    window.runs.dataChanged.emit(window.runs.index(0), window.runs.index(0))
    assert entry is not None
    assert compare._boxes == boxes
    assert boxes[showcase["done"].name].isChecked()
    window.go("home")
    click(home_page, qtbot, showcase["done"])
    qtbot.waitUntil(lambda: window.current is window.page("run"))
    window.go("home")
    assert not home_page._bar.isVisible()


def test_deleted_runs_are_taken_back_at_once_or_from_the_trash(
    home_page: HomePage, qtbot: QtBot, home: Home, showcase: dict[str, RunFolder]
) -> None:
    store = RunStore(home)
    click(home_page, qtbot, showcase["failed"], ctrl=True)
    click(home_page, qtbot, showcase["wide"], ctrl=True)
    qtbot.keyClick(home_page._cards, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: len(store.trashed()) == 2, timeout=5000)
    qtbot.waitUntil(lambda: home_page._thrown.isVisible(), timeout=5000)
    assert len(shown(home_page)) == 4
    qtbot.mouseClick(button(home_page, "Undo"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(shown(home_page)) == 6, timeout=8000)
    choose(home_page, showcase["done"], "Delete")
    qtbot.waitUntil(lambda: len(shown(home_page)) == 5, timeout=5000)
    qtbot.mouseClick(button(home_page, "Trash"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(home_page.findChildren(TrashDialog)), timeout=5000)
    dialog = home_page.findChildren(TrashDialog)[-1]
    qtbot.mouseClick(button(dialog, "Put back emotions"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(shown(home_page)) == 6, timeout=8000)
    assert showcase["done"].model.is_dir()
    choose(home_page, showcase["done"], "Delete")
    qtbot.waitUntil(lambda: len(store.trashed()) == 1, timeout=5000)
    qtbot.mouseClick(button(home_page, "Trash"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(home_page.findChildren(TrashDialog)) > 0, timeout=5000)
    last = home_page.findChildren(TrashDialog)[-1]
    qtbot.mouseClick(button(last, "Empty the trash"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: store.trashed() == [], timeout=5000)


def test_all_that_is_in_a_full_trash_can_be_put_back(
    home_page: HomePage, context: Context, qtbot: QtBot, showcase: dict[str, RunFolder]
) -> None:
    entry = read_entry(showcase["done"])
    restored: list[RunFolder] = []
    full = TrashDialog(home_page, context.theme, [entry] * 40, restored.append, lambda: None)
    full.open()
    backs = lambda: [b for b in full.findChildren(Button) if b.text() == "Put back"]  # noqa: E731
    qtbot.waitUntil(lambda: len(backs()) == 40, timeout=5000)
    backs()[-1].click()
    assert restored == [showcase["done"]]
