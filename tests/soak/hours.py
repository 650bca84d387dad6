"""What an hour costs: the command line as cron starts it, or loads in one process that goes on for years."""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import psutil

from tests.soak.world import World

BYTES_PER_MB = 1_000_000


@dataclass(frozen=True)
class Cost:
    """What an hour took.

    Attributes:
        wall: seconds.
        cpu: seconds of processor time, of all processes that loaded.
        memory_mb: resident memory: the peak of a process that ends, what another one holds afterwards.
        handles: open handles afterwards; of a process that has ended, none.
        threads: threads afterwards.
        reference: seconds of processor time that a fixed calculation took at that time.
    """

    wall: float
    cpu: float
    memory_mb: float
    handles: int
    threads: int
    reference: float


class Way(Protocol):
    """A way to load hour by hour."""

    def hour(self) -> Cost:
        """Load in the next hour, and return the cost."""

    def prune(self) -> None:
        """Delete what is not kept."""


class Processes:
    """A process of the command line an hour.

    Args:
        world: where.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def hour(self) -> Cost:
        """Run ``weather load`` in the next hour."""
        self._world.next_hour()
        return self._run("load")

    def prune(self) -> None:
        """Run ``weather prune``."""
        self._run("prune")

    def _run(self, command: str) -> Cost:
        reference, began = reference_seconds(), time.perf_counter()
        destination = self._world.target.destination
        process = self._world.start("-m", "dlt_sources.weather", command, "--destination", destination)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"weather {command} ended with {process.returncode}:\n{self._world.said()}")
        seconds = time.perf_counter() - began
        cpu = usage.ru_utime + usage.ru_stime
        return Cost(seconds, cpu, usage.ru_maxrss * 1024 / BYTES_PER_MB, 0, 0, reference)


class OneProcess:
    """``load()`` again and again in one process.

    Args:
        world: where.
        process: the process, see ``worker``.
    """

    def __init__(self, world: World, process: subprocess.Popen[str]) -> None:
        self._world = world
        self._process = process
        self._seen = psutil.Process(process.pid)

    def hour(self) -> Cost:
        """Have the process load in the next hour."""
        self._world.next_hour()
        reference, began, before = reference_seconds(), time.perf_counter(), self._cpu()
        self._do("load")
        seconds, cpu = time.perf_counter() - began, self._cpu() - before
        memory = self._seen.memory_info().rss / BYTES_PER_MB
        return Cost(seconds, cpu, memory, self._seen.num_fds(), self._seen.num_threads(), reference)

    def prune(self) -> None:
        """Have the process delete what is not kept."""
        self._do("prune")

    def _cpu(self) -> float:
        times = self._seen.cpu_times()
        return float(times.user + times.system)

    def _do(self, what: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if answer != "\n":
            raise RuntimeError(f"{what}: {answer.strip() or 'the process ended'}\n{self._world.said()}")


@contextmanager
def one_process(world: World) -> Iterator[OneProcess]:
    """Start a process that loads whenever it is told to, and end it."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with world.start("-m", "tests.soak.worker", world.target.destination, **pipes) as process:
        try:
            yield OneProcess(world, process)
        finally:
            process.kill()


def reference_seconds() -> float:
    """Return the processor time that a fixed calculation takes now: less than usual on a quiet machine."""
    began = _cpu_of_this_thread()
    hashlib.pbkdf2_hmac("sha256", b"soak", b"soak", 60_000)
    return _cpu_of_this_thread() - began


def _cpu_of_this_thread() -> float:
    usage = resource.getrusage(resource.RUSAGE_THREAD)
    return usage.ru_utime + usage.ru_stime
