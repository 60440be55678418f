"""``training_args``: from the arguments of transformers' trainer to the recipe's training."""

from __future__ import annotations

import json
from typing import Any

from phi3studio.olive_configs.decisions import Entry, ImportDraft, Section
from phi3studio.olive_configs.input_model import precision
from phi3studio.olive_configs.rules import (
    Rule,
    apply,
    carried,
    is_a,
    noted,
    or_unset,
    refused,
    same_if,
    wrong_kind,
)

# What the trainer takes where a config says nothing: transformers' values, and Olive's own.
_DEFAULTS: dict[str, tuple[Any, str]] = {
    "training.learning_rate": (2e-4, "learning_rate"),
    "training.schedule": ("constant", "lr_scheduler_type"),
    "training.epochs": (3, "num_train_epochs"),
    "training.batch_size": (8, "per_device_train_batch_size"),
    "training.accumulation": (1, "gradient_accumulation_steps"),
    "training.gradient_checkpointing": (True, "gradient_checkpointing"),
    "training.weight_decay": (0.0, "weight_decay"),
    "training.max_grad_norm": (1.0, "max_grad_norm"),
    "training.warmup": (0.0, "warmup_steps"),
    "training.seed": (42, "seed"),
    "training.keep_best": (False, "load_best_model_at_end"),
}
_SCHEDULES = ("linear", "cosine", "constant")
_ADAM = "The optimiser is AdamW with its usual settings."
_KEEP = "Leave it out; the recipe has no such setting."


def read_arguments(entry: Entry | None, draft: ImportDraft) -> None:
    """Decide on every key of ``training_args``, and fill in what it leaves to the trainer."""
    section = Section(entry, draft, nested=("extra_args",))
    steps, epochs = section.peek("max_steps"), section.peek("num_train_epochs")
    _read_seeds(section)
    _read_warmup(section)
    _read_evaluations(section, steps, epochs)
    known = ("seed", "data_seed", "warmup_steps", "warmup_ratio", "eval_steps", "eval_strategy")
    apply(section, _TABLE, "training_args", also=known)
    for key, (value, name) in _DEFAULTS.items():
        if key == "training.warmup" and "training.warmup_steps" in draft.values:
            continue
        shown = json.dumps(value)
        draft.default(key, value, f"No {name} is given: Olive takes {shown}, and so does {key}.")


def _read_seeds(section: Section) -> None:
    draft = section.draft
    section.read(carried("training.seed", int), "seed")
    data_seed = section.given("data_seed", unset="Not set: training.seed also orders the rows.")
    if data_seed is None:
        return
    chosen = draft.values.get("training.seed", 42)
    if data_seed.value == chosen:
        draft.translate(data_seed, "training.seed also orders the rows.", "training.seed", chosen)
    else:
        draft.refuse(
            data_seed,
            f"A recipe has one seed, for the weights and for the order of the rows: {chosen}.",
            "Change training.seed if another order is wanted.",
        )


def _read_warmup(section: Section) -> None:
    draft = section.draft
    steps, ratio = section.given("warmup_steps"), section.given("warmup_ratio")
    share = 0.0
    if ratio is not None:
        if is_a(ratio.value, (float,)) and 0 <= ratio.value < 1:
            share = ratio.value
            draft.carry(ratio, "training.warmup")
        else:
            wrong_kind(draft, ratio, (float,))
    if steps is None:
        return
    if not is_a(steps.value, (float,)) or steps.value < 0:
        wrong_kind(draft, steps, (float,))
    elif steps.value == 0:
        draft.translate(steps, "No steps: the ratio counts." if share else "No warm-up.")
    elif steps.value < 1:
        draft.carry(steps, "training.warmup")
    elif steps.value == int(steps.value):
        draft.carry(steps, "training.warmup_steps", int(steps.value))
    else:
        wrong_kind(draft, steps, (int,))


