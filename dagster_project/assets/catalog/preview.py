"""The newest rows of a bronze table as Markdown, for the UI."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from dagster_project.common import clock
from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.contracts import Contract
from dlt_sources.weather.destination.reader import DestinationReader, loaded_since

PREVIEW_ROWS = 10
PREVIEW_COLUMNS = 7
RECENT = timedelta(days=1)
# the measures a reader looks for first; a table that is not here shows its first columns
_OF_A_MOMENT = ("temp", "humidity", "pressure", "wind_speed", "uvi", "weather_description")
_OF_A_DAY = ("temp_min", "temp_max", "humidity", "rain", "wind_speed", "weather_description")
MAIN_COLUMNS = {
    "locations": ("name", "country", "lat", "lon", "query", "resolved_by"),
    "current_weather": ("temp", "feels_like", "humidity", "pressure", "wind_speed", "weather_description"),
    "forecast": ("temp", "humidity", "wind_speed", "pop", "weather_description"),
    "forecast_daily": _OF_A_DAY,
    "forecast_hourly": ("temp", "humidity", "wind_speed", "pop", "weather_description"),
    "forecast_climate": _OF_A_DAY,
    "one_call_current": _OF_A_MOMENT,
    "one_call_quarter_hourly": _OF_A_MOMENT,
    "one_call_hourly_forecast": _OF_A_MOMENT,
    "one_call_daily_forecast": _OF_A_DAY,
    "one_call_alerts": ("sender_name", "event", "start", "end", "description"),
    "weather_history": _OF_A_MOMENT,
    "weather_history_daily": _OF_A_DAY,
    "air_pollution": ("aqi", "pm2_5", "pm10", "o3", "no2"),
    "air_pollution_forecast": ("aqi", "pm2_5", "pm10", "o3", "no2"),
}


def preview(reader: DestinationReader, contract: type[Contract]) -> str:
    """Return the newest rows as a Markdown table; of a forecast, the next steps of the newest issue.

    The query orders only the rows that were loaded in the last day, and all rows if there are none: ordering reads
    every row.
    """
    names = contract.model_fields
    order = "issued_at DESC, dt" if "issued_at" in names else "dt DESC" if "dt" in names else "fetched_at DESC"
    rest = [name for name in names if name not in contract.key and name not in ("fetched_at", "units")]
    columns = [*contract.key, *MAIN_COLUMNS.get(contract.table, rest[:PREVIEW_COLUMNS])]
    sql = f"SELECT {', '.join(columns)} FROM {{table}} WHERE _dlt_load_id >= %s ORDER BY {order}, location_id"
    for first_load_id in (loaded_since(clock.now() - RECENT), "0"):
        rows = reader.rows(f"{sql} LIMIT {PREVIEW_ROWS}", first_load_id, table=contract.table)
        if rows:
            break
    lines = [_line(columns), _line(["---"] * len(columns)), *(_line([_text(value) for value in row]) for row in rows)]
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        # a narrow cell would break an ordinary hyphen or space
        return f"{utc(value):%Y\u2011%m\u2011%d\u00a0%H:%M}"
    return str(value).replace("|", "\\|").replace("\n", " ")
