"""Datasets that must exist before dlt makes them, since it would take the server's defaults."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from typing import Any

from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

logger = logging.getLogger(__name__)
COLLATION = "utf8mb4_bin"


def ensure_exact_keys(client: SqlClientBase[Any]) -> None:
    """Create the dataset of a MySQL or MariaDB with a collation that tells all texts apart.

    By its default collation "malaga,es" and "málaga,es" are one key, and a merge would keep one of two locations. A
    dataset that exists with another collation is left as it is, and said.

    Args:
        client: an open connection.
    """
    if client.capabilities.sqlglot_dialect != "mysql":
        return
    sql = "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = %s"
    for staging in (False, True):
        with client.with_staging_dataset() if staging else nullcontext():
            name = client.dataset_name
            try:
                rows = client.execute_sql(sql, name)
                if not rows:
                    client.execute_sql(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE {COLLATION}")
            except DatabaseException:
                # dlt says what the role may not do
                return
        if rows and not str(rows[0][0]).endswith(("_bin", "_as_cs")) and not staging:
            logger.warning(
                "The database %s compares texts by %s, which takes some for equal that differ in case or accents: of "
                "two such locations the rows of one would be kept. Load into a new database, which is made with %s",
                name,
                rows[0][0],
                COLLATION,
            )
