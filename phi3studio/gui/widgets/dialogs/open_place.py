"""Showing a file or folder with the system's own program."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QWidget

from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.ask import Question


def open_path(parent: QWidget, theme: Theme, path: Path) -> None:
    """Show *path*; where the system has no program for it, say where it is."""
    if QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
        return
    translate = QCoreApplication.translate
    said = Question(
        parent,
        theme,
        translate("OpenPlace", "No program could be started for it"),
        translate("OpenPlace", "This system opens no such files by itself. It is here:")
        + f"\n{path}",
    )
    said.cancel.rename(translate("OpenPlace", "Close"))
    said.add(
        translate("OpenPlace", "Copy the path"),
        lambda: QGuiApplication.clipboard().setText(str(path)),
        kind="primary",
    )
    said.open()
