"""The request of a heartbeat against real servers: good, slow, endless, redirecting, broken."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Thread

import pytest

from dlt_sources.weather.status.heartbeat import request
from dlt_sources.weather.status.heartbeat.request import send

TOKEN = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"
Answer = Callable[[socket.socket], None]


class Server:
    """HTTP server that notes requests and answers each by the next of its functions."""

    def __init__(self, *answers: Answer) -> None:
        self.got: list[str] = []
        self._answers = answers
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/{TOKEN}"
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        for answer in [*self._answers, *[self._answers[-1]] * 5]:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            head, _, body = connection.recv(65536).decode().partition("\r\n\r\n")
            length = int(head.lower().partition("content-length:")[2].split()[0])
            while len(body.encode()) < length:
                body += connection.recv(65536).decode()
            self.got.append(f"{head.splitlines()[0].removesuffix(' HTTP/1.1')} {body}")
            with suppress(OSError):
                answer(connection)
            connection.close()

    def close(self) -> None:
        """Accept no more."""
        self._socket.close()


def status(code: str, *headers: str) -> Answer:
    """Answer with a status."""
    return lambda connection: connection.sendall(
        "\r\n".join([f"HTTP/1.1 {code}", "Content-Length: 2", *headers, "", "OK"]).encode()
    )


def endless(connection: socket.socket) -> None:
    """Answer with a body that does not end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"5\r\nhello\r\n" * 1000)


def dripping(connection: socket.socket) -> None:
    """Send a byte of a header now and then, for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        time.sleep(0.05)
        connection.sendall(b"x")


def hanging(_: socket.socket) -> None:
    """Say nothing for longer than the client waits."""
    time.sleep(0.6)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []
    monkeypatch.setattr(request, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(request, "TIMEOUTS", (0.3, 0.3))
    monkeypatch.setattr(request, "MOST_SECONDS", 2.0)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    def make(*answers: Answer) -> Server:
        servers.append(Server(*answers))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


def test_success_is_the_url_and_failure_is_fail_behind_it_with_the_cause(serve) -> None:
    server = serve(status("200 OK"))
    assert send(server.url, "Every place has recent rows.") is None
    assert send(f"{server.url}/?create=1", "1 place is late", is_failure=True) is None
    assert server.got == [
        f"POST /{TOKEN} Every place has recent rows.",
        f"POST /{TOKEN}/fail?create=1 1 place is late",
    ]


def test_what_may_pass_is_tried_again_three_times_at_most_and_what_may_not_once(serve) -> None:
    server = serve(status("503 Busy"), status("200 OK"))
    assert send(server.url, "ok") is None
    assert len(server.got) == 2
    server = serve(status("503 Busy"))
    assert send(server.url, "ok") == "HTTP status 503"
    assert len(server.got) == request.ATTEMPTS
    server = serve(status("404 Unknown"))
    assert send(server.url, "ok") == "HTTP status 404"
    assert len(server.got) == 1


def test_a_redirect_is_not_followed(serve) -> None:
    other = serve(status("200 OK"))
    server = serve(status("302 Found", f"Location: {other.url}"))
    assert send(server.url, "ok") == "a redirect, which is not followed"
    assert other.got == []


@pytest.mark.parametrize(
    ("answer", "reason"), [(endless, None), (hanging, request.NO_ANSWER), (dripping, request.NO_ANSWER)]
)
def test_a_slow_or_endless_server_holds_nothing_up(serve, monkeypatch, answer, reason) -> None:
    monkeypatch.setattr(request, "MOST_SECONDS", 0.8)
    server = serve(answer)
    began = time.monotonic()
    assert send(server.url, "ok") == reason
    assert time.monotonic() - began < 1.5


def test_no_reason_and_no_log_names_the_url(serve, caplog, monkeypatch) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve(status("500 No"))
    monkeypatch.setattr(request, "ATTEMPTS", 1)
    reasons = [send(server.url, "ok"), send(f"http://127.0.0.1:9/{TOKEN}", "ok")]
    reasons.append(send(f"http://no-such-host.invalid/{TOKEN}", "ok"))
    assert all(reasons)
    assert TOKEN not in caplog.text + str(reasons)
