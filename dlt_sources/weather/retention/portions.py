"""Portions: the rows of one table and month that go, and the SQL that finds them, for DuckDB and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import Literal, NamedTuple

from dlt_sources.weather.common.clock import DAY, floor_month, next_month
from dlt_sources.weather.contracts import LoadRun, Reject
from dlt_sources.weather.contracts.base import EARLIEST
from dlt_sources.weather.destination.reader import ON_THE_HOUR, DestinationReader
from dlt_sources.weather.retention.policy import Rule
from dlt_sources.weather.status.gaps import SERIES, step_of
from dlt_sources.weather.status.runs import read_runs, read_unfinished

Kind = Literal["dropped", "thinned"]
_DAY_SECONDS = 86_400
_MONTH = "CAST(extract(year FROM {0} AT TIME ZONE 'UTC') * 12 + extract(month FROM {0} AT TIME ZONE 'UTC') AS BIGINT)"


class Condition(NamedTuple):
    """Further condition of the rows ``t`` that go, as SQL with its parameters."""

    sql: str = "1 = 1"
    parameters: Sequence[object] = ()


class Portion(NamedTuple):
    """The rows of one table and month that go.

    Attributes:
        rule: the table's rule.
        kind: whether the rows are dropped by age, or thinned: of issues that do not remain.
        start: first moment of the rows, UTC.
        end: end of the range, UTC, not included.
        rows: number of rows.
    """

    rule: Rule
    kind: Kind
    start: datetime
    end: datetime
    rows: int

    @property
    def month(self) -> str:
        """The month, such as 2026-11."""
        return f"{self.start:%Y-%m}"


def condition_of(rule: Rule, reader: DestinationReader) -> Condition:
    """Return which old rows of a table stay because loads, checks or ``weather status`` need them, as a condition.

    Args:
        rule: the table's rule.
        reader: reads the destination.
    """
    if rule.contract is LoadRun:
        return _runs_needed(reader)
    if rule.contract is Reject:
        return _rejects_needed(reader)
    return Condition()


def _runs_needed(reader: DestinationReader) -> Condition:
    """Keep the newest run of each resource, and backfills that no run has finished."""
    kept: list[tuple[str, tuple[object, ...]]]
    kept = [("t.resource = %s AND t.finished_at = %s", (run.resource, run.finished_at)) for run in read_runs(reader)]
    kept += [
        ("t.resource = %s AND t.finished_at = %s AND t.since = %s", (run.resource, run.finished_at, run.since))
        for run in read_unfinished(reader)
    ]
    sql = " AND ".join(f"NOT coalesce({one}, false)" for one, _ in kept) or "1 = 1"
    return Condition(sql, [value for _, values in kept for value in values])


def _rejects_needed(reader: DestinationReader) -> Condition:
    """Keep the failed requests of windows of history that are not loaded yet: gaps are known by them."""
    kept = []
    for contract in SERIES:
        if not reader.columns(contract.table):
            continue
        seconds = int(step_of(contract).total_seconds())
        on_the_hour = f" AND {ON_THE_HOUR.replace('dt', 'a.dt')}" if seconds < _DAY_SECONDS else ""
        kept.append(
            f"NOT coalesce(t.resource = '{contract.table}' AND t.kind = 'request' AND (SELECT count(*)"
            f" FROM {{{contract.table}}} AS a WHERE a.location_id = t.location_id AND a.dt >= t.window_start"
            f" AND a.dt <= t.window_end{on_the_hour})"
            f" < floor((extract(epoch FROM t.window_end) - extract(epoch FROM t.window_start)) / {seconds}) + 1, false)"
        )
    return Condition(" AND ".join(kept) or "1 = 1")


def period(rule: Rule, column: str) -> str:
    """Return SQL that is equal for the issues of which one remains: those from one issue hour to the next.

    Args:
        rule: the table's rule.
        column: the column with the moment of issue.
    """
    first, *others = rule.issue_hours
    seconds = f"(CAST(extract(epoch FROM {column}) AS BIGINT) - {first * 3600})"
    whens = " ".join(
        f"WHEN mod({seconds}, {_DAY_SECONDS}) >= {(hour - first) * 3600} THEN {hour}" for hour in reversed(others)
    )
    number = f"CASE {whens} ELSE {first} END" if others else str(first)
    return f"floor({seconds} / {_DAY_SECONDS}.0), {number}"


def doomed(portion: Portion, condition: Condition) -> tuple[str, list[object]]:
    """Return FROM and WHERE of the rows ``t`` that go, with ``{table}`` for the table, and the parameters.

    Of the issues from one issue hour to the next, a location's first remains: that of the issue hour itself unless
    its load failed or the schedule has other hours. So a place that is loaded once a day keeps each forecast.

    Args:
        portion: the rows.
        condition: further condition of the table.
    """
    rule = portion.rule
    moment = rule.moment
    where = f"t.{moment} >= %s AND t.{moment} < %s AND {condition.sql}"
    parameters = [portion.start, portion.end, *condition.parameters]
    if portion.kind == "dropped":
        return f"{{table}} AS t WHERE {where}", parameters
    issues = "SELECT location_id, issued_at FROM {table} WHERE issued_at >= %s AND issued_at < %s GROUP BY 1, 2"
    excess = (
        f"SELECT location_id, issued_at FROM (SELECT location_id, issued_at, row_number() OVER (PARTITION BY"
        f" location_id, {period(rule, 'issued_at')} ORDER BY issued_at) AS place FROM ({issues}) AS i) AS r"
        " WHERE place > 1"
    )
    sql = (
        f"{{table}} AS t JOIN ({excess}) AS d ON d.location_id = t.location_id AND d.issued_at = t.issued_at"
        f" WHERE {where}"
    )
    # the first issue of the portion's first period may be of the day before
    return sql, [portion.start - DAY, portion.end, *parameters]


def count_portions(
    reader: DestinationReader, rule: Rule, condition: Condition, ranges: Iterable[tuple[datetime, datetime]]
) -> list[Portion]:
    """Return what goes of a table, by month, oldest first.

    Args:
        reader: reads the destination.
        rule: the table's rule.
        condition: further condition of the table.
        ranges: ranges of time to look at, UTC: one for all, or several where one query should not take long.
    """
    found = []
    for start, end in ranges:
        sql, parameters = _count(rule, condition, start, end)
        tables = {name: name for name in (rule.table, *(contract.table for contract in SERIES))}
        for number, kind, rows in reader.rows(sql, *parameters, **(tables | {"table": rule.table})):
            found.append(_portion(rule, int(number), kind, int(rows)))
    return sorted((one for one in found if one.rows), key=lambda one: (one.start, one.kind))


def _count(rule: Rule, condition: Condition, start: datetime, end: datetime) -> tuple[str, list[object]]:
    moment, month = rule.moment, _MONTH.format(rule.moment)
    if rule.thin_before is None:
        sql = (
            f"SELECT {_MONTH.format(f't.{moment}')}, 'dropped', count(*) FROM {{table}} AS t"
            f" WHERE t.{moment} >= %s AND t.{moment} < %s AND {condition.sql} GROUP BY 1, 2"
        )
        return sql, [start, end, *condition.parameters]
    issues = (
        "SELECT location_id, issued_at, count(*) AS number FROM {table} WHERE issued_at >= %s AND issued_at < %s"
        " GROUP BY 1, 2"
    )
    kinds = (
        f"SELECT {month} AS month, issued_at, number, CASE WHEN issued_at < %s THEN 'dropped' WHEN row_number() OVER"
        f" (PARTITION BY location_id, {period(rule, 'issued_at')} ORDER BY issued_at) > 1 THEN 'thinned' END AS kind"
        f" FROM ({issues}) AS i"
    )
    sql = (
        f"SELECT month, kind, sum(number) FROM ({kinds}) AS k WHERE kind IS NOT NULL AND issued_at >= %s"
        " GROUP BY month, kind"
    )
    return sql, [rule.drop_before or EARLIEST, start - DAY, end, start]


def _portion(rule: Rule, month: int, kind: Kind, rows: int) -> Portion:
    start, end = _begin(month), _begin(month + 1)
    if kind == "dropped":
        return Portion(rule, kind, start, min(end, rule.drop_before or end), rows)
    return Portion(rule, kind, max(start, rule.drop_before or start), min(end, rule.thin_before or end), rows)


def _begin(month: int) -> datetime:
    year, before = divmod(month - 1, 12)
    return datetime(year, before + 1, 1, tzinfo=timezone.utc)


def months(first: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Return the ranges of the months from a moment to another.

    Args:
        first: a moment in the first month.
        end: end of the last range, not included.
    """
    month = floor_month(first)
    found = []
    while month < end:
        found.append((month, min(next_month(month), end)))
        month = next_month(month)
    return found
