"""Rows of observed weather from all tables that have any, under common names and in one unit."""

from __future__ import annotations

from collections.abc import Sequence

from dlt_sources.weather.destination.published.views.tables import SourceTables, nearest_hour

# in the order of preference for one hour: current weather is what was asked for at the time, history is computed later
PRESENT = ("current_weather", "one_call_current")
SOURCES = (*PRESENT, "weather_history")
TEMPERATURES = ("temp", "feels_like")
SPEEDS = ("wind_speed", "wind_gust")
OTHERS = (
    "pressure",
    "humidity",
    "wind_deg",
    "clouds",
    "visibility",
    "rain_1h",
    "snow_1h",
    "weather_id",
    "weather_main",
    "weather_description",
    "weather_icon",
    "sunrise",
    "sunset",
    "fetched_at",
)
MEASURES = (
    "temp",
    "feels_like",
    "pressure",
    "humidity",
    "wind_speed",
    "wind_deg",
    "wind_gust",
    "clouds",
    "visibility",
    "rain_1h",
    "snow_1h",
)
AIR_TABLE = "air_pollution"
AIR = ("aqi", "co", "no", "no2", "o3", "so2", "pm2_5", "pm10", "nh3")
# the nearest observation of the hour, by the best source; of two as near the newer
BEST = "r.priority, abs(extract(epoch FROM r.dt) - extract(epoch FROM r.hour)), r.dt DESC"


def observed_rows(tables: SourceTables, sources: Sequence[str]) -> str:
    """Return a query of all observations: location_id, dt, hour, priority, source, utc_offset and the values.

    Args:
        tables: the tables that exist.
        sources: names of tables; those that do not exist are left out, and without any the query has no rows.
    """
    existing = [source for source in sources if tables.has(source)]
    return "\n        UNION ALL\n".join(
        _observed_rows(tables, source, number) for number, source in enumerate(existing or sources[:1])
    )


def air_rows(tables: SourceTables) -> str:
    """Return a query of the hours of air quality: location_id, dt and the values; without the table it has no rows."""
    listed = ", ".join(_named(tables, AIR_TABLE, name) for name in ("location_id", "dt", *AIR))
    return f"        SELECT {listed}\n        {_from(tables, AIR_TABLE)}"


def utc_offset(tables: SourceTables, source: str) -> str:
    """Return the column of a table of observations with the location's offset from UTC in seconds."""
    return tables.column(source, "timezone" if source == "current_weather" else "timezone_offset")


def _observed_rows(tables: SourceTables, source: str, number: int) -> str:
    values = ",\n            ".join(
        [
            *(f"{tables.temperature(source, name)} AS {name}" for name in TEMPERATURES),
            *(f"{tables.speed(source, name)} AS {name}" for name in SPEEDS),
            *(_named(tables, source, name) for name in OTHERS),
        ]
    )
    hour = nearest_hour(tables.column(source, "dt"))
    return (
        f"        SELECT {_named(tables, source, 'location_id')}, {_named(tables, source, 'dt')},\n"
        f"            {hour} AS hour,\n"
        f"            {number} AS priority, '{source}' AS source, {utc_offset(tables, source)} AS utc_offset,\n"
        f"            {values}\n        {_from(tables, source)}"
    )


def _named(tables: SourceTables, table: str, name: str) -> str:
    return f"{tables.column(table, name)} AS {name}"


def _from(tables: SourceTables, table: str) -> str:
    return f"FROM {tables.name(table)} AS t" if tables.has(table) else "WHERE false"
