"""A model's config.json, its numbers held against what any model can have and its weights do have.

A configuration that lies makes libraries build for hours or fill the memory before they notice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import InputError
from phi3studio.models.guest_files import read_object, tensor_shapes

_SIZES = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
)
_LENGTHS = ("max_position_embeddings", "original_max_position_embeddings", "sliding_window")
_COUNTS = ("num_hidden_layers", "num_local_experts", "num_experts")
_NULLABLE = ("num_key_value_heads", "head_dim", "sliding_window", "num_experts")
_POSITIVE = ("rms_norm_eps", "layer_norm_eps", "norm_eps", "rope_theta")
_SHARES = ("partial_rotary_factor", "rotary_pct")
"""Of a head, turned by its position: a table of angles is made for so much of it."""
_PACKED = 16
"""So many values of a quantised matrix may lie in one of its file."""
_MOST_LENGTH = 2**31
_MOST_LABELS = 2**16
_NUMBERS_OF_ROPE = (
    "rope_theta",
    "factor",
    "original_max_position_embeddings",
    "attention_factor",
    "low_freq_factor",
    "high_freq_factor",
    "beta_fast",
    "beta_slow",
)


def read_config(folder: Path) -> dict[str, Any]:
    """The config.json of *folder*; raises :class:`InputError` naming the field that cannot be."""
    file = folder / "config.json"
    raw = read_object(file)
    shapes = [s for shard in folder.glob("*.safetensors") for s in tensor_shapes(shard).values()]
    largest = _PACKED * max((max(shape) for shape in shapes if shape), default=2**20)
    for name, value in _faults(raw, largest, len(shapes) or 2**10):
        raise InputError("model.field", file=file, field=name, value=repr(value)[:80])
    return raw


def _faults(raw: dict[str, Any], largest: int, tensors: int) -> Iterator[tuple[str, Any]]:
    """Fields that no model has, and their values."""
    most = dict.fromkeys(_SIZES, largest) | dict.fromkeys(_LENGTHS, _MOST_LENGTH)
    most |= dict.fromkeys(_COUNTS, tensors) | {"num_labels": _MOST_LABELS}
    for name, limit in most.items():
        value = raw.get(name, 1)
        absent = value is None and name in _NULLABLE
        if not absent and (type(value) is not int or not 1 <= value <= limit):
            yield name, value
    for name in _POSITIVE:
        if name in raw and not _is_positive(raw[name]):
            yield name, raw[name]
    for name in _SHARES:
        if raw.get(name) is not None and not _is_share(raw[name]):
            yield name, raw[name]
    architectures = raw.get("architectures")
    if architectures is not None and not (
        isinstance(architectures, list) and all(isinstance(name, str) for name in architectures)
    ):
        yield "architectures", architectures
    if not isinstance(raw.get("model_type"), str):
        yield "model_type", raw.get("model_type")
    for name in ("rope_parameters", "rope_scaling"):
        yield from _rope_faults(name, raw.get(name))
    yield from _not_numbers(raw)


def _rope_faults(name: str, rope: Any) -> Iterator[tuple[str, Any]]:
    if rope is None:
        return
    if not isinstance(rope, dict):
        yield name, rope
        return
    for key, value in rope.items():
        where = f"{name}.{key}"
        if isinstance(value, dict):
            yield from _rope_faults(where, value)
        elif key in ("short_factor", "long_factor"):
            if not (isinstance(value, list) and value and all(map(_is_positive, value))):
                yield where, value
        elif value is not None and not _can_be(key, value):
            yield where, value


def _can_be(key: str, value: Any) -> bool:
    if key in _SHARES:
        return _is_share(value)
    return key not in _NUMBERS_OF_ROPE or _is_positive(value)


def _is_positive(value: Any) -> bool:
    return type(value) in (int, float) and 0 < value < 1e300


def _is_share(value: Any) -> bool:
    return _is_positive(value) and value <= 1


def _not_numbers(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """NaN, infinities and integers that no machine counts to, anywhere."""
    if isinstance(value, float):
        if not math.isfinite(value):
            yield where, value
    elif isinstance(value, int):
        if abs(value) >= 2**63:
            yield where, value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _not_numbers(part, f"{where}.{name}".lstrip("."))
    elif isinstance(value, list):
        for part in value:
            yield from _not_numbers(part, where)
