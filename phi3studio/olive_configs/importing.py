"""The whole config: parsed, decided on key by key, and made a recipe."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.domain.parsing import NotParsedError, parse_file
from phi3studio.domain.recipe import Recipe, check_target, parse_recipe
from phi3studio.olive_configs.azure_systems import host_in_azure, note_gaps, read_client
from phi3studio.olive_configs.data_configs import read_data
from phi3studio.olive_configs.decisions import Decision, Entry, Gap, ImportDraft, Section, leaves
from phi3studio.olive_configs.engine_systems import ENGINE, TOP, read_systems
from phi3studio.olive_configs.input_model import read_model
from phi3studio.olive_configs.pass_chain import read_passes
from phi3studio.olive_configs.rules import apply, refused
from phi3studio.olive_configs.searching.strategies import finish

_SECTIONS = ("input_model", "data_configs", "passes", "systems", "engine")
_PLACES = ("host", "target", "execution_providers")
_SHOWN = 5


@dataclass(frozen=True)
class Imported:
    """A config, read. ``recipe`` is absent where the parts that can be taken make none; where
    there are ``gaps``, it has values there that are only valid.

    There is one decision for every leaf of the config, in its order. ``defaults`` are sentences
    on what the config leaves open, ``steps`` the steps that its chain has, of train, merge and
    quantise; the recipe has them too.
    """

    recipe: Recipe | None
    decisions: tuple[Decision, ...]
    defaults: tuple[str, ...]
    steps: tuple[str, ...]
    problem: InputError | None
    """Why the recipe does not do what the config says; ``None`` if it does."""
    obstacle: InputError | None = None
    """``problem`` without what the command line offers: the window has a button for it."""
    gaps: tuple[Gap, ...] = ()
    """What somebody has to write into the recipe before it can be run."""


def parse_config(text: str, name: str, *, yaml: bool = False) -> Any:
    """Parse JSON or YAML; raises :class:`InputError` with the line where it is broken."""
    try:
        return parse_file(text, yaml=yaml)
    except NotParsedError as exc:
        said: dict[str, Any] = {"path": name, "line": exc.line, "reason": exc.reason}
        said["variant"] = "" if exc.line else "whole"
        if yaml:
            raise InputError("olive.broken_yaml", **said) from exc
        raise InputError("olive.broken_json", **said) from exc


def import_config(
    values: Any, name: str = "fine-tune", catalogue: Mapping[str, str] | None = None
) -> Imported:
    """Make a recipe of a parsed config.

    *name* becomes the recipe's, *catalogue* says what our catalogue calls a hub id. Raises
    :class:`InputError` only for something that is no Olive config at all; everything else that is
    wrong is in ``problem``.
    """
    if not isinstance(values, Mapping) or not any(key in values for key in _SECTIONS):
        raise InputError("olive.not_a_config", keys=_SECTIONS)
    draft = ImportDraft(values={"name": name[:80] or "fine-tune"}, cloud=host_in_azure(values))
    top = Section(Entry("", values), draft, nested=())
    top.read(read_client, "azureml_client")
    entries = {key: top.take(key) for key in ("input_model", "data_configs", "passes")}
    steps, named = read_passes(entries["passes"], draft, values)
    if entries["input_model"] is not None:
        read_model(entries["input_model"], draft, catalogue or {})
    else:
        draft.gap("model.source", "The config has no input_model.")
    if named is not None:
        read_data(entries["data_configs"], *named, draft)
    elif entries["data_configs"] is not None and not entries["data_configs"].value:
        draft.translate(entries["data_configs"], "Empty: no data is read.")
    elif entries["data_configs"] is not None:
        draft.refuse(
            entries["data_configs"],
            "No pass of the chain trains, so no data is read.",
            "Write a LoRA pass that names it, or add data to the recipe to measure the result on.",
        )
    _read_engine(top, top.given("systems"), draft)
    if steps == ("train", "quantise"):
        _settle_provider(draft)
    if named is not None:
        _note_held_out(draft)
    elif "merge" in steps and "model.adapter" not in draft.values:
        text = "The chain merges an adapter, but no pass trains one and the model has none."
        draft.gap("model.adapter", text)
    if draft.cloud:
        note_gaps(draft)
    finish(draft)
    return _finish(values, draft, steps)


def _read_engine(top: Section, systems: Entry | None, draft: ImportDraft) -> None:
    """The engine, whose keys may stand at the top; both are read the same way."""
    engine = top.take("engine")
    if engine is not None and isinstance(engine.value, Mapping) and engine.value:
        section = Section(engine, draft)
        read_systems(systems, section, draft)
        section.refuse_rest((*_PLACES, *ENGINE), "engine")
        twice = refused("There is also an engine section.", "Keep it in one place.")
        apply(top, dict.fromkeys((*_PLACES, *ENGINE), twice))
    else:
        if engine is not None:
            draft.translate(engine, "Not set.")
        read_systems(systems, top, draft)
    known = (*_SECTIONS, *_PLACES, *ENGINE, "azureml_client")
    apply(top, TOP, "An Olive config", also=known)


def _settle_provider(draft: ImportDraft) -> None:
    """``olive finetune`` writes CUDA as a place holder, also for a model in float32."""
    made = draft.values.get("target.quantisation"), draft.values.get("target.provider")
    if made == ("fp32", "cuda"):
        draft.values["target.provider"] = "cpu"
        draft.defaults.append("A float32 model is made for the CPU: target.provider.")


def _note_held_out(draft: ImportDraft) -> None:
    ways = ("held_out", "file", "slice", "hub_split")
    if not any(f"data.split.{way}" in (*draft.values, *draft.gaps) for way in ways):
        draft.defaults.append(
            "No rows are set aside: Olive would train on all of them. A recipe holds out a share "
            "to measure the result, here 20 % (data.split.held_out)."
        )


def _finish(values: Mapping[str, Any], draft: ImportDraft, steps: tuple[str, ...]) -> Imported:
    recipe: Recipe | None = None
    failure: InputError | None = None
    try:
        recipe = parse_recipe(draft.recipe_values())
        check_target(recipe)
    except InputError as exc:
        failure = _located(exc, draft)
    blocking = [decision for decision in draft.decisions if decision.blocks]
    end = Phrase("olive.partial", variant="" if recipe is not None else "nothing")
    problem = _problem(blocking, draft.lacking, end) or failure
    obstacle = _problem(blocking, draft.lacking, None) or failure
    place = {leaf.path: at for at, leaf in enumerate(leaves(values))}
    decisions = sorted(draft.decisions, key=lambda decision: place.get(decision.path, -1))
    gaps = tuple(draft.gaps.values())
    defaults = tuple(draft.defaults)
    return Imported(recipe, tuple(decisions), defaults, steps, problem, obstacle, gaps)


def _problem(
    blocking: list[Decision], lacking: list[Phrase], end: Phrase | None
) -> InputError | None:
    """One error for all that keeps the recipe from doing what the config says.

    The first says what it is; the next few follow in its hint, and *end* after them.
    """
    refused = [
        Phrase(_code(item), path=item.path, text=item.text, instead=item.instead, more=None)
        for item in blocking
    ]
    found = [*lacking, *refused]
    if not found:
        return None
    more = end
    if len(found) > _SHOWN:
        more = Phrase("olive.more", count=len(found) - _SHOWN, then=more)
    for other in reversed(found[1:_SHOWN]):
        more = Phrase("olive.also", what=other, then=more)
    first = found[0]
    return InputError(first.code, variant=first.variant, **first.values | {"more": more})


def _code(decision: Decision) -> str:
    if decision.needs_azure:
        return "olive.needs_azure"
    if decision.path.startswith("passes.") and decision.path.endswith(".type"):
        return "olive.unknown_pass"
    return "olive.unknown_key" if "has no key" in decision.text else "olive.refused"


def _located(exc: InputError, draft: ImportDraft) -> InputError:
    """The recipe's error, with the key of the config that the value came from."""
    said = f"{exc.message} {exc.hint}"
    named = {key: found.start() for key in draft.sources if (found := _mention(key, said))}
    if not named:
        return exc
    key = min(named, key=lambda name: named[name])
    return InputError("olive.invalid_value", path=draft.sources[key], reason=exc)


def _mention(key: str, text: str) -> re.Match[str] | None:
    return re.search(rf"(?<![\w.]){re.escape(key)}(?!\.?\w)", text)
