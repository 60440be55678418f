"""``data_configs``: from Olive's data containers to the recipe's data."""

from __future__ import annotations

from collections.abc import Mapping

from phi3studio.domain.messages.formatting import percent
from phi3studio.domain.template import nearest
from phi3studio.olive_configs import azure_systems
from phi3studio.olive_configs.data_parts import (
    LOAD_KEYS,
    LOAD_TYPES,
    DataConfig,
    data_config,
    is_known,
    settings,
)
from phi3studio.olive_configs.decisions import Entry, ImportDraft, Section, leaves
from phi3studio.olive_configs.eval_data import first_rows, held_out_share, read_held_out, split_of
from phi3studio.olive_configs.rules import (
    Rule,
    apply,
    carried,
    is_a,
    noted,
    refused,
    same_if,
    wrong_kind,
)
from phi3studio.olive_configs.text_templates import TEXT_TYPES, read_text

_KEYS = (
    "name", "type", "load_dataset_config", "pre_process_data_config", "dataloader_config",
    "post_process_data_config", "user_script", "params_config", "components",
)  # fmt: skip
_FORMATS = {"json": "auto", "csv": "csv", "parquet": "parquet", "arrow": "arrow", "text": "text"}
_CONTAINERS = ("HuggingfaceContainer", "DataContainer")
_OWN_PRE_PROCESS = "studio_examples"
_WRITE_ROWS = "Write the rows that it makes to a file, and name that as data_files."


def read_data(
    entry: Entry | None, train: Entry | None, held_out: Entry | None, draft: ImportDraft
) -> None:
    """Decide on every key of ``data_configs``.

    *train* and *held_out* are the adapter pass's ``train_data_config`` and ``eval_data_config``:
    the name of one of them, or one written in place.
    """
    configs = _configs(entry, draft) if entry is not None else []
    chosen = _chosen(train, configs, draft)
    other = _chosen(held_out, configs, draft) if held_out is not None else None
    if train is None and chosen is None and len(configs) == 1:
        chosen = configs[0]
    unused = [config for config in configs if config is not chosen and config is not other]
    if chosen is None and other is not None:
        unused.append(other)
    for config in unused:
        for part in config.take_all():
            draft.refuse(
                part,
                f"No pass trains on the data “{config.name}”.",
                "Name it as train_data_config, or remove it.",
            )
    if chosen is None:
        for key in ("data.source", "data.template.prompt", "data.template.completion"):
            draft.gap(key, "The config names no data to train on.")
        return
    if other is chosen:
        other = None
        draft.defaults.append(
            "The evaluation's rows are those that are trained: some are held out."
        )
    share = held_out_share(chosen, other) if other is not None else None
    mine = settings(chosen)
    _read_config(chosen, draft, share)
    if other is not None:
        read_held_out(other, mine, draft, share)


def _configs(entry: Entry, draft: ImportDraft) -> list[DataConfig]:
    value = entry.value
    if isinstance(value, Mapping):
        places = [(str(name), Entry(f"{entry.path}.{name}", item)) for name, item in value.items()]
    elif isinstance(value, list):
        places = [("", Entry(f"{entry.path}[{at}]", item)) for at, item in enumerate(value)]
    else:
        draft.refuse(entry, "A list of data configs belongs here.", "Write one.", blocks=True)
        return []
    return [data_config(name, place, draft) for name, place in places]


def _chosen(
    named: Entry | None, configs: list[DataConfig], draft: ImportDraft
) -> DataConfig | None:
    if named is None:
        return None
    if isinstance(named.value, Mapping):
        return data_config("", named, draft)
    # A key of the mapping counts before a name inside of another config.
    by_name = {name: config for config in configs for name in config.names[1:]}
    by_name |= {config.name: config for config in configs if config.names}
    found = by_name.get(str(named.value))
    if found is not None:
        draft.translate(named, "The data section says it.")
        return found
    near = nearest(str(named.value), list(by_name))
    draft.refuse(
        named,
        f"There is no data config “{named.value}”.",
        f"Write “{near}”." if near else "Write a data config of that name.",
        blocks=True,
    )
    return None


