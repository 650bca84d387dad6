"""Waiting for a lock, which the run that holds it can see, so that it may let the one that waits go first."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from math import isinf
from typing import Protocol

from dlt_sources.weather.common.errors import WriterBusyError

logger = logging.getLogger(__name__)
POLL_SECONDS = 0.5


class Hold(Protocol):
    """One of the locks that a run holds on its dataset.

    Attributes:
        is_of_run: whether it is named after the run that holds it; other programs may hold it otherwise.
        is_shared: whether other runs hold it at the same time, and one that waits needs it of them all.
    """

    is_of_run: bool
    is_shared: bool

    def attempt(self) -> str | None:
        """Take the lock if it is free; otherwise return its holder."""

    def release(self) -> None:
        """Release the lock."""

    def announce(self) -> None:
        """Show the holder that this run waits for the lock, unless that is shown already."""

    def retract(self) -> None:
        """Wait no longer for the lock."""

    def others_wait(self) -> bool:
        """Return whether another run waits for the lock, which this one holds."""


def acquire(hold: Hold, deadline: float, is_ended: Callable[[], bool] = lambda: False) -> None:
    """Take a lock, and show its holder meanwhile that this run waits for it.

    Args:
        hold: the lock.
        deadline: moment of the monotonic clock until which it is waited for.
        is_ended: returns whether this run was told to end; then the lock is not taken.

    Raises:
        WriterBusyError: the holder did not finish in time; the message names it.
    """

    def attempt() -> str | None:
        holder = hold.attempt()
        if holder is not None:
            # each time: another that waited may have shown it for both, and be the holder now
            hold.announce()
        return holder

    try:
        wait(attempt, deadline, of_run=hold.is_of_run, is_ended=is_ended)
    finally:
        hold.retract()


def wait(
    attempt: Callable[[], str | None],
    deadline: float,
    poll_seconds: float = POLL_SECONDS,
    level: int = logging.INFO,
    *,
    of_run: bool = True,
    is_ended: Callable[[], bool] = lambda: False,
) -> None:
    """Repeat an attempt to take a lock until it succeeds (None), the deadline passes, or the run is told to end.

    Args:
        attempt: takes the lock, or returns the run that holds it; unless it is ``of_run``, a sentence with the program
            and what to do. It is logged once.
        deadline: moment of the monotonic clock.
        poll_seconds: time between two attempts.
        level: level of the log.
        of_run: see ``attempt``.
        is_ended: returns whether this run was told to end; then it waits no longer, without the lock.

    Raises:
        WriterBusyError: the deadline has passed.
    """
    logged = False
    while not is_ended() and (holder := attempt()) is not None:
        seconds_left = deadline - time.monotonic()
        if seconds_left <= 0:
            busy = (
                f"Another run writes to this dataset and did not finish in time: {holder}. Run again when it has ended."
            )
            raise WriterBusyError(busy if of_run else holder)
        if not logged:
            state = f"another run writes to this dataset, {holder}" if of_run else holder
            logger.log(level, "Waiting%s: %s", "" if isinf(seconds_left) else f" up to {seconds_left:.0f} s", state)
            logged = True
        time.sleep(min(poll_seconds, seconds_left))
