"""Adapters from elsewhere: looked into before a run relies on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import InputError

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
            "model.adapter_kind",
            f"The adapter in {adapter} is of the kind {kind or 'unknown'}; only LoRA adapters can "
            "be used.",
            "Train it as LoRA, or merge it with the program that made it and start from the "
            "merged model.",
        )
    file = adapter / WEIGHTS
    if not file.is_file():
        pickled = (adapter / "adapter_model.bin").is_file()
        instead = (
            ", only adapter_model.bin, which can run code when it is opened" if pickled else ""
        )
        raise InputError(
            "model.adapter_weights",
            f"The adapter in {adapter} has no {WEIGHTS}{instead}.",
            "Save the adapter as safetensors (safe_serialization=True) with the program that made "
            "it.",
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
            given = config.get("base_model_name_or_path") or "another model"
            reason = "which it does not have" if expected is None else f"of the size {expected}"
            raise InputError(
                "model.adapter_of_another_base",
                f"The adapter in {adapter} does not fit the model in {model}: it belongs to the "
                f"layer {layer}, {reason} there. It was trained over {given}.",
                "Name the adapter's own base model in model.source.",
            )


def _config(adapter: Path) -> dict[str, Any]:
    try:
        config = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise InputError(
            "model.no_adapter",
            f"There is no readable LoRA adapter in {adapter}: {exc}.",
            "Name the folder of a PEFT adapter (adapter_config.json and its weights) in "
            "model.adapter.",
        ) from exc
    return config if isinstance(config, dict) else {}


def _shapes(file: Path) -> dict[str, tuple[int, ...]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as weights:
            return {name: tuple(weights.get_slice(name).get_shape()) for name in weights.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as exc:
        raise InputError(
            "model.adapter_weights",
            f"The adapter's weights {file} cannot be read: {exc}.",
            "Copy the adapter again from where it was made; the file is damaged.",
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
