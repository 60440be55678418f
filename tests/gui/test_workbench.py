"""Rows edited in the window, with the real inspector: the recipe records it, the file stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from phi3studio.gui.pages.wizard.data.data_page import DataPage
from phi3studio.gui.pages.wizard.data.row_dialogs import ReplaceDialog, RowDialog
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.gui.widgets.basic import Button
from tests.gui.test_home import button
from tests.gui.test_real import LONG, wizard  # noqa: F401
from tests.worker.data_fixtures import write_jsonl

ROWS: list[dict[str, Any]] = [
    {"prompt": f"question {n} of the year {1900 + n}", "completion": f"answer {n * n}"}
    for n in range(230)
]


def opened(wizard: WizardPage, qtbot: QtBot, path: Path) -> DataPage:  # noqa: F811
    page = wizard.view("data")
    assert isinstance(page, DataPage)
    page.source.take_file(str(path))
    table = page.source.rows.table
    qtbot.waitUntil(lambda: table.model().rowCount() > 0, timeout=LONG)
    qtbot.waitUntil(lambda: wizard.inspection.report is not None, timeout=LONG)
    return page


def saving(shown: Any) -> Button:
    return next(each for each in shown.findChildren(Button) if each.text() == "Save")


def dialog(kind: type[Any], qtbot: QtBot) -> Any:
    def found() -> list[Any]:
        shown = [w for w in QApplication.topLevelWidgets() if isinstance(w, kind)]
        return [w for w in shown if w.isVisible()]

    qtbot.waitUntil(lambda: bool(found()), timeout=LONG)
    return found()[0]


def kinds(wizard: WizardPage) -> list[str]:  # noqa: F811
    return [repair.kind for repair in wizard.session.draft.repairs]


def shown(page: DataPage, row: int, column: int) -> str:
    model = page.source.rows.table.model()
    return str(model.data(model.index(row, column)))


def number(page: DataPage, row: int) -> str:
    return str(page.source.rows.table.model().headerData(row, Qt.Orientation.Vertical))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "rows.jsonl", ROWS)


def test_a_row_is_edited_left_out_and_restored_by_keys_and_undone(
    wizard: WizardPage,  # noqa: F811
    qtbot: QtBot,
    file: Path,
) -> None:
    before = file.read_bytes()
    page = opened(wizard, qtbot, file)
    table = page.source.rows.table
    assert table.choose(2)
    qtbot.keyClick(table, Qt.Key.Key_Return)
    editing = dialog(RowDialog, qtbot)
    assert [edit.toPlainText() for edit in editing.edits] == [*ROWS[2].values()]
    editing.edits[1].setPlainText("another answer")
    qtbot.mouseClick(saving(editing), Qt.MouseButton.LeftButton)
    assert kinds(wizard) == ["edit_cell"]
    assert shown(page, 2, 1) == "another answer"
    assert number(page, 2) == "• 3"
    qtbot.waitUntil(
        lambda: (
            wizard.inspection.preview is not None
            and wizard.inspection.preview.completion.strip() == "another answer"
        ),
        timeout=LONG,
    )
    qtbot.keyClick(table, Qt.Key.Key_Delete)
    assert kinds(wizard) == ["edit_cell", "delete_row"]
    assert number(page, 2) == "− 3"
    assert not page.source.rows.tools.edit.isEnabled()
    qtbot.keyClick(table, Qt.Key.Key_Delete)
    assert kinds(wizard) == []
    assert shown(page, 2, 1) == ROWS[2]["completion"]
    qtbot.mouseClick(page.source.rows.tools.undo, Qt.MouseButton.LeftButton)
    assert kinds(wizard) == ["edit_cell", "delete_row"]
    for _ in range(2):
        qtbot.mouseClick(page.source.rows.tools.undo, Qt.MouseButton.LeftButton)
    assert kinds(wizard) == []
    assert not page.source.rows.tools.undo.isEnabled()
    qtbot.mouseClick(page.source.rows.tools.redo, Qt.MouseButton.LeftButton)
    assert shown(page, 2, 1) == "another answer"
    assert file.read_bytes() == before


def test_a_row_is_added_and_edited_and_a_text_replaced(
    wizard: WizardPage,  # noqa: F811
    qtbot: QtBot,
    file: Path,
) -> None:
    page = opened(wizard, qtbot, file)
    tools, table = page.source.rows.tools, page.source.rows.table
    qtbot.mouseClick(tools.add, Qt.MouseButton.LeftButton)
    adding = dialog(RowDialog, qtbot)
    adding.edits[0].setPlainText("one more question")
    adding.edits[1].setPlainText("one more answer")
    qtbot.mouseClick(saving(adding), Qt.MouseButton.LeftButton)
    wizard.inspection.go_to_page(200)
    qtbot.waitUntil(lambda: table.model().rowCount() == 31, timeout=LONG)
    assert number(page, 30) == "+ 231"
    assert table.choose(230)
    qtbot.keyClick(table, Qt.Key.Key_F2)
    editing = dialog(RowDialog, qtbot)
    editing.edits[1].setPlainText("a better answer")
    qtbot.mouseClick(saving(editing), Qt.MouseButton.LeftButton)
    assert shown(page, 30, 1) == "a better answer"
    qtbot.mouseClick(tools.replace, Qt.MouseButton.LeftButton)
    replacing = dialog(ReplaceDialog, qtbot)
    assert not replacing.doing.isEnabled()
    replacing.sought.setText("question")
    replacing.by.setText("query")
    qtbot.mouseClick(replacing.doing, Qt.MouseButton.LeftButton)
    assert kinds(wizard) == ["add_row", "replace_text"]
    qtbot.waitUntil(
        lambda: (
            wizard.inspection.report is not None and wizard.inspection.report.statistics.rows == 231
        ),
        timeout=LONG,
    )


def test_a_finding_leads_to_its_rows_and_all_are_fixed_at_once(
    wizard: WizardPage,  # noqa: F811
    qtbot: QtBot,
    tmp_path: Path,
) -> None:
    rows = [dict(row) for row in ROWS]
    for at in (150, 151, 220):
        rows[at]["completion"] += "\x07 rings"
    rows[201] = rows[3]
    page = opened(wizard, qtbot, write_jsonl(tmp_path / "bells.jsonl", rows))
    table = page.source.rows.table
    qtbot.mouseClick(button(page, "First: row 151"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: table.current is not None and table.current.place == 150, timeout=LONG)
    qtbot.waitUntil(
        lambda: wizard.inspection.preview is not None and wizard.inspection.preview.row == 150,
        timeout=LONG,
    )
    tools = page.source.rows.tools
    tools.filter.setCurrentIndex(tools.filter.findData("control_characters"))
    tools.filter.activated.emit(tools.filter.currentIndex())
    qtbot.waitUntil(lambda: table.model().rowCount() == 3, timeout=LONG)
    assert [number(page, row) for row in range(3)] == ["151", "152", "221"]
    qtbot.mouseClick(page.check.fix_all, Qt.MouseButton.LeftButton)
    assert set(kinds(wizard)) == {"strip_control", "drop_duplicates"}
    qtbot.waitUntil(
        lambda: wizard.inspection.report is not None and not wizard.inspection.report.safe_repairs,
        timeout=LONG,
    )
    qtbot.waitUntil(lambda: page.check.fix_all.isHidden(), timeout=LONG)
    wizard.session.undo()
    assert kinds(wizard) == []


def test_a_turn_is_edited_and_a_wrong_value_is_not_taken(
    wizard: WizardPage,  # noqa: F811
    qtbot: QtBot,
    tmp_path: Path,
) -> None:
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Say {n}"},
                {"role": "assistant", "content": f"It is {n}."},
            ],
            "tags": [n],
        }
        for n in range(60)
    ]
    page = opened(wizard, qtbot, write_jsonl(tmp_path / "chats.jsonl", rows))
    table = page.source.rows.table
    assert table.choose(5)
    qtbot.keyClick(table, Qt.Key.Key_Return)
    editing = dialog(RowDialog, qtbot)
    assert [edit.accessibleName() for edit in editing.edits] == [
        *("messages · user", "messages · assistant", "tags"),
    ]
    editing.edits[1].setPlainText("No idea.")
    editing.edits[2].setPlainText("[5, ")
    qtbot.mouseClick(saving(editing), Qt.MouseButton.LeftButton)
    assert editing.isVisible()
    assert kinds(wizard) == []
    editing.edits[2].setPlainText("[5, 6]")
    qtbot.mouseClick(saving(editing), Qt.MouseButton.LeftButton)
    assert kinds(wizard) == ["edit_cell", "edit_cell"]
    assert json.loads(wizard.session.draft.to_json())["repairs"][0]["value"] == "No idea."
    qtbot.waitUntil(
        lambda: (
            wizard.inspection.preview is not None
            and "No idea." in wizard.inspection.preview.completion
        ),
        timeout=LONG,
    )
