"""Where a value is written that an imported recipe leaves open."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from phi3studio.gui.pages.wizard.data.data_page import DataPage
from phi3studio.gui.pages.wizard.model_page import ModelPage
from phi3studio.gui.pages.wizard.target_page import TargetPage


def field_of(page: QWidget, key: str) -> QWidget | None:
    """The control on *page* that writes *key*; ``None`` where it has none yet."""
    if isinstance(page, ModelPage):
        return page.adapter.button if key == "model.adapter" else page.search
    if isinstance(page, TargetPage) and key.startswith("azure."):
        return page.azure.field(key.rpartition(".")[2])
    if not isinstance(page, DataPage):
        return None
    if key == "data.source" or not page.furnished:
        # The rows come first: the rest of the page shows with them.
        return page.source.choose_button
    if key == "data.split.file":
        return page.split.choice
    return page.template.prompt if key.endswith("prompt") else page.template.completion
