"""One window per home folder: a second start brings the first one forward, with its file."""

from __future__ import annotations

import hashlib
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

_WAIT_MS = 500


class SingleInstance(QObject):
    """A local socket named after the home folder. ``called`` when another start came by, with the
    file that it was to open, or an empty text."""

    called = Signal(str)

    def __init__(self, home: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        digest = hashlib.sha256(str(home.absolute()).encode()).hexdigest()[:16]
        self._name = f"phi3studio-{digest}"
        self._server: QLocalServer | None = None
        self._callers: list[QLocalSocket] = []

    def first(self, file: str = "") -> bool:
        """Whether this is the first instance; the present one is called otherwise, with *file*."""
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if socket.waitForConnected(_WAIT_MS):
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
            self._callers.append(socket)
            socket.disconnected.connect(self._hear)
        self._hear()

    def _hear(self) -> None:
        """Listen to the callers that have gone: what they said is here whole."""
        for socket in list(self._callers):
            if socket.state() == QLocalSocket.LocalSocketState.UnconnectedState:
                self._callers.remove(socket)
                said = bytes(socket.readAll().data()).decode("utf-8", "surrogateescape")
                socket.deleteLater()
                self.called.emit(said)
