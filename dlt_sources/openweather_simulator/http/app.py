"""ASGI application: one endpoint that answers as the service does, and Starlette's control routes."""

from __future__ import annotations

import asyncio
import socket
import struct
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from dlt_sources.openweather_simulator.http.control import CONTROL, control_routes
from dlt_sources.openweather_simulator.service.cache import cache_key
from dlt_sources.openweather_simulator.service.endpoints import endpoint_of
from dlt_sources.openweather_simulator.service.simulator import Answer, Simulator
from dlt_sources.openweather_simulator.service.stats import ReceivedRequest

_FIXED_HEADERS = [
    (b"Server", b"openresty"),
    (b"Connection", b"keep-alive"),
    (b"Access-Control-Allow-Origin", b"*"),
    (b"Access-Control-Allow-Credentials", b"true"),
    (b"Access-Control-Allow-Methods", b"GET, POST"),
]


def create_app(simulator: Simulator) -> ASGIApp:
    """Return the ASGI application that serves a simulator."""
    return OpenWeather(simulator, control=Starlette(routes=control_routes(simulator)))


class OpenWeather:
    """Endpoint of every path that is not a control call.

    A plain ASGI callable: Starlette's routing, request and response objects would cost more than computing
    the weather, and the simulator has to keep up with load tests.
    """

    def __init__(self, simulator: Simulator, control: ASGIApp) -> None:
        self._simulator = simulator
        self._control = control
        self._date = (0, b"")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        path: str = scope["path"]
        if path.startswith(CONTROL):
            await self._control(scope, receive, send)
            return
        simulator = self._simulator
        received_at = simulator.monotonic()
        params = _parameters(scope["query_string"].decode("latin-1"))
        key = params.pop("appid", "")
        key = params.pop("APPID", key)
        # Keeps the statistics object: a reset during the call must not leave a negative count.
        stats = simulator.stats
        name, endpoint = endpoint_of(path)
        stats.received(received_at, simulator.now(), name, endpoint.product if endpoint else None)
        status = 0
        try:
            fault = simulator.take_fault(path, params)
            delay = simulator.latency + (fault.latency if fault else 0.0)
            if delay > 0.0:
                await asyncio.sleep(delay)
            query = cache_key(path, params)
            answer = simulator.answer(path, key, params, query, fault)
            status = answer.status
        finally:
            # Counted before it is sent, so that the statistics include every answer a caller has.
            stats.answered(status)
            simulator.requests.append(ReceivedRequest(received_at, path, params, status))
        await self._send(answer, query, scope, receive, send)
        if answer.status and not answer.truncate and not _transport(scope).is_closing():
            simulator.on_sent(path, params, answer)

    async def _send(self, answer: Answer, query: str, scope: Scope, receive: Receive, send: Send) -> None:
        if answer.status == 0:
            await _reset(scope, receive)
            return
        headers = [
            *_FIXED_HEADERS,
            (b"Date", self._http_date()),
            (b"Content-Type", answer.content_type),
            (b"Content-Length", b"%d" % len(answer.body)),
            (b"X-Cache-Key", query.encode("latin-1", "replace")),
        ]
        if answer.retry_after is not None:
            headers.append((b"Retry-After", answer.retry_after.encode("latin-1")))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if not answer.truncate:
            await send({"type": "http.response.body", "body": answer.body})
            return
        await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})
        _transport(scope).close()
        await _disconnected(receive)

    def _http_date(self) -> bytes:
        second = int(self._simulator.now())
        if self._date[0] != second:
            self._date = (second, formatdate(second, usegmt=True).encode())
        return self._date[1]


def _parameters(query: str) -> dict[str, str]:
    if "%" in query or "+" in query:
        return dict(parse_qsl(query, keep_blank_values=True))
    # Nothing is escaped in most calls; splitting them here is several times faster.
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    return {name: value for name, _, value in pairs}


def _transport(scope: Scope) -> asyncio.Transport:
    """Return the connection, which the server module's protocol puts into the scope."""
    transport: asyncio.Transport = scope["state"]["transport"]
    return transport


async def _reset(scope: Scope, receive: Receive) -> None:
    transport = _transport(scope)
    # A linger time of zero makes the close a reset: the caller sees the connection break, not end.
    linger = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
    await _disconnected(receive)


async def _disconnected(receive: Receive) -> None:
    """Wait until the server has noticed that the connection is gone; it would otherwise answer with 500."""
    message: Any = {}
    while message.get("type") != "http.disconnect":
        message = await receive()
