"""The bronze tables as sources of dbt (docs.getdbt.com/docs/build/sources): a ``sources.yml``, made from the contracts.

Only what dbt has by itself: no package is needed. ``arguments``, and ``loaded_at_field`` below ``config``, are of
dbt 1.10.5 and later.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, cast

import dlt
import yaml
from dlt.common.data_types import TDataType
from dlt.common.destination.typing import PreparedTableSchema
from dlt.common.schema.utils import new_table

from dlt_sources.weather.api.endpoints import BY_NAME, LOCATIONS, Endpoint
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.common.settings.schedule import schedule_gap
from dlt_sources.weather.contracts import TABLES, Contract, LoadRun, Location, OneCallAlerts, Reject, WeatherRaw
from dlt_sources.weather.contracts.base import TIMESTAMP, Column
from dlt_sources.weather.contracts.units import described_in
from dlt_sources.weather.destination.published.descriptions import table_comment
from dlt_sources.weather.destination.published.views import VIEWS, View
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.extract.resources import resource_names
from dlt_sources.weather.status.late import late_after

SOURCE = "bronze"
JSON: TDataType = "json"
# dlt's types by Arrow's
DATA_TYPES: dict[str, TDataType] = {
    "double": "double",
    "int64": "bigint",
    "string": "text",
    "bool": "bool",
    str(TIMESTAMP): "timestamp",
}
# tables that many loads have no row for, and that do not exist before the first one: a test of them would fail
SELDOM = (Reject, OneCallAlerts)


def sources(target: Target, settings: WeatherSettings) -> dict[str, Any]:
    """Return the sources of dbt for the tables that loads with the settings write.

    Args:
        target: the destination and dataset.
        settings: the resources, and the schedule, from which the age follows at which rows are late.
    """
    source: dict[str, Any] = {
        "name": SOURCE,
        "description": "Weather, forecasts and air quality from OpenWeather, loaded by weather-bronze.",
        "schema": target.dataset_name,
    }
    if target.is_duckdb and target.file_path is not None:
        # the name by which DuckDB attaches a file
        source["database"] = target.file_path.stem
    endpoints = [BY_NAME[name] for name in resource_names(settings.resources) if name != LOCATIONS]
    names = {table for endpoint in endpoints for table in endpoint.tables} | {
        contract.table for contract in (Location, Reject, LoadRun)
    }
    if any(endpoint.keeps_raw for endpoint in endpoints):
        names.add(WeatherRaw.table)
    types = _types_of(target)
    source["tables"] = [
        _table(contract, types, _ages(contract, endpoints, settings.schedule), settings.units)
        for contract in TABLES.values()
        if contract.table in names
    ]
    if settings.views and (target.is_postgres or target.is_duckdb):
        source["tables"] += [_view(view, settings.units) for view in VIEWS.values() if names.intersection(view.tables)]
    return {"version": 2, "sources": [source]}


def _types_of(target: Target) -> dict[str, str]:
    """Return the destination's types of columns by dlt's, such as ``text``; empty if it has none, like files."""
    capabilities = dlt.destination(target.type_name).capabilities()
    if capabilities.type_mapper is None:
        return {}
    mapper, table = capabilities.get_type_mapper(), cast("PreparedTableSchema", new_table("any", file_format="parquet"))
    return {
        one: mapper.to_destination_type({"name": "any", "data_type": one}, table).lower()
        for one in (JSON, *DATA_TYPES.values())
    }


def as_yaml(document: dict[str, Any], command: str) -> str:
    """Return a document as YAML, with a comment on its origin.

    Args:
        document: the document.
        command: the command that makes it.
    """
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
    return f"# Made by `{command}`: make it again after a change of the settings, rather than edit it.\n{text}"


def _ages(contract: type[Contract], endpoints: Iterable[Endpoint], schedule: str) -> tuple[timedelta, timedelta] | None:
    """Return the ages at which a table is late and at which a load more is missing; None if it has no schedule."""
    if contract is Location or contract in SELDOM:
        return None
    late = [
        late_after(endpoint.name, schedule)
        for endpoint in endpoints
        if contract.table in endpoint.tables or (contract is WeatherRaw and endpoint.keeps_raw)
    ]
    # each resource writes a row of load_runs
    warn = min(late or [late_after(LOCATIONS, schedule)])
    return warn, warn + schedule_gap(schedule)


def _view(view: View, units: str) -> dict[str, Any]:
    columns = [{"name": column.name, "description": column.comment(units)} for column in view.columns]
    return {"name": view.name, "description": view.description, "columns": columns}


def _table(
    contract: type[Contract], types: dict[str, str], ages: tuple[timedelta, timedelta] | None, units: str
) -> dict[str, Any]:
    is_tested = contract not in SELDOM
    table: dict[str, Any] = {"name": contract.table, "description": _description(contract)}
    if ages is not None:
        warn, error = ({"count": round(age / timedelta(minutes=1)), "period": "minute"} for age in ages)
        table["config"] = {
            "loaded_at_field": "finished_at" if contract is LoadRun else "fetched_at",
            "freshness": {"warn_after": warn, "error_after": error},
        }
    if is_tested and len(contract.key) > 1:
        name = f"{SOURCE}_{contract.table}_has_each_key_once"
        table["data_tests"] = [{"unique": {"name": name, "arguments": {"column_name": _key(contract)}}}]
    table["columns"] = [_column(contract, column, types, units, is_tested=is_tested) for column in contract.columns()]
    return table


def _description(contract: type[Contract]) -> str:
    exists = " It exists once it has a row." if contract in SELDOM else ""
    return f"{table_comment(contract.table)}{exists}"


def _key(contract: type[Contract]) -> str:
    """Return an SQL expression that distinguishes rows by the key: dbt's ``unique`` takes one column or expression."""
    texts = {column.name for column in contract.columns() if str(column.type) == "string"}
    return " || '|' || ".join(name if name in texts else f"cast({name} as varchar)" for name in contract.key)


def _column(
    contract: type[Contract], column: Column, types: dict[str, str], units: str, *, is_tested: bool
) -> dict[str, Any]:
    found: dict[str, Any] = {"name": column.name, "description": described_in(column, units)}
    if data_type := types.get(JSON if column.json else DATA_TYPES[str(column.type)]):
        found["data_type"] = data_type
    if not is_tested or column.name not in contract.key:
        return found
    tests: list[Any] = ["not_null"]
    if len(contract.key) == 1:
        tests.insert(0, "unique")
    elif column.name == "location_id":
        to = f"source('{SOURCE}', '{Location.table}')"
        tests.append({"relationships": {"arguments": {"to": to, "field": "location_id"}}})
    return found | {"data_tests": tests}
