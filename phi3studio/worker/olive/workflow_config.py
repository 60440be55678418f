"""Olive configurations, built from plain values. Pure: no Olive, no files.

Every key is checked against what Olive 0.13 reads, because Olive drops unknown keys in silence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phi3studio.domain.hyperparameters import WHOLE_CHANGE
from phi3studio.domain.quantisation import PLAIN, PRESETS, Int4Preset, Provider, most_exact
from phi3studio.domain.recipe import MethodKind, Recipe, Target

METHOD_PASSES: dict[MethodKind, str] = {
    "lora": "StudioLoRA",
    "qlora": "StudioQLoRA",
    "dora": "StudioDoRA",
    "loha": "StudioLoHa",
    "lokr": "StudioLoKr",
}
GPTQ_PASS = "StudioGptq"  # noqa: S105 - no password
KQUANT_PASS = "StudioKQuant"  # noqa: S105 - no password
MERGE_PASS = "StudioMerge"  # noqa: S105 - no password
BUILDER_PASS = "StudioBuilder"  # noqa: S105 - no password
OWN_PASSES = {
    "StudioLoRA": "LoRA",
    "StudioQLoRA": "QLoRA",
    "StudioDoRA": "DoRA",
    "StudioLoHa": "LoHa",
    "StudioLoKr": "LoKr",
    GPTQ_PASS: "Gptq",
    KQUANT_PASS: "KQuant",
    MERGE_PASS: "MergeAdapterWeights",
    BUILDER_PASS: "ModelBuilder",
}
"""Our pass → the pass of Olive's that it extends."""
DROPOUT: dict[MethodKind, str] = {
    **dict.fromkeys(METHOD_PASSES, "lora_dropout"),
    **dict.fromkeys(WHOLE_CHANGE, "rank_dropout"),
}
"""The passes' names for ``method.dropout``."""
PRE_PROCESS = "phi3studio_examples"
TRAIN_DATA = "train_examples"
CALIBRATION = "phi3studio_calibration"
EVAL_DATA = "held_out_examples"
CALIBRATION_DATA = "calibration_rows"

_BUILDER_EXTRA = {
    # Older builders run a model folder's own code by default.
    "hf_remote": False,
    # The builder would quantise the embedding of a model that ties it to the head, always.
    "shared_embeddings": False,
    # A cache of the window alone takes no longer prompts at once, and nothing can be taken back.
    "windowed_kv_cache": False,
    # A node that has the norms of queries and keys in it runs on CUDA alone, in new releases alone.
    "fuse_qk_norm_gqa": False,
}
"""What ModelBuilder would otherwise decide by itself."""

EVALUATION_ROWS = 64
"""Held-out rows of an evaluation during the training: a look at the trend, not the figure."""
PROVIDERS: dict[Provider, tuple[str, str]] = {
    "cpu": ("cpu", "CPUExecutionProvider"),
    "cuda": ("gpu", "CUDAExecutionProvider"),
    "dml": ("gpu", "DmlExecutionProvider"),
}


