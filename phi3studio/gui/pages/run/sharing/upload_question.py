"""Asks what of a run goes to the hub, to which repository and who may read it, and shows every file
of it before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from phi3studio.app.hub_token import check_hub_token
from phi3studio.domain.errors import InputError, UserFacingError
from phi3studio.gui.context import Context
from phi3studio.gui.tasks import Latest, in_thread
from phi3studio.gui.texts import words
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import ComboBox, LineEdit, clear, label, restyle
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.gui.widgets.tables import RINGS, style_table
from phi3studio.models.hub_cache import hub_host
from phi3studio.runs.bundle.contents import What
from phi3studio.runs.bundle.hub_files import HubFile, check_name, hub_files
from phi3studio.runs.store import RunFolder

_ROWS = 6
"""Files that are seen at once."""


@dataclass(frozen=True)
class Upload:
    """What the user wants to be uploaded."""

    name: str
    files: tuple[HubFile, ...]
    private: bool


class UploadQuestion(Question):
    """``wished`` carries an :class:`Upload` and the token that was typed for it, or ``None``."""

    wished = Signal(object, object)

    def __init__(self, parent: QWidget, context: Context, run: RunFolder, name: str) -> None:
        super().__init__(
            parent,
            context.theme,
            self.tr("Upload to the hub"),
            self.tr(
                "These files go to {host}, and nothing else: no row of your data and no path of "
                "this computer."
            ).format(host=hub_host()),
        )
        self._context, self._run = context, run
        self._files: tuple[HubFile, ...] = ()
        self._listing = Latest(context.tasks, self)
        self._offers = self._results()
        self.what = ComboBox()
        self.what.addItems([title for title, _ in self._offers])
        self.table = QTableWidget(0, 2)
        self._total = label("", "strong")
        self._notes = QVBoxLayout()
        self.name = LineEdit(name)
        self._wrong_name = label("", "danger", wrap=True)
        self.public = QCheckBox(self.tr("Public: everybody may read and download it"))
        self.token = LineEdit()
        self.token.setEchoMode(QLineEdit.EchoMode.Password)
        self.token.setPlaceholderText("hf_…")
        self._wrong_token = label("", "danger", wrap=True)
        self._place(self.tr("What is uploaded"), self.what)
        self._prepare_table()
        self.extra.addWidget(self.table)
        self.extra.addWidget(self._total)
        self.extra.addLayout(self._notes)
        self._place(self.tr("Repository: owner/name, or a name of yours"), self.name)
        self.extra.addWidget(self._wrong_name)
        self._place(self.tr("Token of the kind “Write”; empty: the one that is stored"), self.token)
        self.extra.addWidget(self._wrong_token)
        said = self.tr("A token that is typed here is used once and kept nowhere.")
        self.extra.addWidget(label(said, "small", wrap=True))
        self.extra.addWidget(self.public)
        self.upload = self.add("", self._answer, kind="primary")
        self.what.currentIndexChanged.connect(self._list)
        self.name.textChanged.connect(self._draw)
        self.token.textChanged.connect(self._draw)
        self.public.toggled.connect(self._draw)
        self._list()

    def _place(self, title: str, field: QWidget) -> None:
        caption = label(title, "muted")
        caption.setBuddy(field)
        field.setAccessibleName(title)
        self.extra.addWidget(caption)
        self.extra.addWidget(field)

    def _results(self) -> list[tuple[str, What]]:
        run = self._run
        found: list[tuple[str, What]] = []
        if run.model.is_dir():
            found.append((self.tr("Exported model (ONNX)"), "model"))
        if run.merged.is_dir():
            found.append((self.tr("Merged model (Hugging Face)"), "merged"))
        if run.adapter.is_dir():
            found.append((self.tr("Only the adapter (PEFT)"), "adapter"))
        return found

    def _prepare_table(self) -> None:
        table = self.table
        table.setHorizontalHeaderLabels([self.tr("File"), self.tr("Size")])
        table.setAccessibleName(self.tr("Files that are uploaded"))
        style_table(table)
        table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        table.setFixedHeight(32 + 30 * _ROWS + RINGS)
        # More files than are seen are scrolled to, also by keyboard.
        table.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)

    def _list(self) -> None:
        _, what = self._offers[self.what.currentIndex()]
        self._show_files(())
        self._total.setText(self.tr("Listing the files…"))
        self._listing.ask(
            lambda: in_thread(hub_files, self._run, what), self._show_files, self._refuse
        )

    def _show_files(self, files: Sequence[HubFile]) -> None:
        clear(self._notes)
        self._files = tuple(files)
        self.table.show()
        self._total.show()
        self.table.setRowCount(len(files))
        for at, file in enumerate(files):
            size = QTableWidgetItem(words.size(file.bytes))
            size.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.table.setItem(at, 0, QTableWidgetItem(file.path))
            self.table.setItem(at, 1, size)
        count = self.tr("%Ln file(s)", None, len(files))
        self._total.setText(f"{count} · {words.size(sum(file.bytes for file in files))}")
        self._draw()

    def _refuse(self, error: UserFacingError) -> None:
        self._total.hide()
        self.table.hide()
        self._notes.addWidget(ErrorState(self._context.theme, error))

    def _draw(self) -> None:
        token = self.token.text().strip()
        fits = _judge(self.name, self._wrong_name, partial(check_name, self.name.text().strip()))
        fits &= _judge(
            self.token, self._wrong_token, partial(check_hub_token, token) if token else None
        )
        self.upload.setEnabled(fits and bool(self._files))
        self.upload.rename(
            self.tr("Upload, public for everybody")
            if self.public.isChecked()
            else self.tr("Upload, private")
        )

    def _answer(self) -> None:
        wish = Upload(self.name.text().strip(), self._files, not self.public.isChecked())
        token = self.token.text().strip() or None
        self.token.clear()
        self.wished.emit(wish, token)


def _judge(field: QLineEdit, said: QLabel, check: Callable[[], object] | None) -> bool:
    """Whether *check* takes what is in *field*; *said* tells why it does not."""
    wrong = ""
    try:
        if check is not None:
            check()
    except InputError as error:
        found = explain_error(error)
        wrong = f"{found.message} {found.hint}"
    if bool(field.property("invalid")) != bool(wrong):
        field.setProperty("invalid", bool(wrong))
        restyle(field)
    said.setText(wrong)
    said.setVisible(bool(wrong))
    return not wrong
