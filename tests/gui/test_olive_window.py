"""Olive configs in the window: recognised wherever they are dropped, and what becomes of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.wizard.opening.olive_dialogs import ConfigDialog, ConfigsDialog
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.gui.widgets.basic import Button
from phi3studio.gui.widgets.states import ErrorState
from tests.gui.conftest import SAMPLE

FIXTURES = Path(__file__).parents[1] / "fixtures" / "olive"
Make = Callable[..., MainWindow]


def drop(at: QWidget, *files: Path) -> None:
    """Drop files as a file manager does."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file)) for file in files])
    how = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier(0))
    QApplication.sendEvent(at, QDragEnterEvent(QPoint(3, 3), *how))
    QApplication.sendEvent(at, QDropEvent(QPointF(3, 3), *how))


def wizard(window: MainWindow) -> WizardPage:
    page = window.page("new")
    assert isinstance(page, WizardPage)
    return page


def shown(window: MainWindow, kind: type[QWidget], qtbot: QtBot) -> Any:
    """The dialog of this kind, once it is there."""
    qtbot.waitUntil(lambda: bool(wizard(window).findChildren(kind)), timeout=10_000)
    return wizard(window).findChildren(kind)[-1]


def button(dialog: QWidget, text: str) -> Button:
    return next(b for b in dialog.findChildren(Button) if text in (b.text(), b.accessibleName()))


def written(folder: Path, name: str, **changes: Any) -> Path:
    """A recorded config with other sections."""
    values = json.loads((FIXTURES / "lora-phrases.json").read_text("utf-8")) | changes
    file = folder / name
    file.write_text(json.dumps(values), "utf-8")
    return file


@pytest.mark.parametrize("key", ["home", "chat", "models", "new", "settings"])
def test_a_config_is_recognised_wherever_it_is_dropped(
    make_window: Make, qtbot: QtBot, tmp_path: Path, key: str
) -> None:
    config = Path(shutil.copy(FIXTURES / "lora-phrases.json", tmp_path / "olive-config.json"))
    (tmp_path / "dataset").mkdir()
    rows = tmp_path / "dataset" / "dataset-classification.json"
    rows.write_bytes(SAMPLE.read_bytes())
    window = make_window()
    window.go(key)
    assert window.current is not None
    drop(window.current, config)
    dialog = shown(window, ConfigDialog, qtbot)
    table = dialog.table
    lines = [
        [table.item(y, x).text() for x in range(3)]
        for y in range(table.rowCount())
        if table.item(y, 1) is not None
    ]
    assert ["passes.lora.config.lora_r", "64", "→ Rank (r)"] in lines
    assert any(path == "passes.lora.type" for path, *_ in lines)
    # Nothing is taken over before it was seen.
    assert wizard(window).session.draft.source is None
    button(dialog, "Open the draft").click()
    draft = wizard(window).session.draft
    assert draft.method.rank == 64
    assert draft.source is not None
    assert draft.source.source == str(rows)
    assert window.current is wizard(window)
    assert window.runs.live_count() == 0


def test_a_cancelled_import_changes_nothing(
    make_window: Make, qtbot: QtBot, tmp_path: Path
) -> None:
    window = make_window()
    wizard(window).open_files([str(SAMPLE)])
    before = wizard(window).session.draft
    window.go("home")
    assert window.current is not None
    drop(window.current, written(tmp_path, "c.json"))
    dialog = shown(window, ConfigDialog, qtbot)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert wizard(window).session.draft.source == before.source
    assert wizard(window).session.draft.method == before.method


def test_an_open_value_leads_to_its_field_and_the_template_waits_for_its_rows(
    make_window: Make, qtbot: QtBot, tmp_path: Path
) -> None:
    values = json.loads((FIXTURES / "lora-phrases.json").read_text("utf-8"))
    values["data_configs"][0]["load_dataset_config"]["params"]["data_files"] = "<your data>"
    config = written(tmp_path, "gap.json", data_configs=values["data_configs"])
    window = make_window()
    window.go("new")
    wizard(window).open_files([str(config)])
    dialog = shown(window, ConfigDialog, qtbot)
    button(dialog, "Write it: Data").click()
    page = wizard(window)
    assert page.session.draft.page == "data"
    assert page.session.draft.source is None
    template = page.session.draft.prompt, page.session.draft.completion
    assert "{phrase}" in template[0]
    qtbot.waitUntil(lambda: getattr(window.focusWidget(), "text", str)() == "Choose file…")
    page.open_files([str(SAMPLE)], as_new=False)
    assert (page.session.draft.prompt, page.session.draft.completion) == template
    assert page.session.draft.source is not None


