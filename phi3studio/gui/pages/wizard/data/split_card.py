"""Which rows are held out."""

from __future__ import annotations

from phi3studio.gui.context import Context
from phi3studio.gui.pages.wizard.data.inspection import Inspection
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.texts import words
from phi3studio.gui.widgets.basic import Card, ComboBox, label, row
from phi3studio.gui.widgets.dialogs.file_dialogs import choose_file

# Every other way to name held-out rows; one of them excludes the others.
_NO_WAY = dict.fromkeys(("file", "hub_split", "slice", "column"))
_SHARES = (0.05, 0.1, 0.2, 0.3)

_NEAR = 0.01
"""A split that misses its share by more is explained."""


class SplitCard(Card):
    """A share of the rows, or a file of its own."""

    def __init__(self, context: Context, session: WizardSession, inspection: Inspection) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("Split"))
        self.setAccessibleName(self.tr("Split"))
        self._session = session
        self._inspection = inspection
        self._said = label("", "muted", wrap=True)
        self.choice = ComboBox()
        self.choice.setAccessibleName(self.tr("Rows that are held out"))
        for share in _SHARES:
            held = round(share * 100)
            self.choice.addItem(f"{100 - held} / {held}", share)
        self.choice.addItem(self.tr("A separate file…"), None)
        self.choice.activated.connect(self._take)
        self.body.addLayout(row(self._said, self.choice))
        session.changed.connect(self._draw)
        inspection.looked.connect(self._draw)

    def _take(self, index: int) -> None:
        share = self.choice.itemData(index)
        if share is None:
            choose_file(
                self,
                self.tr("Choose the held-out rows"),
                lambda path: self._session.edit("data", split={**_NO_WAY, "file": path}),
            ).rejected.connect(self._draw)
        else:
            self._session.edit("data", split={**_NO_WAY, "held_out": share})

    def _draw(self) -> None:
        self.setVisible(self._inspection.source is not None)
        split, facts = self._session.draft.split, self._session.facts.data
        apart = split.file or split.hub_split or split.slice
        if apart is not None:
            self.choice.setCurrentIndex(len(_SHARES))
            self._said.setText(self.tr("held out: {file}").format(file=apart))
            return
        nearest = min(range(len(_SHARES)), key=lambda i: abs(_SHARES[i] - split.held_out))
        self.choice.setCurrentIndex(nearest)
        if facts is not None:
            said = self.tr("{train} for training, {held} held out for the check at the end").format(
                train=words.count(facts.train_rows), held=words.count(facts.held_out_rows)
            )
            rows = facts.train_rows + facts.held_out_rows
            if rows and abs(facts.held_out_rows / rows - split.held_out) > _NEAR:
                said += "\n" + self.tr(
                    "Rows that ask the same stay on one side, so the shares are not exact."
                )
            self._said.setText(said)
