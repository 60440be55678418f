"""A model from the hub into the hub's own cache, file by file, verified."""

from __future__ import annotations

import difflib
import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from phi3studio.app.download_log import DownloadLog
from phi3studio.app.files import write_atomically
from phi3studio.domain.base_models import is_hub_id
from phi3studio.domain.errors import Cancelled, InputError
from phi3studio.models.hub_cache import HubCache
from phi3studio.models.model_folder import check_model_folder, is_whole, remote_code_files
from phi3studio.models.model_store import ModelStore, catalogue
from phi3studio.worker.models.hub import Hub, RemoteFile, RemoteModel
from phi3studio.worker.models.resolve import resolve_model
from phi3studio.worker.models.transfer import Check, Patience, fetch, persist

Tell = Callable[[dict[str, Any]], None]

_TOGETHER = 3
_TELL_EVERY_S = 0.25
# Left free besides the model itself.
_SPARE_BYTES = 200_000_000


def get_model(
    source: str,
    store: ModelStore,
    *,
    revision: str | None = None,
    update: bool = False,
    with_code: bool = False,
    tell: Tell = lambda item: None,
    check: Check = lambda: None,
    patience: Patience | None = None,
) -> dict[str, Any]:
    """Make *source* (catalogue name or ``owner/name``) ready.

    Returns ``{"name", "folder", "fetched", "code_files"}``.

    A whole model that is here already is not asked about again, unless *update* says so.
    Raises :class:`InputError` or :class:`RunError` with the next step, and what *check* raises.
    """
    entry = store.entry(source)
    if entry is not None and entry.origin == "wheel":
        folder = resolve_model(source, lambda activity: tell({"activity": activity}), check=check)
        return _got(source, folder, 0)
    if entry is None and not is_hub_id(source):
        raise _unknown(source)
    hub_id = entry.hub_id if entry else source
    wanted = revision or (entry.revision if entry else None)
    here = store.folder(source, revision)
    if not update and not with_code and is_whole(here):
        return _got(source, here, 0)
    hub = Hub.of_user()
    tell({"activity": f"asking for {hub_id}"})
    download = Download(hub, store.cache, tell, check, patience or Patience())
    traffic = download.traffic
    log = DownloadLog(store.home.root)
    with log.recording(hub_id, "model", lambda: (traffic.hosts(hub.endpoint), traffic.bytes)):
        folder, fetched = download.run(hub_id, wanted, with_code)
    return _got(source, folder, fetched)


def _got(source: str, folder: Path, fetched: int) -> dict[str, Any]:
    """``code_files`` is what only ``trust_remote_code`` would run."""
    return {
        "name": source,
        "folder": str(folder),
        "fetched": fetched,
        "code_files": list(remote_code_files(folder)),
    }


class Traffic:
    """Where the bytes came from, and how many. Thread-safe."""

    def __init__(self) -> None:
        self.bytes = 0
        self._hosts: set[str] = set()
        self._lock = threading.Lock()

    def came(self, host: str, count: int) -> None:
        """Bytes have arrived from *host*."""
        with self._lock:
            self._hosts.add(host)
            self.bytes += count

    def hosts(self, endpoint: str) -> tuple[str, ...]:
        """The hub that was asked, then the hosts that it sent us on to."""
        first = urlsplit(endpoint).hostname or endpoint
        return (first, *sorted(self._hosts - {first}))


