"""Recovery of dlt's own tables after one of them was dropped.

dlt looks for missing tables only if its schema is new to the destination. Without its state table it starts from the
schema of the very first load, which the destination knows: the table would stay missing, and every load would fail.
"""

from __future__ import annotations

import logging
from typing import Any

from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

logger = logging.getLogger(__name__)
SCHEMA_NAME = "weather"
VERSIONS = "_dlt_version"
OTHERS = ("_dlt_loads", "_dlt_pipeline_state")


def restore_dlt_tables(client: SqlClientBase[Any]) -> None:
    """Delete dlt's schema versions if another of its tables is missing, so that dlt creates it in the next load.

    Args:
        client: an open connection.
    """
    missing = [name for name in OTHERS if not _exists(client, name)]
    if missing and _exists(client, VERSIONS):
        logger.warning("%s is missing in the destination; dlt creates it in the next load", " and ".join(missing))
        versions = client.make_qualified_table_name(VERSIONS)
        client.execute_sql(f"DELETE FROM {versions} WHERE schema_name = %s", SCHEMA_NAME)


def _exists(client: SqlClientBase[Any], name: str) -> bool:
    try:
        client.execute_sql(f"SELECT 1 FROM {client.make_qualified_table_name(name)} WHERE 1 = 0")
    except DatabaseUndefinedRelation:
        return False
    return True
