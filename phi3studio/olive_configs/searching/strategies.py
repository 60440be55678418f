"""``search_strategy``: whether a config searches, and what becomes of how it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from phi3studio.olive_configs.decisions import Entry, ImportDraft, Section
from phi3studio.olive_configs.rules import Rule, apply, noted, refused, same_if

_NEEDED = frozenset({"train", "merge", "quantise"})
_ORDER = noted(
    "Exports are built and measured in an order of our own; what cannot win is not built."
)
_NO_END = refused(
    "The search ends when nothing is left that could win, not after steps or time.",
    "Leave it out; a search can be paused and cancelled.",
)
_STRATEGY: dict[str, Rule] = {
    **dict.fromkeys(("execution_order", "sampler", "search_algorithm", "seed"), _ORDER),
    **dict.fromkeys(("max_iter", "max_time", "max_samples", "num_samples"), _NO_END),
    "include_pass_params": noted("All kinds of export are tried."),
    "stop_when_goals_met": noted("Of all exports that meet the goals the best one is taken."),
    "output_model_num": same_if(
        (1,),
        "One export is the run's model.",
        "Others are kept with the run: phi3studio search RUN --take N.",
    ),
    "multivariate": _ORDER,
    "group": _ORDER,
}


def engine_value(values: Mapping[str, Any], key: str) -> Any:
    """A key of the engine, which may stand at the top."""
    engine = values.get("engine")
    inner = engine.get(key) if isinstance(engine, Mapping) else None
    return values.get(key) if inner is None else inner


def settle(draft: ImportDraft, values: Mapping[str, Any], steps: Sequence[str]) -> None:
    """Whether the export is searched: the config asks for it, and the chain *steps* can be."""
    wanted = bool(engine_value(values, "search_strategy"))
    draft.searches = wanted and set(steps) >= _NEEDED and not draft.cloud
    draft.evaluator = engine_value(values, "evaluator")


def read_strategy(draft: ImportDraft, entry: Entry) -> None:
    """Decide on the strategy."""
    if not entry.value:
        draft.translate(entry, "Nothing is searched.")
    elif not draft.searches:
        text = "Exports alone are searched, of a model that the same chain trains and merges."
        if draft.cloud:
            text = "Exports are searched on this computer, not in Azure ML."
        instead = "Write false, and search the finished run: phi3studio search RUN."
        draft.refuse(entry, text, instead)
    elif isinstance(entry.value, Mapping):
        nested = ("sampler_config", "search_algorithm_config")
        apply(Section(entry, draft, nested), _STRATEGY, "search_strategy", also=nested)
    else:
        draft.translate(entry, "The export is searched: the section limits.")


def finish(draft: ImportDraft) -> None:
    """The section limits, also where no goal is given."""
    if not draft.searches:
        return
    if not any(key.startswith("limits.") for key in draft.values):
        draft.values["limits"] = {}
    draft.defaults.append(
        "The export is searched, on held-out rows: presets, blocks, levels, calibrated or not "
        "(limits). Values of a pass that the search tries do not narrow it."
    )
