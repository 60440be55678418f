"""What a folder's README.md says of the files in it, as data sets of the Hugging Face hub have it:
which sets of rows there are, which files belong to each part, and the names of labels.

Source: https://huggingface.co/docs/datasets/repository_structure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from phi3studio.domain.errors import InputError
from phi3studio.worker.data.meaning.part_names import part_of
from phi3studio.worker.data.reading.class_labels import Classes, class_names

_MOST_BYTES = 2**20
_CARD = "README.md"


@dataclass(frozen=True)
class Configuration:
    """One set of rows: patterns of its files with the part that each is of (empty: as the names
    say), and the names of its labels."""

    patterns: tuple[tuple[str, str], ...] = ()
    classes: Classes = field(default_factory=dict)
    default: bool = False

    def files(self, folder: Path) -> dict[Path, str]:
        """The files in *folder* and their parts; nothing outside of it."""
        found: dict[Path, str] = {}
        for pattern, part in self.patterns:
            if not pattern or Path(pattern).is_absolute() or ".." in Path(pattern).parts:
                continue
            inside = f"{pattern.rstrip('/')}/**/*" if (folder / pattern).is_dir() else pattern
            for path in folder.glob(inside):
                found.setdefault(path, part)
        return found


def read_card(folder: Path) -> dict[str, Configuration]:
    """The sets of rows that the folder's card describes, by their names; none without a card."""
    import yaml

    try:
        with (folder / _CARD).open("rb") as file:
            text = file.read(_MOST_BYTES).decode("utf-8-sig", "replace")
    except OSError:
        return {}
    begin, _, rest = text.replace("\r\n", "\n").partition("---\n")
    head, end, _ = rest.partition("\n---")
    if begin.strip() or not end:
        return {}
    try:
        card = yaml.safe_load(head)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return _configurations(card) if isinstance(card, dict) else {}


def choose(found: Mapping[str, Configuration], wanted: str | None, folder: Path) -> str:
    """The set of rows to read: the *wanted* one, else the card's default, else the only one."""
    names = list(found)
    if wanted is not None and wanted not in found:
        raise InputError("data.folder_config", variant="unknown", name=wanted, names=names)
    best = wanted or next((name for name in names if found[name].default), None)
    best = best or ("default" if "default" in found else None)
    if best is None and len(names) > 1:
        raise InputError("data.folder_config", path=folder, names=names)
    return best or names[0]


def _configurations(card: Mapping[str, Any]) -> dict[str, Configuration]:
    about = card.get("dataset_info")
    infos = [info for info in (about if isinstance(about, list) else [about]) if _is_map(info)]
    classes = {
        str(info.get("config_name", "default")): class_names(_features(info.get("features")))
        for info in infos
    }
    listed = card.get("configs")
    found = {
        str(item["config_name"]): Configuration(
            tuple(_patterns(item.get("data_files"))),
            classes.get(str(item["config_name"]), {}),
            item.get("default") is True,
        )
        for item in (listed if isinstance(listed, list) else [])
        if _is_map(item) and "config_name" in item
    }
    if found:
        return found
    only = classes.get("default", {})
    return {"default": Configuration(classes=only)} if len(infos) == 1 and only else {}


def _patterns(value: Any, part: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield value, part
    elif isinstance(value, list):
        for item in value:
            yield from _patterns(item, part)
    elif isinstance(value, dict):
        if "path" in value:
            yield from _patterns(value["path"], part_of(str(value.get("split", ""))))
        else:
            for split, inside in value.items():
                yield from _patterns(inside, part_of(str(split)))


def _features(features: Any) -> dict[str, Any]:
    """A card's features as `datasets` keeps them in its files."""
    found: dict[str, Any] = {}
    for item in features if isinstance(features, list) else []:
        label = (
            item["dtype"].get("class_label")
            if _is_map(item) and _is_map(item.get("dtype"))
            else None
        )
        names = label.get("names") if _is_map(label) else None
        if isinstance(names, dict):
            names = [str(name) for _, name in sorted(names.items(), key=lambda pair: int(pair[0]))]
        if isinstance(names, list):
            found[str(item.get("name"))] = {"_type": "ClassLabel", "names": names}
    return found


def _is_map(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)
