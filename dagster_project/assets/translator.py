"""Translation of dlt resources into assets: key, group, owners, columns, freshness, and the one real upstream."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from dagster import AssetKey, AssetSpec, FreshnessPolicy, TableColumn, TableColumnConstraints, TableSchema

from dagster_project.assets.dagster_dlt import DagsterDltTranslator
from dagster_project.common.schedule import fail_after, warn_after
from dlt_sources.weather.api.endpoints import BY_NAME, LOCATIONS
from dlt_sources.weather.contracts import TABLES, Contract
from dlt_sources.weather.contracts.base import TIMESTAMP

GROUP = "bronze"
OWNERS = ["team:data-platform"]
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


def freshness_policy() -> FreshnessPolicy:
    """Return the policy of the hourly assets: a warning for one load that is an hour late, a failure for two."""
    return FreshnessPolicy.time_window(warn_window=warn_after(), fail_window=fail_after())


def asset_key(resource: str) -> AssetKey:
    """Return the key of a resource's asset."""
    return AssetKey([GROUP, resource])


def contracts_of(resource: str) -> list[type[Contract]]:
    """Return the contracts of the tables that a resource fills, the main one first; none for an unknown resource."""
    if resource == LOCATIONS:
        return [TABLES[LOCATIONS]]
    return [TABLES[table] for table in BY_NAME[resource].tables] if resource in BY_NAME else []


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
            )
            for column in contract.columns()
        ]
    )


class BronzeTranslator(DagsterDltTranslator):
    """Description of each dlt resource as an asset.

    Args:
        destination_type: dlt's short name of the destination's type.
    """

    def __init__(self, destination_type: str) -> None:
        self.destination_type = destination_type

    def get_asset_spec(self, data: Any) -> AssetSpec:
        """Return the asset of a resource; by default dagster-dlt adds an upstream that does not exist."""
        name = data.resource.name
        contracts = contracts_of(name)
        metadata: dict[str, Any] = {"dagster/column_schema": column_schema(contracts[0])} if contracts else {}
        for contract in contracts[1:]:
            metadata[f"columns of {contract.table}"] = column_schema(contract)
        return AssetSpec(
            asset_key(name),
            deps=[OPENWEATHER.key],
            description=BY_NAME[name].description if name in BY_NAME else "The configured places, each looked up once.",
            group_name=GROUP,
            kinds={"dlt", self.destination_type, "bronze"},
            owners=OWNERS,
            metadata=metadata,
            freshness_policy=freshness_policy(),
        )
