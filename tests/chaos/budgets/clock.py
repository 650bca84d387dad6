"""A clock that goes faster than the machine's, for this process where it asks, and for programs that preload it.

Programs are built without knowing of it: ``clock.c`` stands between them and the C library. It works where Python,
PostgreSQL, DuckDB, dlt's threads, gRPC and Dagster take time from the C library, which is Linux with glibc.
"""

from __future__ import annotations

import mmap
import os
import platform
import shutil
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")
# version, the machine's clock and what had passed then, the limit, speed, both clocks at the start: page_t in clock.c
PAGE = struct.Struct("<QqqqdQQ")
NANOSECONDS = 1_000_000_000
SECONDS_A_BEAT = 0.002
# of the machine: where this process gets no processor for longer, no other one may have been late by more
LONGEST_BEAT = 20_000_000


def cannot_shift(*_: object) -> str | None:
    """Return why programs cannot be given another clock on this machine; None if they can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return "the shifted clock is made for Linux on x86-64"
    return None if shutil.which("cc") else "no C compiler (cc) is installed"


class ShiftedClock:
    """Clock shared by programs, whose speed this process sets. It goes while it is used as a context manager.

    It stands still while this process waits for a processor: what arrives here is not made late by a busy machine.

    Args:
        folder: where the library and the page go; every user of the machine must be able to read it.
        start: UTC; later than the machine's clock, since files and processes have their times from the kernel.
    """

    def __init__(self, folder: Path, start: datetime) -> None:
        library, page = folder / "clock.so", folder / "clock.page"
        command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True)
        page.write_bytes(bytes(PAGE.size))
        page.chmod(0o644)
        with page.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), PAGE.size)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._version = 0
        self._real = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        self._passed = self._limit = 0
        self._speed = 1.0
        self._starts = (int(start.timestamp()) * NANOSECONDS, self._real)
        self._write()
        self.stood_still = 0.0
        self.environment = {"LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(page)}

    def __enter__(self) -> ShiftedClock:
        self._beat()
        threading.Thread(target=self._go, name="clock", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    @property
    def speed(self) -> float:
        """Seconds of this clock in a second of the machine's."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        with self._lock:
            self._rebase()
            self._speed = speed
            self._write()

    def time(self) -> float:
        """Unix seconds, like ``time.time``."""
        return (self._starts[0] + self._passed_now()) / NANOSECONDS

    def monotonic(self) -> float:
        """Seconds of the monotonic clock of the programs, like ``time.monotonic``."""
        return (self._starts[1] + self._passed_now()) / NANOSECONDS

    def now(self) -> datetime:
        """The moment, UTC."""
        return datetime.fromtimestamp(self.time(), timezone.utc)

    def jump(self, seconds: float) -> None:
        """Let so many seconds have passed, in none of the machine's."""
        with self._lock:
            self._rebase()
            self._passed += int(seconds * NANOSECONDS)
            self._write()

    def wait_until(self, moment: float, enough: Callable[[], object] = lambda: False) -> None:
        """Wait until a moment of this clock, or until something is true."""
        while (left := moment - self.time()) > 0 and not enough():
            time.sleep(min(0.05, max(0.001, left / self._speed)))

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Have the programs that are started meanwhile use this clock."""
        before = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def _go(self) -> None:
        while not self._ended.wait(SECONDS_A_BEAT):
            self._beat()

    def _beat(self) -> None:
        with self._lock:
            late = time.clock_gettime_ns(time.CLOCK_MONOTONIC) - self._real - LONGEST_BEAT
            self.stood_still += max(0, late) / NANOSECONDS
            self._rebase()
            self._write()

    def _rebase(self) -> None:
        self._passed, self._real = self._passed_now(), time.clock_gettime_ns(time.CLOCK_MONOTONIC)

    def _passed_now(self) -> int:
        passed = self._passed + int((time.clock_gettime_ns(time.CLOCK_MONOTONIC) - self._real) * self._speed)
        return min(passed, self._limit)

    def _write(self) -> None:
        self._version += 2
        self._limit = self._passed + int(LONGEST_BEAT * self._speed)
        fields = (self._real, self._passed, self._limit, self._speed, *self._starts)
        # odd while it is not whole; the order of writes to memory is kept on x86-64
        self._page[:8] = struct.pack("<Q", self._version - 1)
        self._page[8:] = PAGE.pack(self._version, *fields)[8:]
        self._page[:8] = struct.pack("<Q", self._version)
