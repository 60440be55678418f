"""The parts of a data config, wherever they stand: every syntax since Olive 0.2.

Today a config has ``load_dataset_config`` and ``pre_process_data_config``. Up to 0.6 the same keys
stood in ``params_config``, flat or in its ``component_kwargs``, and in ``components``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phi3studio.olive_configs.decisions import Entry, ImportDraft, Section
from phi3studio.olive_configs.rules import Rule, noted, same_if
from phi3studio.olive_configs.text_templates import TEXT_TYPES, is_text_key

LOAD_KEYS = (
    "data_name", "data_files", "split", "subset", "data_dir", "name", "revision", "streaming",
    "cache_dir", "token", "col_filters",
)  # fmt: skip
OWN_LOADER = "studio_rows"
LOAD_TYPES = ("huggingface_dataset", OWN_LOADER)
_DATALOADER = ("batch_size", "shuffle", "drop_last", "num_workers", "collate_fn")
_FURTHER = ("post_process_data", "dataloader")
_ROWS = noted("training_args say how many rows are in a batch, and in which order.")
_ANSWERS = noted("The model's answers are compared as texts.")
_DEFAULT_TYPES: dict[str, Rule] = {
    "load_dataset": same_if(
        LOAD_TYPES, "Rows come from files or the hub.", "Write data_name.", blocks=True
    ),
    "pre_process_data": same_if(
        TEXT_TYPES, "Rows are rendered by a template.", "Write text_template.", blocks=True
    ),
    "post_process_data": _ANSWERS,
    "dataloader": _ROWS,
}


@dataclass(frozen=True)
class DataConfig:
    """One data config: the names that passes may call it by, where it stands, and its keys.

    ``load`` and ``pre`` hold those of the loading and of the preparation, ``section`` the others.
    """

    names: tuple[str, ...]
    entry: Entry
    section: Section
    load: Section
    pre: Section

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self.names[0] if self.names else ""

    def take_all(self) -> list[Entry]:
        """Every entry that nobody took yet."""
        return [
            entry for section in (self.load, self.pre, self.section) for entry in section.take_all()
        ]


def data_config(key: str, place: Entry, draft: ImportDraft) -> DataConfig:
    """The config at *place*; *key* is its name in a mapping of configs, or empty."""
    section = Section(place, draft)
    names = [key] if key else []
    named = section.take("name")
    if named is not None:
        names.append(str(named.value))
        draft.translate(named, "A recipe has its one data section; the name is not needed.")
    load = Section(section.given("load_dataset_config"), draft)
    pre = Section(section.given("pre_process_data_config"), draft)
    parts = {"load_dataset": load, "pre_process_data": pre}
    section.read(_ROWS, "dataloader_config")
    section.read(_ANSWERS, "post_process_data_config")
    for entry in _inner(section.given("default_components_type"), draft):
        rule = _DEFAULT_TYPES.get(entry.key)
        if rule is None:
            _unknown(entry, tuple(_DEFAULT_TYPES), draft)
        else:
            rule(draft, entry)
    for name in ("components", "default_components"):
        for entry in _inner(section.given(name), draft):
            _component(entry, parts, draft, named=True)
    _old_params(Section(section.given("params_config"), draft), parts, draft)
    return DataConfig(tuple(names), place, section, load, pre)


def _old_params(params: Section, parts: Mapping[str, Section], draft: ImportDraft) -> None:
    """``params_config``: keys of every component next to each other."""
    for entry in _inner(params.given("component_kwargs"), draft):
        _component(entry, parts, draft, named=False)
    load, pre = parts["load_dataset"], parts["pre_process_data"]
    # A function of the config's script takes what it calls its own.
    own = not is_known(load.peek("type"), LOAD_TYPES)
    for entry in params.take_all():
        if entry.key in _DATALOADER:
            _ROWS(draft, entry)
        elif entry.key in LOAD_KEYS or (own and not is_text_key(entry.key)):
            load.put(entry)
        else:
            pre.put(entry)


def is_known(kind: Any, known: Sequence[str]) -> bool:
    """Whether a component's type is one of *known*, or not given."""
    return kind is None or str(kind).casefold() in map(str.casefold, known)


def _component(
    entry: Entry, parts: Mapping[str, Section], draft: ImportDraft, *, named: bool
) -> None:
    """The keys of one component; *named* where its ``name`` is that of a registered function."""
    part = parts.get(entry.key)
    if part is not None:
        inner = Section(entry, draft)
        if named and (name := inner.take("name")) is not None:
            draft.translate(name, "The component's type says what it does.")
        for each in inner.take_all():
            part.put(each)
    elif entry.key in _FURTHER:
        (_ROWS if entry.key == "dataloader" else _ANSWERS)(draft, entry)
    else:
        _unknown(entry, (*parts, *_FURTHER), draft)


def _inner(entry: Entry | None, draft: ImportDraft) -> Iterator[Entry]:
    yield from Section(entry, draft, nested=()).take_all()


def _unknown(entry: Entry, known: tuple[str, ...], draft: ImportDraft) -> None:
    section = Section(None, draft)
    section.put(entry)
    section.refuse_rest(known, "The data config")


def settings(config: DataConfig) -> dict[str, Any]:
    """The values of the parts by name, without taking them: ``load.split``, ``pre.text_cols``."""
    return {
        f"{part}.{entry.key}": entry.value
        for part, section in (("load", config.load), ("pre", config.pre), ("", config.section))
        for entry in section.entries
    }
