"""``systems`` and ``engine``: where Olive computes, what the result runs on, its book-keeping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from phi3studio.domain.template import nearest
from phi3studio.olive_configs import azure_systems
from phi3studio.olive_configs.azure_systems import read_client
from phi3studio.olive_configs.decisions import Entry, ImportDraft, Section, leaves
from phi3studio.olive_configs.rules import Rule, apply, noted, refused, same_if
from phi3studio.olive_configs.searching.goals import read_evaluators, read_named
from phi3studio.olive_configs.searching.strategies import read_strategy

_PROVIDERS = {
    "cpuexecutionprovider": "cpu",
    "cudaexecutionprovider": "cuda",
    "dmlexecutionprovider": "dml",
}
_TO = "target.provider"
_LOCAL = ("localsystem", "local", "none")  # none: the type is missing
_RUNS = "Its accelerators say what the model runs on: target.provider."
_TRAINS = noted(
    "The host says where the work is done. Like Olive, the training takes a CUDA GPU where there "
    "is one: target.train_on."
)
_RESULTS = noted("Each run keeps all it makes in a folder of its own, the model in model/.")
_CACHE = noted("Each run has its own cache, so that no old training is taken for a new one.")
_LOGS = noted("Everything that the libraries print is in the run's log.txt.")
_ARTIFACTS = noted("The run's folder holds the adapter and the model.")


def read_systems(entry: Entry | None, engine: Section, draft: ImportDraft) -> None:
    """Decide on every key of ``systems`` and of the engine.

    *engine* holds the keys of ``engine``, or those that stand at the top for it. As in Olive the
    host does the work, and the target alone says what the model runs on.
    """
    systems = _systems(entry, draft)
    engine.read(_read_providers, "execution_providers")
    places: dict[str, str] = {}
    for role in ("target", "host"):
        named = engine.given(role, unset="Not set: this computer.")
        if named is not None:
            _read_place(role, named, systems, places, draft)
    apply(engine, ENGINE)
    for name, system in systems.items():
        _read_system(name, system, draft, [role for role in places if places[role] == name])
    if draft.values.get(_TO) is None:
        draft.default(_TO, "cpu", "No execution provider is given: the model runs on the CPU.")


def _read_place(
    role: str,
    entry: Entry,
    systems: Mapping[str, Section],
    places: dict[str, str],
    draft: ImportDraft,
) -> None:
    """A ``host`` or ``target``; notes the name of its system in *places*."""
    if isinstance(entry.value, Mapping):
        _read_system("", Section(entry, draft), draft, [role])
        return
    name = str(entry.value)
    system = systems.get(name)
    if system is None:
        near = nearest(name, list(systems))
        draft.refuse(
            entry,
            f"There is no system “{name}”; the recipe trains on this computer.",
            f"Write “{near}”." if near else "Remove it, or write that system under systems.",
        )
        return
    places[role] = name
    if _kind(system) not in azure_systems.SYSTEMS:
        done = "The work is done on this computer."
        draft.translate(entry, _RUNS if role == "target" else done)
    elif not draft.cloud:
        draft.azure(entry, f"The {role} is “{name}” of Azure ML")
    elif role == "target":
        draft.translate(entry, f"What “{name}” of Azure ML has says what the model runs on.")
    else:
        draft.translate(entry, f"The work is done on “{name}” of Azure ML.")


def _systems(entry: Entry | None, draft: ImportDraft) -> dict[str, Section]:
    entries = Section(entry, draft, nested=()).take_all()
    return {part.path.partition(".")[2]: Section(part, draft) for part in entries}


def _kind(system: Section) -> str:
    return str(system.peek("type")).casefold()


def _read_system(name: str, system: Section, draft: ImportDraft, roles: Sequence[str]) -> None:
    """*roles*: what the config uses the system as, of host and target."""
    kind = _kind(system)
    if kind in azure_systems.SYSTEMS and draft.cloud and "host" in roles:
        if "target" in roles:
            _default_provider(system, draft)
        azure_systems.read_system(system)
        return
    if kind in azure_systems.SYSTEMS and not draft.cloud:
        for part in system.take_all():
            for leaf in leaves(part.value, part.path):
                draft.azure(leaf, f"{leaf.key} of the system “{name}” in Azure ML")
        return
    if "target" in roles:
        system.read(_read_accelerators, "accelerators")
    elif "host" in roles:
        system.read(_TRAINS, "accelerators")
    if kind not in _LOCAL or not roles:
        reason = (
            f"Systems of the type {system.peek('type')} are not used; the work is done on this "
            "computer, in the program's own environment."
            if kind not in _LOCAL and kind not in azure_systems.SYSTEMS
            else f"No step uses the system “{name}”."
        )
        instead = "Remove it, or " + ("write a LocalSystem." if roles else "name it as host.")
        for part in system.take_all():
            draft.refuse(part, reason, instead)
        return
    apply(system, _SYSTEM, "The system", also=("accelerators",))


def _default_provider(system: Section, draft: ImportDraft) -> None:
    """The target is the host too, whose accelerators are read as the job's machines."""
    seen = ImportDraft()
    _read_accelerators(seen, Entry("accelerators", system.peek("accelerators")))
    if (found := seen.values.get(_TO)) is not None:
        text = f"The target's accelerators: the model runs on {found} (target.provider)."
        draft.default(_TO, found, text)


