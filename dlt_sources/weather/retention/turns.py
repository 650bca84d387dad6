"""Turns under the writer lock, and statements that a signal cancels."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TypeVar

from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.common.clock import utc_now
from dlt_sources.weather.common.errors import WeatherError
from dlt_sources.weather.destination.connection import translated_errors
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.destination.waiting import POLL_SECONDS
from dlt_sources.weather.destination.writer_lock import writer_lock
from dlt_sources.weather.extract.conversion import new_run_id

T = TypeVar("T")
# a load that waits for the lock looks for it every POLL_SECONDS, so it gets it a second or two after it asked
SECONDS_OF_A_TURN = 1.0
_LOOK_SECONDS = 0.1


class InterruptedPruneError(WeatherError):
    """A signal ended the pruning."""


class Turns:
    """The writer lock, held for moments only: a load that waits for it goes first.

    Args:
        target: the destination and dataset.
        wait_seconds: how long to wait for a run that holds the lock, or for a program that has DuckDB's file open.
    """

    def __init__(self, target: Target, wait_seconds: float) -> None:
        self.wait_seconds = wait_seconds
        self.is_interrupted = False
        self._target = target
        # named to runs that wait for this program
        self._run_id = new_run_id(utc_now())

    def interrupt(self) -> None:
        """Cancel the statement that runs, and begin no other."""
        self.is_interrupted = True

    @contextmanager
    def turn(self) -> Iterator[SqlClientBase[Any]]:
        """Hold the lock and yield its connection; afterwards, a run that waits has time to take the lock.

        Raises:
            WriterBusyError: another run did not release the lock in time.
            InterruptedPruneError: a signal was received.
        """
        self.ensure_not_interrupted()
        with translated_errors(), writer_lock(self._target, self._run_id, self.wait_seconds) as lock:
            client = lock.connection
            assert client is not None  # noqa: S101 - DuckDB and PostgreSQL have one
            with lock.exclusive():
                yield client
            others_wait = lock.others_wait
        if others_wait:
            # they look for the lock once a POLL_SECONDS
            time.sleep(2 * POLL_SECONDS)

    def ensure_not_interrupted(self) -> None:
        """Raise if a signal was received.

        Raises:
            InterruptedPruneError: a signal was received.
        """
        if self.is_interrupted:
            raise InterruptedPruneError("A signal ended the pruning.")

    def run(self, client: SqlClientBase[Any], call: Callable[[], T]) -> T:
        """Run a statement in another thread, so that this one hears signals, and cancel it if one is received.

        Args:
            client: the connection of the statement.
            call: runs the statement.

        Raises:
            InterruptedPruneError: a signal was received.
        """
        self.ensure_not_interrupted()
        connection = client.native_connection
        cancel: Callable[[], None] = getattr(connection, "cancel", None) or connection.interrupt
        return cancellable(call, cancel, lambda: self.is_interrupted)


def cancellable(call: Callable[[], T], cancel: Callable[[], None], is_ended: Callable[[], bool]) -> T:
    """Return what a function returns that runs in another thread, or cancel it.

    Args:
        call: the function.
        cancel: makes the function end with an error.
        is_ended: returns whether to cancel it.

    Raises:
        InterruptedPruneError: it was cancelled.
    """
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(call)
        try:
            while not wait([future], _LOOK_SECONDS).done:
                if is_ended():
                    cancel()
        except BaseException:
            cancel()
            raise
        if is_ended() and future.exception() is not None:
            raise InterruptedPruneError("A signal ended the pruning.") from None
        return future.result()
