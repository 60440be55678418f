"""Downloads that were paused or broke off: what they have left in the hub's cache."""

from __future__ import annotations

import shutil
from pathlib import Path

from filelock import FileLock, Timeout

from phi3studio.models.hub_cache import HubCache, delete_folder, stored_bytes
from phi3studio.models.model_folder import is_whole

# A download that was just stopped lets go of its lock within this time.
_LOCK_S = 5.0
_HASH_LENGTHS = (40, 64)


def unfinished_bytes(cache: HubCache, hub_id: str) -> int:
    """What is kept of the model *hub_id* besides its whole commits, in bytes."""
    repo = cache.repo(hub_id)
    if _was_whole(repo):
        return sum(item.stat().st_size for item in _partials(repo))
    return stored_bytes(repo) if repo.is_dir() else 0


def discard(cache: HubCache, hub_id: str) -> int:
    """Delete what is kept of the model *hub_id* besides its whole commits; the bytes freed.

    Files that are being written, by us or by another program, stay.
    """
    repo = cache.repo(hub_id)
    if not repo.is_dir():
        return 0
    locks = cache.root / ".locks" / repo.name
    before = stored_bytes(repo)
    busy = False
    for partial in _partials(repo):
        locks.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(locks / f"{partial.stem}.lock").acquire(timeout=_LOCK_S):
                partial.unlink(missing_ok=True)
        except (Timeout, OSError):
            busy = True
    if not busy and not _was_whole(repo):
        delete_folder(repo)
        shutil.rmtree(locks, ignore_errors=True)
        return before
    return before - stored_bytes(repo)


def _was_whole(repo: Path) -> bool:
    """Whether some commit of the model was downloaded to its end, by whatever program."""
    refs = repo / "refs"
    if refs.is_dir() and any(item.is_file() for item in refs.rglob("*")):
        return True
    snapshots = repo / "snapshots"
    return snapshots.is_dir() and any(is_whole(item) for item in snapshots.iterdir())


def _partials(repo: Path) -> list[Path]:
    """Our unfinished files: a hash and a suffix. Those of other programs have longer names."""
    return [
        item for item in (repo / "blobs").glob("*.incomplete") if len(item.stem) in _HASH_LENGTHS
    ]
