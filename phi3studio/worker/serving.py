"""The serving side of ``services/connection.py``: requests in threads, answers as JSON lines.

A handler is ``handler(params, cancel)``: a function whose value is the result, or a generator
that yields items and returns the result. It runs in a thread of its own and may be called
several times at once. It stops early by calling ``cancel.check()`` now and then.
"""

from __future__ import annotations

import contextlib
import hmac
import importlib
import inspect
import itertools
import json
import os
import select
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from phi3studio.domain.errors import Cancelled, InputError, UserFacingError, first_line

Handler = Callable[[dict[str, Any], "Cancel"], Any]

SERVICES = {
    "inspector": "phi3studio.worker.inspector_service",
    "chat": "phi3studio.worker.chat.chat_service",
    "evaluator": "phi3studio.worker.fidelity.evaluator",
    "browser": "phi3studio.worker.browser.page_service",
    "gguf": "phi3studio.worker.gguf.export_service",
    "olive": "phi3studio.worker.olive.workflow_files",
    "azure": "phi3studio.worker.azure.azure_service",
    "models": "phi3studio.worker.models",
    "probe": "phi3studio.worker.probe_service",
    "estimator": "phi3studio.worker.estimating.estimator_service",
}
"""Service name → module with ``handlers()``, and perhaps ``warm_up()`` for slow imports."""

_TOKEN_VARIABLE = "PHI3STUDIO_TOKEN"  # noqa: S105 - the name of a variable, not a secret
_CONNECT_TIMEOUT_S = 60.0
_HELLO_TIMEOUT_S = 10.0
_HELLO_BYTES = 4096
_MOST_CALLERS = 16
_MOST_AT_ONCE = 256
_WIND_UP_S = 0.7
_MESSAGE_BYTES = 32 * 1024 * 1024


_arrivals = itertools.count()


class Cancel:
    """Says whether the client still wants the answer. Thread-safe."""

    def __init__(self) -> None:
        self.arrival = next(_arrivals)
        """Requests that came later have higher numbers."""
        self._event = threading.Event()
        self._guard = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    def request(self) -> None:
        with self._guard:
            self._event.set()
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    @contextlib.contextmanager
    def calling(self, listener: Callable[[], None]) -> Iterator[None]:
        """While inside, a withdrawal calls *listener* at once, from another thread."""
        with self._guard:
            self._listeners.append(listener)
            requested = self._event.is_set()
        if requested:
            listener()
        try:
            yield
        finally:
            with self._guard:
                self._listeners.remove(listener)

    def check(self) -> None:
        """Raise :class:`Cancelled` when the request was withdrawn."""
        if self._event.is_set():
            raise Cancelled


def main(name: str) -> None:
    """Serve *name* until the client closes the connection; then end the process."""
    if name not in SERVICES:
        raise InputError("service.unknown", name=name, names=SERVICES)
    module = importlib.import_module(SERVICES[name])
    serve(module.handlers(), getattr(module, "warm_up", None))


def serve(handlers: Mapping[str, Handler], warm_up: Callable[[], None] | None = None) -> None:
    """Print the port, accept the client that knows the token, answer it until it leaves.

    *warm_up* (slow imports) runs in the background meanwhile. Ends the process at the end,
    with whatever still runs in it.
    """
    token = os.environ.pop(_TOKEN_VARIABLE, "")
    listener = listen_locally()
    sys.stdout.write(json.dumps({"port": listener.getsockname()[1]}) + "\n")
    sys.stdout.flush()
    # From here on stdout belongs to nobody: what libraries print goes to the log.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if warm_up is not None:
        threading.Thread(target=_warm, args=(warm_up,), daemon=True).start()
    connection = _accept(listener, token)
    listener.close()
    if connection is not None:
        conversation = Conversation(connection, handlers)
        with contextlib.suppress(OSError):
            conversation.run()
        conversation.wind_up(_WIND_UP_S)
    sys.stderr.flush()
    os._exit(0)


def _warm(warm_up: Callable[[], None]) -> None:
    try:
        warm_up()
    except Exception:
        _log_error()  # the request that needs it will fail and say so


