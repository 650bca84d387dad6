"""Dagster's records in PostgreSQL: connections outlast a restart of the server, and one process makes the tables.

Dagster connects for every statement and tries again for 6 seconds, which no server needs to restart in; then a launch
from the UI answers 500, and ticks fail. Its own classes offer no setting for it (dagster-postgres 0.29.1), so that
SQLAlchemy's public plugin for engines adds what is missing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from sqlalchemy import URL, event, inspect
from sqlalchemy.dialects import plugins
from sqlalchemy.engine import CreateEnginePlugin, Engine

logger = logging.getLogger(__name__)
PLUGIN = "weather_records"
# for each of the 6 tries that dagster-postgres makes to connect, so that an outage of a minute fails nothing
WAIT_SECONDS = 10.0
PAUSE_SECONDS = 0.5
# a node that is gone answers nothing
CONNECT_TIMEOUT = "5"
# no restart ends these; libpq gives no code for a refused connection, and translates none of these words by itself
LASTING = ("authentication failed", "does not exist", "pg_hba.conf", "certificate", "permission denied")
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
    """Dagster's event log, whose look for a table closes its connection.

    Dagster's opens one each time and leaves it to the garbage collector (dagster-postgres 0.29.1). A launch looks for
    the table of checks once for each of the 33 checks, and the webserver's pool has 21 connections: the launch waited
    half a minute for each further one, and answered an error at last.
    """

    def has_table(self, table_name: str) -> bool:
        """Return whether there is a table."""
        with self.index_connection() as connection:
            return bool(inspect(connection).has_table(table_name))


class Records(DagsterPostgresStorage):
    """Dagster's storage in PostgreSQL with our event log.

    Args:
        url: the database.
        inst_data: Dagster's description of the storage.
    """

    def __init__(self, url: URL, inst_data: Any = None) -> None:
        text = _with_patience(url).render_as_string(hide_password=False)
        with tables_locked(url):
            super().__init__(text, inst_data=inst_data)
        self._event_log = EventLog(text, should_autocreate_tables=False, inst_data=inst_data)

    @property
    def event_log_storage(self) -> EventLog:
        """Event log."""
        return self._event_log


plugins.register(PLUGIN, __name__, PatientConnections.__name__)


def _with_patience(url: URL) -> URL:
    """Return a URL whose engines wait for the server."""
    return url.update_query_dict({"plugin": PLUGIN, "connect_timeout": CONNECT_TIMEOUT})


def _connect(dialect: Any, _record: Any, arguments: Sequence[Any], parameters: Mapping[str, Any]) -> Any:
    """Connect, and wait a while for a server that is away.

    Raises:
        psycopg2.OperationalError: the server refuses the connection, or is away for longer.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return dialect.connect(*arguments, **parameters)
        except psycopg2.OperationalError as error:
            if any(text in str(error) for text in LASTING) or time.monotonic() >= deadline:
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
    with closing(_connect(psycopg2, None, (), parameters)) as connection:
        connection.autocommit = True
        connection.cursor().execute("SELECT pg_advisory_lock(%s)", (TABLES_LOCK,))
        # the server releases it with the connection
        yield
