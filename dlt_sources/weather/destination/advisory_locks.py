"""PostgreSQL's advisory locks: by name, exclusive or shared, held for as long as the connection lives."""

from __future__ import annotations

from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.common.errors import DestinationError

# half of PostgreSQL's advisory key, so that no other application's locks are met: "weather" in ASCII, cut to 31 bits
LOCK_SPACE = 0x77656174
# by whom a lock is held, by its name
_HELD = (
    "(SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
    f" AND classid = {LOCK_SPACE} AND objid = hashtext(%s)::bigint & 4294967295) AS held"
)


class AdvisoryLocks:
    """The locks of one connection, which frees them all when it ends, however it ends.

    Args:
        client: the open connection; nothing else may use it, for a query that fails frees them too.
        owner: what others are told of whoever holds a lock.
    """

    def __init__(self, client: SqlClientBase[Any], owner: str) -> None:
        self._client = client
        client.execute_sql("SELECT set_config('application_name', %s, false)", owner)

    def attempt(self, name: str, *, shared: bool = False) -> str | None:
        """Take a lock if that is possible at once.

        Args:
            name: the lock's.
            shared: whether others may hold it shared meanwhile; nobody may hold it exclusively.

        Returns:
            None if it is taken now; else who holds it.
        """
        take = "pg_try_advisory_lock_shared" if shared else "pg_try_advisory_lock"
        rows = self._client.execute_sql(f"SELECT {take}({LOCK_SPACE}, hashtext(%s))", name)
        if rows and rows[0][0]:
            return None
        holders = self._client.execute_sql(  # the space is a constant of ours
            "SELECT a.application_name, coalesce(host(a.client_addr), 'this host'), a.backend_start"
            f" FROM {_HELD} JOIN pg_stat_activity a USING (pid)",
            name,
        )
        return ", ".join(f"{who} from {host} since {since:%H:%M:%S}" for who, host, since in holders or ()) or "?"

    def ensure(self, name: str) -> None:
        """See that a lock is still held.

        Raises:
            DestinationError: it is not.
        """
        held = self._client.execute_sql(
            f"SELECT 1 FROM {_HELD} WHERE pid = pg_backend_pid()",
            name,
        )
        if not held:
            raise DestinationError("The dataset's lock is lost. Nothing more is written; run again.")

    def release(self, name: str) -> None:
        """Give back a lock that was taken exclusively."""
        self._client.execute_sql(f"SELECT pg_advisory_unlock({LOCK_SPACE}, hashtext(%s))", name)