def _read_config(config: DataConfig, draft: ImportDraft, share: float | None) -> None:
    section = config.section
    own = str(config.pre.peek("type")).casefold() == _OWN_PRE_PROCESS
    _read_frame(section, own, needed=_is_own_code(config))
    if not config.load.entries:
        draft.gap("data.source", f"The data config “{config.name}” names no file.")
    else:
        _read_source(config.load, draft, share)
    section.refuse_rest(_KEYS, "The data config")
    _read_most(config.pre.given("max_samples"), draft)
    read_text(config.pre, own)


def _is_own_code(config: DataConfig) -> bool:
    """Whether a component of the config is one that only its script has."""
    kinds = (
        (config.load.peek("type"), LOAD_TYPES),
        (config.pre.peek("type"), TEXT_TYPES),
        (config.section.peek("type"), _CONTAINERS),
        (config.pre.peek("text_formatting_func"), ()),
    )
    return any(not is_known(kind, known) for kind, known in kinds)


def _read_frame(section: Section, own: bool, *, needed: bool) -> None:
    draft = section.draft
    for key in ("user_script", "script_dir"):
        script = section.take(key)
        if script is None:
            continue
        if own or script.value is None:
            draft.translate(script, "A recipe does what the exported script does.")
        elif not needed:
            draft.translate(script, "No component of the data is of this script; it is not run.")
        else:
            draft.refuse(
                script,
                "Python code of a config is not run.",
                _WRITE_ROWS,
                blocks=True,
            )
    apply(section, _FRAME)


def _read_source(load: Section, draft: ImportDraft, share: float | None) -> None:
    """Where the rows come from."""
    name, files = load.take("data_name"), load.given("data_files")
    local = files is not None
    if files is not None:
        _read_files(files, draft)
    if name is not None:
        _read_name(name, draft, local)
    elif not local:
        draft.gap("data.source", "The data config names no file and no data set.")
    _read_split(load.given("split", unset="Not set: the split “train”."), draft, local, share)
    if not is_known(load.peek("type"), LOAD_TYPES):
        _refuse_own(load)
    subset = refused("Files have no subsets.", "Remove it.")
    for key in ("subset", "name"):
        hub = not local and is_a(load.peek(key), (str,))
        load.read(carried("data.hub_config", str) if hub else subset, key)
    apply(load, _LOAD, "load_dataset_config", also=LOAD_KEYS)


def _refuse_own(load: Section) -> None:
    """What only a function of the config's script reads; the function itself is what blocks."""
    for entry in load.entries:
        if entry.key not in (*LOAD_KEYS, *_LOAD):
            taken = load.take(entry.key)
            assert taken is not None
            load.draft.refuse(taken, "Only the config's own script reads it.", _WRITE_ROWS)


def _read_name(name: Entry, draft: ImportDraft, local: bool) -> None:
    if not is_a(name.value, (str,)):
        wrong_kind(draft, name, (str,))
    elif name.value == "json" and local:
        draft.translate(name, "JSON or JSON Lines, whichever it is.", "data.format", "auto")
    elif name.value in _FORMATS and local:
        draft.carry(name, "data.format", _FORMATS[name.value])
    elif name.value in _FORMATS:
        draft.refuse(
            name,
            f"Files in {name.value} format, but none is named.",
            "Write data_files next to it.",
            blocks=True,
        )
    elif local:
        draft.refuse(
            name,
            "Single files of a data set on the hub cannot be named.",
            "Download the files, and write json, csv or parquet as data_name.",
            blocks=True,
        )
    else:
        draft.carry(name, "data.source")
        draft.values["data.format"] = "hub"