@dataclass(frozen=True)
class TrainPlan:
    """What a training needs beyond the recipe: decided when the data is known."""

    model: Path
    train_file: Path
    eval_file: Path | None
    checkpoints: Path
    output: Path
    cache: Path
    total_steps: int
    device: str = "cpu"
    precision: str = "float32"
    target_modules: tuple[str, ...] = ()
    eval_steps: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def train_config(recipe: Recipe, plan: TrainPlan) -> dict[str, Any]:
    """The workflow of the train stage: one LoRA pass."""
    training, method = recipe.training, recipe.method
    evaluate = plan.eval_file is not None and plan.eval_steps is not None
    arguments: dict[str, Any] = {
        "seed": training.seed,
        "data_seed": training.seed,
        "per_device_train_batch_size": training.batch_size,
        "per_device_eval_batch_size": training.batch_size,
        "gradient_accumulation_steps": training.accumulation,
        "gradient_checkpointing": training.gradient_checkpointing,
        "learning_rate": training.learning_rate,
        "lr_scheduler_type": training.schedule,
        "warmup_steps": training.warmup_of(plan.total_steps),
        "weight_decay": training.weight_decay,
        "max_grad_norm": training.max_grad_norm,
        "max_steps": plan.total_steps,
        "logging_steps": 1,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "save_total_limit": 2,
        "output_dir": str(plan.checkpoints),
        "disable_tqdm": True,
        "report_to": "none",
        "remove_unused_columns": False,
        "dataloader_pin_memory": plan.device == "cuda",
        "use_cpu": plan.device == "cpu",
        **plan.extra,
    }
    if evaluate:
        arguments |= {
            "eval_strategy": "steps",
            "eval_steps": plan.eval_steps,
            "prediction_loss_only": True,
        }
    lora: dict[str, Any] = {
        "type": METHOD_PASSES[method.kind],
        "r": method.rank,
        "alpha": method.alpha,
        DROPOUT[method.kind]: method.dropout,
        "use_rslora": method.rank_stabilised,
        "target_modules": list(plan.target_modules),
        "torch_dtype": plan.precision,
        "device_map": "current_device" if plan.device == "cuda" else None,
        "train_data_config": TRAIN_DATA,
        "training_args": arguments,
    }
    if method.kind == "qlora":
        # What the saved adapter says of its base would make the merge quantise again.
        lora |= {"double_quant": method.double_quantisation, "save_quant_config": False}
        arguments["optim"] = "adamw_torch"
    data = [_data_config(TRAIN_DATA, plan.train_file)]
    if evaluate and plan.eval_file is not None:
        lora["eval_data_config"] = EVAL_DATA
        data.append(_data_config(EVAL_DATA, plan.eval_file))
    return _workflow(recipe, plan.model, {"lora": lora}, plan.output, plan.cache) | {
        "data_configs": data
    }


def merge_config(
    recipe: Recipe, model: Path, adapter: Path, output: Path, cache: Path, dtype: str | None = None
) -> dict[str, Any]:
    """The workflow of the merge stage: base weights plus adapter, in *dtype* or as stored."""
    config = _workflow(recipe, model, {"merge": {"type": MERGE_PASS}}, output, cache)
    config["input_model"]["adapter_path"] = str(adapter)
    if dtype is not None:
        config["input_model"]["load_kwargs"]["torch_dtype"] = dtype
    return config


def build_config(
    recipe: Recipe,
    model: Path,
    output: Path,
    cache: Path,
    calibration: Path | None = None,
    large: bool = False,
) -> dict[str, Any]:
    """The workflow of the quantise stage for the recipe's target.

    With *calibration*, a Parquet file of token rows, int4 weights are fitted to them by GPTQ. The
    weights of a *large* model are made int4 before ModelBuilder sees them: it would hold all of
    them in float32.
    """
    target = recipe.target
    if large and target.quantisation == "int4":
        passes, data = early_passes(target), []
    elif calibration is not None and target.quantisation == "int4" and is_calibrated(target):
        passes = calibrated_passes(target)
        data = [_data_config(CALIBRATION_DATA, calibration, CALIBRATION)]
    else:
        passes = {"builder": {"type": BUILDER_PASS, **builder_options(target)}}
        data = []
    config = _workflow(recipe, model, passes, output, cache, provider=target.provider)
    return config | {"data_configs": data} if data else config


def apart_config(
    recipe: Recipe, model: Path, adapter: Path, float_nodes: list[str], output: Path, cache: Path
) -> dict[str, Any]:
    """The quantise stage where the adapter stays next to the base model, as inputs of its graph.

    *float_nodes* are the adapter's products, which int4 leaves alone.
    """
    builder = {"type": BUILDER_PASS, **builder_options(recipe.target)}
    if recipe.target.quantisation == "int4":
        builder["int4_nodes_to_exclude"] = float_nodes
    passes = {
        "builder": builder,
        "adapter": {"type": "ExtractAdapters", "save_as_external_data": True},
    }
    config = _workflow(recipe, model, passes, output, cache, provider=recipe.target.provider)
    config["input_model"]["adapter_path"] = str(adapter)
    return config


