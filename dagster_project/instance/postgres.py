"""Dagster's records in PostgreSQL: connections outlast a restart of the server, and one process makes the tables.

Dagster connects for every statement and tries again for 6 seconds, which no server needs to restart in; then a launch
from the UI answers 500, and ticks fail. Its own classes offer no setting for it (dagster-postgres 0.29.1), so that
SQLAlchemy's public plugin for engines adds what is missing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

import psycopg2
from dagster import DagsterEvent, EventLogEntry
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage, PostgresRunStorage
from sqlalchemy import URL, event, inspect
from sqlalchemy.dialects import plugins
from sqlalchemy.engine import CreateEnginePlugin, Engine
from sqlalchemy.exc import DBAPIError

from dlt_sources.weather.destination.postgres.patient_connection import LASTING_REFUSALS

logger = logging.getLogger(__name__)
PLUGIN = "weather_records"
# for each of the 6 tries that dagster-postgres makes to connect, so that an outage of a minute fails nothing
WAIT_SECONDS = 10.0
# for the first connection of a process, which is tried once: a code server that fails to start, or a run's process that
# ends, fails all runs that wait for it
SECONDS_TO_BEGIN = 60.0
PAUSE_SECONDS = 0.5
# a node that is gone answers nothing
CONNECT_TIMEOUT = "5"
# an arbitrary number: the advisory lock of the processes that make or migrate Dagster's tables
TABLES_LOCK = 7_239_604_118


class PatientConnections(CreateEnginePlugin):
    """Plugin of SQLAlchemy: connections wait for a server that is away, and are tried before they are used."""

    def update_url(self, url: URL) -> URL:
        """Return the URL as it is: the plugin has no parameters."""
        return url

    def handle_pool_kwargs(self, _pool_class: Any, pool_args: dict[str, Any]) -> None:
        """Have kept connections tried before use: the webserver's are cut off when the server restarts."""
        pool_args["pre_ping"] = True

    def engine_created(self, engine: Engine) -> None:
        """Let the engine's connections wait."""
        event.listen(engine, "do_connect", _connect)


class EventLog(PostgresEventLogStorage):
    """Dagster's event log, which outlasts a connection that is cut off, and whose look for a table closes its own.

    An event that cannot be stored ends its run, with lines of text in the log. For a table, Dagster's opens a
    connection each time and leaves it to the garbage collector (dagster-postgres 0.29.1). A launch looks for the table
    of checks once for each of the 33 checks, and the webserver's pool has 21 connections: the launch waited half a
    minute for each further one, and answered an error at last.
    """

    def has_table(self, table_name: str) -> bool:
        """Return whether there is a table."""
        with self.index_connection() as connection:
            return bool(inspect(connection).has_table(table_name))

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event of a run."""
        _again_if_cut_off(lambda: super(EventLog, self).store_event(event))

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events of a run."""
        _again_if_cut_off(lambda: super(EventLog, self).store_event_batch(events))


class RunRecords(PostgresRunStorage):
    """Dagster's table of runs, whose changes by events outlast a connection that is cut off."""

    def handle_run_event(self, run_id: str, event: DagsterEvent, update_timestamp: datetime | None = None) -> None:
        """Change a run as an event says."""
        _again_if_cut_off(lambda: super(RunRecords, self).handle_run_event(run_id, event, update_timestamp))


class Records(DagsterPostgresStorage):
    """Dagster's storage in PostgreSQL with our event log and table of runs.

    Args:
        url: the database.
        inst_data: Dagster's description of the storage.
    """

    def __init__(self, url: URL, inst_data: Any = None) -> None:
        text = _with_patience(url).render_as_string(hide_password=False)
        with tables_locked(url):
            super().__init__(text, inst_data=inst_data)
        self._event_log = EventLog(text, should_autocreate_tables=False, inst_data=inst_data)
        self._runs = RunRecords(text, should_autocreate_tables=False, inst_data=inst_data)

    @property
    def event_log_storage(self) -> EventLog:
        """Event log."""
        return self._event_log

    @property
    def run_storage(self) -> RunRecords:
        """Table of runs."""
        return self._runs


plugins.register(PLUGIN, __name__, PatientConnections.__name__)


def _again_if_cut_off(store: Callable[[], None]) -> None:
    """Store once more what a cut connection may have left out; the next connection waits for the server.

    What the server had stored before the cut may be there twice then, which costs a line in a run's log.
    """
    try:
        store()
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        logger.warning("The connection to Dagster's records was cut off; what it stored is stored again.")
        store()


def _with_patience(url: URL) -> URL:
    """Return a URL whose engines wait for the server."""
    return url.update_query_dict({"plugin": PLUGIN, "connect_timeout": CONNECT_TIMEOUT})


def _connect(
    dialect: Any,
    _record: Any,
    arguments: Sequence[Any],
    parameters: Mapping[str, Any],
    seconds: float = WAIT_SECONDS,
) -> Any:
    """Connect, and wait a while for a server that is away.

    Raises:
        psycopg2.OperationalError: the server refuses the connection, or is away for longer.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return dialect.connect(*arguments, **parameters)
        except psycopg2.OperationalError as error:
            if any(text in str(error) for text in LASTING_REFUSALS) or time.monotonic() >= deadline:
                raise
        time.sleep(PAUSE_SECONDS)


@contextmanager
def tables_locked(url: URL) -> Iterator[None]:
    """Hold the lock of Dagster's tables, which processes that start at the same moment would make at the same moment.

    Dagster looks whether a table is there and then makes all; of three processes two failed.

    Args:
        url: the database of the records.

    Yields:
        Nothing, while the lock is held.
    """
    parameters = {
        "host": url.host, "port": url.port, "user": url.username, "password": url.password, "dbname": url.database,
        "connect_timeout": CONNECT_TIMEOUT,
    }  # fmt: skip
    with closing(_connect(psycopg2, None, (), parameters, SECONDS_TO_BEGIN)) as connection:
        connection.autocommit = True
        connection.cursor().execute("SELECT pg_advisory_lock(%s)", (TABLES_LOCK,))
        # the server releases it with the connection
        yield
