"""The files of a source, opened as streams of bytes: bounded, decompressed, hashed.

A file is read up to the size it had when it was opened, so one that grows while it is read gives
the rows of that moment. Compressed files are decompressed as they are read; what expands beyond
all measure is refused.
"""

from __future__ import annotations

import glob
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from phi3studio.domain.dataset import Source
from phi3studio.domain.errors import InputError

CHUNK = 1024 * 1024
_MOST_FILES = 10_000
_BOMB_RATIO = 200
_BOMB_BYTES = 128 * CHUNK
_ZSTD_WINDOW = 128 * CHUNK

SUFFIXES = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".txt": "text",
    ".md": "text",
    ".text": "text",
}
_COMPRESSED = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd"}
# What `datasets.save_to_disk` writes beside the rows.
_BESIDE = {"dataset_info.json", "state.json", "dataset_dict.json", "dataset_infos.json"}


@dataclass(frozen=True)
class DataFile:
    """One file, and its size in bytes when it was first looked at."""

    path: Path
    size: int

    @property
    def suffix_format(self) -> str | None:
        """The format that the name promises, below a compression's suffix."""
        path = self.path
        if path.suffix.lower() in _COMPRESSED:
            path = path.with_suffix("")
        return SUFFIXES.get(path.suffix.lower())


def find_files(source: Source) -> tuple[DataFile, ...]:
    """The files that a source names, in reading order; raises :class:`InputError` for none."""
    found: list[DataFile] = []
    for name in (source.source, *source.also):
        found.extend(DataFile(path, _size(path)) for path in _expand(name))
    if not any(file.size for file in found):
        raise InputError(
            "data.empty",
            f"The data file {found[0].path} holds no rows.",
            "Choose a file with rows in it.",
        )
    return tuple(found)


def _expand(name: str) -> list[Path]:
    path = Path(name)
    try:
        if path.is_dir():
            return _in_folder(path)
        if path.exists():
            if not path.is_file():
                raise InputError(
                    "data.no_file", f"{path} is not a regular file.", "Choose a data file."
                )
            return [path]
        if glob.has_magic(name):
            matches = sorted(Path(match) for match in glob.glob(name, recursive=True))  # noqa: PTH207
            matches = [match for match in matches if match.is_file()][:_MOST_FILES]
            if matches:
                return matches
    except (OSError, ValueError) as exc:
        raise InputError(
            "data.no_file", f"The path {name!r} cannot be used: {exc}.", "Correct data.source."
        ) from exc
    raise InputError(
        "data.no_file",
        f"The data file {name} does not exist.",
        "Correct data.source in the recipe; a relative path starts at the recipe's folder. "
        "For a data set of the Hugging Face hub set data.format: hub.",
    )


def _in_folder(folder: Path) -> list[Path]:
    """The data files below a folder, of the format that most of them have."""
    by_format: dict[str, list[Path]] = {}
    for count, path in enumerate(sorted(folder.rglob("*"))):
        if count > _MOST_FILES:
            break
        kind = DataFile(path, 0).suffix_format
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if kind and not hidden and path.name not in _BESIDE and path.is_file():
            by_format.setdefault(kind, []).append(path)
    tables = {kind: paths for kind, paths in by_format.items() if kind != "text"} or by_format
    if not tables:
        raise InputError(
            "data.is_folder",
            f"The folder {folder} holds no data files.",
            "Name a JSON, JSONL, CSV, TSV, Parquet, Arrow or text file, or a folder of them.",
        )
    return max(tables.values(), key=len)


def _size(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_size
    except OSError as exc:
        raise unreadable(path, exc) from exc


def unreadable(path: Path, exc: OSError) -> InputError:
    """The error for a file that the system does not let us read."""
    return InputError(
        "data.unreadable",
        f"{path} cannot be read: {exc.strerror or exc}.",
        "Check that the file is there and that you may read it.",
    )


class Bounded(io.RawIOBase):
    """The first *size* bytes of a file; counts and, if asked, hashes what is read."""

    def __init__(self, file: DataFile, *, hashed: bool = False) -> None:
        try:
            self._file: BinaryIO = file.path.open("rb", buffering=0)
        except OSError as exc:
            raise unreadable(file.path, exc) from exc
        self._path = file.path
        self._left = file.size
        self.read_bytes = 0
        self._hash = hashlib.sha256() if hashed else None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self._left)
        if wanted == 0:
            return 0
        try:
            count = self._file.readinto(view[:wanted])  # type: ignore[attr-defined]
        except OSError as exc:
            raise unreadable(self._path, exc) from exc
        if count == 0:
            raise InputError(
                "data.changed",
                f"{self._path} became shorter while it was read.",
                "Wait until nothing writes to the file, then try again.",
            )
        self._left -= count
        self.read_bytes += count
        if self._hash is not None:
            self._hash.update(view[:count])
        return int(count)

    def sha256(self) -> str:
        """The digest of the file's first *size* bytes; what was not read yet is read now."""
        while self.read(CHUNK):
            pass
        assert self._hash is not None
        return self._hash.hexdigest()

    def close(self) -> None:
        self._file.close()
        super().close()


def compression_of(head: bytes) -> str | None:
    """gzip or zstd, told by the first bytes."""
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return "zstd"
    return None


def head_of(file: DataFile, count: int = 64) -> bytes:
    """The first *count* bytes of the file as it lies on disk."""
    with Bounded(file) as raw:
        return raw.read(count) or b""


def chunks(file: DataFile, raw: Bounded, compression: str | None) -> Iterator[bytes]:
    """The file's content in pieces of at most :data:`CHUNK` bytes, decompressed."""
    if compression is None:
        while piece := raw.read(CHUNK):
            yield piece
        return
    import zstandard

    stream: BinaryIO
    if compression == "gzip":
        stream = gzip.GzipFile(fileobj=io.BufferedReader(raw), mode="rb")  # type: ignore[assignment]
    else:
        decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        stream = decompressor.stream_reader(io.BufferedReader(raw), read_across_frames=True)
    written = 0
    try:
        while piece := stream.read(CHUNK):
            written += len(piece)
            if written > _BOMB_BYTES and written > _BOMB_RATIO * raw.read_bytes:
                raise InputError(
                    "data.bomb",
                    f"{file.path} expands to more than {_BOMB_RATIO} times its size; "
                    "no data set does that.",
                    "If the file is meant to be so, unpack it and use the unpacked file.",
                )
            yield piece
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as exc:
        raise InputError(
            "data.broken_compression",
            f"{file.path} is damaged: its {compression} data cannot be read to the end ({exc}).",
            "Copy or download the file again.",
        ) from exc
