"""What a model's configuration tells, without its weights and without its code."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import InputError, first_line
from phi3studio.domain.estimation.estimate import is_large
from phi3studio.domain.recipe import Recipe
from phi3studio.models.model_config import read_config
from phi3studio.models.model_folder import remote_code_files
from phi3studio.worker.failures import memory_cause

STANDS_FOR = "phi3studio_stands_for"
"""In the configuration of a copy with fewer layers: the parameters of the model that it stands for,
so that a dry run takes the copy the same way."""


@dataclass(frozen=True)
class ModelFacts:
    """What a model folder's config tells without loading the weights."""

    parameters: int
    architecture: str
    context: int
    linear_modules: tuple[str, ...]
    attention_modules: tuple[str, ...]
    linear_layers: int
    code_files: tuple[str, ...] = ()
    """The files that ``model.trust_remote_code`` would run."""
    stands_for: int = 0
    """Of a copy with fewer layers: the parameters of the whole model."""
    tied: bool = False
    """Whether embedding and head share a matrix."""
    vocabulary: int = 0
    """Rows of the embedding."""

    @property
    def is_large(self) -> bool:
        """Whether it is merged and quantised layer by layer, as its weights are stored."""
        return is_large(max(self.parameters, self.stands_for))

    def target_modules(self, wanted: str | list[str]) -> tuple[str, ...]:
        """The module names that a LoRA adapter attaches to.

        Raises :class:`InputError` listing what exists, when a name matches nothing.
        """
        if wanted == "all_linear":
            return self.linear_modules
        if wanted == "family" and (chosen := _family_modules(self.architecture)):
            return tuple(name for name in chosen if name in self.linear_modules)
        if isinstance(wanted, str):
            return self.attention_modules or self.linear_modules
        unknown = [name for name in wanted if name not in self.linear_modules]
        if unknown or not wanted:
            raise InputError(
                "model.no_such_module",
                variant="" if unknown else "none",
                names=unknown,
                modules=self.linear_modules,
            )
        return tuple(wanted)


def _family_modules(family: str) -> list[str]:
    """What PEFT adapts in a family of models; in Phi-3, unknown to PEFT, what Olive does."""
    from peft.utils import constants

    known = constants.TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING
    names = known.get(family, ["qkv_proj", "o_proj"] if family == "phi3" else [])
    return names if isinstance(names, list) else []


def stands_for(folder: Path) -> int:
    """Of a copy with fewer layers, and what was made of it: the parameters of the whole model;
    else 0."""
    config: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
    return int(config.get(STANDS_FOR, 0))


def model_facts(folder: Path, trust_remote_code: bool = False) -> ModelFacts:
    """Look into a model's configuration; no weights are loaded, no code of the folder is run."""
    import torch
    from transformers import CONFIG_MAPPING, AutoConfig

    raw = read_config(folder)
    code = remote_code_files(folder)
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
        _check_exportable(folder, raw)
        model = _without_weights(folder, raw, config, trust_remote_code)
        head = model.get_output_embeddings()
        vocabulary = int(model.get_input_embeddings().weight.shape[0])
    except InputError:
        raise
    except Exception as exc:
        # Configurations that nobody wrote make the libraries raise whatever comes first.
        if memory_cause(exc) is not None:
            raise
        kind = raw.get("model_type", "unknown")
        raise InputError(
            "model.unsupported",
            variant="code"
            if code and not trust_remote_code
            else "config"
            if kind in CONFIG_MAPPING
            else "",
            folder=folder,
            kind=kind,
            reason=first_line(exc),
            files=code,
        ) from exc
    linear: dict[str, None] = {}
    attention: dict[str, None] = {}
    layers = 0
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and module is not head:
            short = name.rpartition(".")[2]
            linear[short] = None
            layers += 1
            if ".self_attn." in name or ".attn." in name:
                attention[short] = None
    return ModelFacts(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        architecture=str(config.model_type),
        context=int(getattr(config, "max_position_embeddings", 0) or 0),
        linear_modules=tuple(linear),
        attention_modules=tuple(attention),
        linear_layers=layers,
        code_files=code,
        stands_for=int(raw.get(STANDS_FOR, 0)),
        tied=bool(config.tie_word_embeddings),
        vocabulary=vocabulary,
    )


def _without_weights(folder: Path, raw: dict[str, Any], config: Any, trusted: bool) -> Any:
    """The model of *folder* on torch's device ``meta``, after transformers has held the weights'
    files against it; raises :class:`InputError` where the two do not go together."""
    import torch
    from transformers import AutoModelForCausalLM

    foreign = raw.get("quantization_config") or raw.get("auto_map")
    if foreign or not any(folder.glob("*.safetensors")):
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(
                config, trust_remote_code=trusted, dtype=torch.bfloat16
            )
    model, found = AutoModelForCausalLM.from_pretrained(
        folder,
        config=config,
        dtype=torch.bfloat16,
        device_map="meta",
        output_loading_info=True,
        ignore_mismatched_sizes=True,
        local_files_only=True,
        use_safetensors=True,
    )
    for name, given, wanted in sorted(found["mismatched_keys"]):
        raise InputError(
            "model.weights_unlike",
            variant="shape",
            folder=folder,
            tensor=name,
            given=" × ".join(map(str, given)),
            wanted=" × ".join(map(str, wanted)),
        )
    for name in sorted(found["missing_keys"]):
        raise InputError("model.weights_unlike", folder=folder, tensor=name)
    return model


# What ModelBuilder of onnxruntime-genai can export, of the models for text; DirectML's is 0.13.
EXPORTABLE = frozenset(
    {
        "ChatGLMModel",
        "Ernie4_5ForCausalLM",
        "GemmaForCausalLM",
        "Gemma2ForCausalLM",
        "Gemma3ForCausalLM",
        "GptOssForCausalLM",
        "GraniteForCausalLM",
        "HunYuanDenseV1ForCausalLM",
        "InternLM2ForCausalLM",
        "Lfm2ForCausalLM",
        "LlamaForCausalLM",
        "MistralForCausalLM",
        "NemotronForCausalLM",
        "OlmoForCausalLM",
        "PhiForCausalLM",
        "Phi3ForCausalLM",
        "PhiMoEForCausalLM",
        "Phi3SmallForCausalLM",
        "Qwen2ForCausalLM",
        "Qwen3ForCausalLM",
        "SmolLM3ForCausalLM",
    }
)


def _check_exportable(folder: Path, config: dict[str, Any]) -> None:
    """Refuse a model that could be trained but not exported, before hours go into it."""
    names = config.get("architectures") or []
    if names and names[0] not in EXPORTABLE:
        raise InputError("model.unsupported", variant="export", folder=folder, kind=names[0])


def check_against_model(recipe: Recipe, facts: ModelFacts) -> None:
    """Settings of the recipe that this model cannot carry."""
    length = recipe.training.sequence_length
    if recipe.data is not None and facts.context and length > facts.context:
        raise InputError("recipe.sequence_too_long", length=length, context=facts.context)
    if "train" in recipe.steps:
        facts.target_modules(recipe.method.target_modules)
