"""Olive configurations, built from plain values. Pure: no Olive, no files.

Every key is checked against what Olive 0.13 reads, because Olive drops unknown keys in silence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phi3studio.domain.recipe import Int4Preset, Provider, Quantisation, Recipe

LORA_PASS = "StudioLoRA"
PRE_PROCESS = "phi3studio_examples"
TRAIN_DATA = "train_examples"
EVAL_DATA = "held_out_examples"

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
        "warmup_steps": round(training.warmup * plan.total_steps),
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
        "type": LORA_PASS,
        "r": method.rank,
        "alpha": method.alpha,
        "lora_dropout": method.dropout,
        "target_modules": list(plan.target_modules),
        "torch_dtype": plan.precision,
        "device_map": "current_device" if plan.device == "cuda" else None,
        "train_data_config": TRAIN_DATA,
        "training_args": arguments,
    }
    data = [_data_config(TRAIN_DATA, plan.train_file)]
    if evaluate and plan.eval_file is not None:
        lora["eval_data_config"] = EVAL_DATA
        data.append(_data_config(EVAL_DATA, plan.eval_file))
    return _workflow(recipe, plan.model, {"lora": lora}, plan.output, plan.cache) | {
        "data_configs": data
    }


def merge_config(
    recipe: Recipe,
    model: Path,
    adapter: Path,
    output: Path,
    cache: Path,
    dtype: str | None = None,
) -> dict[str, Any]:
    """The workflow of the merge stage: base weights plus adapter, in *dtype* or as stored."""
    config = _workflow(
        recipe, model, {"merge": {"type": "MergeAdapterWeights"}}, output, cache
    )
    config["input_model"]["adapter_path"] = str(adapter)
    if dtype is not None:
        config["input_model"]["load_kwargs"]["torch_dtype"] = dtype
    return config


def build_config(recipe: Recipe, model: Path, output: Path, cache: Path) -> dict[str, Any]:
    """The workflow of the quantise stage: ModelBuilder for the recipe's target."""
    builder = {"type": "ModelBuilder"} | builder_options(
        recipe.target.quantisation, recipe.target.int4
    )
    return _workflow(
        recipe, model, {"builder": builder}, output, cache, provider=recipe.target.provider
    )


def builder_options(quantisation: Quantisation, preset: Int4Preset) -> dict[str, Any]:
    """ModelBuilder's options of a quantisation preset."""
    options: dict[str, Any] = {"precision": quantisation}
    # hf_remote: ModelBuilder would run a model folder's own code by default.
    extra: dict[str, Any] = {"hf_remote": False}
    if quantisation == "int4":
        options["int4_accuracy_level"] = 4
        options["int4_block_size"] = 32
        if preset == "quality":
            options["int4_algo_config"] = "k_quant_mixed"
            # k_quant_mixed shares tied embeddings with the head by itself, and ruins them.
            extra["shared_embeddings"] = False
        elif preset == "small":
            options["int4_op_types_to_quantize"] = ["MatMul", "Gather"]
    return options | {"extra_options": extra}


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
                "accelerators": [
                    {"device": device, "execution_providers": [execution_provider]}
                ],
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


def _data_config(name: str, file: Path) -> dict[str, Any]:
    return {
        "name": name,
        "type": "HuggingfaceContainer",
        "load_dataset_config": {
            "data_name": "parquet",
            "data_files": str(file),
            "split": "train",
        },
        "pre_process_data_config": {"type": PRE_PROCESS},
    }
