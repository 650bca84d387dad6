"""Writer lock: one run at a time writes to a dataset, across processes and machines.

PostgreSQL: advisory locks, which live as long as the connection that took them, so a killed run frees them. They have
a separate connection: after a query that fails (a missing table) dlt's client resets its connection, which frees them
too. A run whose connection is cut takes the lock again before it writes.
DuckDB: the library locks its file for one process. The run keeps a connection open, so that it keeps the file.
Others: a lock file in the root of the target's working directories, which runs on DuckDB and PostgreSQL take as well,
except shards.

Runs of different shards share the dataset: they fetch at the same time and write one after the other, because dlt's
staging tables and schema belong to the dataset. A shard's run excludes a run of all locations and another run of the
same shard. Shards of different counts (1/3 and 1/4) may fetch a location twice; the merge keeps one row.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from filelock import FileLock, Timeout

from dlt_sources.weather.common.errors import DestinationError, WriterBusyError
from dlt_sources.weather.common.shards import Shard
from dlt_sources.weather.destination.connection import live
from dlt_sources.weather.destination.duckdb import limit_closing, limit_memory
from dlt_sources.weather.destination.postgres.advisory_locks import AdvisoryLocks
from dlt_sources.weather.destination.postgres.pooler import ensure_lasting_session
from dlt_sources.weather.destination.target import Target

logger = logging.getLogger(__name__)
POLL_SECONDS = 0.5
# between shards, which write for moments only
WRITE_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class WriterLock:
    """The lock of a dataset, held by one run or shared by shards.

    Args:
        client: an open client; None if the destination is no SQL database.
        exclusive: returns a context manager held while writing; it serialises shards, and takes the lock again if its
            connection was cut. It raises DestinationError if the lock cannot be had again, and WriterBusyError if
            other shards do not finish writing in time.
        may_be_cut: whether the client's connection may be lost while it idles.
    """

    client: SqlClientBase[Any] | None
    exclusive: Callable[[], AbstractContextManager[None]] = nullcontext
    may_be_cut: bool = False

    @property
    def connection(self) -> SqlClientBase[Any] | None:
        """An open connection to read through; None if the destination is no SQL database.

        It idles while a package is extracted or loaded. If it was cut meanwhile, it is opened again.
        """
        return live(self.client) if self.client and self.may_be_cut else self.client


@contextmanager
def writer_lock(target: Target, run_id: str, wait_seconds: float, shard: Shard | None = None) -> Iterator[WriterLock]:
    """Lock a dataset for one run, or share its lock as a shard.

    Args:
        target: the destination and dataset.
        run_id: the run, named to others that wait for it.
        wait_seconds: how long to wait for the present holder; 0 tries once.
        shard: the run's shard; None for a run of all locations.

    Yields:
        The lock.

    Raises:
        WriterBusyError: the holder did not finish in time; the message names it.
        ConfigurationError: a shard, and the destination is not PostgreSQL.
        DestinationError: the destination cannot be reached.
    """
    deadline = time.monotonic() + wait_seconds
    with ExitStack() as stack:
        if shard is not None:
            target.ensure_shards_supported()
            yield _share_postgres(stack, target, run_id, wait_seconds, shard)
            return
        _lock_root(stack, target.root, run_id, deadline)
        if target.is_postgres:
            yield _lock_postgres(stack, target, run_id, wait_seconds)
        elif target.is_duckdb:
            yield _lock_duckdb(stack, target, deadline)
        else:
            yield WriterLock(stack.enter_context(target.connection()) if target.is_database else None)


def _lock_root(stack: ExitStack, root: Path, run_id: str, deadline: float) -> None:
    lock = FileLock(root / "writer.lock")
    holder = root / "writer"

    def attempt() -> str | None:
        try:
            stack.enter_context(lock.acquire(timeout=0))
        except Timeout:
            return holder.read_text() if holder.exists() else "another process"
        holder.write_text(f"run {run_id}, process {os.getpid()} on {socket.gethostname()}")
        return None

    _wait(attempt, deadline)


def _lock_postgres(stack: ExitStack, target: Target, run_id: str, wait_seconds: float) -> WriterLock:
    deadline = time.monotonic() + wait_seconds
    locks = _advisory_locks(stack, target, f"weather run {run_id}")
    _wait(lambda: locks.attempt(f"weather {target.dataset_name}"), deadline)

    @contextmanager
    def exclusive() -> Iterator[None]:
        _hold(locks, wait_seconds)
        yield

    return WriterLock(_client(stack, target, locks), exclusive, may_be_cut=True)


def _share_postgres(stack: ExitStack, target: Target, run_id: str, wait_seconds: float, shard: Shard) -> WriterLock:
    locks = _advisory_locks(stack, target, f"weather run {run_id}, shard {shard}")
    dataset = f"weather {target.dataset_name}"
    deadline = time.monotonic() + wait_seconds
    _wait(lambda: locks.attempt(f"{dataset} shard {shard}"), deadline)
    _wait(lambda: locks.attempt(dataset, shared=True), deadline)

    @contextmanager
    def exclusive() -> Iterator[None]:
        _hold(locks, wait_seconds)
        write = f"{dataset} write"
        _wait(lambda: locks.attempt(write), time.monotonic() + wait_seconds, WRITE_POLL_SECONDS, logging.DEBUG)
        try:
            yield
        finally:
            locks.release(write)

    return WriterLock(_client(stack, target, locks), exclusive, may_be_cut=True)


def _advisory_locks(stack: ExitStack, target: Target, owner: str) -> AdvisoryLocks:
    locks = AdvisoryLocks(target.postgres_credentials.to_native_representation(), owner)
    stack.callback(locks.close)
    return locks


def _client(stack: ExitStack, target: Target, locks: AdvisoryLocks) -> SqlClientBase[Any]:
    client = stack.enter_context(target.connection())
    ensure_lasting_session(locks, client)
    return client


def _hold(locks: AdvisoryLocks, wait_seconds: float) -> None:
    """Take the locks again if their connection was cut, waiting for another run that took them meanwhile."""
    try:
        _wait(locks.hold, time.monotonic() + wait_seconds)
    except WriterBusyError as error:
        raise DestinationError(
            f"The connection that held the dataset's lock was cut. {error} What this run fetched is kept, and the next "
            "run loads it."
        ) from None


def _lock_duckdb(stack: ExitStack, target: Target, deadline: float) -> WriterLock:
    connections: list[SqlClientBase[Any]] = []

    def attempt() -> str | None:
        try:
            connections.append(stack.enter_context(target.connection()))
        except WriterBusyError as error:
            return str(error)
        return None

    _wait(attempt, deadline, of_run=False)
    (connection,) = connections
    limit_memory(connection)
    stack.callback(limit_closing, connection)
    return WriterLock(connection)


def _wait(
    attempt: Callable[[], str | None],
    deadline: float,
    poll_seconds: float = POLL_SECONDS,
    level: int = logging.INFO,
    *,
    of_run: bool = True,
) -> None:
    """Repeat an attempt to take a lock until it succeeds (None) or the deadline passes; log its answer once.

    The answer is the run that holds the lock; or, unless it is ``of_run``, a sentence with the program and what to do.
    """
    logged = False
    while (holder := attempt()) is not None:
        seconds_left = deadline - time.monotonic()
        if seconds_left <= 0:
            busy = (
                f"Another run writes to this dataset and did not finish in time: {holder}. Run again when it has ended."
            )
            raise WriterBusyError(busy if of_run else holder)
        if not logged:
            state = f"another run writes to this dataset, {holder}" if of_run else holder
            logger.log(level, "Waiting up to %.0f s: %s", seconds_left, state)
            logged = True
        time.sleep(min(poll_seconds, seconds_left))
