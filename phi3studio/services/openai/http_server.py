"""Serves exported models over HTTP until it is interrupted."""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from phi3studio.domain.errors import InputError
from phi3studio.services.chat_client import Chat
from phi3studio.services.connection import Service
from phi3studio.services.openai.served_models import ServedModel, served

_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
_END_GRACE_S = 2
_HEADER_BYTES = 64 * 1024
_MOST_CONNECTIONS = 128


@dataclass(frozen=True)
class Export:
    """An exported model to be served as ``id``; requests may also call it by an alias."""

    id: str
    folder: Path
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Serving:
    """What is reported once the server is up."""

    url: str
    models: tuple[str, ...]
    notes: tuple[str, ...] = ()


async def serve(
    exports: Sequence[Export],
    key: str,
    host: str,
    port: int,
    on_start: Callable[[Serving], None],
    log: Path | None = None,
    origins: Sequence[str] = (),
) -> None:
    """Load the *exports* and answer until a signal ends it.

    Pages of the *origins* may read the answers in a browser. *on_start* hears when requests are
    taken. Port 0 chooses a free one. Raises :class:`InputError` for an address that cannot be used
    or a folder without a model.
    """
    import uvicorn

    from phi3studio.services.openai.routes import make_app
    from phi3studio.services.openai.slow_clients import request_in_time

    listener = _listen(host, port)
    with listener:
        async with Service.start("chat", log=log) as service:
            chat = Chat(service)
            models: list[ServedModel] = []
            notes: list[str] = []
            for export in exports:
                loaded = await chat.load(export.folder)
                models += served(export.id, loaded, export.aliases)
                if loaded.unloaded:
                    notes.append(
                        f"Memory is short: {', '.join(loaded.unloaded)} was unloaded to load "
                        f"{export.id}, and will be loaded again when it is asked for."
                    )
            hosts = _LOCAL_NAMES if is_loopback(host) else ()
            # Neither requests nor headers are logged: they hold texts and the key.
            config = uvicorn.Config(
                make_app(chat, models, key, hosts, origins),
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_END_GRACE_S,
                lifespan="off",
                http=request_in_time(),
                limit_concurrency=_MOST_CONNECTIONS,
                h11_max_incomplete_event_size=_HEADER_BYTES,
            )
            address = listener.getsockname()
            shown = f"[{address[0]}]" if ":" in address[0] else address[0]
            on_start(
                Serving(
                    f"http://{shown}:{address[1]}/v1",
                    tuple(model.id for model in models),
                    tuple(notes),
                )
            )
            await uvicorn.Server(config).serve(sockets=[listener])


def is_loopback(host: str) -> bool:
    """Whether only programs of this computer reach a server at *host*."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            # There SO_REUSEADDR would let another program take the port over.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as exc:
        listener.close()
        raise InputError("serve.address", host=host, port=port, reason=exc.strerror or exc) from exc
    return listener
