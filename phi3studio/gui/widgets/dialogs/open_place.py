"""Showing a file, a folder or an address with the system's own program."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QWidget

from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.ask import Question


def open_path(parent: QWidget, theme: Theme, path: Path) -> None:
    """Show *path*; where the system has no program for it, say where it is."""
    if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
        translate = QCoreApplication.translate
        _tell(
            parent,
            theme,
            translate("OpenPlace", "This system opens no such files by itself. It is here:"),
            str(path),
            translate("OpenPlace", "Copy the path"),
        )


def open_address(parent: QWidget, theme: Theme, address: str) -> None:
    """Show a page of the web; where the system has no browser, say its address."""
    if not QDesktopServices.openUrl(QUrl(address)):
        translate = QCoreApplication.translate
        _tell(
            parent,
            theme,
            translate("OpenPlace", "This system has no browser that opens by itself. The address:"),
            address,
            translate("OpenPlace", "Copy the address"),
        )


def _tell(parent: QWidget, theme: Theme, text: str, place: str, copy: str) -> None:
    translate = QCoreApplication.translate
    said = Question(
        parent,
        theme,
        translate("OpenPlace", "No program could be started for it"),
        f"{text}\n{place}",
    )
    said.cancel.rename(translate("OpenPlace", "Close"))
    said.add(copy, lambda: QGuiApplication.clipboard().setText(place), kind="primary")
    said.open()
