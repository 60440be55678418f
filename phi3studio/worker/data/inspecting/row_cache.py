"""What the inspector keeps between questions: the rows around the one being looked at."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.errors import InputError
from phi3studio.worker.data.preparing.row_pipeline import Row, columns_of
from phi3studio.worker.data.reading.folders.find_files import find_files
from phi3studio.worker.data.reading.source_rows import Batch, RowSource

_PAGE_ROWS = 50
_PAGES = 100
_BYTES = 64 * 1024 * 1024
_SOURCES = 4


class RowCache:
    """Rows by number. Reading on is cheap, going back further than some thousand rows means
    reading from the beginning. Thread-safe."""

    def __init__(self, source: Source) -> None:
        self.source = RowSource(source, lenient=True)
        self._lock = threading.Lock()
        self._pages: OrderedDict[int, list[Row]] = OrderedDict()
        self._reading: Iterator[Batch] | None = None
        self._read = 0
        self._held: list[Row] = []
        self._seen_bytes = self._seen_rows = 0
        self.count: int | None = None
        """The number of rows, once the end was reached."""
        self.columns: list[str] = []

    def get(self, first: int, limit: int, check: Callable[[], None]) -> list[Row]:
        """At most *limit* rows from *first* on; fewer at the end. *check* may raise to stop."""
        with self._lock:
            rows: list[Row] = []
            while len(rows) < limit:
                number, inside = divmod(first + len(rows), _PAGE_ROWS)
                page = self._page(number, check)
                if inside >= len(page):
                    break
                rows += page[inside : inside + limit - len(rows)]
                if len(page) < _PAGE_ROWS:
                    break
            return rows

    def _page(self, number: int, check: Callable[[], None]) -> list[Row]:
        if number in self._pages:
            self._pages.move_to_end(number)
            return self._pages[number]
        if self.count is not None and number * _PAGE_ROWS >= self.count:
            return []
        if self._reading is None or number < self._read:
            self._reading = self.source.batches(batch_rows=_PAGE_ROWS)
            self._read, self._held = 0, []
        page: list[Row] = []
        while self._read <= number:
            check()
            page = self._next_page()
            self._pages[self._read] = page
            self._read += 1
            self._forget_old()
            if len(page) < _PAGE_ROWS:
                self.count = (self._read - 1) * _PAGE_ROWS + len(page)
                self._reading = None
                break
        return page if self._read == number + 1 else []

    def _forget_old(self) -> None:
        """Keep few pages, and fewer of large rows."""
        each = self._seen_bytes // max(1, self._seen_rows) * _PAGE_ROWS
        while len(self._pages) > 1 and (
            len(self._pages) > _PAGES or len(self._pages) * each > _BYTES
        ):
            self._pages.popitem(last=False)

    def _next_page(self) -> list[Row]:
        """Exactly one page, but for the last: batches may be smaller where rows are large."""
        assert self._reading is not None
        while len(self._held) < _PAGE_ROWS:
            batch = next(self._reading, None)
            if batch is None:
                break
            self._held += batch.rows
            self._seen_bytes += batch.size
            self._seen_rows += len(batch.rows)
            if not self.columns:
                self.columns = columns_of(batch.rows)
        page, self._held = self._held[:_PAGE_ROWS], self._held[_PAGE_ROWS:]
        return page


class RowCaches:
    """The row caches of the sources that were asked for last; a changed file is read again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._caches: OrderedDict[str, RowCache] = OrderedDict()

    def of(self, source: Source) -> RowCache:
        """The cache of *source*; only the keys that concern reading count."""
        plain = Source.of(source)
        key = plain.model_dump_json() + _stamp(plain)
        with self._lock:
            cache = self._caches.get(key)
            if cache is None:
                cache = self._caches[key] = RowCache(plain)
                if len(self._caches) > _SOURCES:
                    self._caches.popitem(last=False)
            self._caches.move_to_end(key)
            return cache


def _stamp(source: Source) -> str:
    if source.format == "hub":
        return ""
    try:
        files = find_files(source).files
        return "|".join(f"{f.path}:{f.size}:{f.path.stat().st_mtime_ns}" for f in files)
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise InputError("data.unreadable", path=source.source, reason=reason) from exc
