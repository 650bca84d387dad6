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

A run that waits shows it, by a second lock next to the one that it waits for, so that a long run may let it go first.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from filelock import FileLock, Timeout

from dlt_sources.weather.common.errors import DestinationError, WriterBusyError
from dlt_sources.weather.common.shards import Shard
from dlt_sources.weather.destination.connection import live
from dlt_sources.weather.destination.duckdb import DuckDBFile, create_file
from dlt_sources.weather.destination.postgres.advisory_locks import AdvisoryLock, AdvisoryLocks
from dlt_sources.weather.destination.postgres.pooler import ensure_lasting_session
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.destination.waiting import POLL_SECONDS, Hold, acquire, wait

logger = logging.getLogger(__name__)
# Shards write for moments only, one after the other in the order in which they ask. When each looked for a free lock
# from time to time, some were overtaken again and again: on a busy machine one waited for 19 s, while others wrote six
# times
QUEUE_SECONDS = 20.0


@dataclass(frozen=True)
class WriterLock:
    """The lock of a dataset, held by one run or shared by shards.

    Args:
        client: returns an open client; None if the destination is no SQL database.
        holds: the locks, in the order in which they are taken.
        exclusive: returns a context manager held while writing; it serialises shards, and takes the lock again if its
            connection was cut. It raises DestinationError if the lock cannot be had again, and WriterBusyError if
            other shards do not finish writing in time.
        may_be_cut: whether the client's connection may be lost while it idles.
    """

    client: Callable[[], SqlClientBase[Any] | None]
    holds: tuple[Hold, ...]
    exclusive: Callable[[], AbstractContextManager[None]] = nullcontext
    may_be_cut: bool = False

    @property
    def connection(self) -> SqlClientBase[Any] | None:
        """An open connection to read through; None if the destination is no SQL database.

        It idles while a package is extracted or loaded. If it was cut meanwhile, it is opened again.
        """
        client = self.client()
        return live(client) if client and self.may_be_cut else client

    @property
    def others_wait(self) -> bool:
        """Whether another run waits for the dataset."""
        return any(hold.others_wait() for hold in self.holds)

    def let_others_go(self, is_ended: Callable[[], bool]) -> bool:
        """Release the lock if others wait for it, and take it again when they have ended, however long they take.

        Args:
            is_ended: returns whether this run was told to end, so that it waits no longer.

        Returns:
            Whether others went; the lock is not held afterwards if the run was told to end.

        Raises:
            DestinationError: the destination cannot be reached any more.
        """
        if not self.others_wait:
            return False
        logger.info("Another run waits for this dataset and goes first")
        for hold in reversed(self.holds):
            hold.release()
        # those that wait look for the lock once a POLL_SECONDS
        time.sleep(2 * POLL_SECONDS)
        for hold in self.holds:
            # shards let it go one after the other
            while hold.is_shared and hold.others_wait() and not is_ended():
                time.sleep(POLL_SECONDS)
            acquire(hold, float("inf"), is_ended)
        return True


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
        root = _RootLock(target.root, run_id)
        stack.callback(root.release)
        acquire(root, deadline)
        if target.is_postgres:
            yield _lock_postgres(stack, target, run_id, wait_seconds, root)
        elif target.is_duckdb:
            if target.file_path:
                create_file(target.file_path)
            file = DuckDBFile(target.connection)
            stack.callback(file.release)
            acquire(file, deadline)
            yield WriterLock(lambda: file.client, (root, file))
        else:
            client = stack.enter_context(target.connection()) if target.is_database else None
            yield WriterLock(lambda: client, (root,))


class _RootLock:
    """Lock file in the root of the target's working directories, and another one of a run that waits for it."""

    is_of_run = True
    is_shared = False

    def __init__(self, root: Path, run_id: str) -> None:
        self._lock = FileLock(root / "writer.lock")
        self._waiting = FileLock(root / "writer.waiting")
        self._holder = root / "writer"
        self._run_id = run_id

    def attempt(self) -> str | None:
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return self._holder.read_text() if self._holder.exists() else "another process"
        self._holder.write_text(f"run {self._run_id}, process {os.getpid()} on {socket.gethostname()}")
        return None

    def release(self) -> None:
        self._lock.release()

    def announce(self) -> None:
        # one that waits is enough for the holder
        if not self._waiting.is_locked:
            with suppress(Timeout):
                self._waiting.acquire(timeout=0)

    def retract(self) -> None:
        self._waiting.release()

    def others_wait(self) -> bool:
        try:
            with self._waiting.acquire(timeout=0):
                return False
        except Timeout:
            return True


def _lock_postgres(stack: ExitStack, target: Target, run_id: str, wait_seconds: float, root: _RootLock) -> WriterLock:
    deadline = time.monotonic() + wait_seconds
    locks = _advisory_locks(stack, target, f"weather run {run_id}")
    dataset = AdvisoryLock(locks, f"weather {target.dataset_name}")
    acquire(dataset, deadline)

    @contextmanager
    def exclusive() -> Iterator[None]:
        _hold(locks, wait_seconds)
        yield

    client = _client(stack, target, locks)
    return WriterLock(lambda: client, (root, dataset), exclusive, may_be_cut=True)


def _share_postgres(stack: ExitStack, target: Target, run_id: str, wait_seconds: float, shard: Shard) -> WriterLock:
    locks = _advisory_locks(stack, target, f"weather run {run_id}, shard {shard}")
    name = f"weather {target.dataset_name}"
    holds = (AdvisoryLock(locks, f"{name} shard {shard}"), AdvisoryLock(locks, name, shared=True))
    deadline = time.monotonic() + wait_seconds
    for hold in holds:
        acquire(hold, deadline)

    @contextmanager
    def exclusive() -> Iterator[None]:
        _hold(locks, wait_seconds)
        write = f"{name} write"
        deadline = time.monotonic() + wait_seconds
        wait(lambda: locks.queue(write, min(QUEUE_SECONDS, deadline - time.monotonic())), deadline, 0.0, logging.DEBUG)
        try:
            yield
        finally:
            locks.release(write)

    client = _client(stack, target, locks)
    return WriterLock(lambda: client, holds, exclusive, may_be_cut=True)


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
        wait(locks.hold, time.monotonic() + wait_seconds)
    except WriterBusyError as error:
        raise DestinationError(
            f"The connection that held the dataset's lock was cut. {error} What this run fetched is kept, and the next "
            "run loads it."
        ) from None
