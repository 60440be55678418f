"""``ModelBuilder``: from its options to the recipe's target."""

from __future__ import annotations

from phi3studio.domain.quantisation import FORMATS, PLAIN, PRESETS
from phi3studio.olive_configs.decisions import Entry, ImportDraft, Section
from phi3studio.olive_configs.rules import Rule, apply, noted, one_of, refused, same_if

_PRECISIONS = tuple(FORMATS)
_MADE = noted("The weights are int4 already: the pass before says how.")
_KEEP = "Leave it out."
_TO = "target.int4"
_ALGORITHM = "int4_algo_config"
_KINDS = "int4_op_types_to_quantize"


def read_builder(section: Section) -> None:
    """Decide on every key of the pass that is not the pass's own frame."""
    draft = section.draft
    precision = section.take("precision")
    before = _TO in draft.values
    if before and str(precision.value if precision is not None else "fp32").casefold() != "int4":
        draft.lack("olive.quantised_before", path=section.path)
    if precision is None:
        draft.default(
            "target.quantisation", "fp32", "No precision is given: Olive builds fp32, as target."
        )
    elif str(precision.value).casefold() in _PRECISIONS:
        draft.carry(precision, "target.quantisation", str(precision.value).casefold())
    else:
        draft.refuse(
            precision,
            f"Models are not built in {precision.value}.",
            f"Write one of {', '.join(_PRECISIONS)}.",
            blocks=True,
        )
    extra = Section(section.given("extra_options"), draft, nested=())
    if before:
        for place in (section, extra):
            for key in (_ALGORITHM, _KINDS, "int4_block_size"):
                place.read(_MADE, key)
    _preset(draft, (section, extra))
    for place in (section, extra):
        apply(place, _BOTH)
    if draft.values.get("target.quantisation") == "int4":
        text = (
            "No int4_algo_config is given: plain int4, the preset fast; quality is better and "
            "calibrates on your rows."
        )
        draft.default(_TO, PLAIN, text)
    also = (_ALGORITHM, _KINDS, *_BOTH)
    apply(extra, _EXTRA, "extra_options", also=also)
    apply(section, _TABLE, "ModelBuilder", also=("precision", "extra_options", *also))


def _preset(draft: ImportDraft, places: tuple[Section, ...]) -> None:
    """int4's preset: the one with this algorithm that quantises these operators."""
    algorithm, kinds = (_given(places, key) for key in (_ALGORITHM, _KINDS))
    name = PRESETS[PLAIN].algorithm if algorithm is None else str(algorithm.value)
    known = [row for row in PRESETS.values() if row.algorithm == name]
    if algorithm is not None and not known:
        offered = ", ".join(f"{row.name} ({row.algorithm})" for row in PRESETS.values())
        draft.refuse(
            algorithm,
            f"The algorithm {name} is not offered; it measured worse than these.",
            f"Choose target.int4: {offered}.",
        )
        algorithm, known = None, [PRESETS[PLAIN]]
    operators = {"MatMul"}
    if kinds is not None:
        operators = set(kinds.value) if isinstance(kinds.value, list) else set()
    row = next((row for row in known if set(row.operators) == operators), None)
    if row is None and kinds is not None:
        offered = " or ".join(" and ".join(row.operators) for row in known)
        draft.refuse(kinds, f"Only {offered} are quantised.", _KEEP)
        kinds = None
    for entry in (algorithm, kinds):
        if entry is not None:
            row = row or known[0]
            draft.translate(entry, f"The preset {row.name}.", _TO, row.name)


def _given(places: tuple[Section, ...], key: str) -> Entry | None:
    """The key's first entry that says something; null says nothing."""
    found = None
    for place in places:
        entry = place.take(key)
        if entry is None:
            continue
        if entry.value is None:
            place.draft.translate(entry, "Not set.")
        elif found is None:
            found = entry
        else:
            place.draft.refuse(entry, f"{key} is given twice.", "Keep one of them.")
    return found


def _off(text: str) -> Rule:
    return refused(text, _KEEP)


_BOTH: dict[str, Rule] = {
    "int4_block_size": one_of("target.block_size", (16, 32, 64, 128, 256)),
    "int4_accuracy_level": one_of("target.accuracy_level", (0, 1, 2, 3, 4)),
    "int4_is_symmetric": same_if((True,), "Symmetric or not follows from the preset.", _KEEP),
    "int4_nodes_to_exclude": _off("Which layers keep more bits follows from the preset."),
    "use_qdq": _off("Quantised layers are MatMulNBits."),
    "use_8bits_moe": _off("Experts have no setting of their own."),
    "use_webgpu_fp32": _off("WebGPU is not a target."),
    "use_cuda_bf16": _off("Inputs and outputs are as the precision says."),
    "include_hidden_states": _off("The model gives logits only."),
    "exclude_embeds": _off("The whole model is exported."),
    "exclude_lm_head": _off("The whole model is exported."),
    "enable_cuda_graph": _off("CUDA graphs are not captured."),
}
_EXTRA: dict[str, Rule] = {
    "hf_remote": refused(
        "Code that a model brings is not run because a config asks for it.",
        "If this model needs its code, and you have read it: model.trust_remote_code: true.",
    ),
    "fuse_qk_norm_gqa": same_if((False,), "Norms are nodes of their own.", _KEEP),
    "windowed_kv_cache": same_if((False,), "The cache holds the whole text.", _KEEP),
    "shared_embeddings": same_if(
        (False,), "Tied embeddings are kept apart from the head where it matters.", _KEEP
    ),
    "hf_token": noted("The model is built from a local folder; no token is needed."),
    "filename": noted("The file is called model.onnx."),
}
_TABLE: dict[str, Rule] = {
    "metadata_only": refused("The model is always exported with its weights.", _KEEP, blocks=True),
    "search": _off("How answers are drawn is chosen in the chat."),
}
