"""dlt's own records of this pipeline: loads, states and versions of the schema that nothing reads any more.

dlt reads the newest state of a pipeline whose load is complete, and the newest version of a schema. These stay, and so
do the loads of states and the versions of loads that stay.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.destination.reader import SCHEMA_NAME, DestinationReader
from dlt_sources.weather.destination.reading.dialects import execute, qualified_name

LOADS, STATES, VERSIONS = "_dlt_loads", "_dlt_pipeline_state", "_dlt_version"
_TABLES = {"states": STATES, "loads": LOADS, "versions": VERSIONS}
# in this order: a load that a state refers to stays, and so does the version that a load refers to
_CONDITIONS = {
    STATES: (
        "pipeline_name = %s AND created_at < %s AND _dlt_load_id < (SELECT max(s._dlt_load_id) FROM {states} AS s"
        " JOIN {loads} AS l ON l.load_id = s._dlt_load_id WHERE s.pipeline_name = %s AND l.status = 0)"
    ),
    LOADS: (
        "schema_name = %s AND inserted_at < %s AND load_id NOT IN (SELECT _dlt_load_id FROM {states}"
        " WHERE _dlt_load_id IS NOT NULL) AND load_id < (SELECT max(load_id) FROM {loads} WHERE schema_name = %s)"
    ),
    VERSIONS: (
        "schema_name = %s AND inserted_at < %s AND version_hash NOT IN (SELECT schema_version_hash FROM {loads}"
        " WHERE schema_version_hash IS NOT NULL) AND inserted_at < (SELECT max(inserted_at) FROM {versions}"
        " WHERE schema_name = %s)"
    ),
}


def count_records(reader: DestinationReader, pipeline_name: str, before: datetime) -> dict[str, int]:
    """Return how many of dlt's records may go, by table.

    Args:
        reader: reads the destination.
        pipeline_name: dlt's name of the pipeline.
        before: older records may go, UTC.
    """
    found = {}
    for table, condition in _CONDITIONS.items():
        name = pipeline_name if table == STATES else SCHEMA_NAME
        sql = f"SELECT count(*) FROM {{table}} WHERE {condition}"
        rows = reader.rows(sql, name, before, name, table=table, **_TABLES)
        found[table] = int(rows[0][0]) if rows else 0
    return found


def delete_records(client: SqlClientBase[Any], table: str, pipeline_name: str, before: datetime) -> None:
    """Delete those of dlt's records that may go. The caller holds the writer lock.

    Args:
        client: an open connection.
        table: one of dlt's tables.
        pipeline_name: dlt's name of the pipeline.
        before: older records go, UTC.
    """
    name = pipeline_name if table == STATES else SCHEMA_NAME
    names = {key: qualified_name(client, one) for key, one in _TABLES.items()}
    condition = _CONDITIONS[table].format(**names)
    execute(client, f"DELETE FROM {qualified_name(client, table)} WHERE {condition}", name, before, name)
