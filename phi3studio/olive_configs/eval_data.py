"""The evaluation's data config: a second file, or the rest of the rows that are trained."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from phi3studio.domain.rows.row_slice import parse_slice
from phi3studio.olive_configs.data_parts import DataConfig, settings
from phi3studio.olive_configs.decisions import Entry, ImportDraft, leaves
from phi3studio.olive_configs.rules import is_a
from phi3studio.olive_configs.text_templates import TEXT_KEYS

_SPLIT = re.compile(r"([\w.-]+)(?:\[([^\]]*)\])?")
_SHARE = re.compile(r"(?:(\d+)%)?:(?:(\d+)%)?")

_TEXTS = frozenset({"text_template", "text_cols", "data_name", "chat_template", "type"})
_KNOWN = TEXT_KEYS | {
    "data_name", "data_files", "split", "subset", "user_script", "script_dir", "batch_size",
    "shuffle", "drop_last", "num_workers", "collate_fn",
}  # fmt: skip


class Split(NamedTuple):
    """A split of a data set and, if only some, its ``rows`` (``:80%``)."""

    name: str
    rows: str


def split_of(value: Any) -> Split | None:
    """``train[:80%]`` taken apart; ``None`` for what is no split, or several."""
    found = _SPLIT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or (found[2] is not None and parse_slice(found[2]) is None):
        return None
    return Split(found[1], (found[2] or "").replace(" ", ""))


def first_rows(rows: str, count: int) -> str:
    """The first *count* of a slice's rows."""
    start, _, stop = rows.partition(":")
    if not start or start == "0":
        end = min(int(stop), count) if stop.isdigit() else count
        return f":{end}"
    if start.isdigit():
        end = int(start) + count
        return f"{start}:{min(int(stop), end) if stop.isdigit() else end}"
    return rows


def held_out_share(train: DataConfig, other: DataConfig) -> float | None:
    """The share that two slices of the same rows leave for the evaluation, if they fit.

    A slice of which ``max_samples`` takes a part is left as it is.
    """
    one, two = split_of(train.load.peek("split")), split_of(other.load.peek("split"))
    if not _same_rows(settings(train), settings(other)) or one is None or two is None:
        return None
    first, second = _SHARE.fullmatch(one.rows), _SHARE.fullmatch(two.rows)
    capped = train.pre.peek("max_samples") or other.pre.peek("max_samples")
    if one.name != two.name or first is None or second is None or capped:
        return None
    if first[1] is None and first[2] and first[2] == second[1] and second[2] is None:
        return (100 - int(first[2])) / 100
    if second[1] is None and second[2] and second[2] == first[1] and first[2] is None:
        return int(second[2]) / 100
    return None


def _same_rows(one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    """Whether two data configs read the same files or data set."""
    return all(
        one.get(f"load.{key}") == two.get(f"load.{key}")
        for key in ("data_name", "data_files", "subset", "name", "data_dir")
    )


def read_held_out(
    config: DataConfig, mine: Mapping[str, Any], draft: ImportDraft, share: float | None
) -> None:
    """The evaluation's data: a second file or split, or a slice of the same rows.

    *mine*: the settings of the rows that are trained.
    """
    load = config.load
    same = _same_rows(mine, settings(config))
    files, split = load.take("data_files"), load.given("split")
    file = files.value if files is not None else None
    file = file[0] if isinstance(file, list) and len(file) == 1 else file
    if same and files is not None:
        draft.translate(files, "The same rows as the training's.")
    elif files is not None and isinstance(file, str):
        draft.carry(files, "data.split.file", file)
    elif not same:
        text = (
            f"The evaluation's data “{config.name}” is neither one file nor of the same data set."
        )
        draft.gap("data.split.file", text)
        if files is not None:
            draft.refuse(files, "It has to be one file.", "Write it as data.split.file.")
    if split is not None:
        _read_split(split, mine, draft, share, same=same, hub=files is None)
    most = config.pre.given("max_samples")
    if most is not None:
        _read_limit(most, draft)
    for part, section in (("load", load), ("pre", config.pre), ("", config.section)):
        for entry in section.take_all():
            _as_in_training(entry, f"{part}.{entry.key}", mine, draft)


def _read_split(
    split: Entry,
    mine: Mapping[str, Any],
    draft: ImportDraft,
    share: float | None,
    *,
    same: bool,
    hub: bool,
) -> None:
    """The evaluation's split: another one of the hub, or a slice."""
    found, trained = split_of(split.value), split_of(mine.get("load.split", "train"))
    if found is None or (not hub and found.name != "train"):
        draft.refuse(
            split,
            "It has to be one split, or a slice of one: train[80%:].",
            "Correct the value.",
            blocks=True,
        )
    elif share is not None:
        draft.translate(split, "What is held out: data.split.")
    elif hub and same and trained is not None and found.name != trained.name:
        draft.translate(
            split, "The rows of this split are held out.", "data.split.hub_split", found.name
        )
        if found.rows:
            draft.values["data.split.slice"] = found.rows
    elif found.rows:
        draft.translate(split, "These rows are held out.", "data.split.slice", found.rows)
    elif same:
        draft.translate(split, "The rows that are trained: a share of them is held out instead.")
    else:
        draft.translate(split, "All rows of the file are held out.")


def _read_limit(most: Entry, draft: ImportDraft) -> None:
    if is_a(most.value, (int,)) and most.value > 0:
        text = "At most this many held-out rows are measured."
        draft.translate(most, text, "data.split.limit", most.value)
    else:
        draft.translate(most, "Not set: all of them.")


def _as_in_training(entry: Entry, place: str, mine: Mapping[str, Any], draft: ImportDraft) -> None:
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