def listen_locally() -> socket.socket:
    """A listener on a free port of the loopback interface, which no other program can take over."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if sys.platform == "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(_MOST_CALLERS)
    return listener


def _accept(listener: socket.socket, token: str) -> socket.socket | None:
    """The first connection whose first line holds the token; others are closed.

    Any program of this machine can connect, and say nothing, or anything: each caller has
    :data:`_HELLO_TIMEOUT_S` for its line, and of too many the oldest goes.
    """
    end = time.monotonic() + _CONNECT_TIMEOUT_S
    callers: dict[socket.socket, tuple[float, bytes]] = {}
    try:
        while (now := time.monotonic()) < end:
            for caller in [c for c, (limit, _) in callers.items() if limit < now]:
                callers.pop(caller)
                caller.close()
            ready, _, _ = select.select([listener, *callers], [], [], 0.5)
            for caller in ready:
                if caller is listener:
                    with contextlib.suppress(OSError):
                        accepted, _ = listener.accept()
                        callers[accepted] = (time.monotonic() + _HELLO_TIMEOUT_S, b"")
                    if len(callers) > _MOST_CALLERS:
                        oldest = next(iter(callers))
                        callers.pop(oldest)
                        oldest.close()
                elif caller in callers:
                    limit, said = callers.pop(caller)
                    hello = _heard(caller, said)
                    if hello is None or len(hello) > _HELLO_BYTES:
                        caller.close()
                    elif not hello.endswith(b"\n"):
                        callers[caller] = (limit, hello)
                    elif knows_token(hello, token):
                        caller.settimeout(None)
                        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        return caller
                    else:
                        caller.close()
        return None
    finally:
        for caller in callers:
            caller.close()


def _heard(caller: socket.socket, said: bytes) -> bytes | None:
    """*said* and what has come since, no further than the first line; ``None`` at its end."""
    try:
        line, newline, _ = caller.recv(_HELLO_BYTES, socket.MSG_PEEK).partition(b"\n")
        data = caller.recv(len(line) + len(newline))
    except OSError:
        return None
    return said + data if data else None


def knows_token(hello: bytes, token: str) -> bool:
    try:
        given = str(json.loads(hello).get("token"))
    except (ValueError, AttributeError, TypeError, RecursionError):
        return False
    return bool(token) and hmac.compare_digest(
        given.encode("utf-8", "surrogatepass"), token.encode()
    )


class Conversation:
    """Reads requests in the calling thread, answers from the requests' threads."""

    def __init__(self, connection: socket.socket, handlers: Mapping[str, Handler]) -> None:
        self._connection = connection
        self._handlers = handlers
        self._sending = threading.Lock()
        self._running: dict[int, Cancel] = {}
        # Threads are used again: what ONNX Runtime keeps for each thread on a GPU takes 50 ms.
        self._threads = ThreadPoolExecutor(_MOST_AT_ONCE)

    def run(self) -> None:
        with self._connection.makefile("rb") as lines:
            for line in lines:
                with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
                    # What is no request has nobody who waits for an answer.
                    self._hear(json.loads(line))

    def _hear(self, message: Any) -> None:
        number = message["id"]
        if type(number) is not int:
            raise TypeError("no number of a request")
        if message.get("cancel"):
            cancel = self._running.get(number)
            if cancel is not None:
                cancel.request()
            return
        params = dict(message.get("params") or {})
        cancel = self._running[number] = Cancel()
        self._threads.submit(self._answer, number, str(message.get("method")), params, cancel)

    def wind_up(self, limit_s: float) -> None:
        """The client is gone: withdraw what it asked, and give that time to tidy up."""
        for cancel in list(self._running.values()):
            cancel.request()
        end = time.monotonic() + limit_s
        while self._running and time.monotonic() < end:
            time.sleep(0.02)

    def _answer(self, number: int, method: str, params: dict[str, Any], cancel: Cancel) -> None:
        # An OSError of the connection means that the client is gone: the process is about to end.
        with contextlib.suppress(OSError):
            try:
                for item in self._items(method, params, cancel):
                    self._send({"id": number, **item})
            except UserFacingError as exc:  # the answer was too large
                self._send_error(number, exc)
            finally:
                self._running.pop(number, None)

    def _items(self, method: str, params: dict[str, Any], cancel: Cancel) -> Iterator[Any]:
        """Every message of one answer; never raises what the handler raises."""
        try:
            outcome = self._handler(method)(params, cancel)
            if inspect.isgenerator(outcome):
                items: Iterator[Any] = outcome
                while True:
                    try:
                        item = next(items)
                    except StopIteration as end:
                        outcome = end.value
                        break
                    cancel.check()
                    yield {"item": item}
            yield {"result": outcome}
        except GeneratorExit:
            raise
        except Cancelled:
            yield _report(UserFacingError("cancelled"))
        except UserFacingError as exc:
            yield _report(exc)
        except BaseException as exc:
            _log_error()
            yield _report(_explained(exc))

    def _handler(self, method: str) -> Handler:
        if method == "ping":
            return lambda _params, _cancel: {
                "pid": os.getpid(),
                "methods": sorted(self._handlers),
            }
        handler = self._handlers.get(method)
        if handler is None:
            raise UserFacingError("service.method", method=method)
        return handler

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message, ensure_ascii=True).encode() + b"\n"
        if len(data) > _MESSAGE_BYTES:
            raise UserFacingError("service.too_large")
        with self._sending:
            self._connection.sendall(data)

    def _send_error(self, number: int, exc: UserFacingError) -> None:
        self._send({"id": number, **_report(exc)})


def _report(exc: UserFacingError) -> dict[str, Any]:
    return {"error": exc.to_json() | {"input": isinstance(exc, InputError)}}


def _log_error() -> None:
    """Print the traceback to the log, where its disk has room."""
    with contextlib.suppress(OSError):
        traceback.print_exc()


def _explained(exc: BaseException) -> UserFacingError:
    from phi3studio.worker.failures import translate

    error = translate(exc)
    if error.code != "bug":
        return error
    return UserFacingError("bug", variant="service", reason=first_line(exc, typed=True))


if __name__ == "__main__":
    main(sys.argv[1])
