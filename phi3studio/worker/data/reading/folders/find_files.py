"""The files that a source names: paths, patterns, folders, and their parts.

In a folder the names train, validation and test say which rows are trained, held out and neither;
files about the data (manifests, statistics, read-me files) are left out; a data set's card says it
itself. What was left out is said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from phi3studio.app.files import matching_files
from phi3studio.domain.datasets.source import Source
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.worker.data.meaning.part_names import part_of
from phi3studio.worker.data.reading.class_labels import Classes
from phi3studio.worker.data.reading.folders.dataset_card import choose, read_card
from phi3studio.worker.data.reading.source_files import DataFile, file_at

_MOST_FILES = 10_000
# What `datasets` and others write next to the rows.
_SIDECARS = re.compile(
    r"(dataset_infos?|dataset_dict|state|croissant|package|tokenizer\w*|vocab|.*_?config"
    r"|.*manifest|.*metadata|.*stats|.*statistics|.*report|.*summary|.*schema|.*index|.*licen[cs]e"
    r"|readme|changelog|requirements|citation)",
    re.IGNORECASE,
)
# What Slack and its like write next to the messages of each day.
_ABOUT_A_CHAT = frozenset({"users.json", "channels.json", "dms.json", "groups.json", "mpims.json"})
_BACKUP = re.compile(r"(.+\.\w+)\.(bak|backup|old|orig|save|tmp)", re.IGNORECASE)
_SHARD = re.compile(r"(.*)-(\d{5})-of-(\d{5})(\..*)")
_LEAST_FILES, _MOST_FOLDERS, _SHORT_FILE = 3, 100, 8 * 1024
_OTHER_SHARE = 5
_SIDECAR_FORMATS = ("json", "yaml", "text")


@dataclass(frozen=True)
class Files:
    """Files in reading order, what was left out, and names of labels that are numbers in them."""

    files: tuple[DataFile, ...]
    notes: tuple[Phrase, ...] = ()
    classes: Classes = field(default_factory=dict)


def find_files(source: Source) -> Files:
    """The files that a source names; raises :class:`InputError` for none."""
    found: list[DataFile] = []
    notes: list[Phrase] = []
    classes: dict[str, list[str]] = {}
    for name in (source.source, *source.also):
        expanded = _expand(name, source.hub_config)
        found += expanded.files
        notes += expanded.notes
        classes |= expanded.classes
    if not any(file.size for file in found):
        raise InputError("data.empty", source=found[0].path)
    return Files(tuple(found), (*notes, *_missing_shards(found)), classes)


def _expand(name: str, config: str | None) -> Files:
    path = Path(name)
    try:
        if path.is_dir():
            return _of_folder(path, [p for p in _below(path) if _is_data(path, p)], config)
        if path.exists():
            if not path.is_file():
                raise InputError("data.no_file", variant="special", path=path)
            return Files((file_at(path),))
        matches = matching_files(name)[:_MOST_FILES]
        if matches:
            return _sorted_out(None, matches)
    except (OSError, ValueError) as exc:
        raise InputError("data.no_file", variant="path", path=name, reason=str(exc)) from exc
    raise InputError("data.no_file", path=name)


def _below(folder: Path) -> list[Path]:
    found: list[Path] = []
    for path in folder.rglob("*"):
        found.append(path)
        if len(found) > _MOST_FILES:
            break
    return sorted(found)


def _is_data(folder: Path, path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and DataFile(path, 0).suffix_format is not None and path.is_file()


def _of_folder(folder: Path, paths: Sequence[Path], config: str | None) -> Files:
    """The files of a folder: those of one set of rows, where its card describes several."""
    card = read_card(folder)
    if not card:
        return _sorted_out(folder, paths)
    name = choose(card, config, folder)
    parts = card[name].files(folder)
    own = [path for path in paths if path in parts]
    found = _sorted_out(folder, own or paths, parts)
    others = [other for other in card if other != name]
    notes = [Phrase("files.config", name=name, others=others)] if others else []
    return Files(found.files, (*notes, *found.notes), card[name].classes)


def _sorted_out(
    folder: Path | None, paths: Sequence[Path], parts: Mapping[Path, str] | None = None
) -> Files:
    """The files of each part, all in the format in which it has the most bytes. *parts* are those
    that are said and not guessed from the names."""
    files = [file_at(path) for path in paths]
    present = {path.name for path in paths}
    aside = _ABOUT_A_CHAT if len(present & _ABOUT_A_CHAT) > 1 else frozenset[str]()
    data = [
        file
        for file in files
        if not (_is_sidecar(file) or _is_backup(file.path, present) or file.path.name in aside)
    ] or files
    if not data:
        raise InputError("data.is_folder", path=folder)
    by_part: dict[str, list[DataFile]] = {}
    for file in data:
        part = (parts or {}).get(file.path) or _part_of_path(folder, file.path)
        by_part.setdefault(part, []).append(file)
    train = by_part.get("train") or by_part.get("")
    if train is None:
        if len(by_part) > 1:
            names = [str(file.path) for file in data[:8]]
            raise InputError("data.no_train_part", path=folder or paths[0].parent, names=names)
        train = next(iter(by_part.values()))  # only one part: that is the data
        by_part = {"": train}
    chosen = _one_format(train)
    held_out = [
        replace(file, part="validation") for file in _one_format(by_part.get("validation", []))
    ]
    used = {file.path for file in (*chosen, *held_out)}
    test = [file for file in by_part.get("test", []) if file.path not in used]
    others = [f for f in files if f.path not in used and f not in test]
    folders = sorted({file.path.parent.name for file in chosen})
    if chosen[0].suffix_format != "text":
        folders = []
    labelled = _are_labels(chosen)
    if labelled:
        chosen, held_out = (
            [replace(f, label=f.path.parent.name) for f in some] for some in (chosen, held_out)
        )
    notes = [
        Phrase(code, names=[file.path.name for file in some[:8]])
        for code, some in (
            ("files.held_out", held_out),
            ("files.test", test),
            ("files.left_out", others),
        )
        if some
    ]
    if len(folders) > 1:
        code = "files.folder_labels" if labelled else "files.folders"
        notes.append(Phrase(code, names=folders[:8]))
    return Files((*chosen, *held_out), tuple(notes))


def _part_of_path(folder: Path | None, path: Path) -> str:
    """The part that the file's name says, or else the nearest folder below the source's."""
    own = part_of(path.name)
    if own or folder is None:
        return own
    parents = path.relative_to(folder).parts[:-1]
    return next((part for name in reversed(parents) if (part := part_of(name))), "")


def _are_labels(files: Sequence[DataFile]) -> bool:
    """Whether texts lie in folders by their labels: several short files in each."""
    counts = Counter(file.path.parent.name for file in files)
    short = sorted(file.size for file in files)[len(files) // 2] <= _SHORT_FILE
    texts = all(file.suffix_format == "text" for file in files)
    several = 1 < len(counts) <= _MOST_FOLDERS and min(counts.values()) >= _LEAST_FILES
    return texts and several and short


def _is_backup(path: Path, names: Container[str]) -> bool:
    """Whether a file is an older state of another."""
    found = _BACKUP.fullmatch(path.name)
    return found is not None and found[1] in names


def _missing_shards(files: Sequence[DataFile]) -> Iterator[Phrase]:
    """What is said of sets of files that name their number, where some are not there."""
    found: dict[tuple[Path, str, str, int], set[int]] = {}
    for file in files:
        shard = _SHARD.fullmatch(file.path.name)
        if shard is not None:
            key = (file.path.parent, shard[1], shard[4], int(shard[3]))
            found.setdefault(key, set()).add(int(shard[2]))
    for (_, name, _, count), there in found.items():
        missing = [f"{at:05d}" for at in range(min(count, _MOST_FILES)) if at not in there]
        if missing:
            yield Phrase("files.missing", name=name, count=count, missing=missing[:8])


def _is_sidecar(file: DataFile) -> bool:
    if file.suffix_format not in _SIDECAR_FORMATS or part_of(file.path.name):
        return False
    return _SIDECARS.fullmatch(file.path.name.split(".")[0]) is not None


def _one_format(files: Sequence[DataFile]) -> list[DataFile]:
    sizes: dict[str, int] = {}
    for file in files:
        kind = file.suffix_format or ""
        sizes[kind] = sizes.get(kind, 0) + file.size
    tables = {kind: size for kind, size in sizes.items() if kind != "text"} or sizes
    if not tables:
        return []
    best = max(tables, key=lambda kind: tables[kind])
    _check_formats([file for file in files if (file.suffix_format or "") in tables], best)
    return [file for file in files if (file.suffix_format or "") == best]


def _check_formats(files: Sequence[DataFile], best: str) -> None:
    """Raise an :class:`InputError` where files of another format hold rows of their own too: which
    ones are meant is asked. A file of the same name is a copy."""
    chosen = [file for file in files if (file.suffix_format or "") == best]
    names = {file.path.name.split(".")[0] for file in chosen}
    others = [
        file for file in files if file not in chosen and file.path.name.split(".")[0] not in names
    ]
    if _OTHER_SHARE * sum(file.size for file in others) > sum(file.size for file in chosen):
        raise InputError(
            "data.mixed_formats",
            path=files[0].path.parent,
            names=[file.path.name for file in (*chosen[:4], *others[:4])],
        )
