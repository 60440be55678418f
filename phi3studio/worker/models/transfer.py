"""The bytes of one file: they go on where they broke off, and count only after they were hashed.

``huggingface_hub`` throws away what arrived when a download breaks (since 1.0 its unfinished
files have names of their own), so the transfer is done here, over its connection.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from phi3studio.domain.errors import RunError
from phi3studio.models.hub_cache import git_blob_hash
from phi3studio.worker.models.body import blocks
from phi3studio.worker.models.hub import RemoteFile, asked_wait, is_passing, is_unreachable

Check = Callable[[], None]
T = TypeVar("T")

_BLOCK = 1024 * 1024
_LOOK_S = 0.1
# Nobody at the other end is rarely a matter of half a minute.
_UNREACHABLE_TRIES = 3


@dataclass(frozen=True)
class Patience:
    """How often and how long a failed request is repeated. Any progress starts it again."""

    tries: int = 6
    first_s: float = 1.0
    longest_s: float = 30.0
    timeout_s: float = 20.0

    def pause(self, failed: int, asked: float | None) -> float:
        """Seconds to wait after so many failures in a row."""
        own = min(self.longest_s, self.first_s * 2.0 ** (failed - 1))
        return own if asked is None else min(max(own, asked), 4 * self.longest_s)


def persist(work: Callable[[], T], patience: Patience, check: Check) -> T:
    """The value of *work*, which is repeated while its errors are passing ones."""
    failed = 0
    while True:
        check()
        try:
            return work()
        except Exception as exc:
            failed += 1
            tries = (
                min(_UNREACHABLE_TRIES, patience.tries) if is_unreachable(exc) else patience.tries
            )
            if not is_passing(exc) or failed >= tries:
                raise
            rest(patience.pause(failed, asked_wait(exc)), check)


def rest(seconds: float, check: Check) -> None:
    """Sleep, looking now and then whether the work is still wanted."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        check()
        time.sleep(min(left, _LOOK_S))


def fetch(
    url: str,
    headers: dict[str, str],
    file: RemoteFile,
    partial: Path,
    on_bytes: Callable[[int], None],
    check: Check,
    patience: Patience,
    came: Callable[[str, int], None] = lambda host, count: None,
) -> None:
    """Bring *partial* to the whole, verified content of *file*.

    What *partial* holds already is not downloaded again. *on_bytes* hears how many bytes are there,
    *came* from which host how many arrived.
    Raises what *check* raises, the library's error when it does not pass, and
    :class:`RunError` when the content is wrong twice.
    """
    for _ in range(2):
        transfer = _Transfer(url, headers, file, partial, on_bytes, came)
        _complete(transfer, check, patience)
        if transfer.is_right():
            return
        partial.unlink()
    raise RunError("model.damaged", file=file.path)


def _complete(transfer: _Transfer, check: Check, patience: Patience) -> None:
    failed = 0
    while not transfer.is_whole():
        check()
        before = transfer.received
        try:
            transfer.receive(check, patience.timeout_s)
            if transfer.is_whole() or transfer.received > before:
                failed = 0
                continue
            failed += 1
            error: Exception = RunError(
                "model.no_connection", variant="again", file=transfer.file.path
            )
        except Exception as exc:
            if not is_passing(exc):
                raise
            failed = 1 if transfer.received > before else failed + 1
            error = exc
        if failed >= patience.tries:
            raise error
        rest(patience.pause(failed, asked_wait(error)), check)


class _Transfer:
    """The state of one file: what is on disk, and its hash so far."""

    def __init__(
        self,
        url: str,
        headers: dict[str, str],
        file: RemoteFile,
        partial: Path,
        on_bytes: Callable[[int], None],
        came: Callable[[str, int], None],
    ) -> None:
        self.file = file
        self.received = 0
        """Bytes that came over the connection, repeated ones included."""
        self._url = url
        self._headers = headers
        self._partial = partial
        self._on_bytes = on_bytes
        self._came = came
        self._size = partial.stat().st_size if partial.is_file() else 0
        if self._size > file.bytes:
            partial.unlink()
            self._size = 0
        self._hash = self._new_hash()
        if self._size:
            with partial.open("rb") as stream:
                while block := stream.read(_BLOCK):
                    self._hash.update(block)
        partial.touch()
        on_bytes(self._size)

    def is_whole(self) -> bool:
        return self._size == self.file.bytes

    def is_right(self) -> bool:
        digest: str = self._hash.hexdigest()
        return digest == self.file.digest

    def receive(self, check: Check, timeout_s: float) -> None:
        """One request for what is missing, until it ends or breaks."""
        from huggingface_hub import get_session, hf_raise_for_status

        headers = {**self._headers, "Accept-Encoding": "identity"}
        if self._size:
            headers["Range"] = f"bytes={self._size}-"
        with get_session().stream(
            "GET", self._url, headers=headers, timeout=timeout_s, follow_redirects=True
        ) as response:
            if response.status_code == 416:
                self._begin_anew()
                return
            hf_raise_for_status(response)
            if self._size and not self._continues(response):
                self._begin_anew()
            with self._partial.open("r+b", buffering=0) as target:
                target.seek(self._size)
                for block in blocks(response, timeout_s):
                    check()
                    self.received += len(block)
                    self._came(response.url.host, len(block))
                    # More than was promised is not this file; the rest of it is not wanted.
                    data = block[: self.file.bytes - self._size]
                    target.write(data)
                    self._hash.update(data)
                    self._size += len(data)
                    self._on_bytes(self._size)

    def _continues(self, response: Any) -> bool:
        begin = response.headers.get("Content-Range", "").removeprefix("bytes ").split("-")[0]
        return bool(response.status_code == 206 and begin == str(self._size))

    def _begin_anew(self) -> None:
        with self._partial.open("wb"):
            pass
        self._size = 0
        self._hash = self._new_hash()
        self._on_bytes(0)

    def _new_hash(self) -> Any:
        if len(self.file.digest) == 64:
            return hashlib.sha256()
        return git_blob_hash(self.file.bytes)
