"""The page Target: where to train, where the model will run, and how small it becomes."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QRadioButton, QVBoxLayout, QWidget

from phi3studio.domain.errors import InputError
from phi3studio.domain.estimation.estimate import exported_bytes
from phi3studio.domain.quantisation import AUTO, FORMATS, PRESETS, choice_texts
from phi3studio.gui.context import Context
from phi3studio.gui.pages.wizard.azure.azure_card import AzureCard
from phi3studio.gui.pages.wizard.azure.azure_desk import AzureDesk
from phi3studio.gui.pages.wizard.folded_settings import FoldedSettings
from phi3studio.gui.pages.wizard.limits.limits_card import LimitsCard
from phi3studio.gui.pages.wizard.session import WizardSession
from phi3studio.gui.pages.wizard.setting_list import settings
from phi3studio.gui.pages.wizard.steps_card import StepsCard
from phi3studio.gui.texts import words
from phi3studio.gui.texts.messages import explain_error, text_of
from phi3studio.gui.widgets.basic import Callout, Card, clear, label
from phi3studio.gui.widgets.page_frame import Columns
from phi3studio.runtime_pack.pack_files import USABLE
from phi3studio.wizard.flow import edit, to_recipe

_KINDS = (AUTO, *PRESETS, *(name for name in FORMATS if name != "int4"))
"""What the card Quantisation offers, in its order."""


def _changes(kind: str) -> dict[str, str]:
    """The recipe's keys that a choice of :data:`_KINDS` sets."""
    return {"quantisation": kind} if kind in FORMATS else {"quantisation": "int4", "int4": kind}


class _Choice(QWidget):
    """A radio button with an explanation, and the reason where it cannot be chosen."""

    def __init__(self, title: str, about: str) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 4)
        layout.setSpacing(1)
        self.radio = QRadioButton(title)
        layout.addWidget(self.radio)
        below = QHBoxLayout()
        below.setContentsMargins(28, 0, 0, 0)
        self.about = label(about, "small", wrap=True)
        below.addWidget(self.about)
        layout.addLayout(below)
        self._said = about
        self._size = ""

    def set_reason(self, reason: str) -> None:
        """Why it cannot be chosen; empty: it can."""
        self.radio.setEnabled(not reason)
        self.about.setText(reason or self._said + self._size)
        self.radio.setAccessibleDescription(self.about.text())

    def set_about(self, text: str) -> None:
        """Another explanation."""
        self._said = text
        if self.radio.isEnabled():
            self.about.setText(text + self._size)

    def set_size(self, size: str) -> None:
        """The expected size next to the explanation."""
        self._size = f" · {size}" if size else ""
        if self.radio.isEnabled():
            self.about.setText(self._said + self._size)


