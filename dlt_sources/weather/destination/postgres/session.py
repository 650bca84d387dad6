"""Session of every PostgreSQL connection: what the server or a role would decide otherwise is set by the client.

dlt's client, the ADBC driver that copies parquet files, the writer lock and all readers connect with these credentials.
Startup options are used, not ``SET``: they hold after ``RESET ALL``, which dlt sends after each query that fails, and
take precedence over ``ALTER ROLE … SET`` and ``ALTER DATABASE … SET``. Encoding, formats and isolation decide which
rows arrive: a role with ``client_encoding = 'LATIN1'`` stored "MÃ¡laga" for "Málaga". A database or role that is
read-only stays so: its administrator, or the guard of a volume that is nearly full, refuses rows on purpose.
"""

from __future__ import annotations

import os
from typing import Any

from dlt.common.configuration import configspec
from dlt.destinations.impl.postgres.configuration import PostgresCredentials

# of libpq: a connection whose packets nobody acknowledges ends after 30 s; an idle one is probed every 15 s, more often
# than a load balancer closes idle connections (4 minutes in the large clouds)
TCP: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# of the server: it frees the locks of a client whose machine has vanished after 30 s, not after its default of two
# hours. No statement waits for ever, and no idle session is closed while a package is extracted.
SESSION: dict[str, str] = {
    "datestyle": "ISO,MDY",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "default_transaction_isolation": r"read\ committed",
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": "15min",
    "statement_timeout": "1h",
    "lock_timeout": "1min",
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30s",
}

# of the planner, while packages are loaded: each row of a merge is looked up by the index of its key. By its own
# estimate PostgreSQL reads all partitions, since it does not count that all but one are left out while the statement
# runs; it would also spend more on compiling the statement than on running it.
BY_INDEX: dict[str, str] = {
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "jit": "off",
}


@configspec(init=False)
class SessionCredentials(PostgresCredentials):
    """dlt's credentials with the session's parameters. Those in the query of the user's URL have precedence."""

    def get_query(self) -> dict[str, Any]:
        """Return the parameters of libpq."""
        query = super().get_query()
        session = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
        # of two equal options the last counts; libpq reads PGOPTIONS only where a connection has no options
        options = f"{session} {os.environ.get('PGOPTIONS', '')} {query.pop('options', '')}".strip()
        # the ADBC driver sends UTF-8 whatever the session's encoding
        return TCP | query | {"client_encoding": "UTF8", "options": options}

    def to_native_representation(self) -> str:
        """Return the URL as libpq reads it: it knows spaces only as %20, and SQLAlchemy writes " " and "+"."""
        address, mark, query = super().to_native_representation().partition("?")
        return address.replace(" ", "%20") + mark + query.replace("+", "%20")

    @property
    def for_loading(self) -> LoadingCredentials:
        """The credentials of the connections that load packages, always the same object."""
        if "_for_loading" not in self.__dict__:
            loading = LoadingCredentials()
            loading.update(self)
            loading.resolve()
            object.__setattr__(self, "_for_loading", loading)
        found: LoadingCredentials = self.__dict__["_for_loading"]
        return found

    def __repr__(self) -> str:
        # dlt puts the representation of a destination into messages
        return f"{type(self).__name__}({self})"


@configspec(init=False)
class LoadingCredentials(SessionCredentials):
    """Credentials of the connections that load packages."""

    def merge_by_index(self, *, enabled: bool) -> None:
        """Set whether connections that are opened from now on merge by index.

        Args:
            enabled: only if every table has its key's index, or each row would be compared with all rows of a table.
        """
        object.__setattr__(self, "_by_index", enabled)

    def get_query(self) -> dict[str, Any]:
        """Return the parameters of libpq."""
        query = super().get_query()
        if self.__dict__.get("_by_index"):
            planner = " ".join(f"-c {name}={value}" for name, value in BY_INDEX.items())
            query["options"] = f"{planner} {query['options']}"
        return query


def session_credentials(resolved: PostgresCredentials) -> SessionCredentials:
    """Return credentials that open every connection with the session's parameters.

    Args:
        resolved: the credentials as dlt read them from its configuration.
    """
    credentials = SessionCredentials()
    credentials.update(resolved)
    credentials.session_timezone = credentials.session_timezone or "UTC"
    credentials.resolve()
    return credentials
