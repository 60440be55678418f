"""A LoRA adapter as a GGUF file of its own, for llama.cpp's ``--lora`` and Ollama's ``ADAPTER``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gguf
import torch

from phi3studio.domain.errors import InputError, RunError
from phi3studio.worker.gguf import architectures
from phi3studio.worker.gguf.weights import packed

_ENDINGS = {".lora_A.weight": "lora_a", ".lora_B.weight": "lora_b"}
_PREFIX = "base_model.model."


def write_adapter(file: Path, config: Mapping[str, Any], adapter: Path, name: str) -> None:
    """Write the PEFT *adapter* (a folder) of a model with this config.json, in float16.

    Raises :class:`InputError` for an adapter that llama.cpp has no place for: of another kind than
    LoRA, or with whole layers in it.
    """
    from peft import PeftConfig

    settings = PeftConfig.from_pretrained(adapter)
    kind = "DoRA" if getattr(settings, "use_dora", False) else str(settings.peft_type.value)
    if kind != "LORA":
        raise InputError("gguf.adapter", kind=kind)
    family = architectures.family_of(config)
    writer = gguf.GGUFWriter(None, gguf.MODEL_ARCH_NAMES[family.architecture])
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_name(name)
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(settings.lora_alpha))
    for written, value in _tensors(config, adapter, settings):
        writer.add_tensor(written, packed(value, gguf.GGMLQuantizationType.F16, None))
    try:
        writer.write_header_to_file(file)
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.flush()
    except OSError as exc:
        raise RunError("export.not_written", path=file, reason=exc.strerror or str(exc)) from exc
    finally:
        writer.close()


def _tensors(
    config: Mapping[str, Any], adapter: Path, settings: Any
) -> Iterator[tuple[str, torch.Tensor]]:
    from safetensors.torch import load_file

    family = architectures.family_of(config)
    names = gguf.get_tensor_name_map(family.architecture, config["num_hidden_layers"])
    for name, value in sorted(load_file(adapter / "adapter_model.safetensors").items()):
        ending = next((known for known in _ENDINGS if name.endswith(known)), None)
        module = name.removeprefix(_PREFIX).removesuffix(ending or "")
        written = names.get_name(f"{module}.weight", (".weight",))
        shared = module == "lm_head" and config.get("tie_word_embeddings")
        if ending is None or written is None or shared:
            raise InputError("gguf.adapter", variant="layers", tensor=name)
        if ending == ".lora_B.weight":
            value = value.float() * _scale(settings, module, value.shape[1])
            value = architectures.converted(config, f"{module}.weight", value)
        yield f"{written}.{_ENDINGS[ending]}", value


def _scale(settings: Any, module: str, rank: int) -> float:
    """What is left of PEFT's scale where llama.cpp's, alpha / rank, is taken out."""
    from peft.utils.other import get_pattern_key

    patterns = settings.alpha_pattern
    alpha = patterns.get(get_pattern_key(patterns.keys(), module), settings.lora_alpha)
    root = rank**0.5 if settings.use_rslora else 1.0
    return float(alpha) / float(settings.lora_alpha) * root
