"""Receivers of messages: HTTP and SMTP servers in threads of the test process."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

TOKEN = "t0ken-of-the-channel-4711"
PASSWORD = "s3cret-of-the-mailbox"


class Receiver:
    """HTTP server that records what is posted to it; it can refuse by status, or by being stopped."""

    def __init__(self) -> None:
        self.status = 200
        self.got: list[dict[str, Any]] = []
        self.requests = 0
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        """URL of the channel, with secrets as real URLs have."""
        return f"json://someone:{PASSWORD}@127.0.0.1:{self.port}/{TOKEN}"

    @property
    def name(self) -> str:
        """Name of the channel as people see it."""
        return f"json://127.0.0.1:{self.port}"

    @property
    def titles(self) -> list[str]:
        """Titles of the received messages, in order."""
        return [message["title"] for message in self.got]

    def start(self) -> None:
        """Start to listen, on the earlier port if there was one."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.requests += 1
                if receiver.status == 200:
                    receiver.got.append(body)
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        """Stop to listen: connections are refused."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class Silent:
    """Server that accepts connections and never answers, or never ends its answer.

    Args:
        start: First bytes of the answer, if any.
        rest: Bytes sent repeatedly after it, if any.
    """

    def __init__(self, start: bytes = b"", rest: bytes = b"") -> None:
        self.connections = 0
        self._answer = (start, rest)
        self._accepted: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._accepted.append(self._server.accept()[0])
                self.connections += 1
                Thread(target=self._send, args=[self._accepted[-1]], daemon=True).start()

    def _send(self, connection: socket.socket) -> None:
        start, rest = self._answer
        with suppress(OSError):
            connection.sendall(start)
            while rest:
                connection.sendall(rest)
                time.sleep(0.2)

    def stop(self) -> None:
        """Stop to listen, and close the accepted connections."""
        # only this wakes up a thread in accept()
        self._server.shutdown(socket.SHUT_RDWR)
        for one in [self._server, *self._accepted]:
            one.close()


class Mailbox:
    """SMTP server that records what it is sent."""

    def __init__(self, password: str | None = None) -> None:
        self.got: list[Any] = []
        self._password = password
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        options: dict[str, Any] = {}
        if password:
            options = {"authenticator": self._authenticate, "auth_required": True, "auth_require_tls": False}
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)
        self._controller.start()

    def _authenticate(self, *arguments: Any) -> AuthResult:
        login = arguments[-1]
        correct = isinstance(login, LoginPassword) and login.password.decode() == self._password
        return AuthResult(success=correct, handled=False)

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802
        """Record a mail; the server calls this method."""
        self.got.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"

    @property
    def titles(self) -> list[str]:
        """Subjects of the received mails, in order."""
        return [message["Subject"] for message in self.got]

    @property
    def url(self) -> str:
        """URL of the channel."""
        return f"mailto://127.0.0.1:{self.port}?from=alerts@example.org&to=people@example.org&mode=insecure"

    def url_with(self, password: str) -> str:
        """Return the URL of the channel with a login."""
        return (
            f"mailto://people:{password}@127.0.0.1:{self.port}"
            "?from=alerts@example.org&to=people@example.org&mode=insecure"
        )

    def stop(self) -> None:
        """Stop to listen."""
        self._controller.stop()
