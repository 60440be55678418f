"""``input_model``: from Olive's model handlers to the recipe's base model."""

from __future__ import annotations

from collections.abc import Mapping

from phi3studio.olive_configs import azure_systems
from phi3studio.olive_configs.decisions import Entry, ImportDraft, Section
from phi3studio.olive_configs.rules import (
    Rule,
    apply,
    carried,
    nested,
    noted,
    or_unset,
    refused,
    same_if,
    wrong_kind,
)

_MODEL_KEYS = ("model_path", "hf_config", "task", "load_kwargs")
_HF_KEYS = ("model_name", "task", "model_loading_args", "from_pretrained_args", "load_kwargs")
_AZURE = ("azureml_registry_model", "azureml_model", "azureml_datastore", "azureml_job_output")
_LOCAL = ("local_folder", "local_file", "string_name")
_PRECISIONS = ("float32", "bfloat16", "float16")


def read_model(entry: Entry, draft: ImportDraft, catalogue: Mapping[str, str]) -> None:
    """Decide on every key of ``input_model``; *catalogue*: hub id → name in our catalogue."""
    section = Section(entry, draft)
    hf = Section(section.take("hf_config"), draft, nested=())
    _read_source(section.take("model_path"), hf.take("model_name"), draft, catalogue)
    if not section.peek("model_loader"):
        for key in ("model_script", "script_dir"):
            section.read(_UNUSED_SCRIPT, key)
    for place in (section, hf):
        apply(place, _COMMON)
    apply(section, _HANDLER, "input_model", also=_MODEL_KEYS)
    apply(hf, _HF_CONFIG, "hf_config", also=_HF_KEYS)


def _read_source(
    path: Entry | None, name: Entry | None, draft: ImportDraft, catalogue: Mapping[str, str]
) -> None:
    """Where the weights are: a path wins over a name, as in Olive."""
    if path is not None and isinstance(path.value, Mapping):
        path = _read_resource(path, draft, replaced=name is not None)
    chosen = path if path is not None and path.value else name
    if path is not None and path is not chosen:
        draft.translate(path, "Not set.")
    if chosen is None or not chosen.value:
        if chosen is not None:
            draft.translate(chosen, "Not set.")
        if "azure.model" in draft.values or "azure.model" in draft.gaps:
            return
        if not any(d.needs_azure and d.blocks for d in draft.decisions):
            draft.gap("model.source", "The config names no model.")
        return
    if name is not None and name is not chosen:
        draft.translate(name, f"The weights come from {chosen.path}; the name is not needed.")
    if not isinstance(chosen.value, str):
        wrong_kind(draft, chosen, (str,))
    elif chosen.value in catalogue:
        known = catalogue[chosen.value]
        draft.translate(chosen, f"The catalogue calls it “{known}”.", "model.source", known)
    else:
        draft.carry(chosen, "model.source")


def _read_resource(
    path: Entry, draft: ImportDraft, *, replaced: bool, what: str = "model"
) -> Entry | None:
    """A path with a type of its own. What is on this computer is returned as a plain one."""
    resource = Section(path, draft)
    kind = resource.take("type")
    found: Entry | None = None
    local = kind is not None and kind.value in _LOCAL
    if kind is not None and local:
        draft.translate(kind, "A folder and a name are recognised without a type.")
        found = resource.take("path", "name")
    elif (
        kind is not None and draft.cloud and what == "model" and kind.value in azure_systems.MODELS
    ):
        azure_systems.read_model(resource, kind)
    elif kind is not None and kind.value in _AZURE:
        draft.azure(kind, f"The {what} is an {kind.value}")
        for part in resource.take_all():
            draft.azure(
                part,
                f"{part.key} of the {kind.value}",
                "The recipe takes the model of the name in hf_config instead."
                if replaced
                else f"Download the {what} and write its folder as {what}_path.",
                blocks=part.key in ("name", "relative_path") and not replaced,
            )
    elif kind is not None:
        draft.refuse(
            kind,
            f"{what.capitalize()}s of the kind {kind.value} are not known.",
            f"Write the {what}'s folder as {what}_path.",
            blocks=True,
        )
    resource.refuse_rest(("type", "path", "name"), f"{what}_path")
    return found


def _trust(draft: ImportDraft, entry: Entry) -> None:
    if entry.value:
        draft.refuse(
            entry,
            "Code that a model brings is not run because a config asks for it. Phi-3 needs none.",
            "If this model needs its code, and you have read it: model.trust_remote_code: true.",
        )
    else:
        draft.carry(entry, "model.trust_remote_code", False)


