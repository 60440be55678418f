"""``passes``: which steps the chain has, in which order, and what its passes say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from phi3studio.domain.hyperparameters import METHOD_TITLES
from phi3studio.domain.template import nearest
from phi3studio.olive_configs.decisions import Entry, ImportDraft, Section
from phi3studio.olive_configs.lora_passes import ADAPTERS, read_adapter
from phi3studio.olive_configs.model_builder import read_builder
from phi3studio.olive_configs.quantisers import QUANTISERS, read_quantiser
from phi3studio.olive_configs.rules import Rule, apply, noted, refused
from phi3studio.olive_configs.searching.search_spaces import is_kind_of_export, take_searched
from phi3studio.olive_configs.searching.strategies import settle

_ALTERNATIVES = "Alternatives of a pass are not tried."
_TIED = "The head has weights of its own, apart from the embedding."
_OPTIMISES = "orttransformersoptimization"
_APART_STEPS = {
    "onnxconversion": "The step quantise: ModelBuilder makes the base model ONNX.",
    _OPTIMISES: "ModelBuilder's graph is optimised already.",
    "extractadapters": "The adapter is written next to the model.",
    "modelbuilder": "The model is written with its genai_config.json.",
}
_APART = frozenset(_APART_STEPS)
STEPS = ("train", "merge", "quantise")
_STEP_OF = {**dict.fromkeys(ADAPTERS, "train"), "mergeadapterweights": "merge",
            "modelbuilder": "quantise"}  # fmt: skip
_WRITTEN = (*METHOD_TITLES.values(), "MergeAdapterWeights", "ModelBuilder")
# Passes of Olive, now and in former releases, that quantise or convert a model to ONNX.
_CONVERSIONS = frozenset(
    name.casefold()
    for name in (
        "OnnxConversion", "DeviceSpecificOnnxConversion", "OptimumConversion", "OptimumMerging",
        "OnnxQuantization", "OnnxDynamicQuantization", "OnnxStaticQuantization",
        "OnnxQuantizationPreprocess", "OnnxMatMul4Quantizer", "OnnxBlockWiseRtnQuantization",
        "OnnxHqqQuantization", "OnnxKQuantQuantization", "OnnxBnb4Quantization",
        "OnnxFloatToFloat16", "OrtTransformersOptimization", "OrtTransformerOptimization",
        "OrtMixedPrecision", "OrtPerfTuning", "OrtSessionParamsTuning", "GenAIModelExporter",
        "MobiusBuilder", "IncQuantization", "IncDynamicQuantization", "IncStaticQuantization",
        "QuarkQuantization", *QUANTISERS, "OpenVINOConversion", "OpenVINOOptimumConversion",
        "OpenVINOQuantization", "OpenVINOQuantizationWithAccuracy", "OpenVINOWeightCompression",
        "QNNConversion", "SNPEConversion", "SNPEQuantization", "SNPEtoONNXConversion",
        "MatMulNBitsToQDQ", "NVModelOptQuantization", "VitisAIQuantization", "VitisQuantizer",
        "VitisDPUQuantizer", "VitisQDQQuantizer", "VitisQOpQuantizer", "AimetQuantization",
    )
)  # fmt: skip
_OTHERS = frozenset(
    name.casefold()
    for name in (
        "ExtractAdapters", "SliceGPT", "SparseGPT", "TorchTRTConversion", "QuaRot", "SpinQuant",
        "SplitModel", "CaptureSplitInfo", "CaptureLayerAnnotations", "DynamicToFixedShape",
        "OnnxPeepholeOptimizer", "OnnxModelOptimizer", "OnnxScriptFusion", "OnnxDiscrepancyCheck",
        "OnnxIODataTypeConverter", "OnnxIOFloat16ToFloat32", "OnnxOpVersionConversion",
        "GraphSurgeries", "NVModelOptGraphSurgery", "LMHeadSurgery", "InputNCHWtoNHWC",
        "MixedPrecisionOverrides", "TrtMatMulToConvTransform", "MoEExpertsDistributor",
        "InsertBeamSearch", "WhisperPrePipeline", "CustomOpStftNorm", "AppendPrePostProcessingOps",
        "PerfTuning", "AutoClip", "QuantizationAwareTraining", "ComposeOnnxModels", "StaticLLM",
        "AddOliveMetadata", "EPContextBinaryGenerator", "OpenVINOEncapsulation",
        "OpenVINOIoUpdate", "OpenVINOReshape", "PyTorchTensorParallel",
        "LlamaPyTorchTensorParallel", "QNNPreprocess", "QNNModelLibGenerator",
        "QNNContextBinaryGenerator", "QairtEncapsulation", "QairtGenAIBuilder", "QairtMHA2SHA",
        "QairtPipelinePass", "QairtPreparation", "VitisAIAddMetaData", "VitisGenerateModelLLM",
        "VitisGenerateModelSD",
    )
)  # fmt: skip


_DATA = ("train_data_config", "data_config")
Named = tuple[Entry | None, Entry | None]
"""What an adapter pass says of its data: ``train_data_config`` and ``eval_data_config``."""


def read_passes(
    entry: Entry | None, draft: ImportDraft, values: Mapping[str, Any]
) -> tuple[tuple[str, ...], Named | None]:
    """Decide on every key of ``passes`` except for the data that they name. *values*: the config.

    Returns the steps of the chain, and the data of its adapter pass, if it has one.
    """
    found: dict[str, Named] = {}
    if entry is not None and isinstance(entry.value, Mapping):
        names = [_kind_of(value) for value in entry.value.values()]
        settle(draft, values, [_STEP_OF[name] for name in names if name in _STEP_OF])
        apart = _adapter_apart(names, list(entry.value.values()))
        for at, (name, value) in enumerate(entry.value.items()):
            place = Entry(f"{entry.path}.{name}", value)
            if names[at] in QUANTISERS and "quantise" not in found:
                _read_quantiser(place, draft, built="modelbuilder" in names[at + 1 :])
            elif names[at] in apart:
                _read_apart(place, names[at], draft, found)
            else:
                _read_pass(place, draft, found)
    elif entry is not None:
        draft.refuse(entry, "A mapping of names to passes belongs here.", "Write one.", blocks=True)
    steps = tuple(found)
    order = [STEPS.index(step) for step in steps]
    if order != sorted(order) and entry is not None:
        draft.lack("olive.order", steps=steps)
    _read_steps(steps, entry, draft)
    return steps, found.get("train")


def _kind_of(value: object) -> str:
    """The type of a pass in lower case, or nothing."""
    if isinstance(value, list):
        value = value[0] if value else None
    kind = value.get("type") if isinstance(value, Mapping) else None
    return str(kind).rpartition(".")[2].casefold()


def _read_quantiser(entry: Entry, draft: ImportDraft, *, built: bool) -> None:
    value = entry.value
    if isinstance(value, list):
        for at, item in enumerate(value):
            place = Entry(f"{entry.path}[{at}]", item)
            if at == 0:
                _read_quantiser(place, draft, built=built)
            else:
                draft.refuse(place, _ALTERNATIVES, "Keep one.", blocks=True)
        return
    section = Section(entry, draft)
    kind = section.take("type")
    assert kind is not None
    apply(section, _FRAME)
    take_searched(section)
    read_quantiser(section, kind, _kind_of(value), built=built)


def _adapter_apart(names: Sequence[str], passes: Sequence[object]) -> frozenset[str]:
    """The passes that only keep the adapter next to an ONNX model of the base.

    All of ``OnnxConversion`` to ``ExtractAdapters`` where the model is converted so, as ``olive
    finetune`` wrote it up to 0.7; ``ExtractAdapters`` alone where a ModelBuilder builds the base.
    """
    kinds = {*names} - {*ADAPTERS}
    if len(kinds) == len({*names}) or "extractadapters" not in kinds or not kinds <= _APART:
        return frozenset()
    builds = any(
        kind == "modelbuilder" and not _metadata_only(value)
        for kind, value in zip(names, passes, strict=True)
    )
    converted = "onnxconversion" in kinds or (_OPTIMISES in kinds and not builds)
    return _APART if converted else frozenset({"extractadapters"})


def _metadata_only(value: object) -> bool:
    """Whether a ModelBuilder only writes the files next to a model of another pass."""
    places = [value] if isinstance(value, Mapping) else []
    places += [place[key] for place in places for key in ("config", "params") if key in place]
    return any(isinstance(place, Mapping) and place.get("metadata_only") for place in places)


def _ties_embeddings(entry: Entry) -> bool:
    """Whether the pass only lets the head share the embedding's weights."""
    section = Section(entry, ImportDraft())
    surgeries = section.peek("surgeries")
    return bool(surgeries) and all(
        isinstance(item, Mapping) and item.get("surgeon") == "TieWordEmbeddings"
        for item in surgeries
    )


