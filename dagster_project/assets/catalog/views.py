"""The views for people as external assets: the destination computes them, so no run does."""

from __future__ import annotations

from dagster import AssetSpec, TableColumn, TableColumnDep, TableColumnLineage, TableSchema

from dagster_project.assets.catalog.columns import TYPE_NAMES
from dagster_project.assets.translator import GROUP, OWNERS, asset_key
from dlt_sources.weather.api.endpoints import BY_NAME, LOCATIONS
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.settings import WeatherSettings, load_settings
from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.destination.published.views import VIEWS, View

# types of destinations in which loads make views
WITH_VIEWS = ("duckdb", "postgres")


def view_assets(destination_type: str, dataset: str, resources: list[str]) -> list[AssetSpec]:
    """Return the views that loads make of the configured resources; none where they make no views.

    Args:
        destination_type: dlt's short name of the destination's type.
        dataset: name of the dataset, as the examples name it.
        resources: names of the configured resources.
    """
    settings = _settings()
    if destination_type not in WITH_VIEWS or not settings.views or LOCATIONS not in resources:
        return []
    origins = {table: name for name in resources if name in BY_NAME for table in BY_NAME[name].tables}
    return [
        _spec(view, {LOCATIONS: LOCATIONS, **found}, destination_type, dataset, settings.units)
        for view in VIEWS.values()
        if (found := {table: origins[table] for table in view.tables if table in origins})
    ]


def _settings() -> WeatherSettings:
    try:
        return load_settings()
    except ConfigurationError:
        # every run says what is wrong
        return WeatherSettings()


def _spec(view: View, origins: dict[str, str], destination_type: str, dataset: str, units: str) -> AssetSpec:
    """Return the asset of a view.

    Args:
        view: the view.
        origins: the resources that its tables are from, by table.
        destination_type: dlt's short name of the destination's type.
        dataset: name of the dataset.
        units: the setting in which its temperatures and speeds are.
    """
    lineage = {
        column.name: [
            TableColumnDep(asset_key(resource), column.name)
            for table, resource in origins.items()
            if column.name in TABLES[table].model_fields
        ]
        for column in view.columns
    }
    return AssetSpec(
        asset_key(view.name),
        deps=[asset_key(resource) for resource in dict.fromkeys(origins.values())],
        description=f"{view.description}\n\n```sql\n{view.example_in(dataset)}\n```",
        group_name=GROUP,
        kinds={"view", destination_type},
        owners=OWNERS,
        metadata={
            "dagster/column_schema": TableSchema(
                [
                    TableColumn(
                        column.name,
                        TYPE_NAMES[column.type],
                        description=column.comment(units),
                        tags={"unit": unit} if (unit := column.unit_in(units)) else {},
                    )
                    for column in view.columns
                ]
            ),
            "dagster/column_lineage": TableColumnLineage({name: deps for name, deps in lineage.items() if deps}),
        },
    )
