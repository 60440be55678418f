"""The way of one base model onto this computer: download, pause, go on, cancel."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from phi3studio.gui.base_model_list import BaseModel
from phi3studio.gui.downloads import Downloader, Transfer
from phi3studio.gui.texts import words
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, label


class DownloadButtons(QWidget):
    """The buttons that fit the state: not here, half here, on its way."""

    def __init__(self, theme: Theme, model: BaseModel, downloader: Downloader) -> None:
        super().__init__()
        self._model = model
        self._downloader = downloader
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        name = model.title
        self.begin = Button(theme, "", icon="save")
        self.begin.clicked.connect(partial(downloader.start, model.source))
        self.drop = Button(theme, self.tr("Discard"))
        self.drop.clicked.connect(partial(downloader.discard, model.source))
        self.pause = Button(theme, self.tr("Pause"), icon="pause")
        self.pause.clicked.connect(partial(downloader.pause, model.source))
        self.cancel = Button(theme, self.tr("Cancel"))
        self.cancel.clicked.connect(partial(downloader.cancel, model.source))
        for button, said in (
            (self.drop, self.tr("Discard the part of {name} that is downloaded")),
            (self.pause, self.tr("Pause the download of {name}")),
            (self.cancel, self.tr("Cancel the download of {name}")),
        ):
            button.setAccessibleName(said.format(name=name))
        for button in (self.begin, self.drop, self.pause, self.cancel):
            line.addWidget(button)
        # Bound methods, not lambdas: Qt then cuts the connection when the card goes.
        downloader.moved.connect(self.draw)
        downloader.ended.connect(self.draw)
        self.draw()

    def draw(self) -> None:
        """Show what can be done now."""
        model = self._model
        transfer = self._downloader.transfer(model.source)
        mine = transfer is not None
        waits = not model.installed and bool(model.download_bytes) and not mine
        if model.kept_bytes:
            said = self.tr("Resume")
        else:
            said = self.tr("Download {size}").format(size=words.size(model.download_bytes))
        self.begin.rename(said)
        self.begin.setAccessibleName(f"{said}: {model.title}")
        self.begin.setToolTip(self.tr("from {host}").format(host=model.host) if model.host else "")
        self.begin.set_icon("play" if model.kept_bytes else "save")
        self.begin.setVisible(waits)
        self.drop.setVisible(waits and bool(model.kept_bytes))
        self.pause.setVisible(bool(transfer and transfer.total))
        self.cancel.setVisible(mine)


class DownloadProgress(QWidget):
    """How far the download is; hidden for a model that is wholly here or wholly not."""

    def __init__(self, model: BaseModel, downloader: Downloader) -> None:
        super().__init__()
        self._model = model
        self._downloader = downloader
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(4)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress of {name}").format(name=model.title))
        column.addWidget(self.bar)
        self.said = label("", "small", wrap=True)
        column.addWidget(self.said)
        downloader.moved.connect(self.draw)
        downloader.ended.connect(self.draw)
        self.draw()

    def draw(self) -> None:
        """Show the bytes that are here and those still to come."""
        model = self._model
        transfer = self._downloader.transfer(model.source)
        if transfer is not None:
            self.setVisible(True)
            self._draw_share(transfer.done, transfer.total)
            self.said.setText(self._under_way(transfer))
        elif model.kept_bytes and not model.installed:
            self.setVisible(True)
            self._draw_share(model.kept_bytes, model.download_bytes)
            self.said.setText(
                self.tr("paused: {done} of {total} downloaded").format(
                    done=words.size(model.kept_bytes), total=words.size(model.download_bytes)
                )
            )
        else:
            self.setVisible(False)

    def _draw_share(self, done: int, total: int) -> None:
        self.bar.setRange(0, 1000 if total else 0)
        self.bar.setValue(round(1000 * min(1.0, done / total)) if total else 0)

    def _under_way(self, transfer: Transfer) -> str:
        if not transfer.total:
            return transfer.activity or self.tr("listing the files…")
        parts = [
            self.tr("{done} of {total}").format(
                done=words.size(transfer.done), total=words.size(transfer.total)
            )
        ]
        if transfer.speed:
            parts.append(self.tr("{size} / s").format(size=words.size(transfer.speed)))
        if transfer.left_s is not None:
            parts.append(self.tr("{time} left").format(time=words.about(transfer.left_s)))
        return " · ".join(parts)
