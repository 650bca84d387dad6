"""PostgreSQL's advisory locks: by name, exclusive or shared, held until the connection ends."""

from __future__ import annotations

from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.common.errors import DestinationError

# the first half of PostgreSQL's advisory key, so that other applications' locks do not collide with these: "weather"
# in ASCII, cut to 31 bits
LOCK_SPACE = 0x77656174
# backends that hold a lock, by its name
_HOLDERS = (
    "(SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
    f" AND classid = {LOCK_SPACE} AND objid = hashtext(%s)::bigint & 4294967295) AS held"
)


class AdvisoryLocks:
    """The locks of one connection. PostgreSQL frees them when it ends, whatever ends it.

    Args:
        client: the open connection. Nothing else may use it: a query that fails frees the locks too.
        owner: the name shown to others that wait for a lock.
    """

    def __init__(self, client: SqlClientBase[Any], owner: str) -> None:
        self._client = client
        client.execute_sql("SELECT set_config('application_name', %s, false)", owner)

    def attempt(self, name: str, *, shared: bool = False) -> str | None:
        """Take a lock if it is free, without waiting.

        Args:
            name: the lock's name.
            shared: take it in shared mode, which excludes exclusive holders only.

        Returns:
            None if the lock is taken; otherwise its holders, with host and start of their session.
        """
        take = "pg_try_advisory_lock_shared" if shared else "pg_try_advisory_lock"
        rows = self._client.execute_sql(f"SELECT {take}({LOCK_SPACE}, hashtext(%s))", name)
        if rows and rows[0][0]:
            return None
        holders = self._client.execute_sql(
            "SELECT a.application_name, coalesce(host(a.client_addr), 'this host'), a.backend_start"
            f" FROM {_HOLDERS} JOIN pg_stat_activity a USING (pid)",
            name,
        )
        return ", ".join(f"{owner} from {host} since {since:%H:%M:%S}" for owner, host, since in holders or ()) or "?"

    def ensure(self, name: str) -> None:
        """Check that this connection still holds a lock.

        Args:
            name: the lock's name.

        Raises:
            DestinationError: the lock is lost.
        """
        if not self._client.execute_sql(f"SELECT 1 FROM {_HOLDERS} WHERE pid = pg_backend_pid()", name):
            raise DestinationError("The dataset's lock is lost. Nothing more is written; run again.")

    def release(self, name: str) -> None:
        """Release a lock that was taken exclusively.

        Args:
            name: the lock's name.
        """
        self._client.execute_sql(f"SELECT pg_advisory_unlock({LOCK_SPACE}, hashtext(%s))", name)
