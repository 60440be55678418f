"""Nothing leaves the machine: telemetry off, and a guard that refuses network connections."""

from __future__ import annotations

import ipaddress
import os
import sys
from typing import Any

from phi3studio.app.telemetry import NO_TELEMETRY
from phi3studio.domain.errors import RunError

_guarded: list[bool] = []


def disable_telemetry() -> None:
    """Switch every known telemetry off; called before the libraries are imported."""
    os.environ.update(NO_TELEMETRY)


def silence_olive() -> None:
    """Give Olive's telemetry no logger, and no heartbeat, for which it gives the computer a number
    and keeps that in the user's folder.

    With ``OLIVE_DISABLE_TELEMETRY=1`` Olive 0.13 still posts a heartbeat and waits about ten
    seconds for it at exit, because it logs before it looks at the variable.
    """
    from olive.telemetry.telemetry import Telemetry

    def no_logger(self: object) -> None:
        return None

    def no_heartbeat(self: object) -> None:
        return None

    Telemetry._create_logger = no_logger
    Telemetry._log_heartbeat = no_heartbeat


def refuse_network() -> None:
    """Refuse every connection beyond this machine for the rest of the process.

    A run needs no network: data and models are local files by then. The hook cannot be removed;
    asking again changes nothing.
    """
    if not _guarded:
        _guarded.append(True)
        sys.addaudithook(_guard)


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
        if host is not None and not _is_local(str(host)):
            raise _refusal(str(host))
    elif event == "socket.getaddrinfo":
        host = arguments[0]
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not _is_local(str(name)):
            raise _refusal(str(name))


def _is_local(host: str) -> bool:
    if host in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return False


def _refusal(host: str) -> RunError:
    return RunError("privacy.connection_refused", host=host)
