"""dlt's own tables, made again when somebody dropped one of them.

dlt looks for missing tables only when its schema is new to the destination. Without its state table it takes up the
schema of the first load ever, which the destination knows: the table would stay missing, and every load would fail.
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
    """Have dlt forget its schema versions where others of its tables are missing, so that it makes them again."""
    missing = [name for name in OTHERS if not _exists(client, name)]
    if missing and _exists(client, VERSIONS):
        logger.warning("%s is missing in the destination; dlt makes it again", " and ".join(missing))
        versions = client.make_qualified_table_name(VERSIONS)
        client.execute_sql(f"DELETE FROM {versions} WHERE schema_name = %s", SCHEMA_NAME)


def _exists(client: SqlClientBase[Any], name: str) -> bool:
    try:
        client.execute_sql(f"SELECT 1 FROM {client.make_qualified_table_name(name)} WHERE 1 = 0")
    except DatabaseUndefinedRelation:
        return False
    return True
