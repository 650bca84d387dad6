"""Connections to the destination, and the translation of what dlt and the drivers raise."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_sources.weather.common.errors import (
    ConfigurationError,
    RowsRefusedError,
    WeatherError,
    WriterBusyError,
)
from dlt_sources.weather.destination.capabilities import mistakes
from dlt_sources.weather.destination.failures import causes_of, is_down, outage, words

# a server that is being restarted
RECONNECT_SECONDS = 60.0
POLL_SECONDS = 0.5
# a longer wait says what it waits for
SILENT_SECONDS = 5.0
# DuckDB's message that another process has its file open
_OPEN_FILE = re.compile(r'lock on file "(?P<file>[^"]+)".* held in (?P<program>.+?) \(PID (?P<number>\d+)\)')
# DuckDB's message that a signal arrived during a query
_INTERRUPTED = "Query interrupted"
logger = logging.getLogger(__name__)


@contextmanager
def connected(pipeline: dlt.Pipeline, wait_seconds: float = 0.0) -> Iterator[SqlClientBase[Any]]:
    """Open a SQL client of the pipeline's destination.

    Args:
        pipeline: the pipeline.
        wait_seconds: how long to wait for another process that has the DuckDB file open; 0 tries once.

    Yields:
        The open client.

    Raises:
        WriterBusyError: another process uses the DuckDB file, which locks readers out too.
        DestinationError: the destination cannot be reached, or went down while the client was open.
        KeyboardInterrupt: a signal ended a query of DuckDB's.
    """
    client = pipeline.sql_client()
    began, said = time.monotonic(), False
    while True:
        try:
            _open(client)
            break
        except WriterBusyError as error:
            waited = time.monotonic() - began
            if waited >= wait_seconds:
                raise
            if waited >= SILENT_SECONDS and not said:
                logger.warning("Waiting up to %.0f s more for the database. %s", wait_seconds - waited, error)
                said = True
        time.sleep(min(POLL_SECONDS, wait_seconds))
    try:
        with translated_errors():
            yield client
    except RuntimeError as error:
        if str(error) != _INTERRUPTED:
            raise
        # the query goes on, and the connection would wait for it
        client.native_connection.interrupt()
        raise KeyboardInterrupt from None
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
                raise outage("The destination cannot be reached", error) from None
        else:
            return client
        time.sleep(POLL_SECONDS)


def _open(client: SqlClientBase[Any]) -> None:
    try:
        client.open_connection()
    except Exception as error:  # noqa: BLE001 - dlt passes on whatever the destination's driver raises
        message = words(error)
        if "lock on file" in message:
            raise WriterBusyError(_file_is_open(message)) from None
        if "newer version of DuckDB" in message:
            raise ConfigurationError(mistakes.newer_file(str(client.credentials.database))) from None
        raise outage("The destination cannot be reached", error) from None


def _file_is_open(message: str) -> str:
    """Return a sentence with the file, the program that has it open, and what to do, from DuckDB's message."""
    found = _OPEN_FILE.search(message)
    if found is None:
        return f"Another process has the database open; close it there, or run again when it has ended: {message}"
    file, program, number = (found[name] for name in ("file", "program", "number"))
    return (
        f"{Path(file).name} is open in another process, {Path(program).name} (PID {number}), and DuckDB lets one "
        "in at a time; close it there, or run again when it has ended."
    )


@contextmanager
def translated_errors() -> Iterator[None]:
    """Translate what dlt and the driver raise into the errors of this package; others pass unchanged.

    Raises:
        DestinationError: the destination went down; a package that was to be loaded is kept in the working directory.
        RepairNeededError: the same, until a person ends it, as where a disk is full, the destination's or this
            machine's.
        RowsRefusedError: the destination is up and did not take a package; it is kept too.
        ConfigurationError: a file of the working directory belongs to another user.
        KeyboardInterrupt: a signal ended a step of dlt's, which wraps it in a failure of the step.
    """
    try:
        yield
    except WeatherError:
        raise
    except Exception as error:
        if refused := _refused_file(error):
            raise refused from None
        translated = _translated_step(error) if isinstance(error, PipelineStepFailed) else _translated_outage(error)
        if translated is error:
            raise
        raise translated from None


def _refused_file(error: BaseException | None) -> ConfigurationError | None:
    """Return a sentence about a file of the working directory that belongs to another user, if that is the cause."""
    names = [one.filename for one in causes_of(error) if isinstance(one, PermissionError) and one.filename]
    if not names:
        return None
    file = Path(os.fsdecode(names[0]))
    nearest = next(path for path in (file, *file.parents) if path.exists())
    try:
        owner = nearest.owner()
    except (OSError, KeyError):
        owner = "another user"
    return ConfigurationError(
        f"{file} cannot be written, {nearest} belongs to {owner}; was an earlier run made with sudo? Give it to the "
        f"present user (chown -R), or set DLT_DATA_DIR to another folder."
    )


def _translated_step(error: PipelineStepFailed) -> BaseException:
    for inner in causes_of(error):
        if isinstance(inner, WeatherError | KeyboardInterrupt):
            return inner
    down = is_down(error)
    if error.step not in ("sync", "load") and not down:
        return error
    sentence = "The destination did not take the rows"
    return outage(sentence, error) if down else RowsRefusedError(f"{sentence}: {words(error)}")


def _translated_outage(error: Exception) -> Exception:
    if not is_down(error, loading=False):
        return error
    return outage("The destination cannot be written to any more", error)
