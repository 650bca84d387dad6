"""Memory of a loading process: allocators that return it, a garbage collector that skips imports, a clean shutdown.

Allocators keep freed memory unless configured before Arrow is imported. Measured with the current weather of 60,000
locations into PostgreSQL: a peak of 388 MB that grew with every package; with this module 302 MB, which stayed.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import os
import sys
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# from glibc's malloc.h
M_ARENA_MAX = -8
# rows of JSON are thousands of objects without cycles, among which a collection finds nothing: with Python's 700, they
# take 6 % of the CPU time of a year of hourly weather
OBJECTS_BETWEEN_COLLECTIONS = 20_000
# wait for a collection in another thread; bounded, since that thread may itself wait for the shutdown
SECONDS_TO_COLLECT = 2.0


def keep_memory_flat() -> None:
    """Make this process use one heap; call it before Arrow is imported, which reads its setting at import.

    dlt loads with about twenty threads. glibc would give each a separate arena, and Arrow has a separate allocator.
    The environment variables MALLOC_ARENA_MAX and ARROW_DEFAULT_MEMORY_POOL take precedence.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        # a libc other than glibc has no mallopt
        with suppress(AttributeError):
            ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


@contextmanager
def gc_frozen_imports() -> Iterator[None]:
    """Disable garbage collection during imports, and exclude the imported objects from all later collections.

    Measured with a load of five locations: 1.41 s of CPU time into PostgreSQL instead of 1.72; 1.62 into DuckDB instead
    of 1.68.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, *gc.get_threshold()[1:])
        gc.enable()
        wait_for_collection()


def wait_for_collection() -> None:
    """Wait at exit for a garbage collection running in another thread.

    Otherwise shutdown skips the final collection, since the stopped thread never ends its own, and DuckDB reports
    leaked objects on standard error.
    """
    atexit.register(_wait_until_collector_is_idle)


def _wait_until_collector_is_idle() -> None:
    if "duckdb" not in sys.modules:
        return
    gc.unfreeze()
    gc.disable()
    deadline = time.monotonic() + SECONDS_TO_COLLECT
    while not _collector_is_idle() and time.monotonic() < deadline:
        time.sleep(0.01)


def _collector_is_idle() -> bool:
    """Return whether no other thread is collecting: during a collection, ``gc.collect`` does nothing."""
    cycle = _Cycle()
    cycle.itself = cycle
    reference = weakref.ref(cycle)
    del cycle
    gc.collect(0)
    return reference() is None


class _Cycle:
    """Reference cycle, which only a collection can free."""

    itself: _Cycle
