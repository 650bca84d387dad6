"""Translation of dlt resources into assets: key, group, owners, columns, freshness, and the one real upstream."""

from __future__ import annotations

from typing import Any

from dagster import AssetKey, AssetSpec, FreshnessPolicy

from dagster_project.assets.catalog.columns import column_lineage, column_schema
from dagster_project.assets.catalog.source_lines import code_references
from dagster_project.assets.dagster_dlt import DagsterDltTranslator
from dagster_project.common.schedule import fail_after, warn_after
from dlt_sources.weather.api.endpoints import BY_NAME, LOCATIONS
from dlt_sources.weather.contracts import TABLES, Contract, WeatherRaw

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


def tags_of(resource: str) -> dict[str, str]:
    """Return the tags by which assets can be selected: the product that is billed, and how rows are requested."""
    if resource not in BY_NAME:
        return {}
    endpoint = BY_NAME[resource]
    product = f"{endpoint.product}_{endpoint.version}" if endpoint.version else endpoint.product
    return {"weather/product": product, "weather/load": "incremental" if endpoint.incremental else "snapshot"}


def raw_answers(destination_type: str) -> AssetSpec:
    """Return the table of verbatim answers, which the steps of other assets write, as an external asset.

    Args:
        destination_type: dlt's short name of the destination's type.
    """
    return AssetSpec(
        asset_key(WeatherRaw.table),
        deps=[OPENWEATHER.key],
        description="Answers that cannot be requested again, verbatim: `weather replay` rebuilds their tables from it.",
        group_name=GROUP,
        kinds={"table", destination_type, "bronze"},
        owners=OWNERS,
        metadata={
            "dagster/column_schema": column_schema(WeatherRaw),
            "dagster/column_lineage": column_lineage(WeatherRaw, None, GROUP),
            **code_references([WeatherRaw], None),
        },
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
        endpoint = BY_NAME.get(name)
        metadata: dict[str, Any] = {"dagster/column_schema": column_schema(contracts[0])} if contracts else {}
        for contract in contracts[1:]:
            metadata[f"columns of {contract.table}"] = column_schema(contract)
        if contracts:
            metadata["dagster/column_lineage"] = column_lineage(contracts[0], endpoint, GROUP)
            metadata |= code_references(contracts, endpoint)
        return AssetSpec(
            asset_key(name),
            deps=[OPENWEATHER.key],
            description=endpoint.description if endpoint else "The configured places, each looked up once.",
            group_name=GROUP,
            kinds={"dlt", self.destination_type, "bronze"},
            owners=OWNERS,
            tags=tags_of(name),
            metadata=metadata,
            freshness_policy=freshness_policy(),
        )
