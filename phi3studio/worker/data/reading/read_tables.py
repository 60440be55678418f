"""Rows of Parquet and Arrow files and of data sets of the Hugging Face hub."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from phi3studio.app.download_log import DownloadLog, Outcome
from phi3studio.app.paths import user_home
from phi3studio.domain.datasets.source import Source
from phi3studio.domain.errors import InputError, first_line
from phi3studio.worker.data.reading.class_labels import Classes, class_names, put_names
from phi3studio.worker.data.reading.encoding import LINE_BYTES
from phi3studio.worker.data.reading.source_files import CHUNK, DataFile
from phi3studio.worker.import_lock import datasets_library

Row = dict[str, Any]
SizedRows = tuple[list[Row], int]
"""Rows, and about how many bytes their texts have."""
_BOMB_BYTES = 256 * CHUNK
_BOMB_RATIO = 1000
_REACH_S = 4.0


def table_batches(
    file: DataFile, kind: str, batch_rows: int, batch_bytes: int
) -> Iterator[SizedRows]:
    """Rows in batches of at most *batch_rows* and about *batch_bytes*."""
    import pyarrow as pa

    batches = _parquet(file, batch_rows) if kind == "parquet" else _arrow(file)
    try:
        for batch in batches:
            yield from _slices(file, batch, batch_rows, batch_bytes)
    except (pa.ArrowException, OSError, ValueError, NotImplementedError, UnicodeError) as exc:
        code = "data.broken_parquet" if kind == "parquet" else "data.broken_arrow"
        raise InputError(code, path=file.path, reason=first_line(exc)) from exc


def table_rows(file: DataFile, kind: str) -> int:
    """The number of rows, from the file's own description; 0 where it has none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if kind == "parquet":
            return int(pq.read_metadata(file.path).num_rows)
        with pa.memory_map(str(file.path)) as memory:
            reader = pa.ipc.open_file(memory)
            return sum(reader.get_batch(at).num_rows for at in range(reader.num_record_batches))
    except (pa.ArrowException, OSError, ValueError, NotImplementedError):
        return 0  # a stream, or a damaged file: reading it will tell