def test_what_is_refused_is_said_and_the_rest_can_be_opened(
    make_window: Make, qtbot: QtBot, tmp_path: Path
) -> None:
    values = json.loads((FIXTURES / "lora-phrases.json").read_text("utf-8"))
    values["passes"]["lora"]["config"]["lora_dopout"] = 0.1
    window = make_window()
    wizard(window).open_files([str(written(tmp_path, "c.json", passes=values["passes"]))])
    dialog = shown(window, ConfigDialog, qtbot)
    error = dialog.findChild(ErrorState)
    assert "lora_dopout" in error.callout.text.text()
    assert "--partial" not in error.callout.hint.text()
    assert "Refused" in dialog.table.item(0, 0).text()
    button(dialog, "Open without them").click()
    assert wizard(window).session.draft.method.rank == 64


def test_a_config_that_makes_no_recipe_can_only_be_closed(
    make_window: Make, qtbot: QtBot, tmp_path: Path
) -> None:
    config = written(tmp_path, "c.json", passes={"x": {"type": "OnnxConversion"}})
    window = make_window()
    wizard(window).open_files([str(config)])
    dialog = shown(window, ConfigDialog, qtbot)
    assert [b.text() for b in dialog.findChildren(Button) if b.isVisible()] == ["Close"]


def test_a_folder_of_configs_is_a_table_from_which_one_is_opened(
    make_window: Make, qtbot: QtBot, tmp_path: Path
) -> None:
    folder = tmp_path / "configs"
    (folder / "more").mkdir(parents=True)
    for name in ("lora-phrases", "azure", "today"):
        shutil.copy(FIXTURES / f"{name}.json", folder / f"{name}.json")
    written(folder / "more", "refused.json", passes={"x": {"type": "OnnxConversion"}})
    (folder / "rows.json").write_text('[{"a": 1}]', "utf-8")
    window = make_window()
    window.go("home")
    assert window.current is not None
    drop(window.current, folder)
    dialog = shown(window, ConfigsDialog, qtbot)
    table = dialog.table
    becomes = {table.item(y, 0).text(): table.item(y, 1).text() for y in range(table.rowCount())}
    assert becomes == {
        "azure.json": "a draft",
        "lora-phrases.json": "a draft",
        "more/refused.json": "refused",
        "today.json": "a draft",
    }
    table.selectRow(1)
    qtbot.keyClick(table, Qt.Key.Key_Return)
    assert "lora-phrases.json" in shown(window, ConfigDialog, qtbot).windowTitle()


def test_a_recipe_in_yaml_is_not_taken_for_data(
    make_window: Make, qtbot: QtBot, tmp_path: Path
) -> None:
    file = tmp_path / "tone.yaml"
    file.write_text(
        "name: tone\nmodel: {source: starter}\nmethod: {rank: 4}\n"
        "data: {source: rows.jsonl, messages: talk}\n"
    )
    window = make_window()
    window.go("home")
    assert window.current is not None
    drop(window.current, file)
    qtbot.waitUntil(lambda: wizard(window).session.draft.method.rank == 4)
    assert wizard(window).session.draft.messages == "talk"


def test_several_files_are_one_data_set(make_window: Make, qtbot: QtBot, tmp_path: Path) -> None:
    other = Path(shutil.copy(SAMPLE, tmp_path / "more.jsonl"))
    window = make_window()
    window.go("home")
    assert window.current is not None
    drop(window.current, SAMPLE, other)
    qtbot.waitUntil(lambda: wizard(window).session.draft.source is not None, timeout=5000)
    source = wizard(window).session.draft.source
    assert source is not None
    assert (source.source, source.also) == (str(SAMPLE), [str(other)])
