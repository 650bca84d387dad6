"""A TCP proxy before a server, which a test lets stall, as a network that swallows packets does, or cut connections."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Proxy:
    """Forwards every connection to a server on this machine, unless it stalls.

    Args:
        port: the server's port.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._stalled = threading.Event()
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self) -> None:
        """Forward nothing more and close nothing, of old and new connections alike."""
        self._stalled.set()

    def resume(self) -> None:
        """Close the connections that stalled, and forward new ones again."""
        self._stalled.clear()
        self.cut()

    def cut(self) -> None:
        """Close all connections; new ones are forwarded."""
        for pair in self._pairs:
            for one in pair:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close all connections and take no more."""
        self._closed.set()
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                inner, _ = self._listener.accept()
                pair = (inner, socket.create_connection(("127.0.0.1", self._to)))
                self._pairs.append(pair)
                threading.Thread(target=self._forward, args=pair, daemon=True).start()

    def _forward(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError), one, other:
            while True:
                if self._stalled.is_set():
                    while self._stalled.is_set() and not self._closed.wait(0.1):
                        pass
                    return
                for source in select.select([one, other], [], [], 0.1)[0]:
                    data = source.recv(65536)
                    if not data:
                        return
                    (other if source is one else one).sendall(data)


@contextmanager
def proxy(port: int) -> Iterator[Proxy]:
    """Yield a proxy before a port of this machine."""
    made = Proxy(port)
    try:
        yield made
    finally:
        made.close()
