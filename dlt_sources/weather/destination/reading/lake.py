"""Tables in files - parquet, Delta, Iceberg - read with SQL through a DuckDB in memory.

dlt's own SQL client of such destinations loads extensions of DuckDB, which are downloaded. Here DuckDB reads parquet
files itself, and the formats' own libraries, which wrote the tables, hand it the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.destination import Destination
from dlt.common.destination.client import JobClientBase, SupportsOpenTables
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.common.schema.typing import C_DLT_LOAD_ID
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.contracts import TABLES


class Lake:
    """Tables of a dataset in files, as views and Arrow datasets of a DuckDB in memory.

    Args:
        client: dlt's client of the destination, bound to the schema that is stored there.
        sql_client: dlt's SQL client of a DuckDB in memory, with an open connection.
    """

    def __init__(self, client: JobClientBase, sql_client: SqlClientBase[Any]) -> None:
        self.sql_client = sql_client
        self._client = client
        self._connection: Any = sql_client.native_connection
        self._there: set[str] = set()

    def table_name(self, table: str) -> str:
        """Return the name under which DuckDB reads a table.

        Args:
            table: name of the table.

        Raises:
            DestinationUndefinedEntity: the table does not exist.
        """
        if table not in self._there:
            self._make(table)
            self._there.add(table)
        return self.sql_client.escape_column_name(table)

    def _make(self, table: str) -> None:
        schema = self._client.schema.tables.get(table)
        if schema is None:
            raise DestinationUndefinedEntity(table)
        client: Any = self._client
        table_format = schema.get("table_format")
        if table_format == "delta" and isinstance(client, SupportsOpenTables):
            self._make_delta(table, client.load_open_table("delta", table))
        elif table_format == "iceberg" and isinstance(client, SupportsOpenTables):
            self._make_iceberg(table, client.load_open_table("iceberg", table))
        else:
            self._make_files(table, client)

    def _make_delta(self, table: str, delta: Any) -> None:
        if delta.metadata().partition_columns or delta.protocol().reader_features:
            # the files lack a part of the rows or of their columns
            rows = delta.to_pyarrow_table()
            texts = (one.with_type(pa.string()) if one.type == pa.string_view() else one for one in rows.schema)
            self._connection.register(table, rows.cast(pa.schema(texts)))
            return
        self._view(table, delta.file_uris())

    def _make_iceberg(self, table: str, iceberg: Any) -> None:
        tasks = list(iceberg.scan().plan_files())
        if any(task.delete_files for task in tasks):
            # of another writer: dlt's upsert writes whole files again
            self._connection.register(table, iceberg.scan().to_arrow())
            return
        self._view(table, [task.file.file_path for task in tasks])

    def _make_files(self, table: str, client: Any) -> None:
        files = client.list_table_files(table)
        protocol = client.config.protocol
        if protocol != "file":
            files = [f"{protocol}://{file}" for file in files]
        self._view(table, files, TABLES[table].key if table in TABLES else ())

    def _view(self, table: str, files: list[str], key: Collection[str] = ()) -> None:
        """Make a view of parquet files; with a key, of the newest row of each."""
        if not files:
            raise DestinationUndefinedEntity(table)
        client: Any = self._client
        if client.config.protocol != "file" and not self._connection.filesystem_is_registered(client.config.protocol):
            # DuckDB's own way to it is an extension
            self._connection.register_filesystem(client.fs_client)
        # a folder named column=value must not replace the column
        paths = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
        sql = f"SELECT * FROM read_parquet([{paths}], union_by_name = true, hive_partitioning = false)"
        if key:
            columns = ", ".join(key)
            sql += f" QUALIFY row_number() OVER (PARTITION BY {columns} ORDER BY {C_DLT_LOAD_ID} DESC) = 1"
        self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {self.sql_client.escape_column_name(table)} AS {sql}")


@contextmanager
def open_lake(destination: Destination[Any, Any], dataset_name: str, schema_name: str) -> Iterator[Lake]:
    """Open the tables of a dataset in files.

    Args:
        destination: the destination.
        dataset_name: the dataset.
        schema_name: name of dlt's schema, whose newest version is stored in the dataset.

    Yields:
        The tables.
    """
    client = dlt.dataset(destination, dataset_name, schema_name).destination_client
    import duckdb  # noqa: PLC0415 - takes 30 MB, which other databases do not need

    connection = duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"})
    sql_client = dlt.dataset(dlt.destinations.duckdb(connection), "lake", dlt.Schema("lake")).sql_client
    sql_client.open_connection()
    try:
        yield Lake(client, sql_client)
    finally:
        sql_client.close_connection()
        connection.close()
