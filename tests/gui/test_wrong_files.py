"""Files that are no data, dropped on every page: what is wrong is said, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from phi3studio.gui.context import Context
from phi3studio.gui.lifecycle import Helpers
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.gui.widgets.basic import Callout
from tests.gui.conftest import SAMPLE, spin
from tests.gui.test_olive_window import drop

LONG = 20_000
PAGES = ("home", "new", "chat", "compare", "queue", "models", "doctor", "settings")


@pytest.fixture
def window(context: Context, make_window: Callable[..., MainWindow]) -> Iterator[MainWindow]:
    """A window over the real inspector."""
    helpers = Helpers.make()
    yield make_window(helpers.services())
    spin(helpers.close())


def errors(page: QWidget) -> list[str]:
    return [
        f"{note.text.text()} {note.hint.text()}"
        for note in page.findChildren(Callout)
        if note.level == "error" and note.isVisible()
    ]


def test_every_page_says_what_is_wrong_with_a_file(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    program, empty, folder = tmp_path / "setup.exe", tmp_path / "empty.csv", tmp_path / "pictures"
    program.write_bytes(b"MZ\x90\x00" + bytes(range(256)) * 20)
    empty.touch()
    folder.mkdir()
    (folder / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    for key in PAGES:
        for files, said in (
            ([program], "Save its content as CSV"),
            ([empty], "Choose a file with rows in it"),
            ([folder], "JSON" if key not in ("chat", "models") else "pictures"),
            ([SAMPLE, program], "setup.exe"),
            ([tmp_path / "gone.csv"], "gone.csv"),
        ):
            window.go(key)
            assert window.current is not None
            drop(window.current, *files)
            qtbot.waitUntil(
                lambda said=said: any(said in text for text in errors(window.current)),
                timeout=LONG,
            )


def test_a_large_file_shows_its_rows_while_it_is_still_being_read(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    large = tmp_path / "large.jsonl"
    line = b'{"text": "' + b"x" * 1000 + b'", "label": "a"}\n'
    with large.open("wb") as file:
        for _ in range(300):
            file.write(line * 1000)
    window.go("home")
    assert window.current is not None
    drop(window.current, large)
    wizard = window.page("new")
    assert isinstance(wizard, WizardPage)
    qtbot.waitUntil(lambda: wizard.inspection.source is not None, timeout=LONG)
    assert errors(wizard) == []
    # Another file is taken at once, without waiting for the first one's check.
    drop(wizard, SAMPLE)
    qtbot.waitUntil(
        lambda: wizard.inspection.source is not None and wizard.inspection.source.rows < 1000,
        timeout=LONG,
    )
