"""The evaluation's data config: a second file, or the rest of the rows that are trained."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from phi3studio.olive_configs.data_parts import DataConfig
from phi3studio.olive_configs.decisions import Draft, Entry, leaves
from phi3studio.olive_configs.text_templates import TEXT_KEYS

_SLICE = re.compile(r"(\w+)\[(?:(\d+)%)?:(?:(\d+)%)?\]")

_TEXTS = frozenset({"text_template", "text_cols", "data_name", "chat_template", "type"})
_KNOWN = TEXT_KEYS | {
    "data_name", "data_files", "split", "subset", "user_script", "script_dir", "batch_size",
    "shuffle", "drop_last", "num_workers", "collate_fn",
}  # fmt: skip


def held_out_share(train: DataConfig, other: DataConfig) -> float | None:
    """The share that two slices of the same rows leave for the evaluation, if they fit."""
    first, second = _source_facts(train), _source_facts(other)
    if first[0] != second[0]:
        return None
    one, two = _SLICE.fullmatch(first[1]), _SLICE.fullmatch(second[1])
    if one is None or two is None or one[1] != two[1]:
        return None
    if one[2] is None and one[3] and one[3] == two[2] and two[3] is None:
        return (100 - int(one[3])) / 100
    if two[2] is None and two[3] and two[3] == one[2] and one[3] is None:
        return int(two[3]) / 100
    return None


def _source_facts(config: DataConfig) -> tuple[Any, str]:
    load = config.load
    named = (load.peek("data_name"), str(load.peek("data_files")), load.peek("subset"))
    return named, str(load.peek("split"))


def read_held_out(
    config: DataConfig, mine: Mapping[str, Any], draft: Draft, share: float | None
) -> None:
    """The evaluation's data: a second file, or a slice of the same rows.

    *mine*: the settings of the rows that are trained.
    """
    load = config.load
    files, split = load.take("data_files"), load.take("split")
    if share is None and files is not None and isinstance(files.value, str):
        draft.carry(files, "data.split.file")
    elif share is None:
        draft.lack("olive.evaluation_data", name=config.name)
        if files is not None:
            draft.refuse(files, "It has to be one file.", "Write one.", blocks=True)
    elif files is not None:
        draft.translate(files, "The same rows as the training's.")
    if split is not None:
        draft.translate(split, "What is held out: data.split.")
    for part, section in (("load", load), ("pre", config.pre), ("", config.section)):
        for entry in section.take_all():
            _as_in_training(entry, f"{part}.{entry.key}", mine, draft)


def _as_in_training(entry: Entry, place: str, mine: Mapping[str, Any], draft: Draft) -> None:
    if place in mine and mine[place] == entry.value:
        draft.translate(entry, "The same as for the rows that are trained.")
        return
    for leaf in leaves(entry.value, entry.path):
        draft.refuse(
            leaf,
            "Rows that are held out are read and rendered as those that are trained.",
            "Give both the same settings.",
            blocks=entry.key in _TEXTS or entry.key not in _KNOWN,
        )
