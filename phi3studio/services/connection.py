"""A service process and the conversation with it.

The child (``phi3studio service NAME``) listens on the loopback interface, prints
``{"port": N}`` and serves exactly one connection, whose first line must be the token that was
put into its environment. After that both sides write one JSON object a line::

    → {"id": 7, "method": "preview", "params": {...}}
    ← {"id": 7, "item": ...}                 zero or more: streamed items, progress
    ← {"id": 7, "result": ...}               or {"id": 7, "error": {"code", "message", "hint"}}
    → {"id": 7, "cancel": true}              at any time

The child ends when the connection closes, so it cannot outlive its client, however that ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from phi3studio.app.paths import user_home
from phi3studio.app.telemetry import PROCESS_VARIABLES
from phi3studio.domain.errors import InputError, UserFacingError
from phi3studio.runs.launch import COMPUTING
from phi3studio.runtime_pack.use import Runtime, runtime_for_service

TOKEN_VARIABLE = "PHI3STUDIO_TOKEN"  # noqa: S105 - the name of a variable, not a secret
LINE_LIMIT = 64 * 1024 * 1024
"""Longest message in bytes; the server never sends more than half of it."""

_START_TIMEOUT_S = 60.0
_END_GRACE_S = 1.0
_LOG_BYTES = 1024 * 1024


class Service:
    """One service process, started when first needed and again after it died.

    Works under any asyncio loop (also qasync's); not thread-safe: use it from the loop's thread.
    Calls may run at the same time; each is answered on its own.
    """

    def __init__(
        self, name: str, command: Sequence[str] | None = None, log: Path | None = None
    ) -> None:
        self.name = name
        self._command = list(command) if command is not None else None
        self._log = log
        self._link: _Link | None = None
        self._starting = asyncio.Lock()
        self._closed = False

    @classmethod
    def start(
        cls, name: str, *, command: Sequence[str] | None = None, log: Path | None = None
    ) -> Service:
        """For ``async with Service.start("inspector") as service``.

        *command* replaces the command line of the child; *log* the file that its stderr is
        appended to (``logs/NAME-service.log`` in the user's folder).
        """
        return cls(name, command, log)

    @property
    def pid(self) -> int | None:
        """The process id of the living child."""
        return self._link.process.pid if self._link and self._link.alive else None

    async def open(self) -> None:
        """Start the child now, so that the first call need not wait for it."""
        await self._connected()

    async def close(self) -> None:
        """End the child; calls that are pending fail. A closed service stays closed."""
        self._closed = True
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def __aenter__(self) -> Service:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def call(self, method: str, /, **params: Any) -> Any:
        """The result of *method*; streamed items are passed over.

        Raises :class:`UserFacingError` for what the method reports, and with code
        ``service.died`` when the process ends meanwhile (the next call starts a new one).
        Cancelling the awaiting task cancels the work.
        """
        stream = self.stream(method, **params)
        async for _ in stream:
            pass
        return stream.result

    def stream(self, method: str, /, **params: Any) -> Stream:
        """Begin *method* and iterate over what it yields; afterwards see ``Stream.result``."""
        return Stream(self._connected, method, params)

    async def _connected(self) -> _Link:
        if self._closed:
            raise UserFacingError("service.closed", service=self.name)
        async with self._starting:
            if self._link is not None and self._link.alive:
                return self._link
            if self._link is not None:
                dead, self._link = self._link, None
                await dead.close()
            log = self._log or user_home().root / "logs" / f"{self.name}-service.log"
            self._link = await self._open(log)
            return self._link

    async def _open(self, log: Path) -> _Link:
        if self._command is not None:
            return await _Link.open(self.name, self._command, log)
        runtime = await asyncio.get_running_loop().run_in_executor(
            None, runtime_for_service, self.name, user_home()
        )
        own = Runtime().program("service", self.name)
        if runtime.python is None:
            return await _Link.open(self.name, own, log)
        try:
            return await _Link.open(
                self.name, runtime.program("service", self.name), log, runtime.environment()
            )
        except UserFacingError:
            # A pack that looks whole and is not: its reason is in the log.
            return await _Link.open(self.name, own, log)


class Stream:
    """The answers to one request: iterate once, then read :attr:`result`."""

    def __init__(
        self, connect: Callable[[], Awaitable[_Link]], method: str, params: dict[str, Any]
    ) -> None:
        self._connect = connect
        self._request = (method, params)
        self._link: _Link | None = None
        self._id = 0
        self._inbox: asyncio.Queue[dict[str, Any]] | None = None
        self._done = False
        self.result: Any = None
        """What the method returned; set when the iteration has ended."""

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        if self._done:
            raise StopAsyncIteration
        try:
            if self._inbox is None:
                self._link = await self._connect()
                self._id, self._inbox = self._link.request(*self._request)
            message = await self._inbox.get()
        except asyncio.CancelledError:
            self.cancel()
            raise
        except BaseException:
            self._finish()
            raise
        if self._done:  # cancelled meanwhile
            raise StopAsyncIteration
        if "item" in message:
            return message["item"]
        self._finish()
        if "error" in message:
            raise _error(message["error"])
        self.result = message.get("result")
        raise StopAsyncIteration

    def cancel(self) -> None:
        """Ask the service to stop this request; nothing more of it is delivered."""
        if not self._done and self._link is not None and self._inbox is not None:
            self._link.cancel(self._id)
            self._inbox.put_nowait({})  # wakes whoever waits for the next item
        self._finish()

    async def aclose(self) -> None:
        """Same as :meth:`cancel`; lets ``contextlib.aclosing`` guard a loop with ``break``."""
        self.cancel()

    def __del__(self) -> None:
        if not self._done and self._link is not None:
            self._link.abandon(self._id)

    def _finish(self) -> None:
        self._done = True
        if self._link is not None:
            self._link.forget(self._id)


class _Link:
    """One living child and its connection."""

    def __init__(
        self,
        name: str,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        log: Path,
    ) -> None:
        self.process = process
        self._name = name
        self._reader = reader
        self._writer = writer
        self._log = log
        self._ids = itertools.count(1)
        self._inboxes: dict[int, asyncio.Queue[dict[str, Any]]] = {}
        self.alive = True
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(self._read())

    @classmethod
    async def open(
        cls,
        name: str,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> _Link:
        loop = asyncio.get_running_loop()
        token = secrets.token_urlsafe(32)
        spawning = loop.run_in_executor(None, _spawn, command, token, log, environment)
        try:
            process = await asyncio.shield(spawning)
        except asyncio.CancelledError:
            # The thread starts it all the same.
            _end(await spawning)
            raise
        try:
            port = await asyncio.wait_for(
                loop.run_in_executor(None, _port, process), _START_TIMEOUT_S
            )
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=LINE_LIMIT)
        except (OSError, ValueError, TypeError, TimeoutError) as exc:
            process.kill()
            await loop.run_in_executor(None, _end, process)
            raise UserFacingError(
                "service.start", service=name, exit_code=process.poll(), log=log
            ) from exc
        except BaseException:
            _end(process)
            raise
        writer.write(_line({"token": token}))
        return cls(name, process, reader, writer, log)

    def request(
        self, method: str, params: dict[str, Any]
    ) -> tuple[int, asyncio.Queue[dict[str, Any]]]:
        number = next(self._ids)
        inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        if not self.alive:
            raise self._death()
        self._inboxes[number] = inbox
        self._writer.write(_line({"id": number, "method": method, "params": params}))
        return number, inbox

    def cancel(self, number: int) -> None:
        if self.alive and number in self._inboxes:
            with contextlib.suppress(OSError, RuntimeError):
                self._writer.write(_line({"id": number, "cancel": True}))

    def abandon(self, number: int) -> None:
        """Cancel from any thread: a stream was dropped half-read."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the child with it
            self._loop.call_soon_threadsafe(self.cancel, number)

    def forget(self, number: int) -> None:
        self._inboxes.pop(number, None)

    async def close(self) -> None:
        self.alive = False
        self._task.cancel()
        with contextlib.suppress(Exception):
            self._writer.close()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await self._task
        await asyncio.get_running_loop().run_in_executor(None, _end, self.process)
        self._fail_all()

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                message = json.loads(line)
                inbox = self._inboxes.get(message.get("id"))
                if inbox is not None:
                    inbox.put_nowait(message)
        except (OSError, ValueError):
            pass  # a torn line or a reset connection: the process is gone
        finally:
            self.alive = False
            self._fail_all()

    def _fail_all(self) -> None:
        error = self._death()
        report = error.to_json()
        for inbox in self._inboxes.values():
            inbox.put_nowait({"error": report})

    def _death(self) -> UserFacingError:
        return UserFacingError("service.died", service=self._name, log=self._log)


def _spawn(
    command: Sequence[str], token: str, log: Path, base: Mapping[str, str] | None
) -> subprocess.Popen[bytes]:
    environment = dict(os.environ if base is None else base)
    environment.update(
        {
            **PROCESS_VARIABLES,
            TOKEN_VARIABLE: token,
            "GOMP_SPINCOUNT": environment.get("GOMP_SPINCOUNT", COMPUTING["GOMP_SPINCOUNT"]),
        }
    )
    creation: int = 0
    if sys.platform == "win32":
        creation = subprocess.CREATE_NO_WINDOW
    with _opened(log) as stderr:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment,
            creationflags=creation,
            start_new_session=sys.platform != "win32",  # Ctrl-C in a terminal is the client's
        )


def _opened(log: Path) -> IO[bytes]:
    """The log to append to; nothing's, where it cannot be written: the service works without."""
    try:
        log.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        with contextlib.suppress(OSError):
            if log.stat().st_size > _LOG_BYTES:
                log.unlink()
        return log.open("ab")
    except OSError:
        return Path(os.devnull).open("ab")


def _port(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    with process.stdout as pipe:
        return int(json.loads(pipe.readline(4096) or b"null")["port"])


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdout is not None and process.poll() is None and not process.stdout.closed:
        process.kill()  # it has not even begun to serve
    try:
        process.wait(_END_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=True).encode() + b"\n"


def _error(report: dict[str, Any]) -> UserFacingError:
    kind = InputError if report.get("input") else UserFacingError
    return kind.from_json(report)
