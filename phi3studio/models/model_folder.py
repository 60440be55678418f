"""Whether a model folder is whole, safe to read, and what it would run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from phi3studio.app.files import is_dir, is_file
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.domain.parsing import parse_json
from phi3studio.models.guest_files import read_object, refuse_stand_in, tensor_shapes
from phi3studio.models.hub_cache import content_hash

INDEX = "model.safetensors.index.json"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle")
"""Files whose loading can run code."""

_SETTINGS = (
    "added_tokens.json",
    "generation_config.json",
    "special_tokens_map.json",
    "tokenizer_config.json",
)
_EMPTY_BYTES = 8


def weight_bytes(folder: Path) -> int:
    """The size of a model's safetensors weights, in bytes."""
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def check_model_folder(folder: Path) -> None:
    """Raise :class:`InputError` unless *folder* holds config, all weights and a tokenizer.

    Files that lie elsewhere are refused, by name or by link; only the hub's own cache links to
    its blobs.
    """
    if not is_dir(folder):
        raise InputError("model.no_folder", folder=folder)
    _check_links(folder)
    if not (folder / "config.json").is_file():
        adapter = (folder / "adapter_config.json").is_file()
        raise InputError("model.no_config", variant="adapter" if adapter else "", folder=folder)
    read_object(folder / "config.json")
    missing = _missing_weights(folder)
    if missing:
        raise InputError(
            "model.no_weights",
            variant="pickle" if pickle_files(folder) else "",
            folder=folder,
            missing=missing,
        )
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise InputError("model.no_tokenizer", folder=folder)
    for file in folder.glob("*.safetensors"):
        tensor_shapes(file)
    for name in (*TOKENIZERS, *_SETTINGS):
        file = folder / name
        if file.is_file() and name in _SETTINGS:
            read_object(file)
        elif file.is_file():
            refuse_stand_in(file)


def is_whole(folder: Path) -> bool:
    """Whether :func:`check_model_folder` finds nothing."""
    try:
        check_model_folder(folder)
    except InputError:
        return False
    return True


def is_plain_name(name: str) -> bool:
    """Whether *name* is a file name below a folder on every system: no way out of it."""
    if not name or any(ord(sign) < 32 or sign in '\\:*?"<>|' for sign in name):
        return False
    path = PurePosixPath(name)
    return (
        not path.is_absolute()
        and str(path) == name
        and all(part not in (".", "..") and not part.endswith((".", " ")) for part in path.parts)
        and not any(PureWindowsPath(part).is_reserved() for part in path.parts)
    )


def pickle_files(folder: Path) -> list[Path]:
    """The pickled weights in *folder*, sorted."""
    found = {file for pattern in PICKLES for file in folder.glob(pattern)}
    return sorted(file for file in found if file.name != "training_args.bin")


def remote_code_files(folder: Path) -> tuple[str, ...]:
    """What would run with ``trust_remote_code``: the files that the folder's settings name.

    A file of another model is written as ``owner/name--file.py``.
    """
    named: dict[str, None] = {}
    for settings in ("config.json", "tokenizer_config.json", "generation_config.json"):
        for reference in _code_references(folder / settings):
            where, _, module = reference.rpartition("--")
            file = module.split(".")[0] + ".py"
            named[f"{where}--{file}" if where else file] = None
    if (folder / "custom_generate" / "generate.py").is_file():
        named["custom_generate/generate.py"] = None
    return tuple(named)


def damages(folder: Path) -> list[str]:
    """What is wrong with the content of a whole model folder, in words; empty when nothing is.

    Every safetensors file must have the length that its header tells, and every file of the
    hub's cache the content that its name tells. Reads all bytes.
    """
    found: list[str] = []
    for file in sorted(folder.iterdir()):
        if not file.is_file():
            continue
        if file.suffix == ".safetensors":
            try:
                tensor_shapes(file)
            except InputError as error:
                found.append(error.message)
                continue
        if file.is_symlink():
            name = file.readlink().name
            actual = content_hash(file, name)
            if actual is not None and actual != name:
                found.append(f"{file.name}: its content does not have the hash {name[:12]}…")
    return found


def _check_links(folder: Path) -> None:
    """Refuse links out of the folder, but for a snapshot's into the cache it belongs to."""
    inside = [folder.resolve()]
    if folder.parent.name == "snapshots" and folder.parents[1].name.startswith("models--"):
        # Blobs may in turn be links into a store that all models of the cache share.
        inside.append(folder.parents[2].resolve())
    for file in folder.iterdir():
        if file.is_symlink() and file.exists():
            target = file.resolve()
            if not any(target.is_relative_to(place) for place in inside):
                raise InputError("model.unsafe_path", variant="link", path=file)


def _missing_weights(folder: Path) -> Phrase | None:
    """What is absent of the weights; ``None`` when all is there."""
    index = folder / INDEX
    if index.is_file():
        try:
            shards = {str(name) for name in read_object(index)["weight_map"].values()}
        except (KeyError, AttributeError):
            return Phrase("model.missing_weights", variant="index_unreadable", index=INDEX)
        if not shards:
            return Phrase("model.missing_weights", variant="index_empty", index=INDEX)
        strange = sorted(name for name in shards if not is_plain_name(name))
        if strange:
            raise InputError("model.unsafe_path", path=index, name=strange[0])
        absent = sorted(name for name in shards if not _has_content(folder / name))
        if not absent:
            return None
        return Phrase(
            "model.missing_weights", absent=len(absent), files=len(shards), first=absent[0]
        )
    if any(_has_content(file) for file in folder.glob("*.safetensors")):
        return None
    return Phrase("model.missing_weights", variant="none")


def _has_content(file: Path) -> bool:
    return is_file(file) and file.stat().st_size > _EMPTY_BYTES


def _code_references(file: Path) -> Iterator[str]:
    try:
        values: Any = parse_json(file.read_text("utf-8"))
        named = values.get("auto_map") or {}
        references = named.values() if isinstance(named, dict) else [named]
    except (OSError, ValueError, AttributeError):
        return
    for reference in references:
        for one in reference if isinstance(reference, list) else [reference]:
            if isinstance(one, str):
                yield one