def table_classes(file: DataFile, kind: str) -> Classes:
    """The names of class labels, where the Hugging Face libraries wrote them into the file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if kind == "parquet":
            return _classes(pq.read_schema(file.path))
        with pa.memory_map(str(file.path)) as memory:
            return _classes(_arrow_reader(memory).schema)
    except (pa.ArrowException, OSError, ValueError, NotImplementedError):
        return {}  # damaged: reading it will tell


def _classes(schema: Any) -> Classes:
    written = (schema.metadata or {}).get(b"huggingface", b"{}")
    try:
        return class_names(json.loads(written)["info"]["features"])
    except (ValueError, KeyError, TypeError):
        return {}


def _parquet(file: DataFile, batch_rows: int) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Dictionaries stay unexpanded, so that a value repeated a million times costs nothing yet.
    schema = pq.read_schema(file.path)
    textual = [
        field.name
        for field in schema
        if pa.types.is_string(field.type)
        or pa.types.is_large_string(field.type)
        or pa.types.is_binary(field.type)
    ]
    with pq.ParquetFile(file.path, read_dictionary=textual) as table:
        meta = table.metadata
        for group in range(meta.num_row_groups):
            for column in range(meta.num_columns):
                chunk = meta.row_group(group).column(column)
                size = chunk.total_uncompressed_size
                if size > _BOMB_BYTES and size > _BOMB_RATIO * chunk.total_compressed_size:
                    raise _bomb(file)
        # An empty file still has its schema; it then simply gives no rows.
        yield from table.iter_batches(batch_size=batch_rows)


def _bomb(file: DataFile) -> InputError:
    return InputError("data.bomb", path=file.path, ratio=_BOMB_RATIO)


def _arrow(file: DataFile) -> Iterator[Any]:
    import pyarrow as pa

    with pa.memory_map(str(file.path)) as memory:
        reader = _arrow_reader(memory)
        if isinstance(reader, pa.RecordBatchStreamReader):
            yield from reader
            return
        for index in range(reader.num_record_batches):
            yield reader.get_batch(index)


def _arrow_reader(memory: Any) -> Any:
    import pyarrow as pa

    try:
        return pa.ipc.open_file(memory)
    except pa.ArrowInvalid:
        memory.seek(0)
        return pa.ipc.open_stream(memory)  # what `datasets` writes


def _slices(file: DataFile, batch: Any, batch_rows: int, batch_bytes: int) -> Iterator[SizedRows]:
    """Python rows of a record batch, never many large values at once."""
    import numpy as np

    batch.validate(full=True)
    classes = _classes(batch.schema)
    called = [field.name for field in batch.schema if _holds_calls(field)]
    sizes = np.full(batch.num_rows, 64 + 16 * batch.num_columns, np.int64)
    for column in batch.columns:
        sizes += _value_bytes(column)
    if batch.num_rows and sizes.max() > LINE_BYTES:
        limit = LINE_BYTES // CHUNK
        raise InputError("data.row_too_long", variant="table", path=file.path, limit=limit)
    start = 0
    ends = np.cumsum(sizes)
    while start < batch.num_rows:
        before = ends[start - 1] if start else 0
        stop = int(np.searchsorted(ends, before + batch_bytes, side="right"))
        stop = min(max(stop, start + 1), start + batch_rows)
        rows: list[Row] = batch.slice(start, stop - start).to_pylist()
        for row in rows:
            put_names(row, classes)
            for name in called:
                row[name] = _without_fillers(row[name], name)
            for name, value in row.items():
                if type(value) in (bytes, memoryview, bytearray):
                    row[name] = bytes(value).decode("utf-8", "replace")
        yield rows, int(ends[stop - 1] - before)
        start = stop


# Tools, their parameters, the arguments of calls: objects of any keys.
_OPEN = frozenset({"tools", "functions", "tool_calls", "function_call", "arguments", "parameters"})


def _holds_calls(field: Any) -> bool:
    """Whether a column of a table has tools or calls somewhere inside."""
    inner = [field.type.field(at) for at in range(field.type.num_fields)]
    return bool(inner) and (field.name in _OPEN or any(map(_holds_calls, inner)))


def _without_fillers(value: Any, name: str = "", *, inside: bool = False) -> Any:
    """A value of a table without the nulls that stand in for keys of other rows' objects: a table
    gives all of them the same keys, but a call has no argument that it does not name."""
    inside = inside or name in _OPEN
    if isinstance(value, list):
        return [_without_fillers(item, inside=inside) for item in value]
    if isinstance(value, dict):
        return {
            key: _without_fillers(item, key, inside=inside)
            for key, item in value.items()
            if item is not None or not inside
        }
    return value


def _value_bytes(column: Any) -> Any:
    """The bytes of each value of a text column; an even share for other types."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind) and (
        pa.types.is_string(kind.value_type)
        or pa.types.is_large_string(kind.value_type)
        or pa.types.is_binary(kind.value_type)
    ):
        lengths = pc.binary_length(column.dictionary).take(column.indices)
    elif (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    ):
        lengths = pc.binary_length(column)
    else:
        return np.full(len(column), column.nbytes // max(1, len(column)), np.int64)
    return pc.fill_null(lengths, 0).cast(pa.int64()).to_numpy(zero_copy_only=False)


# --- hub -----------------------------------------------------------------------------------


def _hub_host() -> str:
    """The host that data sets of the hub come from."""
    from huggingface_hub import constants

    return urlsplit(constants.ENDPOINT).hostname or "huggingface.co"


def hub_rows(source: Source) -> Iterator[tuple[Row, int]]:
    """The rows of a hub data set, streamed; nothing is kept on disk."""
    _reach_hub(source)
    datasets = datasets_library()
    datasets.disable_progress_bars()
    size = 0
    outcome: Outcome = "stopped"
    try:
        stream = datasets.load_dataset(
            source.source, source.hub_config, split=source.hub_split, streaming=True
        )
        classes = class_names(stream.features.to_dict()) if stream.features else {}
        for row in stream:
            put_names(row, classes)
            row = {name: _without_fillers(value, name) for name, value in row.items()}
            rough = _rough_size(row)
            size += rough
            yield row, rough
        outcome = "done"
    except InputError:
        outcome = "failed"
        raise
    except Exception as exc:
        outcome = "failed"
        raise _hub_error(source, exc) from exc
    finally:
        DownloadLog(user_home().root).record(source.source, "data", (_hub_host(),), size, outcome)


def _reach_hub(source: Source) -> None:
    """Raise an :class:`InputError` within seconds where the hub does not answer at all: the library
    asks six times, for half a minute, before it gives up.
    """
    import httpx2
    from huggingface_hub import constants, get_session

    if constants.is_offline_mode():
        return  # It then takes what is in its cache, or says at once that there is nothing.
    failed: list[Exception] = []

    def ask() -> None:
        try:
            get_session().head(
                f"{constants.ENDPOINT}/api/datasets/{source.source}", timeout=_REACH_S
            )
        except httpx2.HTTPError as exc:
            failed.append(exc)

    # No timeout of the client covers the look-up of the host's name.
    asking = threading.Thread(target=ask, name="reach hub", daemon=True)
    asking.start()
    asking.join(_REACH_S)
    if failed or asking.is_alive():
        raise _no_hub(source) from (failed[0] if failed else None)


def _no_hub(source: Source) -> InputError:
    return InputError("data.hub_unreachable", name=source.source, host=_hub_host())


def _rough_size(row: Row) -> int:
    size = 0
    for value in row.values():
        size += len(value) if isinstance(value, str) else 100
        if isinstance(value, list):
            size += len(json.dumps(value, default=str))
    return size


def _hub_error(source: Source, exc: Exception) -> InputError:
    """What `datasets` raises for a wrong name, configuration or split, or when the network goes."""
    from datasets.exceptions import DatasetNotFoundError

    name = source.source
    if isinstance(exc, DatasetNotFoundError):
        return InputError("data.hub_not_found", name=name)
    if isinstance(exc, ValueError):
        return InputError("data.hub_choice", name=name, reason=first_line(exc))
    if isinstance(exc, ConnectionError):
        return _no_hub(source)
    return InputError("data.hub_failed", name=name, reason=first_line(exc, typed=True))
