"""Opening a connection to the destination, with the ways that can fail told apart."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dlt
from dlt.common.destination.exceptions import DestinationTransientException
from dlt.destinations.exceptions import DestinationConnectionError
from dlt.destinations.sql_client import SqlClientBase
from dlt.load.exceptions import LoadClientJobRetry

from dlt_sources.weather.common.errors import DestinationError, WeatherError, WriterBusyError, reason

# drivers come and go, but all name these as DB-API 2.0 does: the database's own troubles (no connection, a full disk),
# and what is wrong with the rows
TROUBLES = ("OperationalError", "InterfaceError")
REFUSALS = ("DataError", "IntegrityError", "ProgrammingError", "NotSupportedError")


@contextmanager
def connected(pipeline: dlt.Pipeline) -> Iterator[SqlClientBase[Any]]:
    """Yield an open SQL client of the pipeline's destination.

    Raises:
        WriterBusyError: another process has the DuckDB file, which locks readers out too.
        DestinationError: the destination cannot be reached, or went down while the client was open.
    """
    client = pipeline.sql_client()
    try:
        client.open_connection()
    except Exception as error:  # noqa: BLE001 - dlt hands on whatever the destination's driver raises
        said = reason(error)
        if "lock on file" in said:
            raise WriterBusyError(f"Another process uses the database: {said}") from None
        raise DestinationError(f"The destination cannot be reached: {said}") from None
    try:
        with translated_outages():
            yield client
    finally:
        client.close_connection()


@contextmanager
def translated_outages() -> Iterator[None]:
    """Say in a sentence what cut off whatever happens inside.

    Raises:
        DestinationError: the destination went down, or a disk is full, the destination's or this machine's.
    """
    try:
        yield
    except WeatherError:
        raise
    except Exception as error:
        if is_down(error):
            raise DestinationError(f"The destination cannot be written to any more: {reason(error)}") from None
        raise


def is_down(error: BaseException | None) -> bool:
    """Whether the destination could not be reached, is full or asks to try again, as against refusing the data."""
    if any(_needs_more_memory(one) for one in _causes(error)):
        return False
    while error is not None:
        # dlt tries a job again that the driver refused, and calls it transient then, whatever the driver said
        if isinstance(error, LoadClientJobRetry) and _is_a(error.client_exception, *REFUSALS):
            return False
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if _is_a(error, *TROUBLES):
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


def _needs_more_memory(error: BaseException) -> bool:
    """Whether DuckDB's memory_limit is too low: the package must not hold up others for as long as it is."""
    # a full disk, which has no room for what memory has none for, reads "failed to offload"
    return _is_a(error, "OperationalError") and bool(re.search(r"(failed to|could not) (allocate|pin)", str(error)))


def _is_a(error: BaseException | None, *names: str) -> bool:
    return any(kind.__name__ in names for kind in type(error).__mro__)
