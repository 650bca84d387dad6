"""Figures of a table for the materialisation of its asset: rows, places, newest moment, and the newest rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster import AssetExecutionContext, MetadataValue

from dagster_project.assets.catalog.address import table_address
from dagster_project.assets.catalog.preview import preview
from dlt_sources.weather.common.errors import WeatherError
from dlt_sources.weather.contracts import Contract
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.status.tables import count_rows, read_table_status


def row_counts(
    context: AssetExecutionContext, target: Target, contracts: Mapping[str, type[Contract]]
) -> dict[str, int]:
    """Return the number of rows of tables by resource, for those that are counted rather than estimated.

    None if they cannot be read: a figure must not fail a step.

    Args:
        context: the step's, for a warning.
        target: the destination and dataset.
        contracts: the main contract of each resource.
    """
    try:
        with target.reader() as reader:
            counted = {name: count_rows(reader, contract) for name, contract in contracts.items()}
            return {
                name: found.rows if found else 0
                for name, found in counted.items()
                if found is None or not found.is_estimate
            }
    except WeatherError as error:
        context.log.warning("No figures of the tables: %s", error)
        return {}


def table_figures(
    context: AssetExecutionContext,
    target: Target,
    contracts: Mapping[str, type[Contract]],
    rows_before: Mapping[str, int],
) -> dict[str, dict[str, Any]]:
    """Return the table's name by resource, with figures and newest rows if it can be read: the load has succeeded.

    Args:
        context: the step's, for a warning.
        target: the destination and dataset.
        contracts: the main contract of each resource.
        rows_before: number of rows before the load, of the resources that it is known of.
    """
    figures: dict[str, dict[str, Any]] = {
        name: dict(table_address(target, contract.table)) for name, contract in contracts.items()
    }
    try:
        with target.reader() as reader:
            for name, contract in contracts.items():
                figures[name] |= _figures(reader, contract, rows_before.get(name))
    except WeatherError as error:
        context.log.warning("No figures of the tables: %s", error)
    return figures


def _figures(reader: DestinationReader, contract: type[Contract], rows_before: int | None) -> dict[str, Any]:
    status = read_table_status(reader, contract)
    if status is None:
        return {}
    metadata: dict[str, Any] = {
        "dagster/row_count": status.rows,
        "distinct_places": status.locations,
        "preview": MetadataValue.md(preview(reader, contract)),
    }
    if status.newest:
        metadata["newest_dt" if "dt" in contract.model_fields else "newest"] = MetadataValue.timestamp(status.newest)
    if rows_before is not None and not status.is_estimate:
        metadata["rows_new"] = status.rows - rows_before
    return metadata
