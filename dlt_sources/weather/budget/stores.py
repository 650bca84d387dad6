"""Where the ledger's rows are: a table of the dataset in PostgreSQL, or a SQLite file.

Both know the same SQL. A transaction excludes all others, and its clock is the store's: PostgreSQL's, since the clocks
of several machines differ, or this machine's.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import psycopg2
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.api.rate_limit import BudgetUnreachableError
from dlt_sources.weather.common.errors import DestinationError, RepairNeededError
from dlt_sources.weather.destination.failures import needs_repair, words
from dlt_sources.weather.destination.postgres.patient_connection import PatientConnection

logger = logging.getLogger(__name__)
TABLE = "_weather_calls"
_COLUMNS = (
    "account text NOT NULL, product text NOT NULL, purpose text NOT NULL, kind text NOT NULL,"
    " moment bigint NOT NULL, calls bigint NOT NULL, PRIMARY KEY (account, product, purpose, kind, moment)"
)
# of the table that counted the calls of shards before
_COLUMN_BEFORE = "taken_at"
# a process that stops between two statements must not block the others; both are shorter than the patience of a
# connection, so that they end with an error of their own
_LONGEST = "SET idle_in_transaction_session_timeout = '5s'; SET lock_timeout = '10s'"
_SECONDS_FOR_LOCK = 10.0
SERVER_CLOCK = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
# SQLSTATE classes of PostgreSQL's documentation, appendix A: connection, transaction rollback, insufficient resources,
# object not in prerequisite state (a lock that is not available), operator intervention, system error, idle session
_TRANSIENT = ("08", "25P03", "40", "53", "55", "57", "58")

_UNDEFINED_TABLE, _PERMISSION, _OF_A_TABLE = "42P01", "42501", ("22", "23", "42")


class Transaction(Protocol):
    """Rows that no other process reads or writes meanwhile.

    Attributes:
        now: the present moment of the store's clock, in milliseconds since 1970.
    """

    now: int

    def read(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query, with ``{calls}`` for the table and ``%s`` for each parameter."""

    def write(self, sql: str, *parameters: object) -> None:
        """Run a statement before the transaction ends."""


class Store(Protocol):
    """Interface of the place of the ledger's rows.

    Attributes:
        description: the place, for messages.
    """

    description: str

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Return a context manager of one transaction, which is undone if an exception leaves it.

        Raises:
            BudgetUnreachableError: the rows cannot be read or written now.
            DestinationError: they cannot be read or written at all.
        """

    def close(self) -> None:
        """Close the store."""


def wall_clock() -> int:
    """Return the time of this machine, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class FileStore:
    """SQLite file, for all processes that can reach it.

    Args:
        file: the file; it and its folder are made if they are missing.
    """

    def __init__(self, file: Path) -> None:
        self.description = str(file)
        self._file = file
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Hold the file for one transaction.

        Yields:
            The transaction.

        Raises:
            BudgetUnreachableError: another process holds the file.
            RepairNeededError: the file cannot be read or written.
        """
        try:
            connection = self._connection = self._connection or self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield _FileTransaction(connection)
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise self._translated(error) from None

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _translated(self, error: Exception) -> Exception:
        if "locked" in str(error):
            return BudgetUnreachableError(f"another process holds {self._file}")
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            return RepairNeededError(
                f"Calls are counted in {self._file}, which is damaged ({error}), so none are made. Delete it to count "
                "from zero; what was spent this month is then not known."
            )
        return RepairNeededError(f"Calls are counted in {self._file}, which cannot be used, so none are made: {error}.")

    def _open(self) -> sqlite3.Connection:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        # the rate limiter's thread uses it, and may not be the one that closes it
        connection = sqlite3.connect(self._file, _SECONDS_FOR_LOCK, isolation_level=None, check_same_thread=False)
        # a commit outlives a killed process; after a power cut the file is whole
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} ({_COLUMNS})")
        return connection


class _FileTransaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self.now = wall_clock()
        self._connection = connection

    def read(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(for_sqlite(sql), parameters).fetchall()

    def write(self, sql: str, *parameters: object) -> None:
        self._connection.execute(for_sqlite(sql), parameters)


def for_sqlite(sql: str) -> str:
    """Return a statement of the ledger as SQLite reads it."""
    return sql.format(calls=TABLE).replace("%s", "?").replace("%%", "%")


class PostgresStore:
    """Table of a dataset in PostgreSQL; ``ensure_table`` must have created it.

    Args:
        url: the database, with the session's parameters.
        table: the table's qualified name.
    """

    def __init__(self, url: str, table: str) -> None:
        self.description = table
        self._url = url
        self._table = table
        self._connection: PatientConnection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Hold the table for one transaction, in three round trips: take it, read it, write it.

        Yields:
            The transaction.

        Raises:
            BudgetUnreachableError: the server cannot be reached, is busy, or is being restarted.
            DestinationError: the table is missing.
            RepairNeededError: the server refuses: the table is altered, or a privilege is missing.
        """
        try:
            connection = self._connection = self._connection or self._open()
            # each statement sees what was written while the one before it waited
            rows = connection.query(f"BEGIN; LOCK TABLE {self._table} IN EXCLUSIVE MODE; SELECT {SERVER_CLOCK}")
            transaction = _PostgresTransaction(connection, self._table, rows[0][0])
            yield transaction
            transaction.commit()
        except psycopg2.Error as error:
            self.close()
            if error.pgcode is None or error.pgcode.startswith(_TRANSIENT):
                raise BudgetUnreachableError(words(error), needs_repair=needs_repair(error)) from None
            # a table that is gone is made by the next load
            kind = DestinationError if error.pgcode == _UNDEFINED_TABLE else RepairNeededError
            raise kind(self._refusal(error)) from None
        except BaseException:
            # a connection that is closed undoes its transaction
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            with suppress(psycopg2.Error):
                self._connection.close()
            self._connection = None

    def _refusal(self, error: psycopg2.Error) -> str:
        """Say what is wrong with the table, and that the next load makes one that is missing."""
        code = error.pgcode or ""
        from_zero = "makes it and counts from zero; calls that were made this month before are then not known."
        if code == _UNDEFINED_TABLE:
            return (
                f"The table {self._table}, which counts the calls, is gone, so no more are made; what was fetched is "
                f"kept. The next load {from_zero}"
            )
        if code.startswith(_OF_A_TABLE) and code != _PERMISSION:
            return (
                f"The table {self._table}, which counts the calls, has been altered "
                f"({str(error).splitlines()[0]}), so no more are made; what was fetched is kept. Drop it: the next "
                f"load {from_zero}"
            )
        return f"Calls cannot be counted, so none are made: {words(error)}"

    def _open(self) -> PatientConnection:
        connection = PatientConnection(self._url, "weather calls")
        connection.query(_LONGEST)
        return connection


