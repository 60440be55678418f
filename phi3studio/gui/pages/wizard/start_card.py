"""When a run starts: at once, or at a time of the evening or night."""

from __future__ import annotations

import datetime as dt

from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.texts import words
from phi3studio.gui.widgets.basic import Card, ComboBox, label

_HOURS = (18, 20, 22, 0, 2, 4)


def next_time(hour: int, now: dt.datetime) -> dt.datetime:
    """The next moment after *now* at which the clock shows a full hour."""
    today = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    return today if today > now else today + dt.timedelta(days=1)


class StartCard(Card):
    """Offers the start times. A job in Azure ML begins when Azure has a machine for it."""

    def __init__(self, session: WizardSession) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("Start"))
        self._session = session
        self.choice = ComboBox()
        self.choice.setAccessibleName(self.tr("When the run starts"))
        self.choice.activated.connect(self._draw)
        self.header.addWidget(self.choice)
        self._said = label(
            self.tr(
                "Until then the run waits in the queue. The computer must stay on; it does not go "
                "to sleep meanwhile, unless the settings allow it."
            ),
            "small",
            wrap=True,
        )
        self.body.addWidget(self._said)
        session.changed.connect(self._draw)
        self.reset()

    def reset(self) -> None:
        """Offer the times that come next; the first choice is at once."""
        self.choice.clear()
        self.choice.addItem(self.tr("As soon as the computer is free"), None)
        now = dt.datetime.now()
        for at in sorted(next_time(hour, now) for hour in _HOURS):
            text = self.tr("At {time}").format(time=words.moment(at.timestamp()))
            self.choice.addItem(text, at.timestamp())
        self._draw()

    def start_at(self) -> float | None:
        """The chosen time, in seconds since the epoch; ``None``: at once."""
        if self._session.draft.in_cloud:
            return None
        chosen: float | None = self.choice.currentData()
        return chosen

    def _draw(self) -> None:
        self.setVisible(not self._session.draft.in_cloud)
        self._said.setVisible(self.start_at() is not None)
