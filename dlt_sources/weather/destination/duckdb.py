"""DuckDB: new files that compress texts, files that may only be read, no downloads, and limits of memory.

By default DuckDB takes up to 80 % of the machine and caches its file.

Measured with the forecast of 2,000 places and DuckDB 1.5: peak memory 543 MB with a limit of 160 MB alone, 420 MB with
one thread and memory that is given back at once too.

The limits are set with SQL, not passed to dlt as ``global_config``, for two reasons. dlt takes one mapping and merges
nothing: an environment variable that sets only ``threads`` would lift the memory limit, and a mapping passed in code
would override the user's. The limit changes while a run lasts, to empty the cache and to close the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import Any

from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.common.errors import WriterBusyError

# a package of PACKAGE_BYTES needs up to 120 MB with one thread, whatever the table's size; 100 MB are too few for the
# largest, forecasts with their raw answers (DuckDB 1.5)
LIMIT = "160MB"
# enough to rewrite a part of a table when the file is closed
CLOSING_LIMIT = "96MB"
# each thread takes memory, and a package is too small for a second one to save time, even in a table of 6.5 million
# rows; several tables are merged at the same time all the same, each in a thread of dlt's
MAX_THREADS = 1
# DuckDB's allocator keeps what is freed, 70 MB of a package, unless it is flushed; by default it is after 512 MB
FLUSH_THRESHOLD = "256kB"
_FLUSH = "allocator_bulk_deallocation_flush_threshold"
# what may stay cached between two packages
CACHE_LIMIT = "16MB"
# the first release that compresses long texts with zstd; later formats take another compression, three times as large
STORAGE_VERSION = "v1.2.0"


def create_file(file: Path) -> None:
    """Create a DuckDB file that compresses long texts, unless there is one: by default 1.5 stores them as they are.

    The answers of 2,000 forecasts, 25 MB, written ten at a time: 43 MB by default, 4.5 MB in this format, 13 MB in that
    of 1.4. DuckDB 1.2 and later read it; a file keeps the format that it was created with.

    Args:
        file: path of the file. If it cannot be created, whatever opens it next says why.
    """
    if not file.exists():
        import duckdb  # noqa: PLC0415 - takes 30 MB, which other databases do not need

        with suppress(duckdb.Error):
            duckdb.connect(str(file), config={"storage_compatibility_version": STORAGE_VERSION}).close()


def forbid_downloads(client: SqlClientBase[Any]) -> None:
    """Keep DuckDB from downloading extensions when a query names something that it does not know.

    Args:
        client: an open connection.
    """
    if "autoinstall_known_extensions" not in _configured(client):
        client.execute_sql("SET autoinstall_known_extensions = false")


def read_only_credentials(credentials: Any) -> DuckDbCredentials:
    """Return credentials that open a DuckDB file for reading.

    Args:
        credentials: the file's credentials.
    """
    read_only: DuckDbCredentials = credentials.copy()
    read_only.read_only = True
    # makes the pool of connections that the copy lacks
    read_only.resolve()
    return read_only


def limit_reading(client: SqlClientBase[Any]) -> None:
    """Limit the memory with which DuckDB reads: queries that need more write what they hold next to the file.

    Measured with 12.6 million air-pollution forecasts: the process's peak while it looks for double keys is 1,528 MB
    without a limit, 418 MB with it, in less processor time; of ``weather status`` 569 and 398 MB.

    Args:
        client: an open connection; one that may only read has no place to write to, and no limit.
    """
    if getattr(client.credentials, "read_only", False):
        return
    # DuckDB refuses a limit below what another connection of this process has in use
    with suppress(DatabaseException):
        client.execute_sql(f"SET memory_limit = '{_limit(client)}'")


def limit_memory(client: SqlClientBase[Any]) -> None:
    """Limit DuckDB's memory and threads, for all connections of this process to the file.

    A value in ``global_config`` of the destination's credentials has precedence: ``memory_limit``, ``threads``,
    ``allocator_bulk_deallocation_flush_threshold``.

    Args:
        client: an open connection.
    """
    client.execute_sql(f"SET memory_limit = '{_limit(client)}'")
    if "threads" not in _configured(client):
        client.execute_sql(f"SET threads = least(current_setting('threads'), {MAX_THREADS})")
    if _FLUSH not in _configured(client):
        client.execute_sql(f"SET {_FLUSH} = '{FLUSH_THRESHOLD}'")


def empty_cache(client: SqlClientBase[Any]) -> None:
    """Drop the pages of the file that DuckDB has cached.

    Args:
        client: an open connection.
    """
    try:
        # DuckDB refuses a lower limit while a reader in another thread uses more
        with suppress(DatabaseException):
            client.execute_sql(f"SET memory_limit = '{CACHE_LIMIT}'")
    finally:
        client.execute_sql(f"SET memory_limit = '{_limit(client)}'")


def limit_closing(client: SqlClientBase[Any]) -> None:
    """Limit the memory with which DuckDB rewrites parts of tables when it closes its file, unless configured.

    Measured with the current weather of 200,000 places: peak memory 494 MB without this limit, 437 MB with it.

    Args:
        client: the last open connection.
    """
    if "memory_limit" in _configured(client):
        return
    # DuckDB refuses a limit below what is in use
    with suppress(DatabaseException):
        client.execute_sql(f"SET memory_limit = '{CLOSING_LIMIT}'")


def _limit(client: SqlClientBase[Any]) -> str:
    return str(_configured(client).get("memory_limit", LIMIT))


def _configured(client: SqlClientBase[Any]) -> Mapping[str, Any]:
    return getattr(client.credentials, "global_config", None) or {}


class DuckDBFile:
    """Lock of a DuckDB file for this process: a connection. See ``waiting.Hold``.

    Those that wait for it show it by the lock of the working directories' root, which they take first.

    Args:
        connect: opens a connection, and raises WriterBusyError while another process has the file open.

    Attributes:
        client: the connection; None while the lock is not held.
    """

    is_of_run = False
    is_shared = False

    def __init__(self, connect: Callable[[], AbstractContextManager[SqlClientBase[Any]]]) -> None:
        self._connect = connect
        self._stack = ExitStack()
        self.client: SqlClientBase[Any] | None = None

    def attempt(self) -> str | None:
        """Open the file; otherwise return a sentence with the program that has it open."""
        try:
            self.client = self._stack.enter_context(self._connect())
        except WriterBusyError as error:
            return str(error)
        limit_memory(self.client)
        return None

    def release(self) -> None:
        """Close the file."""
        if self.client is not None:
            limit_closing(self.client)
            self.client = None
            self._stack.close()

    def announce(self) -> None:
        """Do nothing, see above."""

    def retract(self) -> None:
        """Do nothing, see above."""

    def others_wait(self) -> bool:
        """Return False, see above."""
        return False
