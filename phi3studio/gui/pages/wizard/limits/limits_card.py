"""The card Limits: off, and folded, until somebody has some."""

from __future__ import annotations

from PySide6.QtWidgets import QCheckBox

from phi3studio.domain.recipe import Limits
from phi3studio.gui.pages.wizard.limits.limit_fields import LimitFields
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.texts.limit_words import limit_words
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, Card, label


class LimitsCard(Card):
    """Whether the export is searched, and within which limits. What was typed is there again when
    the search is switched on again."""

    def __init__(self, theme: Theme, session: WizardSession) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("Limits"))
        self.setAccessibleName(self.tr("Limits"))
        self._session = session
        self._before = Limits()
        self._fields: LimitFields | None = None
        self.switch = QCheckBox(self.tr("Search the best export within limits"))
        self.switch.clicked.connect(self._switched)
        self._about = label(
            self.tr(
                "Many kinds of export are built and measured on this computer. With a limit on "
                "quality (score or points lost) the smallest that keeps to all limits is taken, "
                "without one the most exact. Empty fields limit nothing."
            ),
            "small",
            wrap=True,
        )
        self.switch.setAccessibleDescription(self._about.text())
        self._fold = Button(theme, self.tr("Show"), icon="down")
        self._fold.setAccessibleName(self.tr("Show: {title}").format(title=self.title.text()))
        self._fold.clicked.connect(lambda: self.show_all(self.switch.isHidden()))
        self.header.addWidget(self._fold)
        for widget in (self.switch, self._about):
            widget.hide()
            self.body.addWidget(widget)
        session.changed.connect(self.draw)
        self.draw()

    @property
    def fields(self) -> LimitFields:
        """The fields, made when they are first asked for."""
        if self._fields is None:
            self._fields = LimitFields(self._session)
            self._fields.hide()
            self.body.addWidget(self._fields)
            self._fields.draw()
        return self._fields

    def show_all(self, shown: bool) -> None:
        """Unfold or fold it."""
        for widget in (self.switch, self._about, self.fields):
            widget.setVisible(shown)
        title = self.tr("Hide") if shown else self.tr("Show")
        self._fold.rename(title)
        self._fold.setAccessibleName(f"{title}: {self.title.text()}")
        self._fold.set_icon("up" if shown else "down")

    def draw(self) -> None:
        """Show the draft's limits."""
        limits = self._session.draft.limits
        self.switch.setChecked(limits is not None)
        if self._fields is not None:
            self._fields.draw()
        if limits is None:
            said = self.tr("off")
        else:
            said = ", ".join(limit_words(limits)) or self.tr("the smallest faithful export")
        self.detail.setText(said)

    def _switched(self, on: bool) -> None:
        limits = self._session.draft.limits
        if on:
            self._session.edit("target", limits=self._before)
            return
        self._before = limits or Limits()
        self.fields.forget()
        self._session.edit("target", limits=None)
