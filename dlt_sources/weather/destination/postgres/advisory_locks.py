"""PostgreSQL's advisory locks: by name, exclusive or shared, held until the connection ends.

The connection idles while a package is extracted, for minutes. A thread sends a query now and then, so that no firewall
or load balancer finds it idle, and takes the locks again over a new connection when it was cut nevertheless.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress

import psycopg2
import psycopg2.errors

from dlt_sources.weather.destination import connection
from dlt_sources.weather.destination.failures import outage, words
from dlt_sources.weather.destination.postgres.patient_connection import PatientConnection

logger = logging.getLogger(__name__)
# the first half of PostgreSQL's advisory key, so that other applications' locks do not collide with these: "weather"
# in ASCII, cut to 31 bits
LOCK_SPACE = 0x77656174
KEEP_ALIVE_SECONDS = 15.0
_POLL_SECONDS = 0.5
_HOLDERS = (
    "SELECT a.application_name, coalesce(host(a.client_addr), 'this host'), a.backend_start"
    " FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND l.granted"
    f" AND l.classid = {LOCK_SPACE} AND l.objid = hashtext(%s)::bigint & 4294967295"
)
_OWN = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
    f" AND classid = {LOCK_SPACE} AND pid = pg_backend_pid()"
)


class AdvisoryLocks:
    """The locks of one connection. PostgreSQL frees them when it ends, whatever ends it. Close it after use.

    Args:
        url: the database, with the session's parameters.
        owner: the name shown to others that wait for a lock.

    Raises:
        DestinationError: the server cannot be reached.
    """

    def __init__(self, url: str, owner: str) -> None:
        self._url = url
        self._owner = owner
        self._mutex = threading.RLock()
        # shared or not, by the names of the locks that this process is to hold
        self._wanted: dict[str, bool] = {}
        self._taken: set[str] = set()
        self._closed = threading.Event()
        try:
            self._connection = self._connect()
        except psycopg2.Error as error:
            raise outage("The destination cannot be reached", error) from None
        self._thread = threading.Thread(target=self._keep_alive, name="weather-lock", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Free the locks and close the connection."""
        self._closed.set()
        with self._mutex:
            if self._taken:
                # a server frees what a closed connection held only when it has noticed, which may be after the next run
                # has asked; a connection that is cut holds nothing
                with suppress(psycopg2.Error):
                    self._connection.query("SELECT pg_advisory_unlock_all()")
            self._connection.close()

    @property
    def is_pooled(self) -> bool:
        """Whether a pooler answers: it tells a number of its own as that of the server's process."""
        return self._connection.announced_pid != self.backend_pid()

    def backend_pid(self) -> int:
        """Return the number of the server's process that answers."""
        with self._mutex:
            return int(self._connection.query("SELECT pg_backend_pid()")[0][0])

    def attempt(self, name: str, *, shared: bool = False) -> str | None:
        """Take a lock if it is free, without waiting.

        Args:
            name: the lock's name.
            shared: take it in shared mode, which excludes exclusive holders only.

        Returns:
            None if the lock is taken; otherwise its holders, with host and start of their session.
        """
        with self._mutex:
            holders = self._take(name, shared=shared)
            if holders is None:
                self._wanted[name] = shared
            return holders

    def queue(self, name: str, seconds: float) -> str | None:
        """Take a lock after those that asked for it before, in the server's order.

        Args:
            name: the lock's name.
            seconds: how long to wait; less than ``patient_connection.PATIENCE_SECONDS``.

        Returns:
            None if the lock is taken; otherwise its holders, with host and start of their session.
        """
        with self._mutex:
            # of the transaction that the two statements are; 0 would be no limit
            timeout = f"{max(1, round(seconds * 1000))}ms"
            lock = f"SELECT pg_advisory_lock({LOCK_SPACE}, hashtext(%s))"
            try:
                self._connection.query(f"SELECT set_config('lock_timeout', %s, true); {lock}", timeout, name)
            except psycopg2.errors.LockNotAvailable:
                return self.attempt(name)
            self._taken.add(name)
            self._wanted[name] = False
            return None

    def hold(self) -> str | None:
        """See to it that this process holds all its locks: if its connection was cut, take them over a new one.

        Returns:
            None if it holds them; otherwise the holders of one that is lost.

        Raises:
            DestinationError: the server could not be reached for ``connection.RECONNECT_SECONDS``.
        """
        deadline = time.monotonic() + connection.RECONNECT_SECONDS
        while True:
            try:
                return self._hold()
            except psycopg2.Error as error:
                if time.monotonic() > deadline:
                    lost = "The connection that held the dataset's lock is lost, and the destination cannot be reached"
                    raise outage(lost, error) from None
            time.sleep(_POLL_SECONDS)

    def release(self, name: str) -> None:
        """Release a lock.

        Args:
            name: the lock's name.
        """
        with self._mutex:
            shared = self._wanted.pop(name, None)
            if name in self._taken:
                self._taken.discard(name)
                unlock = "pg_advisory_unlock_shared" if shared else "pg_advisory_unlock"
                # a connection that is cut holds nothing
                with suppress(psycopg2.Error):
                    self._connection.query(f"SELECT {unlock}({LOCK_SPACE}, hashtext(%s))", name)

    def is_held(self, name: str) -> bool:
        """Return whether anyone holds a lock; False if the connection is cut.

        Args:
            name: the lock's name.
        """
        with suppress(psycopg2.Error), self._mutex:
            return bool(self._connection.query(_HOLDERS, name))
        return False

    def _keep_alive(self) -> None:
        while not self._closed.wait(KEEP_ALIVE_SECONDS):
            with suppress(psycopg2.Error), self._mutex:
                if not self._closed.is_set():
                    self._hold()

    def _hold(self) -> str | None:
        with self._mutex:
            try:
                if not self._connection.closed and self._connection.query(_OWN)[0][0] >= len(self._wanted) == len(
                    self._taken
                ):
                    return None
            except psycopg2.Error as error:
                logger.warning(
                    "The connection that holds the dataset's lock was cut; taking the lock again: %s", words(error)
                )
            self._connection.close()
            self._connection = self._connect()
            for name, shared in self._wanted.items():
                if (holders := self._take(name, shared=shared)) is not None:
                    return holders
            logger.info("The dataset's lock is taken again")
            return None

    def _take(self, name: str, *, shared: bool) -> str | None:
        take = "pg_try_advisory_lock_shared" if shared else "pg_try_advisory_lock"
        if self._connection.query(f"SELECT {take}({LOCK_SPACE}, hashtext(%s))", name)[0][0]:
            self._taken.add(name)
            return None
        holders = self._connection.query(_HOLDERS, name)
        return ", ".join(f"{owner} from {host} since {since:%H:%M:%S}" for owner, host, since in holders) or "?"

    def _connect(self) -> PatientConnection:
        self._taken.clear()
        return PatientConnection(self._url, self._owner)