class TargetPage(QWidget):
    """Where to train, where to run, how small: one card each; and the job in Azure ML, if any."""

    def __init__(self, context: Context, session: WizardSession, desk: AzureDesk) -> None:
        super().__init__()
        self._context = context
        self._session = session
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(14)
        self._notes = QVBoxLayout()
        layout.addLayout(self._notes)
        where = Columns()
        layout.addWidget(where)
        self._desk = desk
        self._azure: AzureCard | None = None
        self._azure_place = QVBoxLayout()
        layout.addLayout(self._azure_place)
        columns = Columns()
        layout.addWidget(columns)
        layout.addStretch(1)
        self._train = {
            "auto": _Choice(
                self.tr("Automatic"), self.tr("the GPU where it can train, else the processor")
            ),
            "cpu": _Choice(self.tr("Processor (CPU)"), ""),
            "cuda": _Choice(self.tr("NVIDIA GPU (CUDA)"), ""),
            "azureml": _Choice(
                "Azure ML", self.tr("machines in the cloud, for what this computer cannot do")
            ),
        }
        self._run = {
            "cpu": _Choice(
                self.tr("Processor (CPU)"), self.tr("runs on every computer, without a driver")
            ),
            "cuda": _Choice(
                self.tr("NVIDIA GPU (CUDA)"), self.tr("fast; needs the driver where it runs")
            ),
            "dml": _Choice(
                self.tr("Windows GPU (DirectML)"), self.tr("any GPU of Windows 10 and 11")
            ),
        }
        texts = choice_texts()
        self._kind = {
            name: _Choice(*text_of(f"quantisation.{name}", texts[f"quantisation.{name}"]))
            for name in _KINDS
        }
        where.left.addWidget(self._card(self.tr("Train on"), self._train, self._take_train))
        where.right.addWidget(self._card(self.tr("Run on"), self._run, self._take_run))
        self.steps = StepsCard(session)
        columns.left.addWidget(self.steps)
        columns.left.addStretch(1)
        theme = context.theme
        self._kinds = self._card(self.tr("Quantisation"), self._kind, self._take_kind)
        columns.right.addWidget(self._kinds)
        self.int4 = FoldedSettings(
            theme, session, "target", self.tr("4-bit details"), settings("int4")
        )
        self.fidelity = FoldedSettings(
            theme, session, "target", self.tr("Quality thresholds"), settings("fidelity")
        )
        self.limits = LimitsCard(theme, session)
        columns.right.addWidget(self.limits)
        columns.right.addWidget(self.int4)
        columns.right.addWidget(self.fidelity)
        columns.right.addStretch(1)
        session.changed.connect(self._draw)

    @property
    def azure(self) -> AzureCard:
        """The job's card; made when first needed, as most people need none."""
        if self._azure is None:
            self._azure = AzureCard(self._context, self._session, self._desk)
            self._azure_place.addWidget(self._azure)
        return self._azure

    def _card(self, title: str, choices: dict[str, _Choice], take: object) -> Card:
        card = Card(title)
        group = QButtonGroup(card)
        for key, choice in choices.items():
            group.addButton(choice.radio)
            choice.radio.clicked.connect(lambda _=False, k=key: take(k))  # type: ignore[operator]
            card.body.addWidget(choice)
        card.body.addStretch(1)
        return card

    def _take_train(self, key: str) -> None:
        if key == "azureml":
            self._session.use_azure()
        else:
            self._session.edit("target", target={"train_on": key})

    def _take_run(self, key: str) -> None:
        self._session.edit("target", target={"provider": key})

    def _take_kind(self, key: str) -> None:
        self._session.edit("target", target=_changes(key))

    def _draw(self) -> None:
        draft = self._session.draft
        target = draft.target
        if draft.in_cloud and self._azure is None:
            # Its many fields are made with an event of their own.
            QTimer.singleShot(0, self, lambda: self.azure)
        searches, verifies = draft.limits is not None, {"quantise", "verify"} <= set(draft.steps)
        int4 = target.quantisation == "int4" and not searches
        self._kinds.setEnabled("quantise" in draft.steps and not searches)
        self._kinds.detail.setText(
            self.tr("the search tries all kinds (Limits, below)") if searches else ""
        )
        self.limits.setVisible(verifies or searches)
        self.int4.setVisible("quantise" in draft.steps and int4)
        self.fidelity.setVisible(verifies)
        self._train[target.train_on].radio.setChecked(True)
        self._run[target.provider].radio.setChecked(True)
        chosen = target.int4 if target.quantisation == "int4" else target.quantisation
        self._kind[chosen].radio.setChecked(True)
        self._draw_machine()
        device = {
            "cpu": self.tr("not on a processor"),
            "cuda": self.tr("not on CUDA"),
            "dml": self.tr("not on DirectML"),
        }[target.provider]
        for name, choice in self._kind.items():
            row = PRESETS.get(name) or FORMATS.get(name)
            if row is not None:
                choice.set_reason("" if target.provider in row.providers else device)
        self._draw_sizes()
        clear(self._notes)
        for problem in self._session.problems("target"):
            if problem.where.startswith("azure."):
                continue  # said next to its field
            said = explain_error(problem.says)
            self._notes.addWidget(
                Callout(self._context.theme, problem.level, said.message, said.hint)
            )

    def _draw_machine(self) -> None:
        machine = self._session.machine
        if machine is None:
            return
        cores = self.tr("%Ln core(s)", None, machine.facts.cores)
        self._train["cpu"].set_about(f"{machine.processor} · {cores}")
        match machine.cuda_reason:
            case "":
                memory = words.size(machine.facts.cuda_memory)
                self._train["cuda"].set_about(f"{machine.gpu} · {memory}")
                self._train["cuda"].set_reason("")
            case "cpu_torch":
                self._train["cuda"].set_reason(
                    self.tr(
                        "{gpu} was found; it needs the runtime pack for NVIDIA GPUs (Settings)."
                    ).format(gpu=machine.gpu)
                )
            case _:
                self._train["cuda"].set_reason(
                    self.tr("no NVIDIA GPU or driver was found on this computer")
                )
        provider = self._session.draft.target.provider
        # What is chosen stays open: the recipe came from elsewhere, and a problem says the rest.
        directml = ""
        if machine.directml_reason and provider != "dml":
            directml = (
                self.tr("needs Windows: build the model there")
                if machine.directml_reason == "not_windows"
                else self.tr("needs the directml flavour of Phi-3 Studio")
            )
        self._run["dml"].set_reason(directml)
        cuda = "cuda" in machine.flavours or machine.cuda_pack in USABLE or provider == "cuda"
        self._run["cuda"].set_reason(
            ""
            if cuda
            else self.tr("needs the runtime pack for NVIDIA GPUs (Settings)")
            if machine.gpu
            else self.tr("needs a computer with an NVIDIA GPU: build the model there")
        )

    def _draw_sizes(self) -> None:
        model = self._session.facts.model
        if model is None or not model.parameters:
            return
        draft = self._session.draft.model_copy(update={"limits": None})
        for key, choice in self._kind.items():
            try:
                recipe = to_recipe(edit(draft, "target", target=_changes(key)))
            except InputError:
                return
            size = words.size(exported_bytes(recipe, model.parameters))
            choice.set_size(self.tr("about {size}").format(size=size))
