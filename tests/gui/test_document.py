"""The source document in the window: each of its configs, dropped, to a model that answers.

``tests/e2e/test_document.py`` does the same from the command line.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.gui.context import Context
from phi3studio.gui.lifecycle import Helpers
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.chat.chat_page import ChatPage
from phi3studio.gui.pages.run.run_page import RunPage
from phi3studio.gui.pages.wizard.opening.olive_dialogs import ConfigDialog
from phi3studio.runs.store import RunFolder
from tests.document import (
    check_run,
    check_starter,
    cloud_document,
    local_document,
    starter_document,
)
from tests.gui.test_home import button
from tests.gui.test_olive_window import button as answer_of
from tests.gui.test_olive_window import drop, shown, wizard
from tests.worker.azure_standin import AzureStandIn

Make = Callable[..., MainWindow]
LONG = 120_000


def run_of(config: Path, window: MainWindow, qtbot: QtBot, wait: int = LONG) -> RunFolder:
    """Drop the config on Home, look through the wizard's pages, start, and wait for the end."""
    window.go("home")
    assert window.current is not None
    drop(window.current, config)
    dialog = shown(window, ConfigDialog, qtbot)
    lines = [dialog.table.item(y, 0).text() for y in range(dialog.table.rowCount())]
    assert "passes.lora.config.lora_r" in lines
    answer_of(dialog, "Open the draft").click()
    page = wizard(window)
    for _ in range(6):
        if window.current is not page:
            break
        here = page.session.draft.page
        qtbot.waitUntil(page._continue.isEnabled, timeout=LONG)
        qtbot.mouseClick(page._continue, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(
            lambda here=here: window.current is not page or page.session.draft.page != here,
            timeout=20_000,
        )
    found = window.page("run")
    assert isinstance(found, RunPage)
    assert window.current is found
    qtbot.waitUntil(lambda: "Done" in found.subtitle.text(), timeout=wait)
    run = found.run
    assert run is not None
    qtbot.waitUntil(lambda: run.worker() is None, timeout=20_000)
    return run


def answer(window: MainWindow, column: str, text: str, qtbot: QtBot) -> str:
    """Press Chat on the run's page, fill in the template's column and send it."""
    page = window.page("run")
    assert isinstance(page, RunPage)
    qtbot.mouseClick(button(page, "Chat"), Qt.MouseButton.LeftButton)
    chat = window.page("chat")
    assert isinstance(chat, ChatPage)
    qtbot.waitUntil(lambda: window.current is chat)
    qtbot.waitUntil(lambda: chat.columns[0].model is not None, timeout=LONG)
    qtbot.keyClicks(chat._prompt._fields[column], text)
    qtbot.waitUntil(chat._prompt._send.isEnabled, timeout=5000)
    qtbot.mouseClick(chat._prompt._send, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(chat.columns[0].transcript.turns), timeout=LONG)
    turn = chat.columns[0].transcript.turns[0]
    assert turn.figures is not None
    return turn.answer


# Trains, builds int4 and measures; the document's own chain, once for each of its data blocks.
@pytest.mark.parametrize(
    ("name", "rows", "column"),
    [
        ("lora-phrases", 40, "phrase"),
        # The same pages; what is trained otherwise is tested from the command line.
        pytest.param("qlora-questions", 30, "Question", marks=pytest.mark.slow),
    ],
)
def test_a_config_of_the_document_runs_to_an_answer(
    name: str,
    rows: int,
    column: str,
    make_window: Make,
    helpers: Helpers,
    tiny_phi3: Path,
    qtbot: QtBot,
    tmp_path: Path,
) -> None:
    if name.startswith("qlora"):
        pytest.importorskip("bitsandbytes")
    (tmp_path / "config").mkdir()
    config = local_document(tmp_path / "config", tiny_phi3, name)
    window = make_window(helpers.services())
    run = run_of(config, window, qtbot)
    check_run(run, 0.3 * rows)
    assert run.recipe().method.kind == name.partition("-")[0]
    answer(window, column, "The results came back clear!", qtbot)


# The job really trains, in a stand-in for Azure ML: its model comes back and answers here.
@pytest.mark.slow
def test_the_cloud_blocks_of_the_document_run_to_an_answer(
    make_window: Make,
    helpers: Helpers,
    tiny_phi3: Path,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("azure.ai.ml")
    from tests.worker.test_azure_runs import Machine

    (tmp_path / "config").mkdir()
    with AzureStandIn(tmp_path / "azure", time.time) as standin:
        for key, value in standin.environment().items():
            monkeypatch.setenv(key, value)
        standin.life = machine = Machine(tmp_path / "machine")
        standin.folders["azureml-msr/models/Phi-3-mini-4k-instruct/versions/11"] = tiny_phi3
        config = cloud_document(tmp_path / "config", standin)
        window = make_window(helpers.services())
        run = run_of(config, window, qtbot)
        machine.wait()
        assert standin.job.status == "Completed"
        check_run(run, 0.3 * 30)
        answer(window, "Question", "What is 2 and 2?", qtbot)


@pytest.mark.slow
def test_the_documents_classifier_becomes_good_on_the_starter(
    make_window: Make, helpers: Helpers, starter: Home, context: Context, qtbot: QtBot,
    tmp_path: Path,
) -> None:  # fmt: skip
    context.home.root.mkdir(exist_ok=True)
    context.home.models.symlink_to(starter.models)
    (tmp_path / "config").mkdir()
    window = make_window(helpers.services())
    run = run_of(starter_document(tmp_path / "config"), window, qtbot, wait=1_200_000)
    check_starter(run)
    said = answer(window, "phrase", "The results came back clear!", qtbot)
    assert said in ("Joy", "Sad", "Fear", "Surprise")
