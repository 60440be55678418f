"""Every kind of export that a search may build for a provider, and the least size of each."""

from __future__ import annotations

from collections.abc import Mapping

from phi3studio.domain.estimation.estimate import ModelSize
from phi3studio.domain.events.payload import Payload
from phi3studio.domain.messages import Phrase
from phi3studio.domain.quantisation import ALLOWED, FORMATS, PRESETS, Provider
from phi3studio.domain.recipe import Target

BLOCKS = (16, 32, 64, 128, 256)
FIRST_BLOCK = 32
"""The block size with which a series of kinds is judged first."""
_LEVELS: Mapping[Provider, tuple[int, ...]] = {"cpu": (4, 1)}
"""Accuracy levels that differ. On a processor ONNX Runtime has two ways to multiply int4 weights:
by int8 (level 4) and by float32 (all others); on GPUs it does not read the level."""


class ExportKind(Payload):
    """The settings of one export; int4's are empty for other formats."""

    quantisation: str
    int4: str = ""
    block_size: int = 0
    accuracy_level: int = 0
    calibrated: bool = False

    @property
    def series(self) -> tuple[str, str, bool]:
        """The same for all kinds that differ in level and block size alone."""
        return self.quantisation, self.int4, self.calibrated

    @property
    def weights(self) -> tuple[str, str, bool, int]:
        """The same for all kinds with the same weights, which differ in the level alone."""
        return *self.series, self.block_size

    @property
    def phrase(self) -> Phrase:
        """What it is called."""
        if not self.int4:
            return Phrase("search.kind", variant="whole", quantisation=self.quantisation)
        return Phrase(
            "search.kind",
            variant="calibrated" if self.calibrated else "",
            preset=self.int4,
            block=self.block_size,
            accuracy=self.accuracy_level,
        )

    def of(self, target: Target) -> Target:
        """*target* with these settings."""
        changes: dict[str, object] = {"quantisation": self.quantisation}
        if self.int4:
            changes |= self.model_dump(exclude={"quantisation"})
        return target.model_copy(update=changes)


def all_kinds(provider: Provider, calibrates: bool, model: ModelSize) -> tuple[ExportKind, ...]:
    """The whole space, series by series; with *calibrates* int4 fitted to the rows as well.

    A block that does not divide the rows of the model's matrices is left out: they would be padded,
    which makes the export larger than a smaller block does, and calibration refuses it.
    """
    levels = _LEVELS.get(provider, (4,))
    widths = [width for width in (model.hidden, model.inner) if width]
    blocks = [block for block in BLOCKS if not any(width % block for width in widths)]
    int4 = [
        ExportKind(
            quantisation="int4",
            int4=preset.name,
            block_size=block,
            accuracy_level=level,
            calibrated=calibrated,
        )
        for preset in PRESETS.values()
        if provider in preset.providers
        for calibrated in ((False, True) if calibrates else (False,))
        for block in blocks
        for level in levels
    ]
    whole = [ExportKind(quantisation=name) for name in ALLOWED[provider] if name != "int4"]
    return (*int4, *whole)


def least_bytes(kind: ExportKind, model: ModelSize, provider: Provider) -> int:
    """Bytes that an export of this kind cannot be smaller than.

    Every weight in its bits, one scale of two bytes a block; an embedding that is not int4 as the
    provider computes. What is only sometimes there (zero points, 8 bits, a second table) is left
    out.
    """
    if not kind.int4:
        return round(model.parameters * FORMATS[kind.quantisation].weight_bytes)
    table = min(model.vocabulary * model.hidden, model.parameters)
    four_bits = 0.5 + 2 / kind.block_size
    plain = 4 if provider == "cpu" else 2
    of_table = four_bits if PRESETS[kind.int4].embedding else plain
    return round((model.parameters - table) * four_bits + table * of_table)


def smallest(model: ModelSize, provider: Provider) -> tuple[int, ExportKind]:
    """The least bytes that any export of a model takes, and the kind that may take so few."""
    space = all_kinds(provider, False, model)
    return min(((least_bytes(kind, model, provider), kind) for kind in space), key=lambda x: x[0])
