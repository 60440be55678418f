"""The pictures of jobs in Azure ML, and of answers that are held to something."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from PySide6.QtWidgets import QWidget

from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.chat.chat_page import ChatPage
from phi3studio.gui.pages.chat.untuned_base import BaseColumn
from phi3studio.gui.pages.wizard.data.data_page import DataPage
from phi3studio.gui.pages.wizard.target_page import TargetPage
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.runs.shown.transcript import Ask
from phi3studio.runs.store import RunFolder
from phi3studio.wizard.flow import edit, visit
from tests.showcase.azure import FORM, write_cloud_runs

Take = Callable[[MainWindow, str], Awaitable[None]]


async def walk_azure(window: MainWindow, take: Take, root: Path, sample: str) -> None:
    """The section of the page Target, the review of a job, and its runs."""
    window.go("new")
    wizard = window.page("new")
    assert isinstance(wizard, WizardPage)
    wizard.session.start_over()
    data = wizard.view("data")
    assert isinstance(data, DataPage)
    data.source.take_file(sample)
    await asyncio.sleep(1.5)
    wizard.session.visit("target")
    target = wizard.view("target")
    assert isinstance(target, TargetPage)
    wizard.session.use_azure()
    await asyncio.sleep(0.4)
    await take(window, "wizard-4-target-azure-new")
    draft = edit(wizard.session.draft, "target", azure=FORM)
    wizard.session.take(draft)
    target.azure.look.check.click()
    await asyncio.sleep(0.6)
    await take(window, "wizard-4-target-azure")
    _show(wizard, target.azure.look)
    await take(window, "wizard-4-target-azure-checked")
    wrong = {"subscription": "mine", "compute": "gpu cluster", "data": "train.jsonl", "nodes": 3}
    wizard.session.edit("target", azure=wrong)
    target.azure.show_all(True)
    await asyncio.sleep(0.4)
    _show(wizard, target.azure.fields["image"])
    await take(window, "wizard-4-target-azure-wrong")
    wizard.session.take(visit(draft, "review"))
    await asyncio.sleep(0.6)
    await take(window, "wizard-5-review-azure")
    wizard.session.start_over()
    for name, run in write_cloud_runs(root, sample, True).items():
        window.show_run(run)
        await asyncio.sleep(1)
        await take(window, f"run-{name}")


async def walk_held(window: MainWindow, take: Take, run: RunFolder, folder: Path) -> None:
    """Answers that are held to labels and to a schema; a model that keeps several adapters."""
    window.go("chat")
    chat = window.page("chat")
    assert isinstance(chat, ChatPage)
    for base in chat.findChildren(BaseColumn):
        base.removed.emit()
    for column in chat.columns:
        column.removed.emit()
    chat.add_run(run)
    chat.add_model(folder / "apart" / "model", "phi-3-apart", "int4 · CPU")
    await asyncio.sleep(0.3)
    answer = chat.settings_panel.answer
    answer.offer(("Fear", "Joy", "Love", "Sad", "Surprise"))
    answer.kind.setCurrentIndex(1)
    chat.show_settings(True)
    chat.ask(Ask(values={"phrase": "Footsteps stopped right outside my door."}))
    await asyncio.sleep(0.5)
    await take(window, "chat-labels")
    answer.kind.setCurrentIndex(2)
    answer.schema.setPlainText('{"type": "object",\n "properties": {"tone": {"type": "string"}}')
    await asyncio.sleep(0.3)
    await take(window, "chat-schema-wrong")
    answer.kind.setCurrentIndex(0)
    chat.show_settings(False)


def _show(wizard: WizardPage, part: QWidget) -> None:
    if wizard.scroll_area is not None:
        wizard.scroll_area.ensureWidgetVisible(part)
