"""One draft for each fine-tune: put aside, listed by name, taken up again, never overwritten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.run.run_page import RunPage
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.runs.draft_shelf import DraftShelf
from phi3studio.runs.store import RunFolder
from phi3studio.wizard.flow import Draft, edit, is_begun, visit, with_source
from tests.gui.conftest import SAMPLE
from tests.gui.test_wizard import wizard_of

Make = Callable[..., MainWindow]


def entries(wizard: WizardPage) -> list[str]:
    menu = wizard.drafts.findChild(QMenu)
    assert isinstance(menu, QMenu)
    return [action.text().split(" · ")[0] for action in menu.actions() if action.text()]


@pytest.fixture
def begun(make_window: Make, qtbot: QtBot) -> tuple[MainWindow, WizardPage]:
    """A window with a draft that somebody has worked on."""
    window = make_window()
    wizard = wizard_of(window)
    wizard.session.take(with_source(Draft(), str(SAMPLE)))
    wizard.session.edit("review", name="my tickets")
    qtbot.waitUntil(lambda: wizard.inspection.report is not None, timeout=5000)
    return window, wizard


def test_running_again_puts_the_draft_aside_and_both_can_be_taken_up(
    begun: tuple[MainWindow, WizardPage], qtbot: QtBot, showcase: dict[str, RunFolder]
) -> None:
    window, wizard = begun
    before = wizard.session.draft
    window.show_run(showcase["done"])
    page = window.page("run")
    assert isinstance(page, RunPage)
    page.repeat_wanted.emit(showcase["done"])
    qtbot.waitUntil(lambda: wizard.session.draft.name == "emotions")
    assert wizard.subtitle.text() == "emotions"
    qtbot.waitUntil(lambda: entries(wizard) == ["my tickets", "New fine-tune"], timeout=5000)
    qtbot.waitUntil(wizard.drafts.isVisible)
    assert wizard.drafts.text() == "1 draft(s) put aside"
    menu = wizard.drafts.findChild(QMenu)
    assert isinstance(menu, QMenu)
    menu.actions()[0].trigger()
    qtbot.waitUntil(lambda: wizard.session.draft.name == "my tickets", timeout=5000)
    assert wizard.session.draft.source == before.source
    qtbot.waitUntil(lambda: entries(wizard) == ["emotions", "New fine-tune"], timeout=5000)


def test_a_file_dropped_on_home_begins_another_fine_tune(
    begun: tuple[MainWindow, WizardPage], qtbot: QtBot, tmp_path: Path
) -> None:
    window, wizard = begun
    other = tmp_path / "other.jsonl"
    other.write_text('{"a": "x", "b": "y"}\n' * 40)
    window.go("home")
    wizard.open_files([str(other)])
    qtbot.waitUntil(lambda: "my tickets" in entries(wizard), timeout=5000)
    assert wizard.session.draft.source is not None
    assert wizard.session.draft.source.source == str(other)


def test_only_what_was_begun_is_kept(tmp_path: Path) -> None:
    shelf = DraftShelf(tmp_path / "drafts")
    fresh = visit(Draft(), "model")
    assert not is_begun(fresh)
    shelf.put(fresh)
    assert shelf.all() == []
    draft = edit(fresh, "tuning", training={"epochs": 9})
    shelf.put(draft)
    (tmp_path / "drafts" / "damaged.json").write_text("{")
    found = shelf.all()
    assert [item.name for item in found] == ["fine-tune"]
    assert shelf.take(found[0]) == draft
    assert shelf.all() == []
