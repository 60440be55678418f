"""The page Tuning: three presets, all settings, and what they will take."""

from __future__ import annotations

from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QRadioButton, QVBoxLayout, QWidget

from phi3studio.domain.hyperparameters import WHOLE_CHANGE
from phi3studio.gui.context import Context
from phi3studio.gui.pages.wizard.estimate_card import EstimateCard
from phi3studio.gui.pages.wizard.folded_settings import SettingColumn
from phi3studio.gui.pages.wizard.model_page import ChoiceCard
from phi3studio.gui.pages.wizard.objective_card import ObjectiveCard
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.pages.wizard.setting_fields import SettingField
from phi3studio.gui.pages.wizard.setting_list import settings
from phi3studio.gui.texts import words
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, Callout, Card, clear, label
from phi3studio.gui.widgets.page_frame import Columns
from phi3studio.wizard.flow import PRESETS, PresetName
from phi3studio.wizard.machine_fit import estimate_draft
from phi3studio.wizard.tuning_presets import total_steps, with_preset


class _PresetCard(ChoiceCard):
    def __init__(self, theme: Theme, name: PresetName) -> None:
        super().__init__()
        self.name = name
        title, about = {
            "quick": (
                self.tr("Quick look"),
                self.tr("Does the model learn the task at all? A first answer."),
            ),
            "balanced": (
                self.tr("Balanced"),
                self.tr("A good model in reasonable time. Right for most data."),
            ),
            "thorough": (
                self.tr("Thorough"),
                self.tr("More passes, for the last few per cent."),
            ),
        }[name]
        self._name = title
        self.body.setSpacing(4)
        self.body.addWidget(label(title, "cardTitle"))
        self.body.addWidget(label(about, "muted", wrap=True))
        self.body.addStretch(1)
        self._time = label("", "strong")
        self._figures = label("", "small", wrap=True)
        self.body.addWidget(self._time)
        self.body.addWidget(self._figures)

    def show_figures(self, time: str, figures: str) -> None:
        self._time.setText(time)
        self._figures.setText(figures)
        self.setAccessibleName(f"{self._name}. {time}. {figures}")


class TuningPage(QWidget):
    """How the model learns."""

    def __init__(self, context: Context, session: WizardSession) -> None:
        super().__init__()
        self._context = context
        self._session = session
        theme = context.theme
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(14)
        presets = QHBoxLayout()
        presets.setSpacing(14)
        self._presets: list[_PresetCard] = []
        for name in PRESETS:
            card = _PresetCard(theme, name)
            card.chosen.connect(lambda n=name: self._choose(n))
            presets.addWidget(card, 1)
            self._presets.append(card)
        layout.addLayout(presets)
        self._notes = QVBoxLayout()
        layout.addLayout(self._notes)
        columns = Columns(3, 2)
        layout.addWidget(columns)
        columns.left.addWidget(ObjectiveCard(theme, session))
        columns.left.addWidget(self._build_settings(theme))
        columns.left.addStretch(1)
        columns.right.addWidget(EstimateCard(theme, session))
        columns.right.addWidget(self._build_method())
        columns.right.addStretch(1)
        layout.addStretch(1)
        session.changed.connect(self._draw)

    def _build_settings(self, theme: Theme) -> Card:
        card = Card(" ")
        card.title.setText(self.tr("All settings"))
        card.setAccessibleName(self.tr("All settings"))
        self._own = card.detail
        self._fold = Button(theme, self.tr("Show"), icon="down")
        self._fold.clicked.connect(self._toggle)
        card.header.addWidget(self._fold)
        self._column = SettingColumn(self._session, "tuning", settings("tuning", "details"))
        card.body.addWidget(self._column)
        self._short = label("", "muted", wrap=True)
        card.body.addWidget(self._short)
        return card

    def _build_method(self) -> Card:
        card = Card(self.tr("Method"))
        self._methods: dict[str, tuple[QRadioButton, QLabel]] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        card.body.addLayout(grid)
        for kind, title, about in (
            ("lora", "LoRA", self.tr("small matrices next to the frozen weights")),
            ("qlora", "QLoRA", self.tr("the same over weights in 4 bits: a third of the memory")),
            (
                "dora",
                "DoRA",
                self.tr("learns magnitude and direction separately: a little better, slower"),
            ),
            ("loha", "LoHa", self.tr("a Hadamard product of small matrices")),
            ("lokr", "LoKr", self.tr("a Kronecker product of small matrices")),
        ):
            radio = QRadioButton(title)
            radio.setAccessibleDescription(about)
            radio.clicked.connect(lambda _=False, k=kind: self._take_method(k))
            explained = label(about, "small", wrap=True)
            self._methods[kind] = radio, explained
            grid.addWidget(radio, grid.rowCount(), 0)
            grid.addWidget(explained, grid.rowCount() - 1, 1)
        return card

    @property
    def fields(self) -> list[SettingField]:
        """The fields of all settings, made if need be."""
        return self._column.fields

    def show_all(self, shown: bool) -> None:
        """Unfold or fold all settings."""
        self._column.show_all(shown)
        self._short.setVisible(not shown)
        self._fold.rename(self.tr("Hide") if shown else self.tr("Show"))
        self._fold.set_icon("up" if shown else "down")

    def _toggle(self) -> None:
        self.show_all(self._column.isHidden())

    def _choose(self, name: PresetName) -> None:
        self._session.forget_refused("tuning")
        self._session.take(with_preset(self._session.draft, name, self._session.facts))

    def _take_method(self, kind: str) -> None:
        self._session.edit("tuning", method={"kind": kind})

    def _draw(self) -> None:
        draft, facts = self._session.draft, self._session.facts
        for card in self._presets:
            card.set_chosen(draft.preset == card.name)
            as_preset = with_preset(draft, card.name, facts)
            found = estimate_draft(as_preset, facts)
            steps = total_steps(as_preset, facts)
            training, method = as_preset.training, as_preset.method
            epochs = (
                self.tr("%Ln step(s)", None, training.max_steps)
                if training.max_steps
                else self.tr("%Ln epoch(s)", None, round(training.epochs))
            )
            figures = [epochs, self.tr("rank {n}").format(n=method.rank)]
            if steps and not training.max_steps:
                figures.insert(1, self.tr("%Ln step(s)", None, steps))
            card.show_figures(
                words.about(found.total_seconds) if found else "", " · ".join(figures)
            )
        training, method = draft.training, draft.method
        self._column.draw()
        self._own.setText(
            self.tr("your own") if draft.preset is None else self.tr("as in the preset")
        )
        self._short.setText(
            self.tr(
                "Learning rate {rate}, batch {batch} × {accumulation}, sequence length {length}, "
                "rank {rank}, alpha {alpha}"
            ).format(
                rate=words.number(training.learning_rate),
                batch=training.batch_size,
                accumulation=training.accumulation,
                length=words.count(training.sequence_length),
                rank=method.rank,
                alpha=words.number(method.alpha),
            )
        )
        for kind, (radio, explained) in self._methods.items():
            # What only few use is offered to recipes that come with it.
            offered = kind not in WHOLE_CHANGE or kind == method.kind
            for widget in (radio, explained):
                widget.setVisible(offered)
            radio.setChecked(method.kind == kind)
        clear(self._notes)
        for problem in self._session.problems("tuning"):
            said = explain_error(problem.says)
            self._notes.addWidget(
                Callout(self._context.theme, problem.level, said.message, said.hint)
            )
