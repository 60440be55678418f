"""The cache that every Hugging Face program on this computer shares, read without its library.

::

    <cache>/models--<owner>--<name>/
      blobs/<sha256 or git hash>
      snapshots/<commit>/<file>  -> ../../blobs/<hash>
      refs/<branch>              holds a commit
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from phi3studio.app.files import expanded

_PREFIX = "models--"
_CHUNK = 1024 * 1024


def cache_folder() -> Path:
    """Where the hub's cache is, by the same variables as ``huggingface_hub`` reads."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if named:
        return expanded(os.path.expandvars(named))
    return hub_home() / "hub"


def hub_home() -> Path:
    """The folder of ``HF_HOME``, or its default."""
    named = os.environ.get("HF_HOME")
    if named:
        return expanded(os.path.expandvars(named))
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return expanded(base) / "huggingface"


@dataclass(frozen=True)
class Snapshot:
    """One commit of one model in the cache."""

    hub_id: str
    commit: str
    folder: Path


@dataclass(frozen=True)
class HubCache:
    """The cache below *root*; nothing has to exist yet."""

    root: Path

    def repo(self, hub_id: str) -> Path:
        """The folder of a model."""
        return self.root / (_PREFIX + hub_id.replace("/", "--"))

    def snapshot(self, hub_id: str, revision: str | None = None) -> Snapshot | None:
        """The model's files at *revision* (branch or commit); without one the newest that is here.

        Says nothing of whether all files are there.
        """
        repo = self.repo(hub_id)
        for commit in self._commits(repo, revision):
            folder = repo / "snapshots" / commit
            if folder.is_dir():
                return Snapshot(hub_id, commit, folder)
        return None

    def snapshots(self) -> Iterator[Snapshot]:
        """The newest snapshot of every model in the cache."""
        if not self.root.is_dir():
            return
        for repo in sorted(self.root.glob(_PREFIX + "*")):
            hub_id = repo.name.removeprefix(_PREFIX).replace("--", "/", 1)
            found = self.snapshot(hub_id)
            if found is not None and self.repo(hub_id) == repo:
                yield found

    def remove(self, snapshot: Snapshot) -> int:
        """Delete a snapshot and the blobs that no other needs; the bytes that became free.

        The whole folder goes with the last snapshot, unfinished downloads included.
        """
        repo = self.repo(snapshot.hub_id)
        before = stored_bytes(repo)
        others = [item for item in (repo / "snapshots").iterdir() if item != snapshot.folder]
        if not others:
            delete_folder(repo)
            shutil.rmtree(self.root / ".locks" / repo.name, ignore_errors=True)
            return before
        delete_folder(snapshot.folder)
        used = {link.resolve() for other in others for link in other.rglob("*") if link.is_file()}
        for blob in (repo / "blobs").iterdir():
            if blob.resolve() not in used and not blob.name.endswith(".incomplete"):
                blob.unlink()
        for ref in (repo / "refs").rglob("*"):
            if ref.is_file() and ref.read_text("utf-8").strip() == snapshot.commit:
                ref.unlink()
        return before - stored_bytes(repo)

    def _commits(self, repo: Path, revision: str | None) -> Iterator[str]:
        if revision is not None:
            if ".." in revision:
                return
            ref = repo / "refs" / revision
            yield ref.read_text("utf-8").strip() if ref.is_file() else revision
            return
        main = repo / "refs" / "main"
        if main.is_file():
            yield main.read_text("utf-8").strip()
        folder = repo / "snapshots"
        if folder.is_dir():
            by_age = sorted(folder.iterdir(), key=lambda item: item.stat().st_mtime, reverse=True)
            yield from (item.name for item in by_age)


def content_hash(file: Path, name: str) -> str | None:
    """The hash of *file*'s content of the kind that *name* is, or ``None`` if it is none.

    Large files are named by their SHA-256, small ones by git's blob hash.
    """
    if len(name) == 64:
        digest = hashlib.sha256()
    elif len(name) == 40:
        digest = git_blob_hash(file.stat().st_size)
    else:
        return None
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def git_blob_hash(size: int) -> hashlib._Hash:
    """Git's hash of a blob of *size* bytes, before its first byte."""
    return hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)


def stored_bytes(repo: Path) -> int:
    """What the files below *repo* take, links not counted."""
    return sum(
        item.stat().st_size for item in repo.rglob("*") if item.is_file() and not item.is_symlink()
    )


def delete_folder(folder: Path) -> None:
    """Delete a folder of the cache."""
    # Renamed first, so that half a model is never taken for a whole one.
    doomed = folder.with_name(f".deleted-{folder.name}")
    folder.rename(doomed)
    shutil.rmtree(doomed)


def hub_host() -> str:
    """The host that models of the hub come from: a mirror, where HF_ENDPOINT names one."""
    address = os.environ.get("HF_ENDPOINT", "")
    return urlsplit(address).hostname or "huggingface.co"
