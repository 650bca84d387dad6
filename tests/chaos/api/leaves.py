"""Rows of One Call 4.0's timelines, leaf by leaf: what the API has of a range, and what the tables have of it.

Names of columns follow from the paths of the values alone, not from the contracts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import orjson

from dlt_sources.openweather_simulator import Simulator
from dlt_sources.openweather_simulator.service.cache import cache_key
from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.destination.reader import DestinationReader

TIMELINES = {
    "weather_history": "/data/4.0/onecall/timeline/1h",
    "weather_history_daily": "/data/4.0/onecall/timeline/1day",
}
TIMES = ("dt", "sunrise", "sunset", "moonrise", "moonset")
HOUR, DAY = 3600, 86_400


def expected_rows(table: str, place: str, since: datetime, until: datetime, now: datetime) -> dict[int, dict[str, Any]]:
    """Return the API's rows of a range by their time, asked of a simulator of the same weather.

    Args:
        table: name of the table.
        place: the location_id.
        since: first moment, a midnight.
        until: last hour; of days, a moment of the last day.
        now: the API's clock.
    """
    simulator = Simulator(clock=now.timestamp, one_call_keys="all", one_call_version=4)
    latitude, longitude = place.split(",")
    first, last = int(since.timestamp()), int(until.timestamp())
    if table == "weather_history_daily":
        # a day's time is noon at the place; the range names its date
        ahead = round(float(longitude) * 240)
        first, last = first - ahead, last - last % DAY + DAY - ahead - 1
    rows: dict[int, dict[str, Any]] = {}
    start = first + DAY // 2 if table == "weather_history_daily" else first
    while True:
        body = _answer(simulator, TIMELINES[table], {"lat": latitude, "lon": longitude, "start": str(start)})
        data = body["data"]
        rows |= {row["dt"]: row for row in data if first <= row["dt"] <= last}
        if data[-1]["dt"] >= last or len(data) < 2:
            return rows
        start = data[-1]["dt"] + (data[-1]["dt"] - data[-2]["dt"])


def _answer(simulator: Simulator, path: str, params: dict[str, str]) -> dict[str, Any]:
    params |= {"units": "metric", "lang": "en"}
    answer = simulator.answer(path, "0" * 32, params, cache_key(path, params), None)
    assert answer.status == 200, answer.body
    return dict(orjson.loads(answer.body))


def differences(reader: DestinationReader, table: str, place: str, rows: dict[int, dict[str, Any]]) -> list[str]:
    """Return what a table has of a place and the API has not, or otherwise, in words: rows, then values."""
    found = _stored(reader, table, place)
    said = [f"{table} of {place} lacks {_text(dt)}" for dt in sorted(rows.keys() - found.keys())]
    said += [f"{table} of {place} has {_text(dt)} besides" for dt in sorted(found.keys() - rows.keys())]
    for dt in sorted(rows.keys() & found.keys()):
        said += [f"{table} of {place}, {_text(dt)}: {one}" for one in _unequal(rows[dt], found[dt])]
    return said


def _stored(reader: DestinationReader, table: str, place: str) -> dict[int, dict[str, Any]]:
    names = [
        name
        for (name,) in reader.rows(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND table_schema = %s"
            " AND column_name NOT LIKE '\\_dlt%%' ESCAPE '\\'",
            table,
            "bronze",
        )
    ]
    listed = ", ".join(f'"{name}"' for name in names)
    rows = reader.rows(f"SELECT {listed} FROM {{t}} WHERE location_id = %s", place, t=table)
    records = [dict(zip(names, row, strict=True)) for row in rows]
    return {int(utc(record["dt"]).timestamp()): record for record in records}


def _unequal(row: dict[str, Any], stored: dict[str, Any]) -> Iterator[str]:
    for path, value in _leaves(row):
        name = "_".join(path)
        if name not in stored:
            yield f"there is no column {name}"
        elif (there := _plain(stored[name])) != (wanted := _wanted(name, value)):
            yield f"{name} is {there!r}, not {wanted!r}"
    named = {"_".join(path) for path, _ in _leaves(row)} | {"location_id", "fetched_at", "units", "timezone"}
    for name in stored.keys() - named - {"timezone_offset", "weather_id", "weather_main"}:
        if name not in {"weather_description", "weather_icon"} and stored[name] is not None:
            yield f"{name} is {stored[name]!r}, which the API did not send"


def _leaves(value: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the values of a record by their paths; a list is a value, and of its first object each value too."""
    for name, one in value.items():
        if isinstance(one, dict):
            yield from _leaves(one, (*path, name))
            continue
        yield (*path, name), one
        if isinstance(one, list) and one and isinstance(one[0], dict):
            yield from _leaves(one[0], (*path, name))


def _wanted(name: str, value: Any) -> Any:
    if name in TIMES:
        return value or None
    return value if isinstance(value, str | list) else float(value) if value is not None else None


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return int(utc(value).timestamp())
    if isinstance(value, str) and value[:1] in "[{":
        return json.loads(value)
    return float(value) if isinstance(value, int | float) else value


def _text(dt: int) -> str:
    return f"{datetime.fromtimestamp(dt, timezone.utc):%Y-%m-%d %H:%M}"
