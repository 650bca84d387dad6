"""Answers without end, of 500 MB, and small ones that unpack to gigabytes: reading them stops early."""

from __future__ import annotations

import http.client
import http.server
import socketserver
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from multiprocessing.process import BaseProcess
from urllib.parse import parse_qs, urlsplit

import psutil

from dlt_sources.weather.destination.target import Target
from tests.chaos.rounds.world import Round

MEGABYTE = 1_000_000
ANNOUNCED = 500 * MEGABYTE
# packed a thousandfold
BOMB = 2_000 * MEGABYTE
# a load of ordinary answers needs about 300 MB
MOST_MEMORY = 700 * MEGABYTE
LONGEST_SECONDS = 60
PIECE = b'{"list":[' + b" " * 65_527
HOW = ("without end", "500 MB", "bomb", "slowly without end")


def answers(round_: Round) -> None:
    """One location's answers are giants of any kind: they are rejected, and the others are loaded."""
    chosen = round_.random
    locations = [f"{number}.5000,{number}.2500" for number in range(8)]
    giant, how = chosen.choice(locations), chosen.choice(HOW)
    lat = giant.partition(",")[0]
    # packing takes seconds, which are not the answer's
    if how == "bomb":
        _bomb()
    with _between(round_.world.api, lat, how) as api:
        # the timeout bounds an answer that is slow
        worker = round_.start(locations=locations, base_url=api, attempts=2, timeout_seconds=3.0)
        began = time.monotonic()
        peak = _peak(worker)
        seconds = time.monotonic() - began
    code = round_.end_of(worker, 0)
    round_.found.note(how)
    round_.found.note("MB at the peak", int(peak / MEGABYTE))
    if peak > MOST_MEMORY:
        round_.found.problems.append(f"{how}: {peak / MEGABYTE:.0f} MB of memory")
    if seconds > LONGEST_SECONDS:
        round_.found.problems.append(f"{how}: {seconds:.0f} s")
    with Target(round_.destination).reader() as tables:
        sql = "SELECT DISTINCT location_id, error_class FROM {rejects}"
        rejects = tables.rows(sql, rejects="rejects")
        round_.recorder.hold_to_account(tables, round_.found)
    wanted = {"too_large"} if how != "slowly without end" else {"timeout", "too_large"}
    if code == 0 and ({one[0] for one in rejects} != {giant} or not {one[1] for one in rejects} <= wanted):
        round_.found.problems.append(f"{how}: rejects are {rejects}, the giant is {giant}")
    round_.pass_time()
    round_.finish(places=locations, locations=locations)


def _peak(worker: BaseProcess) -> int:
    """Wait for a process and return the most memory that it had, in bytes."""
    peak, deadline = 0, time.monotonic() + 2 * LONGEST_SECONDS
    process = psutil.Process(worker.pid)
    while worker.is_alive() and time.monotonic() < deadline:
        try:
            peak = max(peak, process.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.05)
    return peak


class _Handler(http.server.BaseHTTPRequestHandler):
    """Passes calls on to the API, but answers those for one latitude with giants."""

    protocol_version = "HTTP/1.1"
    api, lat, how = "", "", ""

    def do_GET(self) -> None:
        """Answer one call."""
        if parse_qs(urlsplit(self.path).query).get("lat") == [self.lat]:
            with suppress(OSError):
                self._send_giant()
            self.close_connection = True
            return
        connection = http.client.HTTPConnection(urlsplit(self.api).netloc, timeout=30)
        connection.request("GET", self.path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        self._begin(answer.status, **{"Content-Length": str(len(body))})
        self.wfile.write(body)

    def _begin(self, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            self.send_header(name, value)
        self.end_headers()

    def _send_giant(self) -> None:
        if self.how == "500 MB":
            self._begin(**{"Content-Length": str(ANNOUNCED)})
            for _ in range(ANNOUNCED // len(PIECE)):
                self.wfile.write(PIECE)
        elif self.how == "bomb":
            self._begin(**{"Content-Encoding": "gzip", "Content-Length": str(len(_bomb()))})
            self.wfile.write(_bomb())
        else:
            self._begin(**{"Transfer-Encoding": "chunked"})
            piece, pause = (PIECE, 0.0) if self.how == "without end" else (b" ", 0.2)
            while True:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                time.sleep(pause)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that read no further."""


@contextmanager
def _between(api: str, lat: str, how: str) -> Iterator[str]:
    """A server between loads and the API that answers the calls for one latitude with giants."""
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"api": api, "lat": lat, "how": how}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@lru_cache
def _bomb() -> bytes:
    """Return two gigabytes of blanks, packed."""
    packer = zlib.compressobj(9, wbits=31)
    piece = b" " * (10 * MEGABYTE)
    return b"".join([packer.compress(piece) for _ in range(BOMB // len(piece))] + [packer.flush()])
