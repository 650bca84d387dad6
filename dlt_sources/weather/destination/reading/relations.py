"""Tables and views of a dataset in PostgreSQL, whose server logs each statement on one that it lacks as an error."""

from __future__ import annotations

from typing import Any

from dlt.destinations.sql_client import SqlClientBase

# as anyone may read; partitions and indexes are asked for by no name
_NAMES = (
    "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
    " WHERE nspname = %s AND relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT relispartition"
)


class Relations:
    """Names of the tables and views that an open connection reaches.

    Args:
        client: the open connection.
    """

    def __init__(self, client: SqlClientBase[Any]) -> None:
        self._client = client
        self._known: set[str] = set()

    def may_have(self, *tables: str) -> bool:
        """Return whether tables may exist: False is certain, and other databases than PostgreSQL tell by an error.

        A table that was seen once is not looked for again; one that was not may have been made meanwhile.

        Args:
            tables: names of tables of the dataset.
        """
        if self._client.capabilities.sqlglot_dialect != "postgres":
            return True
        paths = [self._client.make_qualified_table_name_path(table, quote=False) for table in tables]
        names = {path[-1] for path in paths}
        if not names <= self._known:
            self._known = {name for (name,) in self._client.execute_sql(_NAMES, paths[0][-2]) or ()}
        return names <= self._known
