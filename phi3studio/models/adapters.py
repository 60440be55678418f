"""Adapters on disk, as far as they can be read without their libraries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import InputError
from phi3studio.models.guest_files import read_object, tensor_shapes

ALPHAS = {"LORA": "lora_alpha", "LOHA": "alpha", "LOKR": "alpha"}
"""PEFT's name of a kind of adapter that can be used → that of its alpha."""
CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PICKLE = "adapter_model.bin"


@dataclass(frozen=True)
class Adapter:
    """A folder in PEFT format, whose own description is ``settings``; ``kind`` is PEFT's name.

    ``base`` is the model that it says it was trained on; ``alpha`` divided by the rank is what
    the product of its matrices is multiplied by.
    """

    folder: Path
    settings: dict[str, Any]
    kind: str
    rank: int
    alpha: float
    base: str

    @property
    def weights(self) -> Path:
        """The file of its matrices."""
        return self.folder / WEIGHTS

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name → shape of its tensors; raises :class:`InputError` for a damaged file."""
        return tensor_shapes(self.weights)


def read_adapter(folder: Path) -> Adapter:
    """The adapter in *folder*; raises :class:`InputError` that says what is wrong with it."""
    file = folder / CONFIG
    if not file.is_file():
        raise InputError("model.no_adapter", folder=folder)
    settings = read_object(file)
    kind = settings.get("peft_type")
    if not isinstance(kind, str) or kind not in ALPHAS:
        raise InputError(
            "model.adapter_kind", variant="" if kind else "unknown", adapter=folder, kind=kind
        )
    rank: Any = settings.get("r")
    alpha: Any = settings.get(ALPHAS[kind])
    if type(rank) is not int or not 0 < rank < 2**31:
        raise _field(file, "r", rank)
    if type(alpha) not in (int, float) or not math.isfinite(alpha):
        raise _field(file, ALPHAS[kind], alpha)
    if not (folder / WEIGHTS).is_file():
        pickled = (folder / PICKLE).is_file()
        raise InputError(
            "model.adapter_weights",
            variant="pickle" if pickled else "",
            adapter=folder,
            file=WEIGHTS,
        )
    given = settings.get("base_model_name_or_path")
    base = given if isinstance(given, str) else ""
    return Adapter(folder, settings, kind, rank, float(alpha), base)


def _field(file: Path, field: str, value: object) -> InputError:
    return InputError("model.field", file=file, field=field, value=repr(value)[:80])
