"""Another place for the data directory: kept for the next start, with or without what lies there.

``home.json`` in the system's folder for configuration says where the home is, and what is to be
done at the window's next start. It cannot lie in the home itself.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from phi3studio.app.files import folder_bytes, write_json
from phi3studio.app.paths import HOME_VARIABLE, Home, default_home, pointer_file, pointer_home
from phi3studio.domain.errors import Cancelled, InputError, RunError
from phi3studio.domain.parsing import parse_json
from phi3studio.runs.store import RunStore

Tell = Callable[[int, int], None]
"""Hears bytes done and bytes in all."""

_SPARE_BYTES = 200_000_000


@dataclass(frozen=True)
class Pending:
    """What the next start of the window does first."""

    home: Path
    move: bool


def chosen_by_environment() -> bool:
    """Whether ``PHI3STUDIO_HOME`` decides, so that nothing that is kept here counts."""
    return bool(os.environ.get(HOME_VARIABLE))


def check_new_home(new: Path, old: Path, *, move: bool) -> None:
    """Raise :class:`InputError` when *new* cannot become the home, or cannot take *old* in."""
    new, old = new.absolute(), old.absolute()
    if new == old:
        raise InputError("home.same", path=new)
    if new.is_relative_to(old) or old.is_relative_to(new):
        raise InputError("home.nested", path=new)
    Home(new).made(new)
    if not move:
        return
    if any(new.iterdir()):
        raise InputError("home.not_empty", path=new)
    needed = folder_bytes(old) if old.is_dir() else 0
    free = shutil.disk_usage(new).free
    if not _same_disk(old, new) and free < needed + _SPARE_BYTES:
        raise InputError("disk.too_little", variant="move", needed=needed, folder=new, free=free)


def plan(new: Path, *, move: bool) -> None:
    """Let the window's next start use *new*, after moving everything there if *move* says so."""
    _write(pointer_home(), Pending(new.absolute(), move))


def pending() -> Pending | None:
    """What was planned, if anything."""
    try:
        entry = parse_json(pointer_file().read_text("utf-8"))["next"]
        return Pending(Path(entry["home"]), bool(entry["move"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget_plan() -> None:
    """Stay where we are."""
    _write(pointer_home(), None)


def apply(
    planned: Pending,
    tell: Tell = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> Home:
    """Do what was planned and return the new home.

    Raises :class:`InputError` or :class:`RunError` when it cannot be done, and what *check*
    raises; the present home then stays as it was, and so does the plan.
    """
    old = pointer_home() or default_home()
    # Gone already: the last move ended before its last word was written.
    move = planned.move and old.is_dir()
    check_new_home(planned.home, old, move=move)
    if move:
        with _left_alone(old):
            _move(old, planned.home, tell, check)
    _write(planned.home, None)
    if move:
        shutil.rmtree(old, ignore_errors=True)
    return Home(planned.home)


def hold(root: Path) -> BaseFileLock | None:
    """The lock of an open window, so that nobody moves its home away; ``None`` if that cannot be.

    The system frees it when the process ends.
    """
    lock = _window_lock(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except (OSError, Timeout):
        return None
    return lock


def _window_lock(root: Path) -> BaseFileLock:
    # Taken in one thread and given back in another.
    return FileLock(root / "window.lock", thread_local=False)


@contextlib.contextmanager
def _left_alone(root: Path) -> Iterator[None]:
    """Nobody works in the home; raises :class:`InputError` otherwise."""
    live = [run.name for run in RunStore(Home(root)).all() if run.alive()]
    if live:
        raise InputError("home.busy", run=live[0])
    lock = _window_lock(root)
    try:
        lock.acquire(timeout=0)
    except Timeout as exc:
        raise InputError("home.busy", variant="window") from exc
    lock.release()
    (root / "window.lock").unlink(missing_ok=True)
    yield


def _move(old: Path, new: Path, tell: Tell, check: Callable[[], None]) -> None:
    """Rename, or copy whole; *old* is still there after a copy."""
    try:
        if _same_disk(old, new):
            new.rmdir()
            old.rename(new)
            return
        _copy(old, new, tell, check)
    except OSError as exc:
        raise RunError("home.not_moved", path=new, reason=exc.strerror or str(exc)) from exc


def _copy(old: Path, new: Path, tell: Tell, check: Callable[[], None]) -> None:
    total, done = folder_bytes(old), 0
    half = new.with_name(f".{new.name}.moving")

    def copy_file(source: str, target: str) -> str:
        nonlocal done
        check()
        shutil.copy2(source, target, follow_symlinks=False)
        done += Path(target).lstat().st_size
        tell(done, total)
        return target

    try:
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(old, half, symlinks=True, copy_function=copy_file)
        new.rmdir()
        half.rename(new)
    except (Cancelled, OSError, shutil.Error) as exc:
        shutil.rmtree(half, ignore_errors=True)
        new.mkdir(exist_ok=True)
        if isinstance(exc, shutil.Error):
            raise OSError(str(exc.args[0][0][2])) from exc
        raise


def _same_disk(old: Path, new: Path) -> bool:
    try:
        return old.stat().st_dev == new.stat().st_dev
    except OSError:
        return False


def _write(home: Path | None, planned: Pending | None) -> None:
    values: dict[str, object] = {"version": 1}
    if home is not None:
        values["home"] = str(home)
    if planned is not None:
        values["next"] = {"home": str(planned.home), "move": planned.move}
    file = pointer_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, values)
    except OSError as exc:
        raise RunError(
            "disk.not_writable", variant="file", path=file, reason=exc.strerror or str(exc)
        ) from exc
