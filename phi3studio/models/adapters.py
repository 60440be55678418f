"""LoRA adapters on disk, as far as they can be read without their libraries."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from phi3studio.domain.errors import InputError

_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")


@dataclass(frozen=True)
class Adapter:
    """A folder in PEFT format. ``base`` is the model that it says it was trained on."""

    folder: Path
    rank: int
    base: str


def read_adapter(folder: Path) -> Adapter:
    """What the folder's own description says; raises :class:`InputError` if it is no adapter."""
    try:
        config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
        adapter = Adapter(folder, int(config["r"]), str(config.get("base_model_name_or_path", "")))
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise InputError("model.no_adapter", folder=folder) from exc
    if not any((folder / name).is_file() for name in _WEIGHTS):
        raise InputError("model.no_adapter", variant="weights", folder=folder)
    return adapter
