"""The adapter passes LoRA, QLoRA, DoRA, LoHa and LoKr: from their keys to the recipe's method."""

from __future__ import annotations

from phi3studio.domain.hyperparameters import METHOD_TITLES, WHOLE_CHANGE, MethodKind
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
)
from phi3studio.olive_configs.training_args import read_arguments

ADAPTERS: dict[str, MethodKind] = {kind: kind for kind in METHOD_TITLES}
"""Pass type in lower case → the recipe's method."""

_KEYS = (
    "r", "lora_r", "alpha", "lora_alpha", "train_data_config", "eval_data_config",
    "training_args",
)  # fmt: skip


def read_adapter(section: Section, kind: str) -> None:
    """Decide on every key of an adapter pass that is not the pass's own frame."""
    draft = section.draft
    draft.values["method.kind"] = ADAPTERS[kind]
    section.read(carried("method.rank", int), "lora_r", "r")
    section.read(carried("method.alpha", float), "lora_alpha", "alpha")
    if ADAPTERS[kind] in WHOLE_CHANGE:
        apply(section, _PRODUCTS)
    apply(section, _TABLE)
    read_arguments(section.given("training_args"), draft)
    draft.default("method.rank", 64, "No rank is given: Olive takes 64, and so does method.rank.")
    draft.default(
        "method.alpha", 16, "No alpha is given: Olive takes 16, and so does method.alpha."
    )
    if ADAPTERS[kind] in WHOLE_CHANGE:
        draft.default(
            "method.dropout", 0, "No rank_dropout is given: Olive takes none, as method.dropout."
        )
    else:
        draft.default(
            "method.dropout", 0.05, "No lora_dropout is given: Olive takes 0.05, as method.dropout."
        )
    draft.default("method.target_modules", *_olives_modules(ADAPTERS[kind]))
    draft.default(
        "training.precision",
        "bfloat16",
        "No torch_dtype is given: Olive trains in bfloat16, and so does training.precision; auto "
        "takes the fastest sound format of the machine.",
    )
    section.refuse_rest((*_KEYS, *_TABLE, *_PRODUCTS), "The pass")


def _double_quantisation(draft: ImportDraft, entry: Entry) -> None:
    if draft.values["method.kind"] == "qlora":
        carried("method.double_quantisation", bool)(draft, entry)
    elif entry.value:
        draft.refuse(
            entry,
            "Only QLoRA quantises the base model, once or twice; the other methods do not.",
            "To quantise it while training: method.kind: qlora and method.double_quantisation: "
            "true.",
        )
    else:
        draft.translate(entry, "Only QLoRA quantises the base model.")


def _held_out_share(draft: ImportDraft, entry: Entry) -> None:
    if is_a(entry.value, (float,)) and 0 < entry.value < 1:
        draft.carry(entry, "data.split.held_out")
    else:
        text = "A recipe holds out a share of the rows, between 0 and 1."
        draft.refuse(entry, text, "Write data.split.held_out, for example 0.2.")


def _modules(draft: ImportDraft, entry: Entry) -> None:
    if entry.value in (None, []):
        draft.translate(entry, "Not set.")
    elif draft.values["method.kind"] == "qlora":
        text = "As in Olive, QLoRA adapts every linear layer that it quantises, whatever is listed."
        draft.translate(entry, text, "method.target_modules", "all_linear")
    elif entry.value == "all-linear":
        draft.translate(entry, "Every linear module.", "method.target_modules", "all_linear")
    elif isinstance(entry.value, list) and all(isinstance(name, str) for name in entry.value):
        draft.carry(entry, "method.target_modules")
    else:
        draft.refuse(entry, "It has to be a list of names.", "Correct the value.", blocks=True)


def _olives_modules(kind: MethodKind) -> tuple[str, str]:
    """What Olive adapts where the pass does not say it, and the words for it."""
    if kind == "qlora" or kind in WHOLE_CHANGE:
        text = f"As in Olive, {METHOD_TITLES[kind]} adapts every linear layer"
        return "all_linear", f"{text} (method.target_modules: all_linear)."
    return (
        "family",
        "No target_modules are given: as in Olive, PEFT's default for the model's family "
        "(method.target_modules: family).",
    )


_UNLIKE = "The run computes the pass's default."
_PRODUCTS: dict[str, Rule] = {
    "lora_dropout": noted("LoHa and LoKr read rank_dropout instead, in Olive too."),
    "rank_dropout": carried("method.dropout", float),
    "module_dropout": same_if((0, 0.0), "No module is left out.", "Leave it out."),
    "use_effective_conv2d": noted("The models have no convolutions."),
    "init_weights": same_if((True,), "The adapter begins without effect.", "Leave it out."),
    **dict.fromkeys(
        ("exclude_modules", "layers_to_transform", "layers_pattern"),
        same_if((None, []), "No layer is left out.", "Write method.target_modules."),
    ),
    **dict.fromkeys(
        ("rank_pattern", "alpha_pattern"), same_if((None, {}), "Not set.", "Leave it out.")
    ),
    "decompose_both": same_if((False,), _UNLIKE, "Leave it out."),
    "decompose_factor": same_if((-1,), _UNLIKE, "Leave it out."),
    "rank_dropout_scale": same_if((False,), _UNLIKE, "Leave it out."),
}
_QUANTISED = "QLoRA's base weights are in NF4, computed in the training's number format."
_TABLE: dict[str, Rule] = {
    "double_quant": _double_quantisation,
    "eval_dataset_size": or_unset(_held_out_share),
    "lora_dropout": carried("method.dropout", float),
    "target_modules": _modules,
    "torch_dtype": precision,
    "use_rslora": carried("method.rank_stabilised", bool),
    "use_dora": refused("DoRA is a pass of its own.", "Write a DoRA pass.", blocks=True),
    "modules_to_save": refused(
        "Only adapters are trained, no whole modules.", "Leave it out.", blocks=True
    ),
    "compute_dtype": noted(_QUANTISED),
    "quant_type": same_if(("nf4",), _QUANTISED, "Leave it out."),
    "save_quant_config": noted("The adapter is merged into the unquantised base model."),
    "device_map": noted("The model is loaded to where it is trained: target.train_on."),
    "allow_tf32": noted("TF32 is left as PyTorch has it."),
    "ephemeral_gpu_offload": refused("Weights stay where they are trained.", "Leave it out."),
    "bias": same_if(("none",), "No biases are trained.", "Leave it out."),
    "training_output_dir": noted("Each run keeps its checkpoints in its own folder."),
    "use_gradient_checkpointing": noted("training_args.gradient_checkpointing says it."),
    "use_ort_trainer": refused("The trainer is PyTorch's.", "Leave it out."),
    "ortmodule_onnx_opset_min": noted("The trainer is PyTorch's."),
}
