"""Workers that start warm: forked from a process that has the libraries imported already.

Nine tenths of the time from one kill to the next are imports. A :class:`Nursery` is a process that
has done them once. Where the program would start a worker, the nursery forks, and the child goes
on as that worker: the same ``__main__``, command line, environment, working folder, session and
log, its own process id, locks and files. Its attempt is forked from it in the same way, with a pipe
as standard input. Neither knows; what they start themselves is started as ever. Linux only.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn
from unittest import mock

import psutil

_POPEN = subprocess.Popen
_ROOM = 4096
"""Characters for the command lines of those who are forked."""
LEARNED = "TORTURE_LEARN"
"""Names a file that an attempt lists its modules in: what the next nursery imports."""


class Nursery:
    """The process to fork from. Use as a context; inside, :meth:`starting` makes starts warm."""

    def __init__(self, environment: Mapping[str, str], modules: Path | None = None) -> None:
        self._ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-P", "-m", __name__, str(theirs.fileno())]
            self._process = _POPEN(
                [*command, str(modules or ""), "." * _ROOM],
                env=dict(environment),
                pass_fds=[theirs.fileno()],
            )
        if self._ours.recv(1) != b".":
            raise RuntimeError("the nursery did not start")

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_: object) -> None:
        self._ours.close()
        self._process.wait()

    @contextlib.contextmanager
    def starting(self) -> Iterator[None]:
        """Inside, a worker is forked instead of started."""
        with mock.patch.object(subprocess, "Popen", self._start):
            yield

    def _start(
        self, command: list[str], *, stdout: Any, env: Mapping[str, str], cwd: Path, **_: Any
    ) -> Started:
        request = {"arguments": _arguments(command), "env": dict(env), "cwd": str(cwd)}
        said = json.dumps(request).encode()
        socket.send_fds(self._ours, [len(said).to_bytes(4, "big")], [stdout.fileno()])
        self._ours.sendall(said)
        return Started(int.from_bytes(self._ours.recv(8), "big"))


class Started:
    """What the program keeps of a worker that it started; the nursery reaps it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self._process: psutil.Process | None = psutil.Process(pid)
        except psutil.NoSuchProcess:
            self._process = None

    def poll(self) -> int | None:
        gone = self._process is None or not self._process.is_running()
        return 0 if gone else None


def _arguments(command: list[str]) -> list[str]:
    """What follows the module in a command that runs this program."""
    return command[command.index("phi3studio") + 1 :]


# --- inside of the nursery ------------------------------------------------------------------------


def nursery(line: socket.socket, modules: str) -> None:
    """Import, then fork for each request until the other end is closed."""
    for name in json.loads(Path(modules).read_text()) if modules else ():
        # Some can only be imported by the module before them, or ask for what is not here.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    line.set_inheritable(False)
    assert threading.active_count() == 1, threading.enumerate()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system reaps
    line.sendall(b".")
    while True:
        size, logs, *_ = socket.recv_fds(line, 4, 1)
        if not size:
            return
        (log,) = logs
        said = b""
        while len(said) < int.from_bytes(size, "big"):
            said += line.recv(2**16)
        request = json.loads(said)
        pid = os.fork()
        if pid == 0:
            _become_worker(request, log)
        os.close(log)
        line.sendall(pid.to_bytes(8, "big"))


def _become_worker(request: dict[str, Any], log: int) -> NoReturn:
    os.setsid()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, source in enumerate((nothing, log, log)):
        os.dup2(source, number)
    os.close(log)
    os.close(nothing)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    subprocess.Popen = _Attempt  # type: ignore[misc, assignment]
    _become(request["arguments"])


def _become(arguments: list[str]) -> NoReturn:
    """Go on as the program with these *arguments*, as after exec."""
    _show_as(arguments)
    for name in [int(file.name) for file in Path("/proc/self/fd").iterdir()]:
        with contextlib.suppress(OSError):
            if name > 2 and fcntl.fcntl(name, fcntl.F_GETFD) & fcntl.FD_CLOEXEC:
                os.close(name)
    code = 1
    try:
        sys.argv[1:] = arguments
        from phi3studio.__main__ import main

        code = main()
        sys.stdout.flush()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def _show_as(arguments: list[str]) -> None:
    """Change this process's command line, by which the program knows its workers."""
    start, end = map(int, Path("/proc/self/stat").read_text().rpartition(")")[2].split()[45:47])
    said = "".join(f"\0{argument}" for argument in ["phi3studio", *arguments]).encode() + b"\0"
    with Path("/proc/self/mem").open("r+b", buffering=0) as memory:
        memory.seek(start)
        memory.write(said.rjust(end - start, b"."))


class _Attempt:
    """The supervisor's child, as :class:`subprocess.Popen` has it."""

    def __init__(self, command: list[str], stdin: int) -> None:
        assert stdin == subprocess.PIPE
        read, self._stdin = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.dup2(read, 0)
            for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                if callable(signal.getsignal(number)):
                    signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            subprocess.Popen = _POPEN  # type: ignore[misc]
            _learn()
            _become(_arguments(command))
        os.close(read)

    def __enter__(self) -> _Attempt:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None
    ) -> None:
        os.close(self._stdin)

    def wait(self) -> int:
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)


def _learn() -> None:
    """List the modules that this attempt has in the end, where that was asked for."""
    file = os.environ.get(LEARNED)
    if not file:
        return
    leave: Callable[[int], NoReturn] = os._exit

    def listing(code: int) -> NoReturn:
        names = [name for name, module in sys.modules.items() if module and name != "__main__"]
        Path(file).write_text(json.dumps(names))
        leave(code)

    os._exit = listing  # type: ignore[assignment]


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as _line:
        nursery(_line, sys.argv[2])
