"""The files of a source, opened as streams of bytes: bounded, decompressed, hashed.

A file is read up to the size it had when it was opened, so one that grows while it is read gives
the rows of that moment. Compressed files are decompressed as they are read; what expands beyond
all measure is refused.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from phi3studio.domain.errors import InputError, first_line

CHUNK = 1024 * 1024
_BOMB_RATIO = 200
_BOMB_BYTES = 128 * CHUNK
_ZSTD_WINDOW = 128 * CHUNK
_XZ_MEMORY = 256 * CHUNK

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
    ".yaml": "yaml",
    ".yml": "yaml",
    ".xlsx": "spreadsheet",
    ".xlsm": "spreadsheet",
    ".xls": "spreadsheet",
    ".ods": "spreadsheet",
    ".txt": "text",
    ".md": "text",
    ".text": "text",
}
COMPRESSED = {".gz", ".gzip", ".zst", ".zstd", ".bz2", ".xz", ".zip"}


@dataclass(frozen=True)
class DataFile:
    """One file, and its size in bytes when it was first looked at.

    ``part`` is validation for rows that are held out. ``inside`` leads to the rows in a document
    (keys) or workbook (a sheet), where several parts lie in one file. ``label`` is that of the
    whole file, which then is one row: the name of its folder."""

    path: Path
    size: int
    part: str = ""
    inside: tuple[str, ...] = ()
    label: str = ""

    @property
    def suffixes(self) -> list[str]:
        """The endings of its name in lower case, without a compression's."""
        found = [suffix.lower() for suffix in self.path.suffixes]
        return found[:-1] if found and found[-1] in COMPRESSED else found

    @property
    def suffix_format(self) -> str | None:
        """The format that the name promises."""
        return next(
            (SUFFIXES[end] for end in reversed(self.suffixes[-2:]) if end in SUFFIXES), None
        )


def file_at(path: Path) -> DataFile:
    """The file as it is now; raises :class:`InputError` if it cannot be read."""
    return DataFile(path, _size(path))


def _size(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_size
    except OSError as exc:
        raise unreadable(path, exc) from exc


def unreadable(path: Path, exc: OSError) -> InputError:
    """The error for a file that the system does not let us read."""
    return InputError("data.unreadable", path=path, reason=exc.strerror or str(exc))


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
            raise InputError("data.changed", variant="shorter", path=self._path)
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


def head_of(file: DataFile, count: int = 4096) -> bytes:
    """The first *count* bytes of the file as it lies on disk."""
    with Bounded(file) as raw:
        return raw.read(count) or b""


def end_of(file: DataFile, count: int = CHUNK) -> bytes:
    """The last *count* bytes of the file as it lay on disk when it was first looked at."""
    try:
        with file.path.open("rb") as stream:
            stream.seek(max(0, file.size - count))
            return stream.read(min(count, file.size))
    except OSError as exc:
        raise unreadable(file.path, exc) from exc


def chunks(file: DataFile, raw: Bounded, compression: str | None) -> Iterator[bytes]:
    """The file's content in pieces of at most :data:`CHUNK` bytes, decompressed."""
    if compression is None:
        while piece := raw.read(CHUNK):
            yield piece
        return
    import zstandard

    written = 0
    try:
        for piece in _unpacked(file, raw, compression):
            written += len(piece)
            packed = raw.read_bytes or file.size
            if written > _BOMB_BYTES and written > _BOMB_RATIO * packed:
                raise InputError("data.bomb", path=file.path, ratio=_BOMB_RATIO)
            yield piece
    except InputError:
        raise
    except (
        *(OSError, EOFError, ValueError, RuntimeError, NotImplementedError),
        *(zlib.error, lzma.LZMAError, zstandard.ZstdError, zipfile.BadZipFile),
    ) as exc:
        raise InputError(
            "data.broken_compression",
            path=file.path,
            compression=compression,
            reason=first_line(exc),
        ) from exc


def _unpacked(file: DataFile, raw: Bounded, compression: str) -> Iterator[bytes]:
    if compression in ("bzip2", "xz"):
        yield from _by_streams(raw, compression)
        return
    import zstandard

    stream: Any
    if compression == "zip":
        with zipfile.ZipFile(file.path) as archive, archive.open(only_member(archive)) as stream:
            while piece := stream.read(CHUNK):
                yield piece
        return
    if compression == "gzip":
        stream = gzip.GzipFile(fileobj=io.BufferedReader(raw), mode="rb")
    else:
        decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        stream = decompressor.stream_reader(io.BufferedReader(raw), read_across_frames=True)
    while piece := stream.read(CHUNK):
        yield piece


def _by_streams(raw: Bounded, compression: str) -> Iterator[bytes]:
    """bzip2 and xz: streams may follow one another."""

    def fresh() -> Any:
        if compression == "bzip2":
            return bz2.BZ2Decompressor()
        return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)

    stream, packed, started = fresh(), b"", False
    while True:
        if stream.eof:
            packed = (stream.unused_data or raw.read(CHUNK) or b"").lstrip(b"\0")
            if not packed:
                return
            stream, started = fresh(), True
        elif stream.needs_input:
            packed = raw.read(CHUNK) or b""
            if not packed:
                raise EOFError("the data ends too early" if started or raw.read_bytes else "")
        if piece := stream.decompress(packed, CHUNK):
            yield piece
        packed = b""


def only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The data file in a ZIP archive; raises :class:`InputError` unless there is exactly one."""
    members = [
        info
        for info in archive.infolist()
        if not (info.is_dir() or stat.S_ISLNK(info.external_attr >> 16))
        and not info.filename.startswith("__MACOSX/")
        and not Path(info.filename).name.startswith(".")
    ]
    data = [info for info in members if DataFile(Path(info.filename), 0).suffix_format]
    tables = [i for i in data if DataFile(Path(i.filename), 0).suffix_format != "text"]
    chosen = tables or data or members
    if not chosen:
        raise InputError("data.archive", variant="empty", path=archive.filename)
    if len(chosen) > 1:
        names = [info.filename for info in chosen[:8]]
        raise InputError("data.archive", variant="several", path=archive.filename, names=names)
    if chosen[0].flag_bits & 1:
        raise InputError("data.archive", variant="locked", path=archive.filename)
    return chosen[0]
