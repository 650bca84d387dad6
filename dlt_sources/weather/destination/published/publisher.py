"""Publication after a load: views and comments, written only where the database differs from what is described here.

One query reads the dataset's catalogue; a load that changes nothing sends no other statement. A view carries a
fingerprint of its definition in its comment, so that another definition, setting or set of tables replaces it.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dlt.common.schema import Schema
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.common.errors import reason
from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.destination.published.catalog import Relation, comment_statement, read_catalog
from dlt_sources.weather.destination.published.descriptions import column_comment, table_comment
from dlt_sources.weather.destination.published.views import VIEWS, SourceTables, View

logger = logging.getLogger(__name__)
# of PostgreSQL: a reader's open transaction on a view holds up a load no longer than that; the next load tries again
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '2s'"
# ends the comment of a view of this source; a view without it is its user's
_MARK = re.compile(r" \[definition ([0-9a-f]{8})\]$")


@dataclass
class Publisher:
    """Writer of a dataset's views and comments.

    Args:
        units: the setting ``units``.
        views: whether there are to be views; otherwise those of this source are dropped.
        is_postgres: whether the database is PostgreSQL; otherwise it is DuckDB.
        path_hint: dlt's hint of a column that the API has added: the path of its field.
    """

    units: str
    views: bool
    is_postgres: bool
    path_hint: str
    _told: set[str] = field(default_factory=set)
    _published: str = ""

    def publish(self, client: SqlClientBase[Any], schema: Schema) -> None:
        """Bring views and comments up to date. What fails is logged, once a run: the rows are loaded anyway.

        Args:
            client: an open connection.
            schema: dlt's schema, after a package was loaded; once a run is enough for each version of it.
        """
        if schema.version_hash == self._published:
            return
        self._published = schema.version_hash
        try:
            catalog = read_catalog(client, is_postgres=self.is_postgres)
            if self._write_views(client, catalog):
                catalog = read_catalog(client, is_postgres=self.is_postgres)
            self._write_comments(client, catalog, schema)
        except DatabaseException as error:
            self._tell(f"Comments on the tables could not be written: {reason(error)}")

    def _write_views(self, client: SqlClientBase[Any], catalog: Mapping[str, Relation]) -> bool:
        """Create, replace and drop views; return whether any statement was sent."""
        tables = self._source_tables(client, catalog)
        changed, failures, dropped = False, [], []
        for view in VIEWS.values():
            relation = catalog.get(view.name)
            sql = view.sql(tables) if self.views else None
            if relation and not _MARK.search(relation.comment or ""):
                if sql is not None:
                    self._tell(f"{view.name} is in the dataset already, not made by this pipeline; it stays as it is.")
            elif sql is None and relation is None:
                continue
            elif sql is None or relation is None or relation.comment != _view_comment(view, sql):
                changed = True
                if failure := _write_view(client, view, sql, exists=relation is not None, first=self._first):
                    failures.append(f"{view.name} ({failure})")
                elif not self.views:
                    dropped.append(view.name)
        if dropped:
            logger.info("Views are dropped, since views = false: %s", ", ".join(dropped))
        if failures:
            what, remedy = "Views could not be written", ", or set views = false"
            if not self.views:
                what, remedy = "Views could not be dropped", ""
            self._tell(f"{what}: {', '.join(failures)}. The rows are loaded. Correct that{remedy}.")
        return changed

    def _write_comments(self, client: SqlClientBase[Any], catalog: Mapping[str, Relation], schema: Schema) -> None:
        statements, foreign = [], []
        for relation in catalog.values():
            columns = schema.tables[relation.name]["columns"] if relation.name in schema.tables else {}
            changes = list(self._comments(relation, columns))
            if relation.is_owned:
                statements += [comment_statement(client, relation, *change) for change in changes]
            elif changes:
                foreign.append(relation.name)
        if statements:
            _execute(client, [*self._first, *statements])
        if foreign:
            self._tell(
                f"Comments are missing or old on {', '.join(sorted(foreign))}: this role does not own them, and only "
                "an owner may comment. The rows are loaded."
            )

    def _comments(self, relation: Relation, schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield the columns whose comments are to change, and the comments; "" is the relation itself."""
        view = VIEWS.get(relation.name) if _MARK.search(relation.comment or "") else None
        if view is not None:
            wanted = {column.name: column.comment(self.units) for column in view.columns}
        else:
            found = {
                column: column_comment(
                    relation.name, column, current, units=self.units, schema=schema, path_hint=self.path_hint
                )
                for column, current in relation.columns.items()
            }
            found[""] = table_comment(relation.name, relation.comment)
            wanted = {column: text for column, text in found.items() if text is not None}
        for column, text in wanted.items():
            if text != (relation.columns.get(column) if column else relation.comment):
                yield column, text

    def _source_tables(self, client: SqlClientBase[Any], catalog: Mapping[str, Relation]) -> SourceTables:
        existing = [table for table in TABLES if table in catalog and not catalog[table].is_view]
        return SourceTables(
            {table: frozenset(catalog[table].columns) for table in existing},
            {table: client.make_qualified_table_name(table) for table in existing},
            self.units,
            self.is_postgres,
        )

    @property
    def _first(self) -> list[str]:
        return [_LOCK_TIMEOUT] if self.is_postgres else []

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            logger.warning(text)


def drop_views(client: SqlClientBase[Any], *, is_postgres: bool) -> None:
    """Drop the views of this source, so that dlt can drop tables that they read; the next load makes them again.

    Args:
        client: an open connection.
        is_postgres: whether the database is PostgreSQL; otherwise it is DuckDB.
    """
    catalog = read_catalog(client, is_postgres=is_postgres)
    own = [name for name in VIEWS if name in catalog and _MARK.search(catalog[name].comment or "")]
    if own:
        _execute(client, [f"DROP VIEW {client.make_qualified_table_name(name)}" for name in own])


def _write_view(client: SqlClientBase[Any], view: View, sql: str | None, *, exists: bool, first: Sequence[str]) -> str:
    """Create, replace or drop a view, after the statements ``first``; return why that failed, or ""."""
    name = client.make_qualified_table_name(view.name)
    drop = [f"DROP VIEW {name}"] if exists else []
    attempts = [drop]
    if sql is not None:
        relation = Relation(view.name, is_view=True, is_owned=True)
        comment = comment_statement(client, relation, "", _view_comment(view, sql))
        # PostgreSQL replaces a view, and keeps what is granted on it, only if its columns stay
        replace = [f"CREATE OR REPLACE VIEW {name} AS\n{sql}", comment]
        attempts = [replace, [*drop, *replace]] if exists else [replace]
    failure = ""
    for statements in attempts:
        try:
            _execute(client, [*first, *statements])
        except DatabaseException as error:
            failure = reason(error)
        else:
            return ""
    return failure


def _view_comment(view: View, sql: str) -> str:
    return f"{view.description} [definition {hashlib.sha256(sql.encode()).hexdigest()[:8]}]"


def _execute(client: SqlClientBase[Any], statements: Sequence[str]) -> None:
    # in one round trip
    with client.begin_transaction():
        client.execute_sql(";\n".join(statements))
