"""What leaves this computer (nothing), and what came to it."""

from __future__ import annotations

import asyncio

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from phi3studio.app.download_log import Download, DownloadLog
from phi3studio.gui.context import Context
from phi3studio.gui.texts import words
from phi3studio.gui.widgets.basic import Button, Callout, Card, Elided, clear, label, line, row
from phi3studio.gui.widgets.dialogs.open_place import open_path

_SHOWN = 12


class PrivacyCard(Card):
    """The promises, and every download: what, from where, how much, when."""

    def __init__(self, context: Context) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("Privacy"))
        self.setAccessibleName(self.tr("Privacy"))
        self._context = context
        self._log = DownloadLog(context.home.root)
        for text in (
            self.tr(
                "Nothing leaves this computer by itself: no telemetry, no account. Only what you "
                "upload to the hub, and jobs that you start in Azure ML, are sent."
            ),
            self.tr("Data, models, chats and logs are files in your own folder."),
            self.tr(
                "Only what you ask for is downloaded: a base model that is not here yet, a data "
                "set that you name, the libraries for an NVIDIA GPU."
            ),
        ):
            self.body.addWidget(Callout(context.theme, "good", text))
        self._open = Button(context.theme, self.tr("Open the full list"), icon="file")
        self._open.clicked.connect(lambda: open_path(self, context.theme, self._log.file))
        self.body.addSpacing(4)
        self.body.addLayout(row(label(self.tr("Downloads"), "strong"), 1, self._open))
        self._list = QVBoxLayout()
        self._list.setSpacing(4)
        self.body.addLayout(self._list)

    def look(self) -> None:
        """Read the list again."""
        self._context.tasks.run(asyncio.to_thread(self._log.read), self._draw)

    def _draw(self, downloads: list[Download]) -> None:
        clear(self._list)
        self._open.setVisible(bool(downloads))
        if not downloads:
            self._list.addWidget(label(self.tr("Nothing has been downloaded."), "muted"))
            return
        for entry in downloads[:_SHOWN]:
            self._list.addWidget(line())
            head = QHBoxLayout()
            head.addWidget(Elided(entry.what), 1)
            head.addWidget(label(words.size(entry.bytes), "muted"))
            self._list.addLayout(head)
            said = [words.moment(entry.t), self._from(entry), self._ending(entry)]
            self._list.addWidget(label(" · ".join(part for part in said if part), "small"))
        if len(downloads) > _SHOWN:
            more = self.tr("and %Ln earlier one(s)", None, len(downloads) - _SHOWN)
            self._list.addWidget(label(more, "small"))

    def _from(self, entry: Download) -> str:
        return self.tr("from {host}").format(host=", ".join(entry.hosts))

    def _ending(self, entry: Download) -> str:
        return {
            "done": "",
            "stopped": self.tr("stopped"),
            "failed": self.tr("failed"),
        }[entry.outcome]
