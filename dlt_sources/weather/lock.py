"""One writer at a time per dataset, across processes and machines.

PostgreSQL holds an advisory lock for as long as the writer's connection lives, so a killed writer frees it. DuckDB
locks its file for one process by itself; the writer keeps a connection open so that the lock lasts the whole run. In
front of both stands a lock on the target's working directories, which is all there is for other destinations.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from filelock import FileLock, Timeout

from dlt_sources.weather.duckdb_memory import limit_memory
from dlt_sources.weather.errors import WriterBusyError
from dlt_sources.weather.target import Target

logger = logging.getLogger(__name__)
POLL_SECONDS = 0.5
# half of PostgreSQL's advisory key, so that no other application's locks are met: "weather" in ASCII, cut to 31 bits
LOCK_SPACE = 0x77656174


@contextmanager
def only_writer(target: Target, run_id: str, wait_seconds: float) -> Iterator[SqlClientBase[Any] | None]:
    """Hold the dataset's lock; wait for its holder at most ``wait_seconds``.

    Yields:
        The connection that holds it, open for as long, to read through; None where the destination is no database.

    Raises:
        WriterBusyError: the holder did not finish in time; the message names it.
        DestinationError: the destination cannot be reached.
    """
    deadline = time.monotonic() + wait_seconds
    with ExitStack() as held:
        _hold_directory(held, target.root, run_id, deadline)
        hold = _HOLDERS.get(target.destination, _hold_nothing)
        yield hold(held, target, run_id, deadline) if target.is_database else None


def _hold_directory(held: ExitStack, root: Path, run_id: str, deadline: float) -> None:
    lock = FileLock(root / "writer.lock")
    note = root / "writer"

    def attempt() -> str | None:
        try:
            held.enter_context(lock.acquire(timeout=0))
        except Timeout:
            return note.read_text() if note.exists() else "another process"
        note.write_text(f"run {run_id}, process {os.getpid()} on {socket.gethostname()}")
        return None

    _wait(attempt, deadline)


def _hold_nothing(held: ExitStack, target: Target, _run_id: str, _deadline: float) -> SqlClientBase[Any]:
    return held.enter_context(target.connection())


def _hold_postgres(held: ExitStack, target: Target, run_id: str, deadline: float) -> SqlClientBase[Any]:
    client = held.enter_context(target.connection())
    client.execute_sql("SELECT set_config('application_name', %s, false)", f"weather run {run_id}")
    key = f"weather {target.dataset_name}"

    def attempt() -> str | None:
        rows = client.execute_sql(f"SELECT pg_try_advisory_lock({LOCK_SPACE}, hashtext(%s))", key)
        if rows and rows[0][0]:
            return None
        holders = client.execute_sql(  # the space is a constant of ours
            "SELECT a.application_name, coalesce(host(a.client_addr), 'this host'), a.backend_start FROM pg_locks l"
            " JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND l.granted"
            f" AND l.classid = {LOCK_SPACE} AND l.objid = hashtext(%s)::bigint & 4294967295",
            key,
        )
        return ", ".join(f"{name} from {host} since {since:%H:%M:%S}" for name, host, since in holders or ()) or "?"

    _wait(attempt, deadline)
    return client


def _hold_duckdb(held: ExitStack, target: Target, _run_id: str, deadline: float) -> SqlClientBase[Any]:
    opened: list[SqlClientBase[Any]] = []

    def attempt() -> str | None:
        try:
            opened.append(held.enter_context(target.connection()))
        except WriterBusyError as error:
            return str(error)
        return None

    _wait(attempt, deadline)
    limit_memory(opened[0])
    return opened[0]


_HOLDERS: dict[str, Callable[[ExitStack, Target, str, float], SqlClientBase[Any]]] = {
    "postgres": _hold_postgres,
    "duckdb": _hold_duckdb,
}


def _wait(attempt: Callable[[], str | None], deadline: float) -> None:
    """Try until it succeeds (None) or time is up; tell once who is waited for."""
    told = False
    while (holder := attempt()) is not None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise WriterBusyError(f"Another run writes to this dataset and did not finish in time: {holder}.")
        if not told:
            logger.info("Waiting up to %.0f s for the writer before: %s", left, holder)
            told = True
        time.sleep(min(POLL_SECONDS, left))
