"""From a dlt resource to what the UI shows of its asset: key, group, owners, columns, freshness, one real upstream."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
from dagster import AssetKey, AssetSpec, FreshnessPolicy, TableColumn, TableColumnConstraints, TableSchema

from dagster_project.assets.dagster_dlt import DagsterDltTranslator
from dlt_sources.weather.api.endpoints import BY_NAME, LOCATIONS
from dlt_sources.weather.contracts import TABLES, Contract
from dlt_sources.weather.contracts.base import TIMESTAMP

GROUP = "bronze"
HISTORY = "air_pollution_history"
OWNERS = ["team:data-platform"]
# an hour's load that is half an hour late, and two that did not come
FRESHNESS = FreshnessPolicy.time_window(warn_window=timedelta(minutes=90), fail_window=timedelta(hours=3))
OPENWEATHER = AssetSpec(
    "openweather",
    group_name="sources",
    description="OpenWeather's HTTP API: current weather, forecasts, air quality and geocoding.",
    metadata={"reference": "https://openweathermap.org/api"},
    owners=OWNERS,
    kinds={"api"},
)
# dlt's names for the types, as the materialisations show them
TYPE_NAMES = {
    pa.float64(): "double",
    pa.int64(): "bigint",
    pa.string(): "text",
    pa.bool_(): "bool",
    TIMESTAMP: "timestamp",
}


def asset_key(resource: str) -> AssetKey:
    """The key of a resource's asset."""
    return AssetKey([GROUP, resource])


def contracts_of(resource: str) -> list[type[Contract]]:
    """The contracts of the tables that a resource fills, the main one first; none for one that is no resource."""
    if resource == LOCATIONS:
        return [TABLES[LOCATIONS]]
    return [TABLES[table] for table in BY_NAME[resource].tables] if resource in BY_NAME else []


def column_schema(contract: type[Contract]) -> TableSchema:
    """The columns that the contract promises; those that the API adds show in the materialisations."""
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
            )
            for column in contract.columns()
        ]
    )


class BronzeTranslator(DagsterDltTranslator):
    """Describes each dlt resource as an asset.

    Args:
        destination_type: dlt's short name of the destination's type.
    """

    def __init__(self, destination_type: str) -> None:
        self.destination_type = destination_type

    def get_asset_spec(self, data: Any) -> AssetSpec:
        """The asset of a resource; dagster-dlt would name an upstream after each resource that does not exist."""
        name = data.resource.name
        contracts = contracts_of(name)
        metadata: dict[str, Any] = {"dagster/column_schema": column_schema(contracts[0])} if contracts else {}
        for contract in contracts[1:]:
            metadata[f"columns of {contract.table}"] = column_schema(contract)
        return AssetSpec(
            asset_key(name),
            deps=[OPENWEATHER.key],
            description=BY_NAME[name].description if name in BY_NAME else "Places asked for, each looked up once.",
            group_name=GROUP,
            kinds={"dlt", self.destination_type, "bronze"},
            owners=OWNERS,
            metadata=metadata,
            freshness_policy=FRESHNESS,
        )


class HistoryTranslator(BronzeTranslator):
    """Describes the asset of backfills: the same resource and table, by months."""

    def get_asset_spec(self, data: Any) -> AssetSpec:
        """The asset of the months; it is as fresh as its newest backfill, so that nothing says it must be fresher."""
        spec = super().get_asset_spec(data)
        return spec.replace_attributes(
            key=asset_key(HISTORY),
            description=(
                "Air pollution of whole months, since 2020-11-27, into the table of air_pollution: choose partitions "
                "to backfill. Only what is missing is asked for: one call a place and 90 days. The run's log says how "
                "many before the first; `weather plan --resources air_pollution --since …` says so beforehand."
            ),
            freshness_policy=None,
        )
