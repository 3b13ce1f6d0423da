"""Where second starts hand over what they were given: a socket of this user alone. On the GUI thread, never waiting.

Whoever connects is judged as a stranger: one message, bounded in size and time, which can open dialogs and nothing
else. What is no message is passed over, with a line in the log.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket as sockets
import struct
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from gui.desktop.handover import END, MOST_BYTES, TAKEN, decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.home import Home
    from gui.desktop.handover import Handover

# How long a message may take to come (ms), and how many may be on their way at once.
PATIENCE_MS = 2000
MOST_CALLERS = 8
log = logging.getLogger(__name__)


class Reception(QObject):
    """Listens from `open` to `close`. `take` is asked for each message, and tells whether it will be acted on."""

    def __init__(self, take: Callable[[Handover], bool]) -> None:
        super().__init__()
        self._take = take
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._greet)
        self._folder: Path | None = None

    def open(self, home: Home) -> str:
        """Listen for this home, whose lock the caller holds; returns the address. Raises OSError."""
        home.create_runtime()
        name = f"marina-{home.name}"
        if os.name == "nt":
            listens = self._listen(name)
        else:
            listens = self._listen(str(home.runtime / f"{name}.sock")) or self._listen(self._short_path())
        if not listens:
            raise OSError(f"The home's socket cannot be made: {self._server.errorString()}")
        return self._server.fullServerName()

    def _listen(self, name: str) -> bool:
        # The lock on the home is ours, so what lies there is a dead process's.
        QLocalServer.removeServer(name)
        return self._server.listen(name)

    def _short_path(self) -> str:
        """A path in a private folder, for a home that lies too deep: a socket's path has 107 bytes at most."""
        self._folder = Path(tempfile.mkdtemp(prefix="marina-"))
        return str(self._folder / "window.sock")

    def close(self) -> None:
        """Listen no more, and let go who is there. Safe to call twice."""
        self._server.close()
        for caller in self.findChildren(_Caller):
            caller.leave()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _greet(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            if len(self.findChildren(_Caller)) < MOST_CALLERS and _is_ours(socket.socketDescriptor()):
                _Caller(socket, self._take, self)
            else:
                socket.abort()
                socket.deleteLater()


class _Caller(QObject):
    """One connection, gone after its first line, whatever that is, or when its time is up."""

    def __init__(self, socket: QLocalSocket, take: Callable[[Handover], bool], reception: Reception) -> None:
        super().__init__(reception)
        self._socket = socket
        self._take = take
        self._said = b""
        socket.setParent(self)
        socket.setReadBufferSize(MOST_BYTES)
        socket.readyRead.connect(self._read)
        socket.disconnected.connect(self.leave)
        QTimer.singleShot(PATIENCE_MS, self, self.leave)
        self._read()

    def leave(self) -> None:
        """End the connection. Safe to call twice."""
        if self.parent() is None:
            return
        self.setParent(None)
        self._socket.readyRead.disconnect(self._read)
        self._socket.abort()
        self.deleteLater()

    def _read(self) -> None:
        self._said += self._socket.readAll().data()
        line, ends, _ = self._said.partition(END)
        if ends:
            self._answer(line)
        elif len(self._said) > MOST_BYTES:
            log.warning("Something on this machine sent the window more than a message may hold")
            self.leave()

    def _answer(self, line: bytes) -> None:
        try:
            handover = decode(line)
        except ValueError as error:
            log.warning("Something on this machine sent the window a message that is none: %s", error)
            self.leave()
            return
        if self._take(handover):
            self._socket.write(TAKEN)
            self._socket.disconnectFromServer()
        else:
            self.leave()


def _is_ours(descriptor: int) -> bool:
    """Whether who connected is the same user; where the system does not tell, the socket's folder lets in no other."""
    if sys.platform != "linux":
        return True
    with sockets.socket(fileno=os.dup(descriptor)) as peer:
        told = peer.getsockopt(sockets.SOL_SOCKET, sockets.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", told)
    return bool(user == os.getuid())