def builder_options(target: Target) -> dict[str, Any]:
    """ModelBuilder's options where it quantises itself."""
    options: dict[str, Any] = {"precision": target.quantisation}
    if target.quantisation == "int4":
        options["int4_accuracy_level"] = target.accuracy_level
        options["int4_block_size"] = target.block_size
        preset = _preset(target)
        if preset.algorithm != PRESETS[PLAIN].algorithm:
            options["int4_algo_config"] = preset.algorithm
        if preset.embedding:
            options["int4_op_types_to_quantize"] = list(preset.operators)
    return options | {"extra_options": dict(_BUILDER_EXTRA)}


def calibrated_passes(target: Target) -> dict[str, Any]:
    """int4 with the layers that k_quant_mixed keeps in 8 bits, the others fitted by GPTQ.

    Measured on the tuned starter model, 132 held-out rows: 88.6 % right against 89.4 % before
    quantisation, where plain k_quant_mixed gives 84.1 %.
    """
    preset = _preset(target)
    block = {"group_size": target.block_size, "sym": False}
    bits = 8 if preset.mixed else 4
    return _mixed(preset) | {
        "gptq": {"type": GPTQ_PASS, "bits": 4, **block, "data_config": CALIBRATION_DATA},
        "head": {"type": "Rtn", "bits": bits, **block, "lm_head": True, **_embeds(preset)},
        "builder": _builder_of_int4(target),
    }


def is_calibrated(target: Target) -> bool:
    """Whether a small model's int4 weights are fitted to the rows."""
    return _preset(target).calibrates if target.calibrated is None else target.calibrated


def _preset(target: Target) -> Int4Preset:
    return most_exact(target.int4, target.provider)


def _mixed(preset: Int4Preset) -> dict[str, Any]:
    """The pass that chooses the layers that keep 8 bits, where some do."""
    if not preset.mixed:
        return {}
    return {"mixed": {"type": "SelectiveMixedPrecision", "algorithm": preset.algorithm}}


def _embeds(preset: Int4Preset) -> dict[str, Any]:
    return {"embeds": True} if preset.embedding else {}


def early_passes(target: Target) -> dict[str, Any]:
    """int4 layer by layer in PyTorch, before ModelBuilder.

    Measured on the shape of Phi-3-mini, see ``tests/benchmarks/large_model.py``.
    """
    block = {"bits": 4, "group_size": target.block_size, "lm_head": True}
    preset = _preset(target)
    passes = _mixed(preset)
    if preset.mixed:
        head = {"overrides": {"lm_head": {"bits": 8}}, **_embeds(preset)}
        passes["int4"] = {"type": KQUANT_PASS, **block, "sym": False, **head}
    else:
        passes["int4"] = {"type": "Rtn", **block, "sym": True, "embeds": preset.embedding}
    passes["builder"] = _builder_of_int4(target)
    return passes


def _builder_of_int4(target: Target) -> dict[str, Any]:
    """ModelBuilder where the weights are int4 already: it takes them over as they are."""
    return {
        "type": BUILDER_PASS,
        "precision": "int4",
        "int4_accuracy_level": target.accuracy_level,
        "extra_options": dict(_BUILDER_EXTRA),
    }


def _workflow(
    recipe: Recipe,
    model: Path,
    passes: dict[str, Any],
    output: Path,
    cache: Path,
    provider: Provider = "cpu",
) -> dict[str, Any]:
    device, execution_provider = PROVIDERS[provider]
    return {
        "input_model": {
            "type": "HfModel",
            "model_path": str(model),
            "task": "text-generation",
            "load_kwargs": {"trust_remote_code": recipe.model.trust_remote_code},
        },
        "systems": {
            "local": {
                "type": "LocalSystem",
                "accelerators": [{"device": device, "execution_providers": [execution_provider]}],
            }
        },
        "passes": passes,
        "host": "local",
        "target": "local",
        "search_strategy": False,
        "evaluate_input_model": False,
        "cache_dir": str(cache),
        "output_dir": str(output),
        "log_severity_level": 1,
    }


def _data_config(name: str, file: Path, pre_process: str = PRE_PROCESS) -> dict[str, Any]:
    return {
        "name": name,
        "type": "HuggingfaceContainer",
        "load_dataset_config": {"data_name": "parquet", "data_files": str(file), "split": "train"},
        "pre_process_data_config": {"type": pre_process},
        "dataloader_config": {"batch_size": 1},
    }
