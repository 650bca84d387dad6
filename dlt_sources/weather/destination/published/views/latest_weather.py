"""View ``latest_weather``: the newest observation of each location."""

from __future__ import annotations

import pyarrow as pa

from dlt_sources.weather.contracts.base import LOCATION_ID, LOCATIONS, TIMESTAMP
from dlt_sources.weather.destination.published.views.model import LOCAL_TIME, View, ViewColumn, columns_of
from dlt_sources.weather.destination.published.views.observations import (
    AIR,
    AIR_TABLE,
    MEASURES,
    PRESENT,
    air_rows,
    observed_rows,
)
from dlt_sources.weather.destination.published.views.tables import SourceTables, local

_PLACE = ("name", "country", "state", "lat", "lon")
_CONDITIONS = ("weather_id", "weather_main", "weather_description", "weather_icon", "sunrise", "sunset", "fetched_at")


def _select(tables: SourceTables) -> str:
    of_location = {"location_id": "l.location_id"}
    weather = tables.joined_first(observed_rows(tables, PRESENT), "w", of_location, "", "r.dt DESC, r.priority")
    air = tables.joined_first(air_rows(tables), "a", of_location, "", "r.dt DESC")
    selected = [
        "l.location_id",
        *(f"{tables.column(LOCATIONS, name, 'l')} AS {name}" for name in _PLACE),
        "w.dt",
        f"{local('w.dt', 'w.utc_offset')} AS local_time",
        "w.source",
        f"CASE WHEN w.dt IS NOT NULL THEN '{tables.units}' END AS units",
        *(f"w.{name}" for name in (*MEASURES, *_CONDITIONS)),
        "a.dt AS air_dt",
        *(f"a.{name}" for name in AIR),
    ]
    listed = ",\n    ".join(selected)
    return f"SELECT\n    {listed}\nFROM {tables.name(LOCATIONS)} AS l\n{weather}\n{air}"


LATEST_WEATHER = View(
    name="latest_weather",
    description=(
        "Newest observation of each location, with its newest hour of air quality. A location that was never observed "
        "has a row with nulls."
    ),
    tables=(*PRESENT, AIR_TABLE),
    columns=(
        *columns_of(LOCATIONS, LOCATION_ID, *_PLACE),
        ViewColumn("dt", TIMESTAMP, "Moment of the observation, UTC"),
        ViewColumn("local_time", LOCAL_TIME, "Moment of the observation as the location's clocks show it"),
        ViewColumn("source", pa.string(), "Table that the observation is from: current_weather or one_call_current"),
        ViewColumn("units", pa.string(), "The setting units, in which the temperatures and speeds of this view are"),
        *columns_of("current_weather", *MEASURES, *_CONDITIONS),
        ViewColumn("air_dt", TIMESTAMP, "Hour of the air quality, UTC"),
        *columns_of(AIR_TABLE, *AIR),
    ),
    select=_select,
    example="SELECT name, local_time, temp, weather_description, aqi, pm2_5 FROM bronze.latest_weather ORDER BY name;",
)