def _read_accelerators(draft: ImportDraft, entry: Entry) -> None:
    value = entry.value
    if not isinstance(value, list) or not any(isinstance(item, Mapping) for item in value):
        _read_device(draft, entry)
        return
    for at, item in enumerate(value):
        place = Entry(f"{entry.path}[{at}]", item)
        if at > 0 or not isinstance(item, Mapping):
            draft.refuse(place, "A model is made for one kind of device.", "Keep the first.")
            continue
        apply(Section(place, draft), _ACCELERATOR, "The accelerator")


def _read_device(draft: ImportDraft, entry: Entry) -> None:
    names = entry.value if isinstance(entry.value, list) else [entry.value]
    device = str(names[0]).casefold() if names and names[0] is not None else ""
    if not device:
        draft.translate(entry, "Not set.")
    elif device not in ("cpu", "gpu"):
        draft.refuse(
            entry,
            f"Models are not made for the device {names[0]}.",
            "Choose target.provider: cpu, cuda or dml.",
            blocks=True,
        )
    elif _TO in draft.values:
        draft.translate(entry, f"The execution provider says it: {draft.values[_TO]}.")
    else:
        provider = "cpu" if device == "cpu" else "cuda"
        draft.translate(entry, f"The device's execution provider: {provider}.", _TO, provider)


def _read_providers(draft: ImportDraft, entry: Entry) -> None:
    """``execution_providers``: the first one that a model can be made for."""
    names = entry.value if isinstance(entry.value, list) else [entry.value]
    if not names or entry.value is None:
        draft.translate(entry, "Not set.")
        return
    provider = _PROVIDERS.get(str(names[0]).casefold())
    if provider is None:
        draft.refuse(
            entry,
            f"Models are not made for {names[0]}.",
            "Choose CPUExecutionProvider, CUDAExecutionProvider or DmlExecutionProvider.",
            blocks=True,
        )
    elif draft.values.get(_TO, provider) != provider:
        draft.refuse(
            entry,
            f"The model is made for one provider, and {draft.sources.get(_TO)} names another.",
            "Keep one of them.",
            blocks=True,
        )
    else:
        more = ", the first of them" if len(names) > 1 else ""
        draft.translate(entry, f"The model is made for {provider}{more}.", _TO, provider)


def _flows(draft: ImportDraft, entry: Entry) -> None:
    """Olive's former choice among orders of the passes."""
    if entry.value is None or (isinstance(entry.value, list) and len(entry.value) <= 1):
        draft.translate(entry, "No longer a setting of Olive: passes run as they are listed.")
    else:
        text = "A recipe has one chain of passes."
        draft.refuse(entry, text, "Import one config for each of them.", blocks=True)


_SYSTEM: dict[str, Rule] = {
    "type": noted("The work is done on this computer."),
    "hf_token": noted("A token of the hub is kept by the system's key store."),
}
_ACCELERATOR: dict[str, Rule] = {
    "execution_providers": _read_providers,
    "device": _read_device,
    "memory": noted("The program looks at the memory on its own."),
}
ENGINE: dict[str, Rule] = {
    "search_strategy": read_strategy,
    "evaluator": read_named,
    "evaluate_input_model": noted("The base model is always measured too."),
    "cache_dir": _CACHE,
    "cache_config": _CACHE,
    "clean_cache": _CACHE,
    "clean_evaluation_cache": _CACHE,
    "enable_shared_cache": _CACHE,
    "output_dir": _RESULTS,
    "output_name": _RESULTS,
    "log_severity_level": _LOGS,
    "log_to_file": _LOGS,
    "ort_log_severity_level": _LOGS,
    "ort_py_log_severity_level": _LOGS,
    "packaging_config": refused("The model is not packed.", "Copy the run's model folder."),
    "plot_pareto_frontier": noted("The window shows the exports of a search as points."),
    "no_artifacts": _ARTIFACTS,
    "azureml_client_config": read_client,
    "auto_optimizer_config": refused("Passes are not chosen by themselves.", "Name the passes."),
}
"""Keys of the engine besides its host, target and providers; also found at the top."""

TOP: dict[str, Rule] = {
    "$schema": noted("Only editors read it."),
    "verbose": _LOGS,
    "workflow_id": noted("The recipe has a name of its own."),
    "evaluators": read_evaluators,
    "auto_optimizer_config": ENGINE["auto_optimizer_config"],
    "pass_flows": _flows,
    "workflow_host": same_if((None,), "The work is done on this computer.", "Leave it out."),
}
"""Keys that stand at the top only."""
