"""One writer at a time per dataset, across processes and machines; of shards, one at a time that writes.

PostgreSQL holds advisory locks for as long as the writer's connection lives, so a killed writer frees them. That is a
connection of their own: after a query that fails (a table that is not there yet) dlt's client resets its connection,
which frees the locks as well. DuckDB
locks its file for one process by itself; the writer keeps a connection open so that the lock lasts the whole run. In
front of both stands a lock on the target's working directories, which is all there is for other destinations.

A shard's run shares the dataset with other shards: they fetch at the same time, and take turns to write, because dlt's
staging tables and schema belong to the dataset. It takes turns with a run of all places, and with one of its own shard.
Shards of another count (1/3 beside 1/4) may fetch a place twice, and merge it once.
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

from dlt_sources.weather.common.errors import WriterBusyError
from dlt_sources.weather.common.shards import Shard
from dlt_sources.weather.destination.advisory_locks import AdvisoryLocks
from dlt_sources.weather.destination.duckdb import limit_closing, limit_memory
from dlt_sources.weather.destination.target import Target

logger = logging.getLogger(__name__)
POLL_SECONDS = 0.5
# other shards write for moments only
POLL_SECONDS_TO_WRITE = 0.05
Client = SqlClientBase[Any]


@dataclass(frozen=True)
class WriterLock:
    """What a writer has for as long as it holds the dataset.

    Attributes:
        connection: one to read through; None where the destination is no database.
        alone: what to be within while writing: a shard waits there until no other shard writes. It raises
            DestinationError where the lock is lost.
    """

    connection: Client | None
    exclusive: Callable[[], AbstractContextManager[None]] = nullcontext


@contextmanager
def writer_lock(target: Target, run_id: str, wait_seconds: float, shard: Shard | None = None) -> Iterator[WriterLock]:
    """Hold the dataset's lock, or share it as a shard; wait for its holder at most ``wait_seconds``.

    Raises:
        WriterBusyError: the holder did not finish in time; the message names it.
        ConfigurationError: a shard, and the destination is not PostgreSQL.
        DestinationError: the destination cannot be reached.
    """
    with ExitStack() as stack:
        if shard is not None:
            target.must_take_shards()
            yield _share_postgres(stack, target, run_id, wait_seconds, shard)
            return
        deadline = time.monotonic() + wait_seconds
        _hold_directory(stack, target.root, run_id, deadline)
        hold = _HOLDERS.get(target.destination, _hold_nothing)
        yield hold(stack, target, run_id, deadline) if target.is_database else WriterLock(None)


def _hold_directory(stack: ExitStack, root: Path, run_id: str, deadline: float) -> None:
    lock = FileLock(root / "writer.lock")
    note = root / "writer"

    def attempt() -> str | None:
        try:
            stack.enter_context(lock.acquire(timeout=0))
        except Timeout:
            return note.read_text() if note.exists() else "another process"
        note.write_text(f"run {run_id}, process {os.getpid()} on {socket.gethostname()}")
        return None

    _wait(attempt, deadline)


def _hold_nothing(stack: ExitStack, target: Target, _run_id: str, _deadline: float) -> WriterLock:
    return WriterLock(stack.enter_context(target.connection()))


def _hold_postgres(stack: ExitStack, target: Target, run_id: str, deadline: float) -> WriterLock:
    locks = AdvisoryLocks(stack.enter_context(target.connection()), f"weather run {run_id}")
    dataset = f"weather {target.dataset_name}"
    _wait(lambda: locks.attempt(dataset), deadline)

    @contextmanager
    def exclusive() -> Iterator[None]:
        locks.ensure(dataset)
        yield

    return WriterLock(stack.enter_context(target.connection()), exclusive)


def _share_postgres(stack: ExitStack, target: Target, run_id: str, wait_seconds: float, shard: Shard) -> WriterLock:
    locks = AdvisoryLocks(stack.enter_context(target.connection()), f"weather run {run_id}, shard {shard}")
    dataset = f"weather {target.dataset_name}"
    deadline = time.monotonic() + wait_seconds
    _wait(lambda: locks.attempt(f"{dataset} shard {shard}"), deadline)
    _wait(lambda: locks.attempt(dataset, shared=True), deadline)

    @contextmanager
    def exclusive() -> Iterator[None]:
        locks.ensure(dataset)
        write = f"{dataset} write"
        _wait(lambda: locks.attempt(write), time.monotonic() + wait_seconds, POLL_SECONDS_TO_WRITE, logging.DEBUG)
        try:
            yield
        finally:
            locks.release(write)

    return WriterLock(stack.enter_context(target.connection()), exclusive)


def _hold_duckdb(stack: ExitStack, target: Target, _run_id: str, deadline: float) -> WriterLock:
    opened: list[Client] = []

    def attempt() -> str | None:
        try:
            opened.append(stack.enter_context(target.connection()))
        except WriterBusyError as error:
            return str(error)
        return None

    _wait(attempt, deadline)
    limit_memory(opened[0])
    stack.callback(limit_closing, opened[0])
    return WriterLock(opened[0])


_HOLDERS: dict[str, Callable[[ExitStack, Target, str, float], WriterLock]] = {
    "postgres": _hold_postgres,
    "duckdb": _hold_duckdb,
}


def _wait(
    attempt: Callable[[], str | None], deadline: float, poll_seconds: float = POLL_SECONDS, level: int = logging.INFO
) -> None:
    """Try until it succeeds (None) or time is up; tell once who is waited for."""
    told = False
    while (holder := attempt()) is not None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise WriterBusyError(f"Another run writes to this dataset and did not finish in time: {holder}.")
        if not told:
            logger.log(level, "Waiting up to %.0f s for the writer before: %s", left, holder)
            told = True
        time.sleep(min(poll_seconds, left))