def precision(draft: ImportDraft, entry: Entry) -> None:
    """A number format for the base weights."""
    if entry.value in (None, "auto"):
        draft.translate(entry, "The fastest number format that is sound on the machine.")
    elif entry.value not in _PRECISIONS:
        shown = ", ".join(_PRECISIONS)
        draft.refuse(entry, f"It has to be one of {shown}.", "Correct the value.", blocks=True)
    elif draft.values.get("training.precision", entry.value) != entry.value:
        draft.refuse(
            entry,
            f"The training's own number format counts: {draft.values['training.precision']}.",
            "Keep one of them.",
        )
    else:
        draft.carry(entry, "training.precision")


def _adapter(draft: ImportDraft, entry: Entry) -> None:
    """The folder of a PEFT adapter over the model: as text, or as a local path with its type."""
    found: Entry | None = entry
    if isinstance(entry.value, Mapping):
        found = _read_resource(entry, draft, replaced=False, what="adapter")
    if found is None:
        return
    if found.value == "":
        wrong_kind(draft, found, (str,))
    else:
        or_unset(carried("model.adapter", str))(draft, found)


_UNQUANTISED = refused(
    "The base model is loaded unquantised; a QLoRA pass quantises it for the training.",
    "Write a QLoRA pass, or method.kind: qlora in the recipe.",
)
_TOKEN = refused("A token is never part of a recipe.", "Set it in the program's settings.")
_LOAD: dict[str, Rule] = {
    "trust_remote_code": _trust,
    "torch_dtype": precision,
    "dtype": precision,
    "revision": or_unset(carried("model.revision", str)),
    "device_map": noted("The model is loaded to where it is trained: target.train_on."),
    "max_memory": refused("The whole model is loaded.", "Use qlora where memory is short."),
    **dict.fromkeys(
        ("attn_implementation", "_attn_implementation"),
        noted("The fastest exact attention of the machine is used."),
    ),
    "sliding_window": refused("The model's own config.json counts.", "Change it there."),
    "use_cache": noted("Training never uses the cache of generation."),
    "low_cpu_mem_usage": noted("Weights are always loaded without a second copy."),
    "use_safetensors": noted("Only safetensors weights are read."),
    "cache_dir": noted("Models are kept in the program's own folder."),
    "quantization_method": _UNQUANTISED,
    "quantization_config": _UNQUANTISED,
    "token": _TOKEN,
    "use_auth_token": _TOKEN,
}
_LOADING = nested(_LOAD, "The loading of the model", inner=("extra_args",))
_COMMON: dict[str, Rule] = {
    **dict.fromkeys(("load_kwargs", "model_loading_args", "from_pretrained_args"), _LOADING),
    "task": same_if(
        ("text-generation", "text-generation-with-past"),
        "Text generation is what is fine-tuned.",
        "Choose a model that generates text.",
        blocks=True,
    ),
    "generative": noted("Every model that is fine-tuned here generates."),
}
_OWN_LOADER = refused(
    "Fine-tuning loads models by transformers alone.",
    "Give a folder in Hugging Face format.",
    blocks=True,
)
_UNUSED_SCRIPT = noted("No function of it loads the model; it is not run.")
_SHAPES = refused("The shapes of inputs follow from the model.", "Remove it.")
_HANDLER: dict[str, Rule] = {
    "type": same_if(
        ("HfModel", "PyTorchModel", "HuggingfaceModel"),
        "A recipe's model is always one in Hugging Face format, as an HfModel is.",
        "Write HfModel and a folder in Hugging Face format as model_path.",
        blocks=True,
    ),
    "model_file_format": same_if(
        ("PyTorch.MLflow", "PyTorch.SafeTensors"),
        "The format is recognised from the model's folder.",
        "Give a folder in Hugging Face format.",
        blocks=True,
    ),
    "adapter_path": _adapter,
    **dict.fromkeys(("model_loader", "model_script", "script_dir"), _OWN_LOADER),
    **dict.fromkeys(("io_config", "dummy_inputs_func"), _SHAPES),
    "model_attributes": refused("Attributes follow from the model's config.json.", "Remove it."),
}
_HF_CONFIG: dict[str, Rule] = {
    "model_class": refused("The class follows from the model's config.json.", "Remove it."),
    "model_config": refused("The model's own config.json counts.", "Change it there."),
    "components": refused("A model is trained as a whole.", "Remove it."),
    "dataset": refused("Data belongs to data_configs.", "Write a data config.", blocks=True),
    "feature": noted("The inputs follow from the task."),
    "revision": carried("model.revision", str),
}
