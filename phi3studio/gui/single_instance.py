"""One window per home folder: a second start brings the first one forward, with its file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import socket as sockets
import stat
import struct
import sys
import tempfile
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

_WAIT_MS = 500
_SAY_MS = 3000
_MOST_CALLERS = 8
_LONGEST = 64 * 1024


class SingleInstance(QObject):
    """A local socket of this user alone. ``called`` when another start came by, with the file that
    it was to open, or an empty text.

    On Unix it lies in a folder that nobody else may enter, and Linux tells the peer's owner; on
    Windows its name is a secret in the home. Callers that say too much, or too slowly, are closed.
    """

    called = Signal(object)

    def __init__(self, home: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = _private_name(home)
        self._server: QLocalServer | None = None
        self._callers: list[QLocalSocket] = []

    def first(self, file: str = "") -> bool:
        """Whether this is the first instance; the present one is called otherwise, with *file*."""
        if self._name is None:
            return True  # there is no safe place: better two windows than a stranger's
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if socket.waitForConnected(_WAIT_MS) and _is_ours(socket):
            socket.write(file.encode("utf-8", "surrogateescape"))
            socket.waitForBytesWritten(_WAIT_MS)
            socket.disconnectFromServer()
            if socket.state() != QLocalSocket.LocalSocketState.UnconnectedState:
                socket.waitForDisconnected(_WAIT_MS)
            return False
        server = QLocalServer(self)
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        server.newConnection.connect(self._on_call)
        if not server.listen(self._name):
            # A crashed instance leaves its socket file behind on Unix.
            QLocalServer.removeServer(self._name)
            server.listen(self._name)
        self._server = server
        return True

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _on_call(self) -> None:
        if self._server is None:
            return
        while (socket := self._server.nextPendingConnection()) is not None:
            if len(self._callers) >= _MOST_CALLERS or not _is_ours(socket):
                socket.abort()
                socket.deleteLater()
                continue
            self._callers.append(socket)
            socket.setReadBufferSize(_LONGEST)
            socket.disconnected.connect(self._hear)
            patience = QTimer(socket, singleShot=True, interval=_SAY_MS)
            patience.timeout.connect(partial(self._send_away, socket))
            patience.start()
        self._hear()

    def _send_away(self, socket: QLocalSocket) -> None:
        """Close a caller that has not said its word in time; nothing of it is heard."""
        if socket in self._callers:
            self._callers.remove(socket)
            socket.abort()
            socket.deleteLater()

    def _hear(self) -> None:
        """Listen to the callers that have gone: what they said is here whole."""
        for socket in list(self._callers):
            if socket.state() == QLocalSocket.LocalSocketState.UnconnectedState:
                self._callers.remove(socket)
                # The socket is the server's child and goes with it: deleted from its own signal,
                # PySide crashes when both are.
                said = bytes(socket.readAll().data()).decode("utf-8", "surrogateescape")
                # A path has neither, whoever sent this is no other start.
                if "\n" not in said and "\0" not in said:
                    self.called.emit(said)


def _private_name(home: Path) -> str | None:
    """The socket's path, in a folder of this user alone, or the pipe's secret name."""
    place = str(home.absolute()).encode("utf-8", "surrogateescape")
    digest = hashlib.sha256(place).hexdigest()[:16]
    try:
        if sys.platform == "win32":
            return f"phi3studio-{digest}-{_secret(home / 'window-name')}"
        # Not in the home: its path may be longer than a socket's address can be.
        base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
        folder = base / f"phi3studio-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            return None
        if found.st_mode & 0o077:
            folder.chmod(0o700)
        return str(folder / digest)
    except OSError:
        return None


def _secret(file: Path) -> str:
    """A random word that the home keeps."""
    with contextlib.suppress(FileExistsError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x") as made:
            made.write(secrets.token_hex(16))
    return file.read_text("utf-8")[:64]


def _is_ours(socket: QLocalSocket) -> bool:
    """Whether the other side belongs to this user, where the system tells."""
    if sys.platform != "linux":
        return True
    try:
        copy = sockets.socket(fileno=os.dup(int(socket.socketDescriptor())))
        with copy:
            said = copy.getsockopt(sockets.SOL_SOCKET, sockets.SO_PEERCRED, 12)
    except (OSError, ValueError):
        return True  # gone already: what it said is heard, and was sent through a private folder
    return int(struct.unpack("iII", said)[1]) == os.getuid()