def _read_apart(entry: Entry, name: str, draft: ImportDraft, found: dict[str, Named]) -> None:
    """The base model becomes ONNX once; the adapter stays next to it."""
    section = Section(entry, draft)
    section.read(noted(f"{_APART_STEPS[name]} The chain has no merge."), "type")
    if name in ("onnxconversion", _OPTIMISES):
        found["quantise"] = None, None
        draft.values.setdefault("target.quantisation", "fp32")
    half = section.take("float16")
    if half is not None:
        to = "fp16" if half.value is True else "fp32"
        draft.translate(half, f"The model is built in {to}.", "target.quantisation", to)
    for part in section.take_all():
        draft.translate(part, "ModelBuilder builds the model's graph in its own way.")


def _read_pass(entry: Entry, draft: ImportDraft, found: dict[str, Named]) -> None:
    if isinstance(entry.value, list):
        places = [Entry(f"{entry.path}[{at}]", item) for at, item in enumerate(entry.value)]
        for place in places[:1]:
            _read_pass(place, draft, found)
        searched = draft.searches and all(map(is_kind_of_export, places))
        for place in places[1:]:
            if searched:
                draft.translate(place, "One of the kinds of export that the search tries.")
            else:
                draft.refuse(place, _ALTERNATIVES, "Keep one.", blocks=True)
        return
    section = Section(entry, draft)
    kind = section.take("type")
    name = str(kind.value).rpartition(".")[2].casefold() if kind is not None else ""
    step = _STEP_OF.get(name)
    if kind is None or step is None:
        if kind is not None and name == "graphsurgeries" and _ties_embeddings(entry):
            for part in (kind, *section.take_all()):
                draft.refuse(part, _TIED, "For a smaller model write target.int4: small.")
            return
        _refuse_pass(kind, entry, section, draft)
        return
    if step in found:
        text = f"The chain has two passes of the step {step}."
        _refuse_all(kind, section, draft, text, "Keep one.")
        return
    found[step] = None, None
    apply(section, _FRAME)
    take_searched(section)
    if step == "train":
        draft.translate(kind, f"method.kind: {ADAPTERS[name]}.", "method.kind", ADAPTERS[name])
        found[step] = section.take(*_DATA), section.take("eval_data_config")
        read_adapter(section, name)
    elif step == "merge":
        draft.translate(kind, "The step merge of the recipe.")
        section.refuse_rest((), "MergeAdapterWeights")
    else:
        draft.translate(kind, "The step quantise of the recipe, by its section target.")
        read_builder(section)


