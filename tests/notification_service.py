"""A session bus of its own, with a notification service on it that writes down what it is asked."""

from __future__ import annotations

import contextlib
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from jeepney import HeaderFields, MessageType, message_bus, new_method_return
from jeepney.io.blocking import open_dbus_connection

_LOOK_S = 0.1


def missing() -> bool:
    """Whether this system cannot have a bus."""
    return shutil.which("dbus-daemon") is None


@dataclass
class Bus:
    """Its address, the notes that were shown, and the signals of docks that were sent."""

    address: str
    notes: queue.Queue[tuple[str, str]] = field(default_factory=queue.Queue)
    launchers: queue.Queue[tuple[str, dict[str, Any]]] = field(default_factory=queue.Queue)


@contextmanager
def session_bus() -> Iterator[Bus]:
    """A bus that ends with the block."""
    daemon = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert daemon.stdout is not None
    bus = Bus(daemon.stdout.readline().strip())
    ends = threading.Event()
    ready = threading.Event()
    service = threading.Thread(target=_serve, args=(bus, ready, ends))
    service.start()
    try:
        assert ready.wait(10)
        yield bus
    finally:
        ends.set()
        service.join()
        daemon.terminate()
        daemon.wait()
        daemon.stdout.close()


def _serve(bus: Bus, ready: threading.Event, ends: threading.Event) -> None:
    with open_dbus_connection(bus.address) as connection:
        connection.send_and_get_reply(message_bus.RequestName("org.freedesktop.Notifications"))
        connection.send_and_get_reply(
            message_bus.AddMatch("interface='com.canonical.Unity.LauncherEntry'")
        )
        ready.set()
        while not ends.is_set():
            with contextlib.suppress(TimeoutError):
                asked = connection.receive(timeout=_LOOK_S)
                member = asked.header.fields.get(HeaderFields.member)
                if asked.header.message_type is MessageType.method_call and member == "Notify":
                    bus.notes.put((asked.body[3], asked.body[4]))
                    connection.send(new_method_return(asked, "u", (1,)))
                elif member == "Update":
                    uri, values = asked.body
                    bus.launchers.put((uri, {name: value[1] for name, value in values.items()}))
