"""A merged model as one GGUF file: settings, tokenizer, template, licence, card and weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import torch

from phi3studio.domain.errors import RunError
from phi3studio.domain.places.gguf import GgufKind
from phi3studio.worker.gguf import architectures, vocabulary
from phi3studio.worker.gguf.weights import file_type, packed, type_of

CARD = "phi3studio.card"
"""The key under which the model card stands, as Markdown."""


@dataclass(frozen=True)
class About:
    """What a file says of its model."""

    name: str
    card: str = ""
    licence: str | None = None
    licence_link: str | None = None
    base: str | None = None
    base_url: str | None = None


@dataclass(frozen=True)
class Speech:
    """How a file's model is talked to: its chat template (Jinja), the id of its stop token, and
    whether the tokenizer puts the beginning token before a prompt."""

    template: str
    stop: int
    beginning: bool


def write_model(
    file: Path,
    kind: GgufKind,
    config: Mapping[str, Any],
    weights: Mapping[str, torch.Tensor],
    tokenizer: Any,
    about: About,
    speech: Speech,
    scales: Mapping[str, torch.Tensor] | None = None,
    on_tensor: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write *file*, whose content depends on nothing but the arguments.

    *config* is the model's config.json, *weights* its state by Hugging Face's names;
    *scales*: those of calibrated weights, by weight (:func:`calibrating.calibrate`). Raises
    :class:`InputError` for what GGUF lacks, :class:`RunError` when the disk does not take it.
    """
    family = architectures.family_of(config)
    writer = gguf.GGUFWriter(None, gguf.MODEL_ARCH_NAMES[family.architecture])
    writer.add_type(gguf.GGUFType.MODEL)
    _write_about(writer, about, vocabulary.strips_after_tags(tokenizer))
    writer.add_file_type(file_type(kind))
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    architectures.write_settings(writer, config)
    vocabulary.write_vocabulary(
        writer, tokenizer, config["vocab_size"], stop=speech.stop, beginning=speech.beginning
    )
    writer.add_chat_template(speech.template)
    made = dict(architectures.tensors(config, weights))
    blocks = dict(architectures.renamed(config, scales or {}))
    types = {name: type_of(kind, name, value) for name, value in made.items()}
    for name, value in made.items():
        _announce(writer, name, value, types[name])
    try:
        writer.write_header_to_file(file)
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for number, (name, value) in enumerate(made.items(), start=1):
            writer.write_tensor_data(packed(value, types[name], blocks.get(name)))
            on_tensor(number, len(made))
        writer.flush()
    except OSError as exc:
        raise RunError("export.not_written", path=file, reason=exc.strerror or str(exc)) from exc
    finally:
        writer.close()


def _announce(writer: Any, name: str, value: torch.Tensor, kind: Any) -> None:
    block, size = gguf.GGML_QUANT_SIZES[kind]
    shape = list(value.shape)
    dtype = {
        gguf.GGMLQuantizationType.F32: "float32",
        gguf.GGMLQuantizationType.F16: "float16",
    }.get(kind, "uint8")
    if dtype == "uint8":
        shape[-1] = shape[-1] // block * size
    import numpy as np

    writer.add_tensor_info(
        name, shape, np.dtype(dtype), value.numel() // block * size, raw_dtype=kind
    )


def _write_about(writer: Any, about: About, strips: bool) -> None:
    writer.add_name(_name(about.name, strips))
    writer.add_description("Fine-tuned with Phi-3 Studio.")
    if about.licence:
        writer.add_license(about.licence.lower())
    if about.licence_link:
        writer.add_license_link(about.licence_link)
    if about.base:
        writer.add_base_model_count(1)
        writer.add_base_model_name(0, about.base)
        if about.base_url:
            writer.add_base_model_repo_url(0, about.base_url)
    writer.add_tags(["phi3-studio", "text-generation"])
    if about.card:
        writer.add_string(CARD, about.card)


def _name(name: str, strips: bool) -> str:
    """llama.cpp leaves out the space after special tokens in models whose name has Phi-3 in it."""
    if strips:
        return f"{name} (Phi-3)"
    for part in ("phi-3", "phi3"):
        at = name.lower().find(part)
        while at >= 0:
            name = f"{name[: at + 3]} {name[at + 3 :].removeprefix('-')}"
            at = name.lower().find(part)
    return name
