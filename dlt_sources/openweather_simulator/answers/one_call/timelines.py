"""Timelines of One Call 4.0: one series of rows, asked in pages with links to the pages before and after.

Source: openweathermap.org/api/one-call-4 (pagination).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from dlt_sources.openweather_simulator.answers.errors import bad_parameter
from dlt_sources.openweather_simulator.answers.one_call.moments import Asked, head
from dlt_sources.openweather_simulator.answers.one_call.rules import Rules
from dlt_sources.openweather_simulator.answers.places import Params, Place
from dlt_sources.openweather_simulator.world.sun import DAY

# Stand for the service's address and the caller's key: an answer is cached for callers with different keys.
ORIGIN = b"{origin}"
APPID = b"{appid}"

# The row that is stamped with a time.
Row = Callable[[Asked, int], dict[str, Any]]


class Series(NamedTuple):
    """Rows of one step, by number since 1970.

    Attributes:
        path: Path of the endpoint.
        step: Seconds between two rows.
        page: Rows in a page.
        first: Number of the first row; None is the one that holds now.
        ahead: Seconds from now to the last row.
        row: Function that returns a row.
        names_count: Whether the links name the page size, as those of the documentation's daily example do.
    """

    path: str
    step: int
    page: int
    first: int | None
    ahead: int
    row: Row
    names_count: bool

    def number(self, place: Place, second: int) -> int:
        """Return the number of the step that a second lies in; a day begins at midnight of the place."""
        if self.step < DAY:
            return second // self.step
        return (second + place.utc_offset(second)) // DAY

    def dt(self, place: Place, number: int, rules: Rules) -> int:
        """Return the time that a row is stamped with: the beginning of a step, noon of a day at the place."""
        if self.step < DAY or rules.day_at == "utc_midnight":
            return number * self.step
        noon = number * DAY + DAY // 2
        # The offset at noon; it is first looked up half a day off at most, and zones change theirs at night.
        return noon - place.utc_offset(noon - place.utc_offset(noon))


def page(series: Series, asked: Asked, params: Params) -> bytes:
    """Return one page.

    Raises:
        ApiError: 400 for a `start` or `cnt` that is unreadable, and a `start` outside the series.
    """
    place, _, moment, rules = asked
    start, count = _integer(params, "start", moment), _count(series, params, rules)
    first = series.number(place, moment) if series.first is None else series.first
    last = series.number(place, moment + series.ahead)
    wanted = _first_number(series, place, start, rules)
    times: list[int] = []
    if first <= wanted <= last:
        begin = max(first, wanted + rules.first_step)
        end = min(last, wanted + rules.first_step + count + rules.more_rows - 1)
        shift = start - series.dt(place, wanted, rules) if rules.start == "exact" else 0
        # One more, as a place that crosses the date line skips a date, whose noon is that of the next.
        stamps = (series.dt(place, number, rules) + shift for number in range(begin, min(last, end + 1) + 1))
        times = list(dict.fromkeys(stamps))[: end - begin + 1]
    elif not rules.empty_out_of_range:
        raise bad_parameter("requested time is out the available range", "start")
    answer = head(place, times[0] if times else moment)
    answer["data"] = [series.row(asked, dt) for dt in times]
    if times:
        stretch = count * series.step
        if begin > first:
            earliest = series.dt(place, first, rules)
            answer["prev"] = _link(series, place, params, max(times[0] - stretch, earliest), count)
        if end < last:
            answer["next"] = _link(series, place, params, times[0] + stretch, count)
    return orjson.dumps(answer)


def linked(body: bytes, origin: str, key: str) -> bytes:
    """Return an answer whose links carry an address and the caller's key."""
    return body.replace(ORIGIN, origin.encode()).replace(APPID, quote(key).encode())


def _integer(params: Params, name: str, default: int) -> int:
    try:
        return int(params.get(name, default))
    except ValueError:
        raise bad_parameter(f"Invalid {name} format", name) from None


def _count(series: Series, params: Params, rules: Rules) -> int:
    count = _integer(params, "cnt", series.page)
    if count < 1:
        raise bad_parameter("Invalid cnt format", "cnt")
    # Even where it is honoured there is an end: the whole series of hours would be 400,000 rows.
    return min(count, 1000 if rules.cnt_honoured else series.page)


def _first_number(series: Series, place: Place, start: int, rules: Rules) -> int:
    """Return the number of the row that a page begins with."""
    number = series.number(place, start)
    if rules.start in {"inside", "exact"}:
        return number
    stamp = series.dt(place, number, rules)
    if rules.start == "up":
        return number + (stamp < start)
    return number - (stamp > start)


def _link(series: Series, place: Place, params: Params, start: int, count: int) -> str:
    names = {name: params[name] for name in ("lang", "units") if name in params}
    names |= {"lat": f"{place.lat:.4f}", "lon": f"{place.lon:.4f}", "start": str(start)}
    if series.names_count:
        names["cnt"] = str(count)
    query = "&".join(f"{name}={quote(names[name])}" for name in sorted(names))
    return f"{ORIGIN.decode()}{series.path}?{query}&appid={APPID.decode()}"
