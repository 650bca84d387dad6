"""Doubts whether an answer is for the place and the time that were asked for: its rows are loaded, the doubt is told.

They are loaded because a doubt may be the loader's fault: a clock that is wrong, or a new grid of the API, would
otherwise reject answers that cannot be asked for again. A row says itself when it is of, ``weather_raw`` where.

Place: answers have the coordinates of the request, rounded to 4 decimals, until 2020 to 2, or those of another point of
the same cell of 0.01 degrees, since the API's cache is shared by cell: 0.015 degrees at most in recorded answers. The
widest grid of a model behind the API is that of air quality, 0.4 degrees (atmosphere.copernicus.eu, CAMS): a point
moves by 31 km at most if it is moved to the nearest node.

Time: current weather was up to 10 minutes old in recorded answers, and the free plan's data are refreshed every 2 hours
(openweathermap.org/full-price). The first row of a forecast by day is noon of today.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from dlt_sources.weather.api.distance import kilometres
from dlt_sources.weather.api.responses import Answer
from dlt_sources.weather.contracts.records import Doubt

FARTHEST_KM = 50.0
OLDEST = timedelta(days=1)
# paths that ask for the present, and the member that lists the rows; "" for an answer that is the row
_OF_THE_PRESENT = {
    "/data/2.5/weather": "",
    "/data/2.5/forecast": "list",
    "/data/2.5/forecast/daily": "list",
    "/data/2.5/forecast/hourly": "list",
    "/data/2.5/forecast/climate": "list",
    "/data/2.5/air_pollution/forecast": "list",
    "/data/3.0/onecall": "hourly",
    "/data/4.0/onecall/current": "data",
}


def doubts_about(answer: Answer, lat: float, lon: float) -> list[tuple[Doubt, str]]:
    """Return why an answer may not be about what was asked for, each with a description; none for nearly all answers.

    An answer without coordinates or moments raises no doubt: its rows are held to the contract.

    Args:
        answer: the answer.
        lat: latitude that was asked for, degrees.
        lon: longitude that was asked for, degrees.
    """
    if not isinstance(answer.data, dict):
        return []
    doubts: list[tuple[Doubt, str]] = []
    points = _points(answer.data)
    if points and min(kilometres(lat, lon, *point) for point in points) > FARTHEST_KM:
        doubts.append(("wrong_place", f"the answer is for {points[0][0]:.2f},{points[0][1]:.2f}"))
    dt = _first_moment(answer.request.path, answer.data)
    if dt is not None and answer.fetched_at.timestamp() - dt > OLDEST.total_seconds():
        doubts.append(("outdated", f"the answer is of {_date(dt)}"))
    return doubts


def _points(data: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Return latitude and longitude of an answer; both orders of a pair, since the documentation has it either way."""
    city = data.get("city")
    found = data.get("coord") or (city.get("coord") if isinstance(city, dict) else None) or data
    if isinstance(found, list) and len(found) == 2:
        pairs = [(found[0], found[1]), (found[1], found[0])]
    elif isinstance(found, dict):
        pairs = [(found.get("lat"), found.get("lon"))]
    else:
        return []
    return [pair for pair in pairs if all(map(_is_number, pair))]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 360


def _first_moment(path: str, data: Mapping[str, Any]) -> float | None:
    """Return the ``dt`` of the answer's first row; None if the path asks for history or the row has no moment."""
    member = _OF_THE_PRESENT.get(path)
    if member is None:
        return None
    rows = data.get(member) if member else [data]
    first = rows[0] if isinstance(rows, list) and rows else None
    dt = first.get("dt") if isinstance(first, dict) else None
    return dt if isinstance(dt, int | float) and not isinstance(dt, bool) else None


def _date(dt: float) -> str:
    try:
        return f"{datetime.fromtimestamp(dt, timezone.utc):%Y-%m-%d}"
    except (OverflowError, OSError, ValueError):
        return "a time before the calendar"
