"""View ``weather_hourly``: observed weather and air quality by location and hour, hours without any included."""

from __future__ import annotations

import pyarrow as pa

from dlt_sources.weather.contracts.base import LOCATION_ID, LOCATIONS, TIMESTAMP
from dlt_sources.weather.destination.published.views.model import LOCAL_TIME, View, ViewColumn, columns_of
from dlt_sources.weather.destination.published.views.observations import (
    AIR,
    AIR_TABLE,
    BEST,
    MEASURES,
    SOURCES,
    air_rows,
    observed_rows,
    utc_offset,
)
from dlt_sources.weather.destination.published.views.tables import SourceTables, local, nearest_hour

_CONDITIONS = ("weather_id", "weather_main", "weather_description")
# follows from the equal hour; PostgreSQL finds such rows by the key's index
_NEAR = (
    "r.location_id = h.location_id AND r.dt >= h.hour - INTERVAL '30 minutes' AND r.dt < h.hour + INTERVAL '30 minutes'"
)


def _select(tables: SourceTables) -> str:
    same_hour = {"location_id": "h.location_id", "hour": "h.hour"}
    weather = tables.joined_first(observed_rows(tables, SOURCES), "w", same_hour, _NEAR, BEST)
    air = tables.joined_first(air_rows(tables), "a", {"location_id": "h.location_id", "dt": "h.hour"}, "", "")
    selected = [
        "h.location_id",
        "h.name",
        "h.hour",
        f"{local('h.hour', 'coalesce(w.utc_offset, h.utc_offset)')} AS local_hour",
        "w.dt IS NOT NULL AS observed",
        "w.source",
        "w.dt",
        f"CASE WHEN w.dt IS NOT NULL THEN '{tables.units}' END AS units",
        *(f"w.{name}" for name in (*MEASURES, *_CONDITIONS)),
        *(f"a.{name}" for name in AIR),
    ]
    listed = ",\n    ".join(selected)
    return (
        f"WITH bounds AS (\n{_bounds(tables)}\n),\nhours AS (\n{_hours(tables)}\n)\n"
        f"SELECT\n    {listed}\nFROM hours AS h\n{weather}\n{air}"
    )


def _bounds(tables: SourceTables) -> str:
    """Return a query of the first and the last moment of each location, by look-ups in the keys' indexes."""
    tables_with_rows = [table for table in (*SOURCES, AIR_TABLE) if tables.has(table)]
    bounds = {
        name: ",\n            ".join(
            f"(SELECT {name}(t.dt) FROM {tables.name(table)} AS t WHERE t.location_id = l.location_id)"
            for table in tables_with_rows
        )
        for name in ("min", "max")
    }
    return (
        "    SELECT l.location_id, l.name,\n"
        f"        least(\n            {bounds['min']}\n        ) AS first_dt,\n"
        f"        greatest(\n            {bounds['max']}\n        ) AS last_dt,\n"
        f"        {_newest_run(tables)} AS asked_at,\n"
        f"        {_newest_offset(tables)} AS utc_offset"
        f"{tables.computed_once('l', 'of_location', 'location_id')}\n"
        f"    FROM {tables.name(LOCATIONS)} AS l"
    )


def _hours(tables: SourceTables) -> str:
    # a location that is no longer answered has rows up to the newest load, so that its silence shows
    last = (
        f"greatest({nearest_hour('b.last_dt')}, date_trunc('hour', b.asked_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')"
    )
    hours = tables.hours(nearest_hour("b.first_dt"), last)
    return (
        f"    SELECT b.location_id, b.name, b.utc_offset,\n        {hours} AS hour\n"
        "    FROM bounds AS b\n    WHERE b.first_dt IS NOT NULL"
    )


def _newest_run(tables: SourceTables) -> str:
    if not tables.has("load_runs"):
        return "CAST(NULL AS timestamp with time zone)"
    asked = ", ".join(f"'{table}'" for table in (*SOURCES, AIR_TABLE))
    return (
        f"(SELECT t.started_at FROM {tables.name('load_runs')} AS t\n"
        f"            WHERE t.command = 'load' AND t.resource IN ({asked}) ORDER BY t.run_id DESC LIMIT 1)"
    )


def _newest_offset(tables: SourceTables) -> str:
    """Return the newest offset from UTC of a location, for hours without an observation."""
    table = next((table for table in SOURCES if tables.has(table)), None)
    if table is None:
        return "CAST(NULL AS bigint)"
    return (
        f"(SELECT {utc_offset(tables, table)} FROM {tables.name(table)} AS t\n"
        "            WHERE t.location_id = l.location_id ORDER BY t.dt DESC LIMIT 1)"
    )


WEATHER_HOURLY = View(
    name="weather_hourly",
    description=(
        "Observed weather and air quality, one row a location and full hour, UTC. The weather is the observation that "
        "is nearest to the hour, from half an hour before to half an hour after it. Hours without an observation are "
        "rows too, with observed false and nulls: from the location's first row to the newest load."
    ),
    tables=(*SOURCES, AIR_TABLE),
    columns=(
        *columns_of(LOCATIONS, LOCATION_ID, "name"),
        ViewColumn(
            "hour",
            TIMESTAMP,
            "The full hour, UTC, that is nearest to the observation, so at times up to half an hour ahead: the report "
            "of an hour is observed shortly before it (WMO-No. 306, FM 12 SYNOP), and rain_1h is of the hour before",
        ),
        ViewColumn(
            "local_hour",
            LOCAL_TIME,
            "The hour as the location's clocks show it; without an observation by its newest offset",
        ),
        ViewColumn(
            "observed", pa.bool_(), "Whether there is an observation of the weather; air quality may be there without"
        ),
        ViewColumn(
            "source",
            pa.string(),
            "Table of the observation: current_weather, else one_call_current, else weather_history",
        ),
        ViewColumn("dt", TIMESTAMP, "Moment of the observation, UTC"),
        ViewColumn("units", pa.string(), "The setting units, in which the temperatures and speeds of this view are"),
        *columns_of("current_weather", *MEASURES, *_CONDITIONS),
        *columns_of(AIR_TABLE, *AIR),
    ),
    select=_select,
    example=(
        "SELECT local_hour, observed, temp, rain_1h, pm2_5 FROM bronze.weather_hourly\n"
        "WHERE location_id = 'madrid,es' AND hour >= now() - INTERVAL '2 days' ORDER BY hour;"
    ),
)
