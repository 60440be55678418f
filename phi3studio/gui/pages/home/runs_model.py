"""The list of runs as a Qt model: names at once, the rest when it has been read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    QTimer,
    Signal,
)

from phi3studio.gui.pages.home.run_entries import Group, Order, RunEntry, read_entry
from phi3studio.gui.tasks import Tasks
from phi3studio.gui.texts.run_words import (
    left_words,
    measured_words,
    model_title,
    outcome_words,
    state_words,
)
from phi3studio.gui.texts.words import percent
from phi3studio.runs.launch import reap
from phi3studio.runs.store import RunFolder, RunStore

_Index = QModelIndex | QPersistentModelIndex
EntryRole = int(Qt.ItemDataRole.UserRole) + 1
RunRole = int(Qt.ItemDataRole.UserRole) + 2

# Small enough to let the first cards appear at once, large enough to be quick over all.
_CHUNK = 12
_REFRESH_MS, _SELDOM_MS = 1000, 3000


class RunsModel(QAbstractListModel):
    """All runs, newest first. Reads them in a thread, in chunks; watches the live ones."""

    counted = Signal(int)
    looked = Signal()
    """All runs have been looked at once more."""

    def __init__(self, store: RunStore, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._tasks = tasks
        self._runs: list[RunFolder] = []
        self._rows: dict[str, int] = {}
        self._entries: dict[str, RunEntry] = {}
        self._reading = asyncio.Lock()
        self._listed = False
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.refresh)

    @property
    def listed(self) -> bool:
        """Whether the folder has been read once."""
        return self._listed

    def watch(self, closely: bool) -> None:
        """Look for changes once a second, or every few seconds while nobody sees the list."""
        self._timer.start(_REFRESH_MS if closely else _SELDOM_MS)
        if closely:
            self.refresh()

    def stop(self) -> None:
        """Look no more."""
        self._timer.stop()

    def list_now(self) -> None:
        """List the folder at once, without reading the runs: a few milliseconds."""
        self._take(self._store.all())

    def refresh(self) -> None:
        """Look for new runs and read what is unread or live; does nothing while one looks."""
        if not self._reading.locked():
            self._tasks.run(self._load())

    def look_again(self, done: Callable[[], None]) -> None:
        """Read what may have changed, also what changes meanwhile elsewhere; then call *done*."""
        self._tasks.run(self._load(), lambda _: done(), lambda _: done())

    def entry(self, run: RunFolder) -> RunEntry | None:
        """What is known of a run."""
        return self._entries.get(run.name)

    def entries(self) -> list[RunEntry]:
        """All runs that have been read, newest first."""
        return [self._entries[r.name] for r in self._runs if r.name in self._entries]

    def live_count(self) -> int:
        """How many runs are at work or wait for their turn, as far as is known."""
        return sum(entry.live for entry in self._entries.values())

    def read_again(self, runs: list[RunFolder]) -> None:
        """What is known of them has changed: read them, also where they are at rest."""
        pairs = [(run, self._entries.get(run.name)) for run in runs]
        self._tasks.run(asyncio.to_thread(_read_all, pairs), self._accept)

    def forget(self, run: RunFolder) -> None:
        """A run was deleted."""
        self._entries.pop(run.name, None)
        self._take([other for other in self._runs if other.name != run.name])

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._runs)

    def data(self, index: _Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        if not index.isValid() or index.row() >= len(self._runs):
            return None
        run = self._runs[index.row()]
        entry = self._entries.get(run.name)
        if role == RunRole:
            return run
        if role == EntryRole:
            return entry
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.title if entry else run.name
        if role == Qt.ItemDataRole.AccessibleTextRole and entry is not None:
            model = model_title(entry.recipe.model.source) if entry.recipe else ""
            came = entry.outcome
            look = outcome_words(came.kind) if came is not None else state_words(entry.state)
            said = [entry.title, look.text, model, entry.data]
            if came is not None and came.now is not None:
                said.append(" ".join(measured_words(came)))
            if entry.state == "running":
                said += [percent(entry.overall.share), left_words(entry.overall)]
            if entry.notes.pinned:
                said.append(self.tr("pinned"))
            return ", ".join(part for part in (*said, *entry.notes.tags) if part)
        return None

    async def _load(self) -> None:
        async with self._reading:
            reap()
            self._take(await asyncio.to_thread(self._store.all))
            pending = [
                run
                for run in self._runs
                if (known := self._entries.get(run.name)) is None or not _at_rest(known)
            ]
            for start in range(0, len(pending), _CHUNK):
                chunk = pending[start : start + _CHUNK]
                pairs = [(run, self._entries.get(run.name)) for run in chunk]
                self._accept(await asyncio.to_thread(_read_all, pairs))
            self.looked.emit()

    def _take(self, runs: list[RunFolder]) -> None:
        self._listed = True
        if [r.name for r in runs] != [r.name for r in self._runs]:
            self.beginResetModel()
            self._runs = runs
            self._rows = {run.name: row for row, run in enumerate(runs)}
            self.endResetModel()
        self.counted.emit(len(self._runs))

    def _accept(self, entries: list[RunEntry]) -> None:
        for entry in entries:
            row = self._rows.get(entry.run.name)
            if row is None or self._entries.get(entry.run.name) == entry:
                continue
            self._entries[entry.run.name] = entry
            index = self.index(row)
            self.dataChanged.emit(index, index)


def _read_all(runs: list[tuple[RunFolder, RunEntry | None]]) -> list[RunEntry]:
    return [read_entry(run, known) for run, known in runs]


def _at_rest(entry: RunEntry) -> bool:
    """A completed run changes no more; any other may be resumed, also from elsewhere."""
    return entry.state == "completed"


class RunsFilter(QSortFilterProxyModel):
    """The runs that fit the search and belong to the group, in an order."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._words = ""
        self._group: Group = "all"
        self._order: Order = "newest"
        self.setDynamicSortFilter(True)
        self.sort(0)

    def search(self, words: str) -> None:
        """Show only runs that contain every word."""
        self.beginFilterChange()
        self._words = words.strip()
        self.endFilterChange()

    def choose_group(self, group: Group) -> None:
        """Show only runs of this group."""
        self.beginFilterChange()
        self._group = group
        self.endFilterChange()

    def choose_order(self, order: Order) -> None:
        """Sort them by this."""
        self._order = order
        self.invalidate()

    def lessThan(self, left: _Index, right: _Index) -> bool:
        one: RunEntry | None = left.data(EntryRole)
        other: RunEntry | None = right.data(EntryRole)
        if one is None or other is None:
            # As the folder lists them, until they have been read.
            return (one is None, left.row()) < (other is None, right.row())
        return one.rank(self._order) < other.rank(self._order)

    def filterAcceptsRow(self, source_row: int, source_parent: _Index) -> bool:
        index = self.sourceModel().index(source_row, 0, source_parent)
        entry: RunEntry | None = index.data(EntryRole)
        if entry is not None:
            return entry.matches(self._words) and entry.is_in(self._group)
        name = index.data(RunRole).name.casefold()
        return self._group == "all" and all(word in name for word in self._words.casefold().split())
