"""Asks what of a run is taken along, for which place and in which form."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QRadioButton, QWidget

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.events.measured_events import Proof
from phi3studio.domain.places.gguf import GGUF_KINDS, LORA_PLACES, GgufKind, gguf_bytes
from phi3studio.gui.context import Context
from phi3studio.gui.texts import words
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import ComboBox, label
from phi3studio.models.model_store import ModelStore
from phi3studio.runs.bundle.contents import check_page, result_folder
from phi3studio.runs.store import RunFolder
from phi3studio.services.run_export import ExportPlace, Wish


class ExportQuestion(Question):
    """Asks for a :class:`Wish`; what the run does not have is not offered. ``wished`` carries the
    wish, and whether it is to be one zip file."""

    wished = Signal(object, bool)

    def __init__(
        self,
        parent: QWidget,
        context: Context,
        run: RunFolder,
        proofs: Mapping[str, Proof],
        place: ExportPlace | None = None,
    ) -> None:
        super().__init__(
            parent,
            context.theme,
            self.tr("Export"),
            self.tr(
                "A copy that runs elsewhere, with model card, licence and checksums. Private parts "
                "of paths are left out."
            ),
        )
        self._run = run
        self._proofs = proofs
        self._sizes = _gguf_sizes(context, run)
        try:
            self._trained = "train" in run.recipe().steps
        except UserFacingError:
            self._trained = False
        self._wishes = self._offers()
        self.extra.addWidget(label(self.tr("Where it is used"), "muted"))
        self.places = ComboBox()
        self.places.setAccessibleName(self.tr("Where it is used"))
        self.places.addItems([title for title, _ in self._wishes])
        self.extra.addWidget(self.places)
        self.about = label("", "small", wrap=True)
        self.extra.addWidget(self.about)
        self.kinds = ComboBox()
        self.kinds.setAccessibleName(self.tr("Bits of a weight"))
        self.kinds.addItems([self._kind_title(kind) for kind in GGUF_KINDS])
        self.extra.addWidget(self.kinds)
        self.apart = QCheckBox(self.tr("Base model and adapter in two files"))
        self.extra.addWidget(self.apart)
        self.olive = QCheckBox(self.tr("With the Olive config of its recipe"))
        self.olive.setChecked(True)
        self.extra.addWidget(self.olive)
        self.extra.addSpacing(6)
        forms = QButtonGroup(self)
        self.folder = QRadioButton(self.tr("As a folder"))
        self.folder.setChecked(True)
        self.zip = QRadioButton(self.tr("As one zip file"))
        for radio in (self.folder, self.zip):
            forms.addButton(radio)
            self.extra.addWidget(radio)
        self.places.currentIndexChanged.connect(self._draw)
        self.kinds.currentIndexChanged.connect(self._draw)
        self.apart.toggled.connect(self._draw)
        at = [at for at, (_, wish) in enumerate(self._wishes) if place and wish.place == place]
        self.places.setCurrentIndex(at[0] if at else 0)
        self._draw()
        self.add(self.tr("Choose where…"), self._answer, kind="primary")

    @property
    def wish(self) -> Wish:
        """What is chosen now."""
        _, wish = self._wishes[self.places.currentIndex()]
        if wish.gguf is None:
            olive = self._trained and wish.place is None and self.olive.isChecked()
            return Wish(wish.what, wish.place, olive=olive)
        apart = wish.gguf in LORA_PLACES and self._trained and self.apart.isChecked()
        return Wish(
            "adapter" if apart else "model", wish.place, GGUF_KINDS[self.kinds.currentIndex()]
        )

    def _offers(self) -> list[tuple[str, Wish]]:
        found = []
        if self._run.model.is_dir():
            found.append((self.tr("Python or C# (ONNX)"), Wish()))
        if self._makes_gguf():
            found += [
                ("Ollama (GGUF)", Wish(place="ollama")),
                ("LM Studio, Jan (GGUF)", Wish(place="lmstudio")),
                ("llama.cpp (GGUF)", Wish(place="llamacpp")),
            ]
        if self._run.model.is_dir():
            found.append(("Foundry Local (ONNX)", Wish(place="foundry-local")))
        if makes_page(self._run):
            found.append((self.tr("A web page (ONNX)"), Wish(place="browser")))
        if self._run.merged.is_dir():
            found.append((self.tr("The merged model (Hugging Face)"), Wish("merged")))
        if self._run.adapter.is_dir():
            found.append((self.tr("Only the adapter (PEFT)"), Wish("adapter")))
        return found

    def _makes_gguf(self) -> bool:
        try:
            result_folder(self._run, "gguf")
        except UserFacingError:
            return False
        return True

    def _kind_title(self, kind: GgufKind) -> str:
        said = {
            "q8_0": self.tr("8 bits: nearly exact"),
            "iq4_nl": self.tr("4 bits: smallest, calibrated on your rows"),
            "f16": self.tr("16 bits: exact"),
        }[kind]
        about = self._sizes.get(kind)
        size = self.tr(", about {size}").format(size=words.size(about)) if about else ""
        return f"{said}{size} ({kind})"

    def _draw(self) -> None:
        wish = self.wish
        self.kinds.setVisible(wish.gguf is not None)
        self.apart.setVisible(wish.gguf in LORA_PLACES and self._trained)
        self.olive.setVisible(wish.place is None and self._trained)
        self.about.setText(self._about(wish))

    def _about(self, wish: Wish) -> str:
        match wish.place:
            case None:
                return {
                    "model": self.tr("The exported model, its prompt, a program in each language."),
                    "merged": self.tr("All weights, for programs that load Hugging Face models."),
                    "adapter": self.tr("A few megabytes that need the base model next to them."),
                }.get(wish.what, "")
            case "foundry-local":
                return self.tr("The folder that Foundry Local takes into its cache.")
            case "browser":
                return self.tr(
                    "A page that chats with the model in any browser, without a network after the "
                    "first visit. What it runs on is downloaded once, after you are asked."
                )
        title = wish.kind if wish.what == "model" else f"{wish.kind} + LoRA"
        proof = self._proofs.get(title)
        if proof is not None:
            return proven(proof)
        return self.tr(
            "A GGUF file is made of the model, and measured in llama.cpp where that is installed. "
            "That takes about as long as measuring the run took."
        )

    def _answer(self) -> None:
        self.wished.emit(self.wish, self.zip.isChecked())


def makes_page(run: RunFolder) -> bool:
    """Whether a page in a browser can load the exported model."""
    try:
        check_page(run)
    except (UserFacingError, OSError, ValueError):
        return False
    return True


def proven(proof: Proof) -> str:
    """What was measured of a GGUF file, in a sentence."""
    translate = QCoreApplication.translate
    if proof.verdict.word == "faithful":
        said = translate("Elsewhere", "Proven as {kind}: it answers as the trained model, {size}.")
    elif proof.verdict.word == "not proven":
        said = translate(
            "Elsewhere",
            "Measured as {kind}: it is not proven that it answers as the trained model, {size}.",
        )
    else:
        said = translate(
            "Elsewhere", "Measured as {kind}: it does not answer as the trained model, {size}."
        )
    return said.format(kind=proof.kind, size=words.size(proof.bytes))


def _gguf_sizes(context: Context, run: RunFolder) -> dict[GgufKind, int]:
    """About how large each kind becomes; empty for a model whose figures are not known."""
    try:
        entry = ModelStore(context.home).entry(run.recipe().model.source)
    except UserFacingError:
        return {}
    if entry is None:
        return {}
    shape = entry.shape
    embedded = shape.vocabulary * shape.hidden * (1 if shape.tied_embeddings else 2)
    return {kind: gguf_bytes(kind, entry.parameters, embedded) for kind in GGUF_KINDS}