class _PostgresTransaction:
    def __init__(self, connection: PatientConnection, table: str, now: int) -> None:
        self.now = now
        self._connection = connection
        self._table = table
        self._writes: list[str] = []
        self._parameters: list[object] = []

    def read(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        self._send()
        return self._connection.query(sql.format(calls=self._table), *parameters)

    def write(self, sql: str, *parameters: object) -> None:
        self._writes.append(sql.format(calls=self._table))
        self._parameters += parameters

    def commit(self) -> None:
        self.write("COMMIT")
        self._send()

    def _send(self) -> None:
        if self._writes:
            self._connection.query("; ".join(self._writes), *self._parameters)
            self._writes, self._parameters = [], []


def ensure_table(client: SqlClientBase[Any], account: str, now: int | None = None) -> None:
    """Create the ledger's table, and the dataset if it is missing; the caller must hold the writer lock.

    A role that may not create tables needs one that exists, and SELECT, INSERT, UPDATE and DELETE on it. The table that
    counted the calls of shards before is replaced; its calls count as leased now.

    Args:
        client: an open connection.
        account: fingerprint of the key whose calls the table before counted.
        now: the present moment; by default that of this machine's clock.
    """
    rows = client.execute_sql(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s",
        *(client.dataset_name, TABLE),
    )
    columns = {name for (name,) in rows or ()}
    if columns and _COLUMN_BEFORE not in columns:
        return
    if not columns and not client.has_dataset():
        client.create_dataset()
    table = client.make_qualified_table_name(TABLE)
    with client.begin_transaction():
        leased = 0
        if columns:
            sums = client.execute_sql(f"SELECT coalesce(sum(calls), 0)::bigint FROM {table}")
            leased = int(sums[0][0]) if sums else 0
            client.execute_sql(f"DROP TABLE {table}")
            logger.info("The table %s, which counted the calls of shards, now counts those of all loads", TABLE)
        client.execute_sql(f"CREATE TABLE IF NOT EXISTS {table} ({_COLUMNS})")
        if leased:
            moment = now or wall_clock()
            client.execute_sql(
                f"INSERT INTO {table} VALUES (%s, 'free', 'snapshot', 'lease', %s, %s)", account, moment, leased
            )
