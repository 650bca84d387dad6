"""Connection poolers such as PgBouncer: refused where a session does not last, so that its lock would not hold."""

from __future__ import annotations

import re
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.destination.postgres.advisory_locks import AdvisoryLocks
from dlt_sources.weather.destination.postgres.session import SESSION

_ROUNDS = 3
# parameters that decide which rows arrive
_DECISIVE = [name for name in SESSION if not name.endswith("timeout") and not name.startswith("tcp_")]


def ensure_lasting_session(locks: AdvisoryLocks, client: SqlClientBase[Any]) -> None:
    """Check that a pooler, if there is one, gives each connection a server's session for itself.

    A pooler in transaction mode lends a session for one transaction. Two runs then hold the same lock without knowing.

    Args:
        locks: the connection that holds the locks.
        client: another open connection.

    Raises:
        ConfigurationError: the pooler lends sessions, or does not pass on the session's parameters.
    """
    if not locks.is_pooled:
        return
    pid = locks.backend_pid()
    for _ in range(_ROUNDS):
        with client.begin_transaction():
            rows = client.execute_sql("SELECT pg_backend_pid()")
            if (rows and rows[0][0] == pid) or locks.backend_pid() != pid:
                raise ConfigurationError(
                    "The connection goes through a pooler in transaction mode (PgBouncer and the like), where the lock "
                    "of a run does not hold. Set the host and port of PostgreSQL itself, or pool_mode = session for "
                    "this database."
                )
    if lost := [name for name, wanted in _wanted(client).items() if _setting(client, name) != wanted]:
        raise ConfigurationError(
            f"The connection goes through a pooler that does not pass on {', '.join(lost)} (PgBouncer's "
            "ignore_startup_parameters), which changes rows. Set the host and port of PostgreSQL itself."
        )


def _wanted(client: SqlClientBase[Any]) -> dict[str, str]:
    options = client.credentials.get_query()["options"]
    given = {name.lower(): _plain(value) for name, value in re.findall(r"-c ?(\w+)=((?:\\.|\S)+)", options)}
    return {name: given[name] for name in _DECISIVE}


def _setting(client: SqlClientBase[Any], name: str) -> str:
    rows = client.execute_sql("SELECT current_setting(%s)", name)
    return _plain(rows[0][0]) if rows else ""


def _plain(value: str) -> str:
    return re.sub(r"[\\ ]", "", value)
