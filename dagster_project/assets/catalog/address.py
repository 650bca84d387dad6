"""Address of a table in its destination, without user, password or parameters of the connection."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from dlt_sources.weather.destination.target import Target


def table_address(target: Target, table: str) -> dict[str, Any]:
    """Return the entries of Dagster's metadata that name a table: its name with database and dataset, and its URI.

    dbt's integration names its sources in the same form, so that Dagster shows both as one table.

    Args:
        target: the destination and the dataset.
        table: name of the table.
    """
    place = urlsplit(target.description)
    parts = [target.dataset_name, table]
    if target.is_database and (database := PurePosixPath(place.path).name):
        # DuckDB calls a database by the name of its file; what has no host is a file
        parts.insert(0, database if place.netloc else PurePosixPath(database).stem)
    entries = {"dagster/table_name": ".".join(parts)}
    if place.scheme:
        host = place.netloc.rpartition("@")[2]
        path = f"/{place.path.strip('/')}/{target.dataset_name}/{table}"
        entries["dagster/uri"] = f"{place.scheme}://{host}{path}"
    return entries
