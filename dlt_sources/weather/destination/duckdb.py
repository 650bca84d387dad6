"""DuckDB's memory: by itself it takes up to 80 % of the machine's, and keeps what it has read or written of its file.

Measured with the current weather of 100,000 places: a peak of 599 MB without this module, 466 MB with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

# a package of run.PACKAGE_BYTES needs up to 112 MB with two threads and 128 with sixteen, whatever the table's size
LIMIT = "160MB"
# enough to rewrite a part of a table when the file is closed
CLOSING = "96MB"
# each takes memory of its own, and a package is too small for more
MOST_THREADS = 4
# what may stay in the cache between two packages
CACHE = "16MB"


def limit_memory(client: SqlClientBase[Any]) -> None:
    """Bound what DuckDB takes, for all connections of this process, unless dlt's configuration says how much it may.

    That is ``memory_limit`` and ``threads`` in ``global_config`` of ``[destination.duckdb.credentials]``.
    """
    client.execute_sql(f"SET memory_limit = '{_limit(client)}'")
    if "threads" not in _configured(client):
        client.execute_sql(f"SET threads = least(current_setting('threads'), {MOST_THREADS})")


def empty_cache(client: SqlClientBase[Any]) -> None:
    """Have DuckDB forget the pages of its file that it has read or written."""
    try:
        # not while a reader in another thread is at it
        with suppress(DatabaseException):
            client.execute_sql(f"SET memory_limit = '{CACHE}'")
    finally:
        client.execute_sql(f"SET memory_limit = '{_limit(client)}'")


def limit_closing(client: SqlClientBase[Any]) -> None:
    """Bound what DuckDB takes when it closes its file, for it rewrites parts of tables then, unless configured.

    Measured with the current weather of 200,000 places: a peak of 437 MB, without this 494.
    """
    if "memory_limit" in _configured(client):
        return
    # where more than that is in use
    with suppress(DatabaseException):
        client.execute_sql(f"SET memory_limit = '{CLOSING}'")


def _limit(client: SqlClientBase[Any]) -> str:
    return str(_configured(client).get("memory_limit", LIMIT))


def _configured(client: SqlClientBase[Any]) -> Mapping[str, Any]:
    return getattr(client.credentials, "global_config", None) or {}
