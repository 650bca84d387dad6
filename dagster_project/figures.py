"""Figures of a bronze table for the UI: how many rows and places, the newest moment, and a look at the newest rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dlt_sources.weather.contracts import Contract, Location
from dlt_sources.weather.loaded import Loaded, utc

PREVIEW_ROWS = 10
PREVIEW_COLUMNS = 7
# what a reader looks for first; a table that is not here shows its first columns
WORTH_A_LOOK = {
    "locations": ("name", "country", "lat", "lon", "query", "resolved_by"),
    "current_weather": ("temp", "feels_like", "humidity", "pressure", "wind_speed", "weather_description"),
    "forecast": ("temp", "humidity", "wind_speed", "pop", "weather_description"),
    "air_pollution": ("aqi", "pm2_5", "pm10", "o3", "no2"),
    "air_pollution_forecast": ("aqi", "pm2_5", "pm10", "o3", "no2"),
}


@dataclass(frozen=True)
class Figures:
    """One table: rows, places that have any, and its newest moment (``dt``, or when its rows were fetched)."""

    rows: int = 0
    places: int = 0
    newest: datetime | None = None


def figures(loaded: Loaded, contract: type[Contract]) -> Figures:
    """Read the figures of a table; a table that does not exist yet is empty."""
    moment = "dt" if "dt" in contract.model_fields else "fetched_at"
    rows = loaded.rows(f"SELECT count(*), max({moment}) FROM {{table}}", table=contract.table)
    if not rows:
        return Figures()
    number, newest = rows[0]
    # a look-up per place in the key's index, where counting distinct ones would sort the whole table
    sql = (
        "SELECT count(*) FROM {locations} l WHERE EXISTS (SELECT 1 FROM {table} t WHERE t.location_id = l.location_id)"
    )
    places = loaded.rows(sql, table=contract.table, locations=Location.table)
    return Figures(number, places[0][0] if places else 0, utc(newest) if newest else None)


def preview(loaded: Loaded, contract: type[Contract]) -> str:
    """The newest rows as a Markdown table; of a forecast, the next steps of the newest issue."""
    names = contract.model_fields
    order = "issued_at DESC, dt" if "issued_at" in names else "dt DESC" if "dt" in names else "fetched_at DESC"
    rest = [name for name in names if name not in contract.key and name not in ("fetched_at", "units")]
    shown = [*contract.key, *WORTH_A_LOOK.get(contract.table, rest[:PREVIEW_COLUMNS])]
    sql = f"SELECT {', '.join(shown)} FROM {{table}} ORDER BY {order}, location_id LIMIT {PREVIEW_ROWS}"
    lines = [_line(shown), _line(["---"] * len(shown))]
    lines += [_line([_text(value) for value in row]) for row in loaded.rows(sql, table=contract.table)]
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{utc(value):%Y-%m-%d %H:%M}"
    return str(value).replace("|", "\\|").replace("\n", " ")
