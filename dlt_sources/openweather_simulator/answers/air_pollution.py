"""`/data/2.5/air_pollution` and its forecast and history. Source: openweathermap.org/api/air-pollution."""

from __future__ import annotations

import orjson

from dlt_sources.openweather_simulator.answers.errors import bad_request
from dlt_sources.openweather_simulator.answers.places import Params, coordinates
from dlt_sources.openweather_simulator.answers.units import tidy
from dlt_sources.openweather_simulator.world import air

FORECAST_HOURS = 96


def current(params: Params, moment: int) -> bytes:
    """Return the current hour's air, stamped with `moment`: the time of calculation, not the hour."""
    lat, lon = coordinates(params)
    row = next(air.hours(air.shed_at(lat, lon), moment // air.HOUR * air.HOUR, 1))
    return _body(lat, lon, air.list_bytes(iter([(*row[:8], moment)])))


def forecast(params: Params, moment: int) -> bytes:
    """Return 96 hours from the current hour on."""
    lat, lon = coordinates(params)
    first = moment // air.HOUR * air.HOUR
    return _body(lat, lon, air.list_bytes(air.hours(air.shed_at(lat, lon), first, FORECAST_HOURS, first)))


def history(params: Params, moment: int) -> bytes:
    """Return the hours from `start` to `end`, both included, ascending.

    The range is cut to what exists: from 27 November 2020 to `moment`. What is empty then, or was from the
    start (`start` after `end`), gives an empty list. The service documents neither; nor the text of the 400
    for a missing or unreadable bound.

    Raises:
        ApiError: 400.
    """
    lat, lon = coordinates(params)
    start, end = _bound(params, "start"), _bound(params, "end")
    first = -(-max(start, air.EARLIEST) // air.HOUR) * air.HOUR
    count = max(0, (min(end, moment) - first) // air.HOUR + 1)
    return _body(lat, lon, air.list_bytes(air.hours(air.shed_at(lat, lon), first, count)))


def _bound(params: Params, name: str) -> int:
    try:
        return int(params[name])
    except (KeyError, ValueError):
        raise bad_request(f"wrong {name}") from None


def _body(lat: float, lon: float, rows: bytes) -> bytes:
    coord = orjson.dumps({"lon": tidy(lon, 4), "lat": tidy(lat, 4)})
    return b'{"coord":%b,"list":[%b]}' % (coord, rows)