class AdvisoryLock:
    """One of a connection's locks, and another one that those share that wait for it; see ``waiting.Hold``.

    Args:
        locks: the locks of the connection.
        name: the lock's name.
        shared: whether it is taken in shared mode.

    Attributes:
        is_shared: the same.
    """

    is_of_run = True

    def __init__(self, locks: AdvisoryLocks, name: str, *, shared: bool = False) -> None:
        self._locks = locks
        self._name = name
        self.is_shared = shared
        self._is_announced = False

    def attempt(self) -> str | None:
        """Take the lock if it is free; otherwise return its holders."""
        return self._attempt(self._name, shared=self.is_shared)

    def release(self) -> None:
        """Release the lock."""
        self._locks.release(self._name)

    def announce(self) -> None:
        """Show the holder that this run waits."""
        if not self._is_announced:
            self._attempt(f"{self._name} waiting", shared=True)
            self._is_announced = True

    def retract(self) -> None:
        """Wait no longer."""
        self._locks.release(f"{self._name} waiting")
        self._is_announced = False

    def others_wait(self) -> bool:
        """Return whether another run waits."""
        return self._locks.is_held(f"{self._name} waiting")

    def _attempt(self, name: str, *, shared: bool) -> str | None:
        try:
            return self._locks.attempt(name, shared=shared)
        except psycopg2.Error:
            # the connection was cut, or the server restarts: a backfill may wait for hours
            self._locks.hold()
            return self._locks.attempt(name, shared=shared)
