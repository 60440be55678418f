"""Making a runtime pack: uv downloads what the lock file names, hash by hash.

uv does the work: an environment, then ``pip sync`` with the hashes required and building
forbidden. Its cache holds whole packages, so an installation that was cancelled, or that the
network broke off, goes on with the next missing one. The cache is dropped when the pack is whole.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from phi3studio import __version__
from phi3studio.app.download_log import Arrived, DownloadLog
from phi3studio.app.files import write_atomically
from phi3studio.app.paths import Home
from phi3studio.app.process_tree import end_processes, process_tree
from phi3studio.app.program import find_program
from phi3studio.app.telemetry import NO_TELEMETRY
from phi3studio.domain.errors import Cancelled, RunError, UserFacingError
from phi3studio.runtime_pack.damage import damaged_packages, write_files
from phi3studio.runtime_pack.installed import library_environment, users
from phi3studio.runtime_pack.pack_files import GENERATION, PackName, PackProgress, PackRecord
from phi3studio.runtime_pack.place import (
    PackPlace,
    PackSource,
    bundled_folder,
    drop,
    no_pack,
    pack_source,
    tree_bytes,
)

Tell = Callable[[PackProgress], None]
"""Hears the progress, from the installing thread, about once a second."""

# Besides what the packages take: the interpreter, uv's own files, room to breathe.
_SPARE_BYTES = 300_000_000
_LOOK_S = 0.2
_END_GRACE_S = 3.0
_PROOF_TIMEOUT_S = 600.0
_REACH_TIMEOUT_S = 5.0
# The system's own numbers for a full disk, which uv prints after each such error.
_FULL = ("(os error 28)", "(os error 112)", "(os error 39)")


def find_uv() -> Path:
    """The uv of the frozen program, of this environment, or of the system.

    Raises :class:`UserFacingError` where there is none.
    """
    name = "uv.exe" if os.name == "nt" else "uv"
    bundled = bundled_folder() / name
    if bundled.is_file():
        return bundled
    next_to = Path(sys.executable).with_name(name)
    if importlib.util.find_spec("uv") is not None and next_to.is_file():
        return next_to
    found = find_program("uv")
    if found is None:
        raise UserFacingError("runtime.no_uv")
    return Path(found)


def install_pack(
    home: Home,
    name: PackName,
    tell: Tell = lambda progress: None,
    cancelled: threading.Event | None = None,
) -> PackRecord:
    """Make the pack of this program whole: download it, go on with it, or mend it.

    Blocks for minutes to hours. Raises :class:`Cancelled` when *cancelled* is set meanwhile (what
    has arrived is kept for the next time) and :class:`UserFacingError` for everything else.
    """
    source = pack_source(name)
    if source is None:
        raise no_pack(name)
    return Installer(home, source, find_uv(), tell, cancelled or threading.Event()).run()


class Installer:
    """One installation of one pack."""

    def __init__(
        self, home: Home, source: PackSource, uv: Path, tell: Tell, cancelled: threading.Event
    ) -> None:
        self._source = source
        self._uv = uv
        self._tell = tell
        self._cancelled = cancelled
        self._home = home
        self._place = PackPlace(home, source.name, source.id)

    def run(self) -> PackRecord:
        """Do everything; see :func:`install_pack`."""
        place = self._place
        with place.held():
            broken = damaged_packages(place) if place.record() is not None else []
            # From here on it counts as unfinished.
            (place.folder / "pack.json").unlink(missing_ok=True)
            self._check_space()
            place.log.parent.mkdir(parents=True, exist_ok=True)
            place.log.write_bytes(b"")
            before = tree_bytes(place.cache)
            what, log = f"runtime pack {self._source.name}", DownloadLog(self._home.root)
            with log.recording(what, "runtime", lambda: self._arrived(before)):
                self._make(broken)
            record = self._prove()
            self._drop_older()
            drop(place.cache)
        return record

    def _make(self, broken: Sequence[str]) -> None:
        """The interpreter, then the packages."""
        place = self._place
        self._say("python")
        self._call("venv", "--allow-existing", "--python", self._python(), str(place.folder))
        again = [option for name in broken for option in ("--reinstall-package", name)]
        self._call(
            "pip", "sync", "--python", str(place.python), "--require-hashes", "--no-build",
            "--strict", *self._indexes(), *again, str(self._source.lock_file),
        )  # fmt: skip

    def _python(self) -> str:
        """What uv takes as interpreter: this one if it is of the right version and no frozen
        program, else one that uv downloads into the home."""
        wanted = self._source.facts.python
        mine = ".".join(map(str, sys.version_info[:2]))
        if mine == wanted and not getattr(sys, "frozen", False):
            return sys.executable
        return wanted

    def _indexes(self) -> list[str]:
        """Where the packages are: as the lock file was made, or a mirror that the user names.

        Any file is compared with the lock file's hashes, so more than one index is no risk.
        """
        if os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("UV_INDEX_URL"):
            return ["--index-strategy", "unsafe-best-match"]
        *special, default = self._source.facts.indexes
        more = [part for url in special for part in ("--index", url)]
        return ["--index-strategy", "unsafe-best-match", "--default-index", default, *more]

    def _environment(self) -> dict[str, str]:
        environment = dict(os.environ)
        for name in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "CONDA_PREFIX"):
            environment.pop(name, None)
        environment |= {
            **NO_TELEMETRY,  # its libraries are imported as a proof
            "UV_CACHE_DIR": str(self._place.cache),
            "UV_PYTHON_INSTALL_DIR": str(self._place.interpreters),
            "UV_NO_CONFIG": "1",
            "UV_NO_PROGRESS": "1",
            "UV_NO_ENV_FILE": "1",
        }
        if getattr(sys, "frozen", False):
            # A Python of the system may go with its next update, and the pack with it.
            environment.setdefault("UV_PYTHON_PREFERENCE", "only-managed")
        return environment

    def _call(self, *arguments: str) -> None:
        """Run uv to its end, telling the progress; raises when it fails or is cancelled."""
        place = self._place
        creation = 0
        if sys.platform == "win32":
            creation = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        start = place.log.stat().st_size
        try:
            with place.log.open("ab") as log:
                process = subprocess.Popen(
                    [str(self._uv), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self._environment(),
                    cwd=place.root,
                    start_new_session=sys.platform != "win32",
                    creationflags=creation,
                )
        except OSError as exc:
            raise RunError(
                "runtime.no_uv", variant="start", path=self._uv, reason=exc.strerror or exc
            ) from exc
        try:
            self._watch(process)
        except BaseException:
            _stop(process)
            raise
        if process.returncode != 0:
            said = place.log.read_bytes()[start:].decode("utf-8", "replace")
            raise self._failure(said)

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        due = 0.0
        while True:
            if self._cancelled.is_set():
                raise Cancelled
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_S)
                return
            if time.monotonic() >= due:
                began = time.monotonic()
                self._say("packages")
                # Counting the files of several GB takes a while on a slow disk.
                due = time.monotonic() + max(1.0, 5 * (time.monotonic() - began))

    def _say(self, activity: str) -> None:
        place, facts = self._place, self._source.facts
        arrived = sum(1 for _ in place.cache.glob("archive-v*/*/*.dist-info"))
        installed = sum(1 for _ in place.packages.glob("*.dist-info"))
        size = tree_bytes(place.root, self._cancelled.is_set)
        self._tell(
            PackProgress(
                activity,  # type: ignore[arg-type]
                min(max(arrived, installed), facts.packages),
                facts.packages,
                min(size, facts.installed_bytes),
                facts.installed_bytes,
            )
        )

    def _check_space(self) -> None:
        """Raise :class:`RunError` when the disk cannot take what is still to come."""
        place = self._place
        here = tree_bytes(place.root)
        needed = max(0, self._source.facts.installed_bytes - here) + _SPARE_BYTES
        free = shutil.disk_usage(place.root).free
        if free < needed:
            raise RunError("runtime.no_space", needed=needed, free=free, folder=place.root)

    def _failure(self, said: str) -> UserFacingError:
        """The error for what uv ended with: by what can be found out here, then in its words."""
        place = self._place
        if any(number in said for number in _FULL):
            return RunError("runtime.disk_full", folder=place.root)
        hosts = [url for url in self._hosts() if not _reachable(url)]
        if hosts:
            return RunError("runtime.offline", host=urlsplit(hosts[0]).hostname)
        lines = [line.strip(" ×╰─▶├│") for line in said.splitlines()[-12:]]
        words = " ".join(line for line in lines if line)
        return RunError("runtime.failed", reason=words[:700], log=place.log)

    def _hosts(self) -> list[str]:
        named = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("UV_INDEX_URL")
        urls = [named] if named else list(self._source.facts.indexes)
        return [url for url in urls if urlsplit(url).hostname]

    def _prove(self) -> PackRecord:
        """Import what has to be importable, then write the record that makes the pack whole."""
        place, facts = self._place, self._source.facts
        self._say("proof")
        code = (
            "import ctypes, importlib, importlib.metadata as m, json, sys\n"
            "for name in sys.argv[1].split(): importlib.import_module(name)\n"
            "for path in sys.argv[2:]: ctypes.CDLL(path)\n"
            "d = {x.name: x.version for x in m.distributions()}\n"
            "print(json.dumps({'python': sys.version.split()[0], 'versions': d}))"
        )
        creation = 0
        if sys.platform == "win32":
            creation = subprocess.CREATE_NO_WINDOW
        loads = [str(place.packages / path) for path in facts.loads]
        try:
            done = subprocess.run(
                [str(place.python), "-I", "-c", code, " ".join(facts.imports), *loads],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                env=library_environment(place, self._environment()),
                cwd=place.root,
                timeout=_PROOF_TIMEOUT_S,
                check=False,
                creationflags=creation,
            )
            found = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None
            said = done.stderr
        except (OSError, ValueError, IndexError, subprocess.SubprocessError) as exc:
            found, said = None, str(exc)
        if found is None:
            with place.log.open("a", encoding="utf-8") as log:
                log.write(said)
            lines = said.strip().splitlines()
            raise RunError(
                "runtime.unproven",
                variant="" if lines else "silent",
                reason=lines[-1][:300] if lines else "",
                log=place.log,
            )
        record = PackRecord(
            lock=self._source.id,
            generation=GENERATION,
            program=__version__,
            python=str(found["python"]),
            made=time.time(),
            bytes=write_files(place),
            versions=dict(sorted(found["versions"].items())),
        )
        write_atomically(place.folder / "pack.json", record.to_json())
        return record

    def _drop_older(self) -> None:
        """Remove what this pack replaces, also for an older program in the same home: it finds
        this one. What is in use, or of a generation that this pack cannot serve, stays."""
        for folder in self._place.folder.parent.iterdir():
            other = PackPlace(self._home, self._source.name, folder.name)
            record = other.record()
            served = record is None or record.generation == GENERATION
            if folder != self._place.folder and served and not users(folder):
                drop(folder)

    def _arrived(self, before: int) -> Arrived:
        hosts = tuple(dict.fromkeys(str(urlsplit(url).hostname) for url in self._hosts()))
        return hosts, tree_bytes(self._place.cache) - before


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End uv: asked first, so that it removes its temporary files."""
    tree = []
    with contextlib.suppress(psutil.Error):
        tree = process_tree(psutil.Process(process.pid))
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_GRACE_S)
    end_processes(tree)
    process.wait()


def _reachable(url: str) -> bool:
    """Whether the server of *url* takes a connection; not asked where a proxy stands between."""
    parts = urlsplit(url)
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY")):
        return True
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((str(parts.hostname), port), _REACH_TIMEOUT_S):
            return True
    except OSError:
        return False