def _read_files(files: Entry, draft: ImportDraft) -> None:
    value = files.value
    if isinstance(value, str):
        draft.carry(files, "data.source")
    elif isinstance(value, list) and value and all(isinstance(name, str) for name in value):
        draft.carry(files, "data.source", value[0])
        if len(value) > 1:
            draft.values["data.also"] = value[1:]
    elif isinstance(value, Mapping) and str(value.get("type", "")).startswith("azureml"):
        _read_datastore(files, draft)
    elif isinstance(value, Mapping) and value.get("type") in ("local_file", "string_name"):
        for part in Section(files, draft).take_all():
            if part.key in ("path", "name"):
                draft.carry(part, "data.source")
            else:
                draft.translate(part, "A recipe names files by their path.")
    elif isinstance(value, Mapping) and isinstance(value.get("train"), str):
        for split, file in value.items():
            part = Entry(f"{files.path}.{split}", file)
            if split == "train":
                draft.carry(part, "data.source")
            else:
                draft.refuse(
                    part,
                    "Only the rows of “train” are trained; others are no part of this data.",
                    "Write it as data.split.file to have its rows held out.",
                )
    else:
        draft.refuse(
            files, "It has to be a path or a list of paths.", "Correct the value.", blocks=True
        )


def _read_datastore(files: Entry, draft: ImportDraft) -> None:
    if draft.cloud:
        azure_systems.read_datastore(files, draft)
        return
    for leaf in leaves(files.value, files.path):
        path = leaf.key == "relative_path"
        draft.azure(
            leaf,
            f"{leaf.key} of the data in Azure ML",
            "Download the file and write its path as data_files (or data.source).",
            blocks=path,
        )
        if path:
            # A place to put the downloaded file, for a recipe of the parts.
            draft.values.setdefault("data.source", str(leaf.value).rpartition("/")[2])


def _read_split(split: Entry | None, draft: ImportDraft, local: bool, share: float | None) -> None:
    if split is None:
        return
    found = split_of(split.value)
    if found is None:
        draft.refuse(
            split,
            "It has to be one split, or a slice of one: train[:80%].",
            "Correct the value; rows of several splits can be several files.",
            blocks=True,
        )
    elif local and found.name != "train":
        draft.refuse(split, "Files have only the split “train”.", "Write “train”.", blocks=True)
    elif found.rows and share is not None:
        draft.translate(
            split,
            f"{percent(share)} of the rows are held out; they are drawn, so that equal rows "
            "fall on one side.",
            "data.split.held_out",
            share,
        )
        if not local:
            draft.values["data.hub_split"] = found.name
    elif found.rows:
        text = f"These rows of the split “{found.name}”."
        draft.translate(split, text, "data.slice", found.rows)
        if not local:
            draft.values["data.hub_split"] = found.name
    elif local:
        draft.translate(split, "All rows of the file; what is held out is drawn from them.")
    else:
        draft.carry(split, "data.hub_split")


def _read_most(most: Entry | None, draft: ImportDraft) -> None:
    """``max_samples``: the first so many rows."""
    if most is None:
        return
    if not is_a(most.value, (int,)):
        wrong_kind(draft, most, (int,))
    elif most.value <= 0:
        draft.translate(most, "Not set: all rows.")
    else:
        rows = first_rows(draft.values.get("data.slice", ":"), most.value)
        text = "The first rows, this many; with strategy join Olive counts joined texts."
        draft.translate(most, text, "data.slice", rows)


_FRAME: dict[str, Rule] = {
    "type": same_if(
        _CONTAINERS,
        "Rows come from files or from a data set of the hub.",
        "Write HuggingfaceContainer with data_name and data_files.",
        blocks=True,
    ),
}
_LOAD: dict[str, Rule] = {
    "type": same_if(
        LOAD_TYPES,
        "Rows come from files or from a data set of the hub.",
        "Write data_name and data_files.",
        blocks=True,
    ),
    "data_dir": refused(
        "A folder inside a data set cannot be named.",
        "Write the files, or the folder, as data_files.",
        blocks=True,
    ),
    "token": refused("A token is never part of a recipe.", "Sign in: phi3studio models sign-in."),
    "col_filters": refused(
        "Rows are not chosen by the values of their columns.",
        "Save the rows that are wanted as a file, and name that as data_files.",
        blocks=True,
    ),
    "trust_remote_code": refused(
        "Code that a data set brings is never run.", "Use a data set of plain files.", blocks=True
    ),
    "revision": refused("A data set's newest state is read.", "Download that revision."),
    "cache_dir": noted("Each run keeps what it trains in its own folder."),
    "streaming": noted("Rows are never held in memory all at once."),
}
