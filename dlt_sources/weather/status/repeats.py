"""Calls of the last day that brought nothing new: answers that repeat the one before them.

OpenWeather's data change every 2 hours, every hour or every 10 minutes, by plan and by its price page; recorded answers
differ from the page. So it is measured, in the tables, whose keys lead to the rows of a few locations, however large
the tables are. The verbatim answers in ``weather_raw`` would have to be read whole, and an answer of a forecast differs
from the one before when its first step has passed, although it brings nothing new.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from dlt_sources.weather.api.endpoints import ENDPOINTS, Endpoint
from dlt_sources.weather.common.clock import DAY
from dlt_sources.weather.contracts import Contract, Location, WeatherRaw
from dlt_sources.weather.destination.reader import DestinationReader

# a resource's data change everywhere at once: 50 locations tell as much as all
MOST_LOCATIONS = 50
# from here on, every other load brings nothing new, but for a few that meet a change by chance
WORTH_TELLING = 0.4
# data that do not change for longer are an outage of theirs
MOST_TIMES = 6
# fewer say little
FEWEST_COMPARED = 6

# by look-ups in the key's index, until there are enough
_SAMPLE = (
    "SELECT l.location_id FROM {locations} l WHERE EXISTS (SELECT 1 FROM {table} r"
    " WHERE r.location_id = l.location_id AND r.dt >= %s) LIMIT %s"
)
_ROWS = (
    "SELECT location_id, dt, {issue} AS issue, fetched_at, {row_values} AS row_values FROM {{table}}"
    " WHERE location_id IN ({sample}) AND dt >= %s AND {issue} >= %s"
)
# another load within the schedule's gap, by hand or after a failure, says nothing about the schedule
_APART = "(earlier_at IS NULL OR fetched_at >= earlier_at + INTERVAL '{apart} seconds')"
# a row whose step or location has none before it is not compared: an aggregate leaves null out
_PAIRS = (
    "SELECT count(*), sum(CASE WHEN compared > 0 THEN 1 ELSE 0 END),"
    " sum(CASE WHEN compared > 0 AND is_same THEN 1 ELSE 0 END)"
    " FROM (SELECT location_id, issue, count(earlier) AS compared, bool_and(row_values = earlier) AS is_same"
    " FROM (SELECT location_id, issue, fetched_at, row_values,"
    " lag(row_values) OVER (PARTITION BY {series} ORDER BY issue) AS earlier,"
    " lag(fetched_at) OVER (PARTITION BY {series} ORDER BY issue) AS earlier_at"
    f" FROM ({_ROWS}) AS sampled) AS pairs WHERE fetched_at >= %s AND {_APART} GROUP BY location_id, issue) AS issues"
)
_ANSWERS = (
    "SELECT count(*) FROM (SELECT fetched_at, lag(fetched_at) OVER (PARTITION BY location_id ORDER BY fetched_at)"
    " AS earlier_at FROM {{raw}} WHERE location_id IN ({sample}) AND endpoint = %s AND fetched_at >= %s) AS answers"
    f" WHERE fetched_at >= %s AND {_APART}"
)


class Repeats(NamedTuple):
    """Answers of one resource on the last day, at no more than ``MOST_LOCATIONS`` locations.

    Attributes:
        resource: name of the resource.
        answers: answers that could be compared with an earlier one.
        repeated: those of them that brought no row that differs from the one before.
    """

    resource: str
    answers: int
    repeated: int

    @property
    def share(self) -> float:
        """Share of the answers that brought nothing new."""
        return self.repeated / self.answers if self.answers else 0.0

    @property
    def is_worth_telling(self) -> bool:
        """Whether less calls would bring as much."""
        return self.answers >= FEWEST_COMPARED and self.share >= WORTH_TELLING


def read_repeats(reader: DestinationReader, now: datetime, gap: timedelta = timedelta(hours=1)) -> dict[str, Repeats]:
    """Return how many answers of the last day brought nothing new, by resource.

    Resources with history are left out, since they ask for missing hours only; so are warnings and the next hour by
    the minute, of which two answers an hour apart have no row in common.

    Args:
        reader: reads the destination.
        now: the present moment, UTC.
        gap: shortest time between two loads of the schedule. Answers that are less than half of it apart are not
            compared.
    """
    found = (
        _repeats(reader, endpoint, now, int(gap.total_seconds() / 2))
        for endpoint in ENDPOINTS
        if not endpoint.incremental
    )
    return {one.resource: one for one in found if one is not None and one.answers}


def cheaper_cadence(repeats: Mapping[str, Repeats]) -> str | None:
    """Return a sentence that recommends to load less often; None if every load brings something new.

    Args:
        repeats: see ``read_repeats``.
    """
    told = [one for one in repeats.values() if one.is_worth_telling]
    if not told:
        return None
    names = ", ".join(f"{one.resource} {one.share:.0%}" for one in told)
    if len(told) < len(repeats):
        return (
            f"Of the last day's calls brought nothing new: {names}. A schedule for these resources alone, half as "
            "often, brings the same rows with half the calls (docs/one-call.md)."
        )
    # of n answers of which the last n - 1 repeat the first, a share of 1 - 1/n is nothing new
    share = min(*(one.share for one in told), 1 - 1 / MOST_TIMES)
    times = max(2, round(1 / (1 - share)))
    often = {2: "half as often", 3: "a third as often"}.get(times, f"once where you load {times} times now")
    return (
        f"Of the last day's calls brought nothing new: {names}. Load {often} (schedule): it brings the same rows with "
        f"1/{times} of the calls."
    )


def _repeats(reader: DestinationReader, endpoint: Endpoint, now: datetime, apart: int) -> Repeats | None:
    contract = endpoint.parts[0].contract
    columns = _compared(contract, reader)
    if contract.key[:2] != ("location_id", "dt") or not columns:
        return None
    since = now - DAY
    # the answer before the first of the day
    earliest = since - DAY
    tables = {"table": contract.table, "locations": Location.table}
    sample = [row[0] for row in reader.rows(_SAMPLE, earliest, MOST_LOCATIONS, **tables)]
    if not sample:
        return None
    has_issues = "issued_at" in contract.key
    placeholders = ", ".join(["%s"] * len(sample))
    sql = _PAIRS.format(
        issue="issued_at" if has_issues else "dt",
        series="location_id, dt" if has_issues else "location_id",
        row_values=" || '|' || ".join(f"coalesce(CAST({name} AS VARCHAR), '')" for name in columns),
        sample=placeholders,
        apart=apart,
    )
    ((number, compared, same),) = reader.rows(sql, *sample, earliest, earliest, since, table=contract.table)
    again = 0
    if not has_issues:
        # an answer with the dt of an earlier one left no row
        answers = _ANSWERS.format(sample=placeholders, apart=apart)
        raw = reader.rows(answers, *sample, endpoint.name, earliest, since, raw=WeatherRaw.table)
        again = max(0, raw[0][0] - number) if raw else 0
    return Repeats(endpoint.name, int(compared or 0) + again, int(same or 0) + again)


def _compared(contract: type[Contract], reader: DestinationReader) -> list[str]:
    """Return the columns whose values are compared: those of the answer, but for its moment and for lists."""
    there = reader.columns(contract.table)
    return [
        column.name
        for column in contract.columns()
        if column.path and column.name not in contract.key and not column.json and column.name in there
    ]
