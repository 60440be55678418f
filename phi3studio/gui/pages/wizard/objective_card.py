"""How pairs of answers, or rated ones, are trained on: in plain words, with the figures below."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QRadioButton

from phi3studio.domain.recipe import Objective
from phi3studio.gui.pages.wizard.folded_settings import FoldedSettings
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.pages.wizard.setting_list import settings
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Card, label
from phi3studio.wizard.flow import OF_PAIRS
from phi3studio.wizard.tuning_presets import with_objective

_SETTINGS: dict[Objective, frozenset[str]] = {
    "dpo": frozenset({"beta", "label_smoothing"}),
    "orpo": frozenset({"beta"}),
    "simpo": frozenset({"beta", "label_smoothing", "margin"}),
    "kto": frozenset({"beta", "desirable_weight", "undesirable_weight"}),
}


class ObjectiveCard(Card):
    """Offers the objectives that fit pairs, and says what is done with rated answers; hidden for
    other rows."""

    def __init__(self, theme: Theme, session: WizardSession) -> None:
        super().__init__(self.tr("Answers people preferred"))
        self._session = session
        self._radios: dict[Objective, QRadioButton] = {}
        self._about = label("", "muted", wrap=True)
        self.body.addWidget(self._about)
        self._explained: list[QLabel] = []
        for objective in OF_PAIRS:
            title, about = self._words(objective)
            radio = QRadioButton(title)
            radio.setAccessibleDescription(about)
            radio.clicked.connect(lambda _=False, o=objective: self._take(o))
            self._radios[objective] = radio
            self.body.addWidget(radio)
            explained = label(about, "small", wrap=True)
            explained.setIndent(26)
            self._explained.append(explained)
            self.body.addWidget(explained)
        self._advanced: dict[Objective, FoldedSettings] = {}
        for objective, names in _SETTINGS.items():
            fitting = [setting for setting in settings("preference") if setting.name in names]
            folded = FoldedSettings(theme, session, "tuning", self.tr("Advanced"), fitting)
            folded.show_without_frame()
            self._advanced[objective] = folded
            self.body.addWidget(folded)
        session.changed.connect(self._draw)

    def _words(self, objective: Objective) -> tuple[str, str]:
        if objective == "dpo":
            return (
                self.tr("Correct a model that answers already (DPO)"),
                self.tr(
                    "It stays near to what it was before. Best after a fine-tune on examples, "
                    "from that run's adapter."
                ),
            )
        if objective == "orpo":
            return (
                self.tr("Learn the answers and the preference at once (ORPO)"),
                self.tr("For a base model that has learned nothing of the task yet."),
            )
        return (
            self.tr("Prefer by token, not by length (SimPO)"),
            self.tr("Where the better answers are mostly the longer or the shorter ones."),
        )

    def _take(self, objective: Objective) -> None:
        self._session.forget_refused("tuning")
        self._session.take(with_objective(self._session.draft, objective))

    def _draw(self) -> None:
        draft = self._session.draft
        pairs = bool(draft.rejected)
        self.setVisible(pairs or bool(draft.rating))
        self._about.setText(
            self.tr(
                "Each row has a better and a worse answer. The model learns to give the better "
                "one more readily than the other."
            )
            if pairs
            else self.tr(
                "Each row has one answer that was rated good or bad (KTO). The model learns to "
                "give the good ones more readily than the bad ones and stays near to what it was "
                "before. Best after a fine-tune on examples, from that run's adapter."
            )
        )
        for explained in self._explained:
            explained.setVisible(pairs)
        for objective, radio in self._radios.items():
            radio.setChecked(draft.objective == objective)
            radio.setVisible(pairs)
        for objective, folded in self._advanced.items():
            folded.setVisible(draft.objective == objective)
