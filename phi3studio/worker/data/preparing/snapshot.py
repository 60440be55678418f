"""The examples of a run on disk: Parquet files named by their content, and a manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from phi3studio.app.files import keep_for_good
from phi3studio.worker.data.preparing.tokenise import Example

_GROUP_ROWS = 8192


class SnapshotWriter:
    """Writes examples to ``KIND-<first 16 digits of the SHA-256>.parquet``, a row group at a
    time. Left by an exception, it leaves no file behind.

    Columns: ``row`` (place in the source, from 0), ``prompt``, ``completion``, ``input_ids``,
    ``labels`` (as long as the ids), ``prompt_tokens``; of *pairs* also ``rejected``,
    ``rejected_ids`` and ``rejected_labels``, of the same prompt with the worse answer; of *rated*
    ones ``good``.
    """

    def __init__(
        self, folder: Path, kind: str, *, pairs: bool = False, rated: bool = False
    ) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        ids = pa.list_(pa.int32())
        columns = [
            ("row", pa.int64()),
            ("prompt", pa.string()),
            ("completion", pa.string()),
            ("input_ids", ids),
            ("labels", ids),
            ("prompt_tokens", pa.int32()),
        ]
        if pairs:
            columns += [("rejected", pa.string()), ("rejected_ids", ids), ("rejected_labels", ids)]
        if rated:
            columns.append(("good", pa.bool_()))
        self._rated = rated
        self._schema = pa.schema(columns)
        self._kind = kind
        self._partial = folder / f"{kind}.partial"
        self._writer = pq.ParquetWriter(self._partial, self._schema, compression="zstd")
        self._tables: list[Any] = []
        self._waiting = 0
        self.rows = 0
        self.good = 0
        """How many of them are answers that were rated good."""
        self.path: Path | None = None
        """The final file, once the writer was left without an exception."""

    def add(self, places: Sequence[int], examples: Sequence[Example]) -> None:
        """Append examples."""
        import pyarrow as pa

        if not examples:
            return
        columns = {
            "row": list(places),
            "prompt": [_encodable(example.prompt) for example in examples],
            "completion": [_encodable(example.completion) for example in examples],
            "input_ids": [example.input_ids for example in examples],
            "labels": [example.labels for example in examples],
            "prompt_tokens": [example.prompt_tokens for example in examples],
        }
        worse = [example.rejected for example in examples if example.rejected is not None]
        if worse:
            columns |= {
                "rejected": [_encodable(example.completion) for example in worse],
                "rejected_ids": [example.input_ids for example in worse],
                "rejected_labels": [example.labels for example in worse],
            }
        if self._rated:
            columns["good"] = [example.good for example in examples]
            self.good += sum(example.good is True for example in examples)
        self._tables.append(pa.table(columns, schema=self._schema))
        self._waiting += len(examples)
        self.rows += len(examples)
        if self._waiting >= _GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._tables:
            self._writer.write_table(pa.concat_tables(self._tables).combine_chunks())
        self._tables, self._waiting = [], 0

    def __enter__(self) -> SnapshotWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._writer.close()
            self._partial.unlink(missing_ok=True)
            return
        self._flush()
        self._writer.close()
        final = self._partial.with_name(f"{self._kind}-{file_sha256(self._partial)[:16]}.parquet")
        keep_for_good(self._partial)
        self._partial.replace(final)
        self.path = final


def _encodable(text: str) -> str:
    """Parquet holds UTF-8; half a surrogate pair, which JSON allows, becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
