"""Rate limit shared by all shards, on any machine: a table of the dataset counts the calls that they leased.

A lease covers calls that are waiting already, at most a quarter of a second's worth, and expires after one second. So
shards share the rate evenly, no shard hoards calls, and one round trip serves many of them. All timestamps are
PostgreSQL's, since the machines' clocks differ.

pyrate_limiter's ``PostgresBucket`` writes one row per call (500 a second on the largest subscription), refuses a caller
while another one holds its lock (three of four attempts at that rate, measured with four processes), and falls back to
the machine's clock if the server's cannot be read, which silently lifts the limit.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.api import rate_limit
from dlt_sources.weather.api.rate_limit import LeasingRateLimiter

TABLE = "_weather_calls"
USABLE_SECONDS = 1.0
# a machine that stops between two statements must not block the others
LONGEST_TRANSACTION = "5s"

Connect = Callable[[], AbstractContextManager[SqlClientBase[Any]]]


class SharedBudget:
    """Leases of one process from the shared budget of calls.

    Args:
        connect: function that opens a connection to the dataset.
        calls_per_minute: number of calls that any 60 seconds may hold, over all processes.
    """

    def __init__(self, connect: Connect, calls_per_minute: int) -> None:
        self._connect = connect
        self._limit = calls_per_minute
        self._window = rate_limit.WINDOW_MILLISECONDS / 1000 + USABLE_SECONDS
        self._connection = ExitStack()
        self._client: SqlClientBase[Any] | None = None

    def take(self, most: int) -> tuple[int, float]:
        """Lease as many calls as are left.

        Args:
            most: largest number of calls to lease.

        Returns:
            The number of calls leased, and the seconds until the next one is available (0.0 if any was leased).
        """
        client = self._client or self._open()
        table = client.make_qualified_table_name(TABLE)
        with client.begin_transaction():
            client.execute_sql(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
            # leaves the rows of the window; a separate statement, so that the next sees rows written during the wait
            client.execute_sql(
                f"DELETE FROM {table} WHERE taken_at <= clock_timestamp() - make_interval(secs => %s)", self._window
            )
            leased = client.execute_sql(
                f"INSERT INTO {table} SELECT clock_timestamp(), least(%s, %s - used.calls)"
                f" FROM (SELECT coalesce(sum(calls), 0)::int AS calls FROM {table}) AS used WHERE used.calls < %s"
                " RETURNING calls",
                most,
                self._limit,
                self._limit,
            )
            if leased:
                return int(leased[0][0]), 0.0
            rows = client.execute_sql(
                f"SELECT extract(epoch FROM min(taken_at) - clock_timestamp())::float FROM {table}"
            )
        return 0, max(0.0, rows[0][0] + self._window) if rows else 0.0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
        self._client = None

    def _open(self) -> SqlClientBase[Any]:
        self._client = self._connection.enter_context(self._connect())
        self._client.execute_sql(
            "SELECT set_config('idle_in_transaction_session_timeout', %s, false)", LONGEST_TRANSACTION
        )
        return self._client


def shared_rate_limiter(connect: Connect, calls_per_minute: int) -> LeasingRateLimiter:
    """Return the rate limiter of one shard, which leases no more calls than are waiting.

    Args:
        connect: function that opens a connection to the dataset.
        calls_per_minute: number of calls that any 60 seconds may hold, over all processes.
    """
    budget = SharedBudget(connect, calls_per_minute)
    return LeasingRateLimiter(budget, calls_per_minute, USABLE_SECONDS, ahead=False)


def ensure_budget(client: SqlClientBase[Any]) -> None:
    """Create the table of leases, and the dataset if it is missing; the caller must hold the writer lock."""
    if not client.has_dataset():
        client.create_dataset()
    client.execute_sql(
        f"CREATE TABLE IF NOT EXISTS {client.make_qualified_table_name(TABLE)}"
        " (taken_at timestamptz NOT NULL, calls int NOT NULL)"
    )
