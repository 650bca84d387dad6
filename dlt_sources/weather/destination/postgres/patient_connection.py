"""Connection to PostgreSQL whose queries wait in ``select``, never inside the driver.

A server that does not answer is given up after ``PATIENCE_SECONDS``, and signals are heard meanwhile. Drivers that
block in C hear no signal and have no time limit for an answer.
"""

from __future__ import annotations

import os
import select
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ

# a server that answers nothing for so long is gone, or so is the way to it
PATIENCE_SECONDS = 30.0
_POLL_SECONDS = 0.5
# no restart and no further try ends these; libpq gives no code for a refused connection. A server with messages in
# another language gives none of them
LASTING_REFUSALS = (
    "authentication failed",
    "does not exist",
    "pg_hba.conf",
    "certificate",
    "permission denied",
    "not permitted to log in",
)


class PatientConnection:
    """Connection in autocommit mode, for one thread at a time. Close it after use.

    Args:
        url: the database, with the session's parameters.
        owner: the name of the session in ``pg_stat_activity``.

    Raises:
        psycopg2.Error: the server cannot be reached.
    """

    def __init__(self, url: str, owner: str) -> None:
        self._connection = psycopg2.connect(url, application_name=owner, async_=True)
        try:
            self._wait()
        except psycopg2.Error:
            self.close()
            raise
        with socket.socket(fileno=os.dup(self._connection.fileno())) as own:
            self._peer = own.getpeername()

    @property
    def closed(self) -> bool:
        """Whether the connection is known to be closed."""
        return bool(self._connection.closed)

    @property
    def announced_pid(self) -> int:
        """The number of the server's process, as it was told when the connection was made; a pooler tells its own."""
        return int(self._connection.info.backend_pid)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run a statement, or several that are separated by semicolons, and return the rows of the last.

        Args:
            sql: the statements, with ``%s`` for each parameter.
            parameters: the parameters.

        Raises:
            psycopg2.Error: the server refuses a statement, or does not answer.
        """
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            try:
                self._wait()
            except _SilenceError:
                self.close()
                # whatever else waits for an answer would wait for ever
                _shut_down_connections(self._peer)
                raise
            rows: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
            return rows

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (state := self._connection.poll()) != POLL_OK:
            if time.monotonic() > deadline:
                raise _SilenceError(f"the server has not answered for {PATIENCE_SECONDS:.0f} s")
            waiting = [self._connection]
            select.select(
                waiting if state == POLL_READ else [], [] if state == POLL_READ else waiting, [], _POLL_SECONDS
            )


class _SilenceError(psycopg2.OperationalError):  # type: ignore[misc]  # it ships no types
    """The server does not answer."""


def _shut_down_connections(peer: Any) -> None:
    """Shut down this process's connections to a peer, so that calls that wait for its answer end with an error."""
    for file in list(Path("/dev/fd").iterdir()):
        with suppress(OSError), socket.socket(fileno=os.dup(int(file.name))) as copy:
            if copy.getpeername() == peer:
                copy.shutdown(socket.SHUT_RDWR)