@dataclass(frozen=True)
class Download:
    """One download: from *hub* into *cache*, with progress, stopping when *check* raises."""

    hub: Hub
    cache: HubCache
    tell: Tell
    check: Check
    patience: Patience
    traffic: Traffic = field(default_factory=Traffic)

    def run(self, hub_id: str, revision: str | None, with_code: bool = False) -> tuple[Path, int]:
        """The whole snapshot's folder, and how many bytes were downloaded for it."""
        try:
            model = persist(
                lambda: self.hub.model(hub_id, revision, with_code), self.patience, self.check
            )
            fetched = self._fetch_all(model)
        except Exception as exc:
            raise self.hub.error(exc, hub_id, revision) from exc
        folder = self._snapshot(model)
        check_model_folder(folder)
        if revision != model.commit:
            self._write_ref(model, revision or "main")
        return folder, fetched

    # --- the files ---------------------------------------------------------------------------

    def _fetch_all(self, model: RemoteModel) -> int:
        missing = [file for file in model.files if not self._has(model, file)]
        self._check_disk(model, missing)
        meter = _Meter(self.tell, model, missing)
        stop = threading.Event()

        def check() -> None:
            if stop.is_set():
                raise Cancelled
            self.check()

        with ThreadPoolExecutor(_TOGETHER, thread_name_prefix="fetch") as pool:
            # The smallest alone: who may not have the model learns it after one request.
            for file in missing[:1]:
                self._fetch_one(model, file, meter, check)
            rest = missing[1:]
            tasks = [pool.submit(self._fetch_one, model, file, meter, check) for file in rest]
            try:
                for task in as_completed(tasks):
                    task.result()
            except BaseException:
                stop.set()
                for task in tasks:
                    task.cancel()
                raise
        return meter.fetched

    def _fetch_one(self, model: RemoteModel, file: RemoteFile, meter: _Meter, check: Check) -> None:
        from filelock import FileLock, Timeout

        repo = self.cache.repo(model.hub_id)
        blob = repo / "blobs" / file.digest
        lock_file = self.cache.root / ".locks" / repo.name / f"{file.digest}.lock"
        for folder in (blob.parent, lock_file.parent):
            folder.mkdir(parents=True, exist_ok=True)
        # The same lock as the hub's library takes: two programs never write one file.
        lock = FileLock(lock_file)
        while True:
            check()
            try:
                lock.acquire(timeout=0.2)
                break
            except Timeout:
                continue
        try:
            # Not again what another program downloaded while we waited: it may be reading it now.
            if not self._has(model, file):
                self._fetch_and_point(model, file, blob, meter, check)
        finally:
            lock.release()
        meter.finished(file)

    def _fetch_and_point(
        self, model: RemoteModel, file: RemoteFile, blob: Path, meter: _Meter, check: Check
    ) -> None:
        if not (blob.is_file() and blob.stat().st_size == file.bytes):
            partial = blob.with_name(f"{file.digest}.incomplete")
            fetch(
                self.hub.url(model.hub_id, model.commit, file.path),
                self.hub.headers(),
                file,
                partial,
                meter.of(file),
                check,
                self.patience,
                self.traffic.came,
            )
            partial.replace(blob)
        _point(self._snapshot(model) / file.path, blob)

    def _has(self, model: RemoteModel, file: RemoteFile) -> bool:
        there = self._snapshot(model) / file.path
        return there.is_file() and there.stat().st_size == file.bytes

    def _snapshot(self, model: RemoteModel) -> Path:
        return self.cache.repo(model.hub_id) / "snapshots" / model.commit

    def _write_ref(self, model: RemoteModel, revision: str) -> None:
        ref = self.cache.repo(model.hub_id) / "refs" / revision
        ref.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(ref, model.commit)

    def _check_disk(self, model: RemoteModel, missing: list[RemoteFile]) -> None:
        blobs = self.cache.repo(model.hub_id) / "blobs"
        needed = sum(
            file.bytes - _size(blobs / f"{file.digest}.incomplete")
            for file in missing
            if _size(blobs / file.digest) != file.bytes
        )
        if needed <= 0:
            return
        try:
            self.cache.root.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.cache.root).free
        except OSError as exc:
            raise InputError(
                "disk.not_writable", variant="hub", path=self.cache.root, reason=exc.strerror or exc
            ) from exc
        if free < needed + _SPARE_BYTES:
            raise InputError(
                "disk.too_little",
                variant="download",
                model=model.hub_id,
                needed=needed,
                free=free,
                folder=self.cache.root,
            )


class _Meter:
    """Adds up the bytes of all files and tells them now and then. Thread-safe."""

    def __init__(self, tell: Tell, model: RemoteModel, missing: list[RemoteFile]) -> None:
        self.fetched = 0
        self._tell = tell
        self._model = model
        self._total = model.bytes
        self._lock = threading.Lock()
        self._done: dict[str, int] = {}
        self._here = model.bytes - sum(file.bytes for file in missing)
        self._told = 0.0

    def of(self, file: RemoteFile) -> Callable[[int], None]:
        """Takes the number of bytes that are there of *file*."""
        last: int | None = None

        def on_bytes(there: int) -> None:
            nonlocal last
            with self._lock:
                if last is not None and there > last:
                    self.fetched += there - last
                last = there
                self._done[file.path] = there
                now = time.monotonic()
                if now - self._told < _TELL_EVERY_S:
                    return
                self._told = now
                self._say(file, there)

        return on_bytes

    def finished(self, file: RemoteFile) -> None:
        with self._lock:
            self._done[file.path] = file.bytes
            self._say(file, file.bytes)

    def _say(self, file: RemoteFile, there: int) -> None:
        self._tell(
            {
                "activity": f"downloading {self._model.hub_id}",
                "file": file.path,
                "file_done": there,
                "file_total": file.bytes,
                "done": self._here + sum(self._done.values()),
                "total": self._total,
            }
        )


def _point(pointer: Path, blob: Path) -> None:
    """Let the snapshot show the blob: by a link, or where links are not allowed by moving it."""
    pointer.parent.mkdir(parents=True, exist_ok=True)
    pointer.unlink(missing_ok=True)
    try:
        pointer.symlink_to(os.path.relpath(blob, pointer.parent))
    except OSError:
        if pointer.exists():
            return
        blob.replace(pointer)


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _unknown(source: str) -> InputError:
    names = [entry.name for entry in catalogue()]
    close = difflib.get_close_matches(source.lower(), names, 3, 0.4)
    return InputError("model.unknown", variant="near" if close else "", source=source, near=close)
