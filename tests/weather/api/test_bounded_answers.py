"""Answers without end or bound: each is cut off at the limit, counted while it is read and unpacked."""

from __future__ import annotations

import asyncio
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from dlt_sources.weather.api.responses import Answer, Failure, Request
from tests.weather.api.asking import PATH, question

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n"
LIMIT_MB = 0.2
PIECE = b" " * 50_000
# what the sockets' buffers take besides the answer that is read
BUFFERS = 10_000_000

Body = Callable[[], AsyncIterator[bytes]]


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def endless() -> AsyncIterator[bytes]:
    yield CHUNKED + b"\r\n"
    while True:
        yield chunk(PIECE)


async def endless_and_slow() -> AsyncIterator[bytes]:
    yield CHUNKED + b"\r\n"
    while True:
        yield chunk(b" ")
        await asyncio.sleep(0.02)


async def packed() -> AsyncIterator[bytes]:
    """A gzip bomb: a thousand times as large when it is unpacked."""
    yield CHUNKED + b"Content-Encoding: gzip\r\n\r\n"
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    while True:
        if data := packer.compress(b" " * 1_000_000):
            yield chunk(data)


async def announced() -> AsyncIterator[bytes]:
    yield HEAD + b"Content-Length: 500000000\r\n\r\n"
    while True:
        yield PIECE


async def just_small_enough() -> AsyncIterator[bytes]:
    body = b'{"name":"x"}'.ljust(int(LIMIT_MB * 1_000_000))
    yield HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


@contextmanager
def server_of(body: Body) -> Iterator[tuple[str, list[int]]]:
    """Serve one body to every call; yield the URL, and the bytes sent in each call."""
    sent: list[int] = []
    loop = asyncio.new_event_loop()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            sent.append(0)
            async for piece in body():
                writer.write(piece)
                await writer.drain()
                sent[-1] += len(piece)
        writer.close()

    server = loop.run_until_complete(asyncio.start_server(handle, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", sent
    finally:

        async def stop() -> None:
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            server.close()

        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.mark.parametrize("body", [endless, packed, announced])
def test_an_answer_beyond_the_limit_is_cut_off_and_not_asked_for_again(client, body):
    with server_of(body) as (url, sent):
        result = client(base_url=url, max_answer_mb=LIMIT_MB, attempts=3).fetch(question())
        assert isinstance(result, Failure)
        assert result.error_class == "too_large"
        assert "0.2 MB (max_answer_mb)" in result.message
        size = int(result.message.rpartition(" after ")[2].split()[0].replace(",", ""))
        assert LIMIT_MB * 1_000_000 < size < LIMIT_MB * 1_000_000 + 2_000_000
        assert result.http_status == 200
        assert len(sent) == 1
    assert sent[0] < BUFFERS


def test_an_answer_that_trickles_without_end_is_cut_off_in_time(client):
    with server_of(endless_and_slow) as (url, sent):
        result = client(base_url=url, timeout_seconds=0.3, attempts=1).fetch(question())
        assert isinstance(result, Failure)
        assert result.error_class == "timeout"
    assert sent[0] < BUFFERS


def test_an_answer_of_the_size_of_the_limit_is_read(client):
    with server_of(just_small_enough) as (url, _):
        assert isinstance(client(base_url=url, max_answer_mb=LIMIT_MB).fetch(question()), Answer)


def test_history_may_be_larger_in_proportion_to_its_days(client):
    history = Request("air_pollution", PATH, {})
    with server_of(just_small_enough) as (url, _):
        small = client(base_url=url, max_answer_mb=LIMIT_MB / 2, history_days_per_call=90)
        assert small.fetch(history).error_class == "too_large"
        assert isinstance(
            client(base_url=url, max_answer_mb=LIMIT_MB / 2, history_days_per_call=180).fetch(history), Answer
        )
