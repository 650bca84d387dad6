"""Connections to the destination, and the classes of errors that dlt and the drivers raise."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dlt
from dlt.common.destination.exceptions import DestinationTransientException
from dlt.destinations.exceptions import DestinationConnectionError
from dlt.destinations.sql_client import SqlClientBase
from dlt.load.exceptions import LoadClientJobRetry
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_sources.weather.common.errors import DestinationError, RowsRefusedError, WeatherError, WriterBusyError, reason

# DB-API 2.0 names, the same in every driver: failures of the database (no connection, a full disk), and refused rows
OUTAGES = ("OperationalError", "InterfaceError")
# a server that is being restarted
RECONNECT_SECONDS = 60.0
POLL_SECONDS = 0.5
REFUSALS = ("DataError", "IntegrityError", "ProgrammingError", "NotSupportedError")


@contextmanager
def connected(pipeline: dlt.Pipeline) -> Iterator[SqlClientBase[Any]]:
    """Open a SQL client of the pipeline's destination.

    Args:
        pipeline: the pipeline.

    Yields:
        The open client.

    Raises:
        WriterBusyError: another process uses the DuckDB file, which locks readers out too.
        DestinationError: the destination cannot be reached, or went down while the client was open.
    """
    client = pipeline.sql_client()
    try:
        client.open_connection()
    except Exception as error:  # noqa: BLE001 - dlt passes on whatever the destination's driver raises
        message = reason(error)
        if "lock on file" in message:
            raise WriterBusyError(f"Another process uses the database: {message}") from None
        raise DestinationError(f"The destination cannot be reached: {message}") from None
    try:
        with translated_errors():
            yield client
    finally:
        client.close_connection()


def live(client: SqlClientBase[Any]) -> SqlClientBase[Any]:
    """Return an open client with a connection that works: one that idled may have been cut.

    Args:
        client: the client, open or not.

    Raises:
        DestinationError: the destination could not be reached for ``RECONNECT_SECONDS``.
    """
    deadline = time.monotonic() + RECONNECT_SECONDS
    while True:
        try:
            # dlt's client replaces a connection that fails, and has none if that fails too
            if client.native_connection is None:
                client.open_connection()
            client.execute_sql("SELECT 1")
        except Exception as error:  # noqa: BLE001 - dlt passes on whatever the destination's driver raises
            if time.monotonic() > deadline:
                raise DestinationError(f"The destination cannot be reached: {reason(error)}") from None
        else:
            return client
        time.sleep(POLL_SECONDS)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Translate what dlt and the driver raise into the errors of this package; others pass unchanged.

    Raises:
        DestinationError: the destination went down, or a disk is full, the destination's or this machine's; a package
            that was to be loaded is kept in the working directory.
        RowsRefusedError: the destination is up and did not take a package; it is kept too.
        KeyboardInterrupt: a signal ended a step of dlt's, which wraps it in a failure of the step.
    """
    try:
        yield
    except WeatherError:
        raise
    except Exception as error:
        translated = _translated_step(error) if isinstance(error, PipelineStepFailed) else _translated_outage(error)
        if translated is error:
            raise
        raise translated from None


def _translated_step(error: PipelineStepFailed) -> BaseException:
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, WeatherError | KeyboardInterrupt):
            return inner
        inner = inner.__cause__ or inner.__context__
    down = is_down(error)
    if error.step not in ("sync", "load") and not down:
        return error
    return (DestinationError if down else RowsRefusedError)(f"The destination did not take the rows: {reason(error)}")


def _translated_outage(error: Exception) -> Exception:
    if not is_down(error):
        return error
    return DestinationError(f"The destination cannot be written to any more: {reason(error)}")


def is_down(error: BaseException | None) -> bool:
    """Return whether an error means that the destination is unreachable, full or busy, not that it refused the rows.

    Args:
        error: the error; its causes are considered too.
    """
    if any(_is_memory_limit(one) for one in _causes(error)):
        return False
    while error is not None:
        # dlt retries a job that the driver refused, and then calls the error transient, whatever the driver raised
        if isinstance(error, LoadClientJobRetry) and _is_a(error.client_exception, *REFUSALS):
            return False
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if _is_a(error, *OUTAGES):
            return True
        if isinstance(error, DestinationError | DestinationConnectionError | DestinationTransientException):
            return True
        error = error.__cause__ or error.__context__
    return False


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, LoadClientJobRetry):
            yield from _causes(error.client_exception)
        error = error.__cause__ or error.__context__


def _is_memory_limit(error: BaseException) -> bool:
    """Return whether DuckDB's memory_limit is too low: a later run can still load other packages."""
    # DuckDB says "failed to offload" if the disk to which it moves what exceeds the limit is full: that is an outage
    return _is_a(error, "OperationalError") and bool(re.search(r"(failed to|could not) (allocate|pin)", str(error)))


def _is_a(error: BaseException | None, *names: str) -> bool:
    return any(kind.__name__ in names for kind in type(error).__mro__)
