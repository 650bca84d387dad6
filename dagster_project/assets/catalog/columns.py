"""Columns of a table as Dagster shows them: type, description, unit, and the columns that they come from."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from dagster import (
    AssetKey,
    TableColumn,
    TableColumnConstraints,
    TableColumnDep,
    TableColumnLineage,
    TableSchema,
)

from dlt_sources.weather.api.endpoints import LOCATIONS
from dlt_sources.weather.api.endpoints.model import Endpoint
from dlt_sources.weather.contracts import Contract, WeatherRaw
from dlt_sources.weather.contracts.base import LOCATION_ID, OTHER_FIELDS, TIMESTAMP, Column
from dlt_sources.weather.contracts.units import unit_of
from dlt_sources.weather.destination.published.views.model import LOCAL_TIME

# dlt's names for the types, as the materialisations show them
TYPE_NAMES = {
    pa.float64(): "double",
    pa.int64(): "bigint",
    pa.string(): "text",
    pa.bool_(): "bool",
    TIMESTAMP: "timestamp",
    LOCAL_TIME: "timestamp",
}


def column_schema(contract: type[Contract]) -> TableSchema:
    """Return the contract's columns; materialisations show those that the API has added."""
    return TableSchema(
        [
            TableColumn(
                column.name,
                "json" if column.json else TYPE_NAMES[column.type],
                description=column.description,
                constraints=TableColumnConstraints(
                    nullable=column.name not in contract.key,
                    other=["primary key"] if column.name in contract.key else [],
                ),
                tags=column_tags(column),
            )
            for column in contract.columns()
        ]
    )


def column_tags(column: Column) -> Mapping[str, str]:
    """Return the tag ``unit`` of a column; none for a column without one."""
    unit = unit_of(column)
    return {"unit": unit} if unit else {}


def column_lineage(contract: type[Contract], endpoint: Endpoint | None, group: str) -> TableColumnLineage:
    """Return the bronze columns that a table's columns come from, as far as there are any.

    ``location_id`` is that of the list of locations. Where the answers are kept verbatim, the columns that are read
    from them can be rebuilt from ``weather_raw``.

    Args:
        contract: contract of the table.
        endpoint: endpoint whose answers have its rows; None for the locations.
        group: first part of the assets' keys.
    """
    deps: dict[str, list[TableColumnDep]] = {}
    if contract.table != LOCATIONS and LOCATION_ID in contract.model_fields:
        deps[LOCATION_ID] = [TableColumnDep(AssetKey([group, LOCATIONS]), LOCATION_ID)]
    if endpoint is not None and endpoint.keeps_raw:
        raw = AssetKey([group, WeatherRaw.table])
        around = {name for part in endpoint.parts for name, _ in part.around}
        for column in contract.columns():
            if column.path or column.name in around or column.name == OTHER_FIELDS:
                deps[column.name] = [TableColumnDep(raw, "body")]
            elif column.name in WeatherRaw.model_fields and column.name != LOCATION_ID:
                deps[column.name] = [TableColumnDep(raw, column.name)]
    return TableColumnLineage(deps)
