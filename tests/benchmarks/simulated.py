"""The simulated API in a process of its own, and its statistics."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.processes import environment

KEY = "0123456789abcdef0123456789abcdef"


class Api:
    """A simulator that runs elsewhere.

    Args:
        url: where it answers.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def warm_up(self) -> None:
        """Have it load what it loads with its first answer, which takes more than a second, and forget that call."""
        with urllib.request.urlopen(f"{self.url}/data/2.5/weather?lat=0&lon=0&appid={KEY}", timeout=30):  # noqa: S310
            pass
        self._call("reset", "POST")

    def freeze(self) -> None:
        """Stop its clock, so that an answer once computed stays in its cache however long measuring takes."""
        self._call("clock", "POST", {"now": time.time()})

    def stats(self) -> dict[str, Any]:
        """What it served so far."""
        return dict(json.loads(self._call("stats", "GET")))

    def _call(self, name: str, method: str, body: object = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_simulator/{name}", data, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            answer: bytes = response.read()
        return answer


@contextmanager
def simulator(
    folder: Path, *, calls_per_minute: int | None = None, latency_ms: float = 0, cache_mb: int = 32
) -> Iterator[Api]:
    """Start a simulator with One Call 4.0 and its clock standing still, and stop it at the end."""
    command = ["dlt_sources.openweather_simulator", "--port", "0", "--latency-ms", f"{latency_ms:g}"]
    command += ["--one-call", "--one-call-version", "4", "--cache-mb", str(cache_mb)]
    if calls_per_minute is not None:
        command += ["--calls-per-minute", str(calls_per_minute)]
    with subprocess.Popen(
        [sys.executable, "-m", *command], cwd=folder, env=environment(folder), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("the simulator did not start")
            api = Api(line.split()[-1])
            api.warm_up()
            api.freeze()
            yield api
        finally:
            process.terminate()
