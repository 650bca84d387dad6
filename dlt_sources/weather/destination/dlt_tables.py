"""Recovery of tables and columns that were dropped by hand, dlt's own tables included.

dlt looks for missing tables only if its schema is new to the destination, and the destination keeps the versions that
it knows. A load into a dropped table would fail. Without dlt's state table each load would start from the schema of the
very first one, which the destination knows: the table would stay missing, and every load would fail.
"""

from __future__ import annotations

import json
import logging
from contextlib import nullcontext
from typing import Any

from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.contracts import TABLES

logger = logging.getLogger(__name__)
SCHEMA_NAME = "weather"
VERSIONS = "_dlt_version"
OTHERS = ("_dlt_loads", "_dlt_pipeline_state")


def restore_dlt_tables(client: SqlClientBase[Any]) -> None:
    """Delete dlt's schema versions if anything that they describe is missing, so that dlt creates it in the next load.

    Args:
        client: an open connection.
    """
    if not _exists(client, VERSIONS):
        return
    missing = {name for name in OTHERS if not _exists(client, name)}
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
            if _exists(client, VERSIONS):
                versions = client.make_qualified_table_name(VERSIONS)
                client.execute_sql(f"DELETE FROM {versions} WHERE schema_name = %s", SCHEMA_NAME)


def _described_columns(client: SqlClientBase[Any]) -> dict[str, set[str]]:
    """Return the columns of bronze tables by table, as the newest schema that the destination knows describes them."""
    versions = client.make_qualified_table_name(VERSIONS)
    rows = client.execute_sql(
        f"SELECT schema FROM {versions} WHERE schema_name = %s ORDER BY inserted_at DESC LIMIT 1", SCHEMA_NAME
    )
    tables = json.loads(rows[0][0])["tables"] if rows else {}
    return {
        name: {column for column, hints in table["columns"].items() if "data_type" in hints}
        for name, table in tables.items()
        if name in TABLES
    }


def _missing(client: SqlClientBase[Any], described: dict[str, set[str]]) -> set[str]:
    """Return the tables, and the columns of others, that a dataset lacks; nothing if it has no tables at all."""
    rows = client.execute_sql(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = %s", client.dataset_name
    )
    if not rows:
        return set()
    found: dict[str, set[str]] = {}
    for table, column in rows:
        found.setdefault(table, set()).add(column)
    return {
        name if name not in found else f"{name}.{column}"
        for name, columns in described.items()
        for column in columns - found.get(name, set())
    }


def _exists(client: SqlClientBase[Any], name: str) -> bool:
    try:
        client.execute_sql(f"SELECT 1 FROM {client.make_qualified_table_name(name)} WHERE 1 = 0")
    except DatabaseUndefinedRelation:
        return False
    return True
