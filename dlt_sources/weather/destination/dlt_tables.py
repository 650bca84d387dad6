"""Recovery of tables and columns that were dropped by hand, dlt's own tables included.

dlt looks for missing tables only if its schema is new to the destination, and the destination keeps the versions that
it knows. A load into a dropped table would fail. Without dlt's state table each load would start from the schema of the
very first one, which the destination knows: the table would stay missing, and every load would fail.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from contextlib import nullcontext
from typing import Any

from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.destination.reader import SCHEMA_NAME, DestinationReader
from dlt_sources.weather.destination.reading.dialects import execute, is_native, qualified_name
from dlt_sources.weather.destination.reading.relations import Relations

logger = logging.getLogger(__name__)
VERSIONS = "_dlt_version"
OTHERS = ("_dlt_loads", "_dlt_pipeline_state")


def restore_dlt_tables(client: SqlClientBase[Any]) -> None:
    """Delete dlt's schema versions if anything that they describe is missing, so that dlt creates it in the next load.

    Args:
        client: an open connection.
    """
    relations = Relations(client)
    if not _exists(client, relations, VERSIONS):
        return
    missing = {name for name in OTHERS if not _exists(client, relations, name)}
    if described := _described_columns(client):
        for staging in (False, True):
            with client.with_staging_dataset() if staging else nullcontext():
                missing |= _missing(client, described)
    if not missing:
        return
    logger.warning(
        "Missing in the destination: %s; dlt creates what is missing in the next load", ", ".join(sorted(missing))
    )
    for staging in (False, True):
        with client.with_staging_dataset() if staging else nullcontext():
            if _exists(client, Relations(client), VERSIONS):
                versions = qualified_name(client, VERSIONS)
                execute(client, f"DELETE FROM {versions} WHERE schema_name = %s", SCHEMA_NAME)


def _described_columns(client: SqlClientBase[Any]) -> dict[str, set[str]]:
    """Return the columns of bronze tables by table, as the newest schema that the destination knows describes them."""
    versions = qualified_name(client, VERSIONS)
    rows = execute(
        client, f"SELECT schema FROM {versions} WHERE schema_name = %s ORDER BY inserted_at DESC LIMIT 1", SCHEMA_NAME
    )
    tables = json.loads(rows[0][0])["tables"] if rows else {}
    return {
        name: {column for column, hints in table["columns"].items() if "data_type" in hints}
        for name, table in tables.items()
        if name in TABLES
    }


def _missing(client: SqlClientBase[Any], described: dict[str, set[str]]) -> set[str]:
    """Return the tables, and the columns of others, that a dataset lacks; nothing if it has no tables at all."""
    found = _found_columns(client, described)
    if not found:
        return set()
    return {
        name if name not in found else f"{name}.{column}"
        for name, columns in described.items()
        for column in columns - found.get(name, set())
    }


def _found_columns(client: SqlClientBase[Any], names: Collection[str]) -> dict[str, set[str]]:
    """Return the columns of a dataset's tables by table; of the named tables, if it has no information schema."""
    found: dict[str, set[str]] = {}
    if is_native(client):
        sql = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = %s"
        for table, column in client.execute_sql(sql, client.dataset_name) or ():
            found.setdefault(table, set()).add(column)
        return found
    reader = DestinationReader(client)
    columns = {name: set(reader.columns(name)) for name in names}
    return {name: there for name, there in columns.items() if there}


def _exists(client: SqlClientBase[Any], relations: Relations, name: str) -> bool:
    if not relations.may_have(name):
        return False
    try:
        execute(client, f"SELECT 1 FROM {qualified_name(client, name)} WHERE 1 = 0")
    except DatabaseUndefinedRelation:
        return False
    return True
