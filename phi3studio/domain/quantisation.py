"""What a model can be exported as: the number formats, and the presets of int4.

Recipe, estimates, fidelity gate, Olive configurations and the window read these two tables. A new
preset is one row here and its Italian in ``resources/messages/it/settings.json``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import GetPydanticSchema
from pydantic_core import core_schema

from phi3studio.domain.messages import Message, Phrase

Provider = Literal["cpu", "cuda", "dml"]
PROVIDERS: tuple[Provider, ...] = get_args(Provider)

PROVIDER_TITLES: Mapping[Provider, Phrase] = {
    "cpu": Phrase("provider.cpu"),
    "cuda": Phrase("provider.cuda"),
    "dml": Phrase("provider.dml"),
}

FLAVOURS: Mapping[Provider, tuple[str, ...]] = {
    "cpu": ("onnxruntime-genai", "onnxruntime"),
    "cuda": ("onnxruntime-genai-cuda", "onnxruntime-gpu"),
    "dml": ("onnxruntime-genai-directml", "onnxruntime-directml"),
}
"""The wheels that run a model of each provider; one flavour fits into an environment."""

# Algorithms of int4_algo_config that keep some layers in 8 bits.
_MIXED = frozenset({"k_quant_mixed", "k_quant_last", "k_quant_down"})


@dataclass(frozen=True)
class NumberFormat:
    """A value of ``target.quantisation``. ``text``: title and explanation; ``providers``: where
    ModelBuilder of onnxruntime-genai builds it so that it loads. Its help lists fp32 for
    CUDA as well, but that graph promises outputs (``present.0.key``) that no node makes.

    ``weight_bytes``: a weight on the disk; int4's are those of its preset."""

    name: str
    text: Message
    providers: tuple[Provider, ...]
    weight_bytes: float = 0.0


@dataclass(frozen=True)
class Int4Preset:
    """A value of ``target.int4``, a row of :data:`PRESETS`.

    ``text``: title and explanation. ``algorithm``: ModelBuilder's ``int4_algo_config``.
    ``embedding``: whether the embedding is int4 too. ``calibrates``: whether a model under a
    billion parameters is fitted to the user's rows. All measured: ``weight_bytes``, a weight on
    the disk with its scales; ``build_bytes``, memory per weight while a small model is built;
    ``weights_per_s`` and ``cuda_weights_per_s``, how fast small models are quantised on a processor
    and on a GPU; ``large_weights_per_s`` and ``large_cuda_weights_per_s``, the same of large ones.
    ``lighter``: the preset to go on with when the memory does not suffice.
    """

    name: str
    text: Message
    weight_bytes: float
    algorithm: str = "default"
    embedding: bool = False
    calibrates: bool = False
    build_bytes: float = 11.0
    weights_per_s: float = 10e6
    cuda_weights_per_s: float = 30e6
    large_weights_per_s: float = 100e6
    large_cuda_weights_per_s: float = 160e6
    lighter: str | None = "fast"
    providers: tuple[Provider, ...] = PROVIDERS

    @property
    def mixed(self) -> bool:
        """Whether some layers, the head among them, keep 8 bits."""
        return self.algorithm in _MIXED

    @property
    def operators(self) -> tuple[str, ...]:
        """ONNX operators of which the weights become int4."""
        return ("MatMul", "Gather") if self.embedding else ("MatMul",)


AUTO = "auto"
"""``target.int4: auto``: the smallest faithful preset."""
DEFAULT = "quality"
PLAIN = "fast"
"""int4 as ModelBuilder makes it without further options; it takes the least memory."""

PRESETS: Mapping[str, Int4Preset] = {
    row.name: row
    for row in (
        Int4Preset(
            "quality",
            Message(
                "Quality (int4, k_quant_mixed)",
                "4 bits, with 8 where it matters: nearly as good as the original",
            ),
            weight_bytes=0.85,
            algorithm="k_quant_mixed",
            calibrates=True,
            build_bytes=14.0,
            weights_per_s=4.7e6,
            large_weights_per_s=10e6,
        ),
        Int4Preset(
            PLAIN,
            Message("Fast (int4)", "4 bits throughout: quickest on a processor"),
            weight_bytes=0.72,
            lighter=None,
        ),
        Int4Preset(
            "small",
            Message("Small (int4 with embedding)", "the vocabulary in 4 bits as well"),
            weight_bytes=0.6,
            embedding=True,
        ),
    )
}

PRESET_TEXTS: Mapping[str, Message] = {
    AUTO: Message(
        "Automatic (int4)", "tries the int4 presets below and keeps the smallest that is faithful"
    ),
    **{row.name: row.text for row in PRESETS.values()},
}
"""Title and explanation of every value of ``target.int4``."""

FORMATS: Mapping[str, NumberFormat] = {
    row.name: row
    for row in (
        NumberFormat("int4", Message("int4", "4 bits, as the preset says"), PROVIDERS),
        NumberFormat(
            "fp32",
            Message("Full precision (fp32)", "no loss at all, the largest"),
            ("cpu",),
            4,
        ),
        NumberFormat(
            "fp16",
            Message("Half precision (fp16)", "no visible loss, for GPUs"),
            ("cuda", "dml"),
            2,
        ),
        NumberFormat(
            "bf16", Message("Half precision (bf16)", "as fp16, for new GPUs"), ("cuda",), 2
        ),
    )
}

AUTO_ORDER: tuple[str, ...] = tuple(sorted(PRESETS, key=lambda name: PRESETS[name].weight_bytes))
"""The presets by the size of what they make, which is also how exact they are; auto tries them
in this order. Measured on the starter: 104, 200 and 227 MB."""

ALLOWED: Mapping[Provider, tuple[str, ...]] = {
    provider: tuple(name for name, row in FORMATS.items() if provider in row.providers)
    for provider in PROVIDERS
}
"""The number formats of each execution provider. Each can be built on any machine."""


def _one_of(names: Iterable[str]) -> GetPydanticSchema:
    """Validates as a ``Literal`` of the names does, with the same JSON schema."""
    values: list[Any] = list(names)
    return GetPydanticSchema(lambda _source, _handler: core_schema.literal_schema(values))


FormatName = Annotated[str, _one_of(FORMATS)]
PresetName = Annotated[str, _one_of((AUTO, *PRESETS))]


def presets_tried(name: str, provider: Provider) -> tuple[Int4Preset, ...]:
    """The rows that an export with this ``target.int4`` builds, in their order."""
    if name != AUTO:
        return (PRESETS[name],)
    return tuple(PRESETS[each] for each in AUTO_ORDER if provider in PRESETS[each].providers)


def most_exact(name: str, provider: Provider) -> Int4Preset:
    """The preset itself; of auto the last one that it tries."""
    return presets_tried(name, provider)[-1]


def more_exact(name: str, provider: Provider) -> str | None:
    """The next more exact preset after one, on this provider; ``None`` after the most exact."""
    if name == AUTO:
        return None
    rest = AUTO_ORDER[AUTO_ORDER.index(name) + 1 :]
    return next((each for each in rest if provider in PRESETS[each].providers), None)


def lighter(name: str, provider: Provider) -> str | None:
    """What to go on with when this preset takes too much memory; ``None`` if nothing is left."""
    return most_exact(name, provider).lighter


def choice_texts() -> dict[str, Message]:
    """Title and explanation of every choice, by the code that translations use."""
    rows = {**PRESET_TEXTS, **{row.name: row.text for row in FORMATS.values()}}
    return {f"quantisation.{name}": text for name, text in rows.items()}
