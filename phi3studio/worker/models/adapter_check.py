"""Adapters from elsewhere: looked into before a run relies on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import InputError, first_line
from phi3studio.domain.messages import Phrase

WEIGHTS = "adapter_model.safetensors"


def check_adapter(adapter: Path, model: Path, trust_remote_code: bool = False) -> None:
    """Raise :class:`InputError` unless *adapter* is a LoRA adapter that fits the base *model*.

    Every matrix of the adapter is compared with the layer of the base that it belongs to; no
    weights are loaded.
    """
    config = _config(adapter)
    kind = config.get("peft_type")
    if kind != "LORA":
        raise InputError(
            "model.adapter_kind", variant="" if kind else "unknown", adapter=adapter, kind=kind
        )
    file = adapter / WEIGHTS
    if not file.is_file():
        pickled = (adapter / "adapter_model.bin").is_file()
        raise InputError(
            "model.adapter_weights",
            variant="pickle" if pickled else "",
            adapter=adapter,
            file=WEIGHTS,
        )
    layers = _linear_shapes(model, trust_remote_code)
    for name, shape in _shapes(file).items():
        layer, matrix = _layer_of(name)
        if layer is None:
            continue
        expected = layers.get(layer)
        # (out, in) of the layer; A is (rank, in), B is (out, rank).
        fits = expected is not None and (
            shape[1] == expected[1] if matrix == "A" else shape[0] == expected[0]
        )
        if not fits:
            base = config.get("base_model_name_or_path")
            size = "" if expected is None else " × ".join(map(str, expected))
            reason = Phrase(
                "model.layer", variant="size" if expected else "missing", layer=layer, size=size
            )
            raise InputError(
                "model.adapter_of_another_base",
                variant="" if base else "unknown",
                adapter=adapter,
                model=model,
                reason=reason,
                base=base,
            )


def _config(adapter: Path) -> dict[str, Any]:
    try:
        config = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise InputError(
            "model.no_adapter", variant="unreadable", folder=adapter, reason=first_line(exc)
        ) from exc
    return config if isinstance(config, dict) else {}


def _shapes(file: Path) -> dict[str, tuple[int, ...]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as weights:
            return {name: tuple(weights.get_slice(name).get_shape()) for name in weights.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as exc:
        raise InputError(
            "model.adapter_weights", variant="unreadable", file=file, reason=first_line(exc)
        ) from exc


def _layer_of(name: str) -> tuple[str | None, str]:
    """``base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`` → layer and matrix."""
    for matrix in ("A", "B"):
        mark = f".lora_{matrix}."
        if mark in name:
            return name.partition(mark)[0].removeprefix("base_model.model."), matrix
    return None, ""


def _linear_shapes(model: Path, trust_remote_code: bool) -> dict[str, tuple[int, int]]:
    """Name → (outputs, inputs) of the model's linear layers."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(model, trust_remote_code=trust_remote_code)
    with torch.device("meta"):
        built = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    return {
        name: (module.out_features, module.in_features)
        for name, module in built.named_modules()
        if isinstance(module, torch.nn.Linear)
    }