def _refuse_pass(kind: Entry | None, entry: Entry, section: Section, draft: ImportDraft) -> None:
    """A pass that is not run, named, with what to do instead."""
    if kind is None:
        draft.lack("olive.pass_without_type", path=entry.path)
        _refuse_all(None, section, draft, "The pass has no type.", "Write its type.")
        return
    name = str(kind.value)
    text, folded = f"The pass {name} is not run.", name.rpartition(".")[2].casefold()
    if folded == "loftq":
        # Its adapter belongs to weights that it rounds first, not to the base model's own.
        instead = "Write QLoRA: the same over the base model's own weights in 4 bits."
    elif folded == "sdlora":
        instead = "It is for pictures. Write LoRA, QLoRA or DoRA for a language model."
    elif folded in _CONVERSIONS:
        instead = "Write ModelBuilder with the precision int4, fp32, fp16 or bf16 in its place."
    elif folded in _OTHERS:
        instead = "Remove it, or run that step by Olive itself on the exported model."
    else:
        near = nearest(name, list(_WRITTEN))
        text = f"There is no pass “{name}” that is known here."
        instead = f"Write “{near}”." if near else f"The passes that are run: {', '.join(_WRITTEN)}."
    _refuse_all(kind, section, draft, text, instead)


def _refuse_all(
    kind: Entry | None, section: Section, draft: ImportDraft, text: str, instead: str
) -> None:
    if kind is not None:
        draft.refuse(kind, text, instead, blocks=True)
    for part in section.take_all():
        draft.refuse(part, text, instead)


def _read_steps(steps: tuple[str, ...], entry: Entry | None, draft: ImportDraft) -> None:
    """The steps of the chain become the recipe's, and verify where there are rows to measure on."""
    if not steps:
        if entry is None or not any(item.blocks for item in draft.decisions):
            draft.lack("olive.no_passes", passes=_WRITTEN)
        return
    measured = "train" in steps
    draft.values["steps"] = [*steps, *(["verify"] if measured else [])]
    left_out = [step for step in STEPS if step not in steps]
    if left_out:
        draft.defaults.append(
            f"The chain does {_and(steps)} alone: steps leaves out {_and(left_out)}."
        )
    if measured:
        draft.defaults.append(
            "A recipe that trains also measures the result on held-out rows: the step verify."
        )


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


_CODE = noted("No setting of the pass refers to it; it is not run.")
_FRAME: dict[str, Rule] = {
    "disable_search": noted("What is searched are kinds of export, whatever a pass says."),
    "host": noted("All steps are done in one place: the host of the engine."),
    "clean_run_cache": noted("Each run has its own cache."),
    "output_name": noted("Each run has a folder of its own."),
    "evaluator": refused("The result is measured on the held-out rows.", "Leave it out."),
    **dict.fromkeys(("user_script", "script_dir"), _CODE),
}
