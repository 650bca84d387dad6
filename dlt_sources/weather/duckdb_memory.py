"""DuckDB's memory: by itself it takes up to 80 % of the machine's, and keeps what it has read or written of its file.

Measured with the current weather of 100,000 places: a peak of 599 MB without this module, 466 MB with it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

# a load package of run.PACKAGE_BYTES fails below 128 MB, whatever the table's size and the number of threads
LIMIT = "256MB"
# what may stay in the cache between two packages
CACHE = "16MB"


def limit_memory(client: SqlClientBase[Any]) -> None:
    """Bound what DuckDB takes, for all connections of this process, unless dlt's configuration says how much it may.

    That is ``memory_limit`` in ``global_config`` of ``[destination.duckdb.credentials]``.
    """
    client.execute_sql(f"SET memory_limit = '{_limit(client)}'")


def empty_cache(client: SqlClientBase[Any]) -> None:
    """Have DuckDB forget the pages of its file that it has read or written."""
    try:
        # not while a reader in another thread is at it
        with suppress(DatabaseException):
            client.execute_sql(f"SET memory_limit = '{CACHE}'")
    finally:
        limit_memory(client)


def _limit(client: SqlClientBase[Any]) -> str:
    configured = getattr(client.credentials, "global_config", None) or {}
    return str(configured.get("memory_limit", LIMIT))