def _read_evaluations(section: Section, max_steps: Any, epochs: Any) -> None:
    draft = section.draft
    strategy = section.take("eval_strategy", "evaluation_strategy")
    every = section.take("eval_steps")
    to = "training.evaluations"
    chosen = str(strategy.value) if strategy is not None and strategy.value else None
    if strategy is not None:
        old = strategy.path.endswith("evaluation_strategy")
        note = "Now called eval_strategy. " if old else ""
        stepped = chosen == "epoch" and is_a(max_steps, (int,)) and max_steps > 0
        if chosen in (None, "no"):
            draft.translate(strategy, note + "The loss is not measured meanwhile.", to, 0)
        elif chosen == "steps" or stepped:
            draft.translate(strategy, note + "Evaluations are spread evenly over the steps.")
        elif chosen == "epoch":
            count = max(1, round(epochs if is_a(epochs, (float,)) else 3))
            draft.translate(strategy, note + f"{count} epochs, as many evaluations.", to, count)
        else:
            draft.refuse(
                strategy, "It has to be no, steps or epoch.", "Correct the value.", blocks=True
            )
    if every is None:
        return
    if chosen in (None, "no", "epoch"):
        draft.translate(every, "Only the strategy “steps” reads it.")
    elif not is_a(every.value, (float,)) or every.value <= 0:
        wrong_kind(draft, every, (float,))
    elif every.value < 1:
        count = int(1 / every.value)
        draft.translate(every, f"{count} evaluations, spread evenly.", to, count)
    elif is_a(max_steps, (int,)) and max_steps > 0:
        count = int(max_steps // every.value)
        text = f"Every {every.value} of {max_steps} steps: {count} evaluations."
        draft.translate(every, text, to, count)
    else:
        text = "A recipe says how many evaluations there are, not after how many steps: 4."
        draft.translate(every, text)


def _schedule(draft: ImportDraft, entry: Entry) -> None:
    if entry.value in _SCHEDULES:
        draft.carry(entry, "training.schedule")
    else:
        draft.refuse(
            entry,
            f"The schedule {entry.value} is none of {', '.join(_SCHEDULES)}.",
            "Choose training.schedule; Olive's own default is constant.",
        )


def _max_steps(draft: ImportDraft, entry: Entry) -> None:
    if entry.value in (-1, None):
        draft.translate(entry, "Not set: the epochs count.")
    else:
        carried("training.max_steps", int)(draft, entry)


def _norm(draft: ImportDraft, entry: Entry) -> None:
    if is_a(entry.value, (float,)) and entry.value > 0:
        draft.carry(entry, "training.max_grad_norm")
    else:
        instead = "A large training.max_grad_norm does nothing."
        draft.refuse(entry, "Gradients are always clipped.", instead)


def _on_cpu(draft: ImportDraft, entry: Entry) -> None:
    if entry.value is True:
        draft.translate(entry, "The training runs on the CPU.", "target.train_on", "cpu")
    else:
        draft.translate(entry, "A CUDA GPU is used where there is one.")


def _format(value: str) -> Rule:
    def rule(draft: ImportDraft, entry: Entry) -> None:
        if entry.value is True:
            precision(draft, Entry(entry.path, value))
        else:
            draft.translate(entry, "Not set.")

    return rule


_REPORTS = noted("Every step is reported, in the window and in the run's events.")
_FOLDERS = noted("A run keeps its checkpoints in its own folder, by the clock, and resumes itself.")
_PACKED = noted("Not needed: rows are packed one after the other, without padding.")
_LOADING = noted("Rows are prepared once and read from disk.")
_TABLE: dict[str, Rule] = {
    "learning_rate": carried("training.learning_rate", float),
    "lr_scheduler_type": _schedule,
    "num_train_epochs": carried("training.epochs", float),
    "max_steps": _max_steps,
    "per_device_train_batch_size": carried("training.batch_size", int),
    "gradient_accumulation_steps": carried("training.accumulation", int),
    "gradient_checkpointing": carried("training.gradient_checkpointing", bool),
    "weight_decay": carried("training.weight_decay", float),
    "max_grad_norm": _norm,
    "per_device_eval_batch_size": noted("Rows are evaluated in the training's batch size."),
    "group_by_length": _PACKED,
    "train_sampling_strategy": _PACKED,
    "length_column_name": noted("Not needed: nothing is grouped by length."),
    "optim": same_if(
        ("adamw_torch", "adamw_torch_fused", "adamw_hf", "paged_adamw_32bit"),
        _ADAM,
        "Leave it out.",
    ),
    "adam_beta1": same_if((0.9,), _ADAM, _KEEP),
    "adam_beta2": same_if((0.999,), _ADAM, _KEEP),
    "adam_epsilon": same_if((1e-8,), _ADAM, _KEEP),
    "label_smoothing_factor": same_if((0, 0.0), "Labels are not smoothed.", _KEEP),
    "fp16": _format("float16"),
    "bf16": _format("bfloat16"),
    "use_cpu": _on_cpu,
    "no_cuda": _on_cpu,
    "torch_compile": refused("Models are not compiled.", _KEEP),
    "full_determinism": noted("The same recipe, machine and seed give the same adapter."),
    "deepspeed": refused("DeepSpeed is not used.", "Use qlora where memory is short."),
    "neftune_noise_alpha": refused("No noise is added to embeddings.", _KEEP),
    "optim_args": refused(_ADAM, _KEEP),
    "lr_scheduler_kwargs": refused("Schedules have no settings of their own.", _KEEP),
    "gradient_checkpointing_kwargs": refused("Checkpointing has no settings.", _KEEP),
    "load_best_model_at_end": or_unset(carried("training.keep_best", bool)),
    "metric_for_best_model": same_if(
        ("loss", "eval_loss"), "The best evaluation is that of the lowest loss.", _KEEP
    ),
    "greater_is_better": same_if(
        (False,), "The best evaluation is that of the lowest loss.", _KEEP
    ),
    "resume_from_checkpoint": refused(
        "A run resumes from its own checkpoints only.", "Remove it; phi3studio resume does it."
    ),
    "push_to_hub": refused("Nothing is sent anywhere.", "Upload the model by hand."),
    "auto_find_batch_size": refused("The batch size is given.", "Set training.batch_size."),
    **dict.fromkeys(
        (
            "logging_steps", "logging_dir", "logging_strategy", "logging_first_step",
            "logging_nan_inf_filter", "report_to", "run_name", "disable_tqdm", "log_level",
        ),
        _REPORTS,
    ),
    **dict.fromkeys(
        (
            "output_dir", "overwrite_output_dir", "save_steps", "save_strategy",
            "save_total_limit", "save_safetensors", "save_only_model",
        ),
        _FOLDERS,
    ),
    **dict.fromkeys(
        (
            "dataloader_pin_memory", "dataloader_num_workers", "dataloader_drop_last",
            "remove_unused_columns", "prediction_loss_only", "eval_accumulation_steps",
        ),
        _LOADING,
    ),
}  # fmt: skip
