"""``ModelBuilder``: from its options to the recipe's target."""

from __future__ import annotations

from phi3studio.domain.quantisation import FORMATS, PLAIN, PRESETS
from phi3studio.olive_configs.decisions import Entry, ImportDraft, Section
from phi3studio.olive_configs.rules import Rule, apply, noted, one_of, refused, same_if

_PRECISIONS = tuple(FORMATS)
_MADE = noted("The weights are int4 already: the pass before says how.")
_KEEP = "Leave it out."
_TO = "target.int4"
# Since onnxruntime-genai 0.16 the builder's names are without the prefix.
_PREFIX = "int4_"
_ALGORITHM = "algo_config"
_KINDS = "op_types_to_quantize"
_MIXED = "matmul_mixed_precision"
# What the builder's k_quant_mixed is short for.
_K_QUANT_MIXED = {"last_matmul:int8", "mixed_layers:int8"}


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
            for key in (_ALGORITHM, _KINDS, "block_size"):
                place.read(_MADE, *_names(key))
    _preset(draft, (section, extra))
    for place in (section, extra):
        for key, rule in _WEIGHTS.items():
            place.read(rule, *_names(key))
        apply(place, _BOTH)
    if draft.values.get("target.quantisation") == "int4":
        text = (
            "No int4_algo_config is given: plain int4, the preset fast; quality is better and "
            "calibrates on your rows."
        )
        draft.default(_TO, PLAIN, text)
    weights = (_ALGORITHM, _KINDS, *_WEIGHTS)
    also = (*(name for key in weights for name in _names(key)), _MIXED, *_BOTH)
    apply(extra, _EXTRA, "extra_options", also=also)
    apply(section, _TABLE, "ModelBuilder", also=("precision", "extra_options", *also))


def _preset(draft: ImportDraft, places: tuple[Section, ...]) -> None:
    """int4's preset: the one with this algorithm that quantises these operators."""
    algorithm, kinds, mixed = (_given(places, key) for key in (_ALGORITHM, _KINDS, _MIXED))
    name = PRESETS[PLAIN].algorithm if algorithm is None else str(algorithm.value)
    if mixed is not None:
        name = _with_mixed(draft, mixed, name)
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


def _names(key: str) -> tuple[str, str]:
    """The key as Olive and former builders write it, and as today's builder does."""
    return _PREFIX + key, key


def _with_mixed(draft: ImportDraft, mixed: Entry, name: str) -> str:
    """The algorithm *name*, with the layers that *mixed* keeps in 8 bits."""
    layers = {part.strip() for part in str(mixed.value).split(",")}
    if name == "k_quant" and layers == _K_QUANT_MIXED:
        draft.translate(mixed, "With k_quant it is k_quant_mixed.")
        return "k_quant_mixed"
    draft.refuse(mixed, "Which layers keep 8 bits follows from the preset.", _KEEP)
    return name


def _given(places: tuple[Section, ...], key: str) -> Entry | None:
    """The key's first entry that says something; null says nothing."""
    found = None
    for place in places:
        entry = place.take(*_names(key))
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


_FUSED = noted("How the graph is fused does not change what it computes.")
_CUDA_SERVER = _off("The model is one for a single reader, without paged attention.")
_WEIGHTS: dict[str, Rule] = {
    "block_size": one_of("target.block_size", (16, 32, 64, 128, 256)),
    "accuracy_level": one_of("target.accuracy_level", (0, 1, 2, 3, 4)),
    "is_symmetric": same_if((True,), "Symmetric or not follows from the preset.", _KEEP),
    "nodes_to_exclude": _off("Which layers keep more bits follows from the preset."),
}
_BOTH: dict[str, Rule] = {
    "use_qdq": _off("Quantised layers are MatMulNBits."),
    "use_8bits_moe": _off("Experts have no setting of their own."),
    "use_webgpu_fp32": _off("WebGPU is not a target."),
    "use_cuda_bf16": _off("Inputs and outputs are as the precision says."),
    "include_hidden_states": _off("The model gives logits only."),
    "exclude_embeds": _off("The whole model is exported."),
    "exclude_lm_head": _off("The whole model is exported."),
    "enable_cuda_graph": _off("CUDA graphs are not captured."),
    **dict.fromkeys(
        ("enable_dml_graph", "fuse_qkv", "disable_qkv_fusion", "fuse_mlp_gate_up"), _FUSED
    ),
    **dict.fromkeys(
        (
            "use_paged_attention",
            "paged_block_size",
            "paged_chunk_size",
            "max_batch_size",
            "max_scheduled_tokens",
            "num_blocks",
            "gpu_utilization_factor",
        ),
        _CUDA_SERVER,
    ),
    "kv_cache_quant_scheme": same_if(
        ("none",), "The cache has the number format of the model's inputs.", _KEEP
    ),
    "prune_lm_head": _off("The model gives the logits of every token."),
    # A key of Olive up to 0.6; the builder has used it everywhere since.
    "enable_GQA_on_CPU": noted("Attention is grouped on the CPU too."),
    "config_only": refused("The model is always exported with its weights.", _KEEP, blocks=True),
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
