"""DuckDB's cache of its file, emptied between load packages: it would take up to 80 % of the machine's memory."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

# what may stay
CACHE = "64MB"


def empty_duckdb_cache(client: SqlClientBase[Any]) -> None:
    """Have DuckDB forget the pages of its file that it has read or written; its limit stays what it is.

    A limit for the whole run is no way: a merge fails where it meets one (at 100 MB with packages of 16 MB).
    """
    ((limit,),) = client.execute_sql("SELECT current_setting('memory_limit')") or ((None,),)
    try:
        # more may be in use, by a reader in another thread say
        with suppress(DatabaseException):
            client.execute_sql(f"SET memory_limit = '{CACHE}'")
    finally:
        client.execute_sql(f"SET memory_limit = '{limit}'")
