"""One budget of calls for all shards, wherever they run: a table of the dataset that counts the calls they leased.

A lease is for calls that wait already, at most a quarter of a second's worth, and what is not used within a second is
given up: so shards share the rate evenly, nothing is hoarded, and one round trip serves many calls. The moments are
PostgreSQL's own, since the machines' clocks differ.

pyrate_limiter's PostgresBucket writes a row a call (500 a second on the largest plan), refuses whoever comes while
another takes its turn (three of four tries at that rate, measured with four processes), and where its clock cannot be
asked goes by the machine's: a budget that silently is none.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from time import monotonic
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.api import rate_limit as throttle

TABLE = "_weather_calls"
LEASES_A_SECOND = 4
USABLE_SECONDS = 1.0
# a machine that stops between two statements must not hold up the others
LONGEST_TURN = "5s"
MOST_JITTER_SECONDS = 0.05

Connect = Callable[[], AbstractContextManager[SqlClientBase[Any]]]


class Budget:
    """The leases of one process.

    Args:
        connect: opens a connection to the dataset.
        calls_per_minute: how many calls any 60 seconds may hold, of all processes together.
    """

    def __init__(self, connect: Connect, calls_per_minute: int) -> None:
        self._connect = connect
        self._limit = calls_per_minute
        self._window = throttle.WINDOW_MILLISECONDS / 1000 + USABLE_SECONDS
        self._opened = ExitStack()
        self._client: SqlClientBase[Any] | None = None

    def take(self, wanted: int) -> tuple[int, float]:
        """Lease as many calls as are left, at most those wanted.

        Returns:
            How many; and, where none is left, the seconds until one will be.
        """
        client = self._client or self._open()
        table = client.make_qualified_table_name(TABLE)
        with client.begin_transaction():
            client.execute_sql(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
            # what is left is the window; it was another query, so that it sees what was written while this one waited
            client.execute_sql(
                f"DELETE FROM {table} WHERE taken_at <= clock_timestamp() - make_interval(secs => %s)", self._window
            )
            leased = client.execute_sql(
                f"INSERT INTO {table} SELECT clock_timestamp(), least(%s, %s - used.calls)"
                f" FROM (SELECT coalesce(sum(calls), 0)::int AS calls FROM {table}) AS used WHERE used.calls < %s"
                " RETURNING calls",
                wanted,
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
        self._opened.close()
        self._client = None

    def _open(self) -> SqlClientBase[Any]:
        self._client = self._opened.enter_context(self._connect())
        self._client.execute_sql("SELECT set_config('idle_in_transaction_session_timeout', %s, false)", LONGEST_TURN)
        return self._client


class SharedRateLimiter:
    """Lets the calls of one process go as the budget allows. Use it as a context manager.

    Args:
        budget: where leases come from; it is asked in a thread of its own, so that it blocks no event loop.
        calls_per_minute: the rate, which a lease's size goes by.
    """

    def __init__(self, budget: Budget, calls_per_minute: int) -> None:
        self._budget = budget
        self._most = max(1, calls_per_minute // (60 * LEASES_A_SECOND))
        self._thread = ThreadPoolExecutor(1, "call-budget")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting = self._left = 0
        self._good_until = 0.0

    def __enter__(self) -> SharedRateLimiter:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.submit(self._budget.close)
        self._thread.shutdown()

    async def acquire(self) -> None:
        """Return as soon as one more call may be made."""
        if self._loop is not asyncio.get_running_loop():
            # the client has a loop for each time that it asks
            self._loop, self._turn = asyncio.get_running_loop(), asyncio.Lock()
        self._waiting += 1
        try:
            async with self._turn:
                while not self._left or monotonic() > self._good_until:
                    await self._lease(self._loop)
                self._left -= 1
        finally:
            self._waiting -= 1

    async def _lease(self, loop: asyncio.AbstractEventLoop) -> None:
        asked, self._left = monotonic(), 0
        wanted = min(self._waiting, self._most)
        self._left, wait = await loop.run_in_executor(self._thread, self._budget.take, wanted)
        self._good_until = asked + USABLE_SECONDS
        if not self._left:
            await asyncio.sleep(wait + random.uniform(0, MOST_JITTER_SECONDS))  # noqa: S311 - guards nothing


def ensure_budget(client: SqlClientBase[Any]) -> None:
    """Make the table, and the dataset if need be; the caller holds what it takes to write."""
    if not client.has_dataset():
        client.create_dataset()
    client.execute_sql(
        f"CREATE TABLE IF NOT EXISTS {client.make_qualified_table_name(TABLE)}"
        " (taken_at timestamptz NOT NULL, calls int NOT NULL)"
    )
