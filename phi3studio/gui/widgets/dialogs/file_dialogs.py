"""Asking for a file or folder: each dialog opens where the last one ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QFileDialog, QWidget

_PROPERTY = "lastFolder"


def last_folder() -> str:
    """The folder of the file that was chosen last; empty before the first."""
    app = QCoreApplication.instance()
    return str((app.property(_PROPERTY) if app is not None else None) or "")


def remember_folder(folder: str) -> None:
    """Let the next dialog open in *folder*."""
    app = QCoreApplication.instance()
    if app is not None:
        app.setProperty(_PROPERTY, folder)


def choose_file(
    parent: QWidget, title: str, chosen: Callable[[str], object], filters: Sequence[str] = ()
) -> QFileDialog:
    """Ask for a file that is there; *chosen* gets its path."""
    dialog = _dialog(parent, title, chosen)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    if filters:
        dialog.setNameFilters(list(filters))
    dialog.open()
    return dialog


def choose_folder(parent: QWidget, title: str, chosen: Callable[[str], object]) -> QFileDialog:
    """Ask for a folder; *chosen* gets its path."""
    dialog = _dialog(parent, title, chosen)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    dialog.open()
    return dialog


def choose_target(
    parent: QWidget, title: str, name: str, chosen: Callable[[str], object], *, ask: bool = True
) -> QFileDialog:
    """Ask where to write *name*, whose ending is kept. Without *ask* an existing one is chosen
    without a question: whoever writes it says what becomes of it."""
    dialog = _dialog(parent, title, chosen)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setOption(QFileDialog.Option.DontConfirmOverwrite, not ask)
    suffix = Path(name).suffix
    if suffix:
        dialog.setDefaultSuffix(suffix.removeprefix("."))
        dialog.setNameFilter(f"{suffix.removeprefix('.').upper()} (*{suffix})")
    dialog.selectFile(name)
    dialog.open()
    return dialog


def _dialog(parent: QWidget, title: str, chosen: Callable[[str], object]) -> QFileDialog:
    folder = last_folder()
    dialog = QFileDialog(parent, title, folder if Path(folder).is_dir() else "")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    # A folder that is chosen is seen again where it lies.
    dialog.fileSelected.connect(lambda path: remember_folder(str(Path(path).parent)))
    dialog.fileSelected.connect(chosen)
    return dialog
