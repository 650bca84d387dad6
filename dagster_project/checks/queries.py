"""Queries of the asset checks; each result lists the first of the rows at fault.

Expensive checks accept ``since`` and read only rows loaded after it; earlier evaluations have checked older rows.
Without ``since`` they read the whole table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from dagster_project.checks.rows import listed, since_text, words_of
from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.contracts import Contract, LoadRun
from dlt_sources.weather.destination.reader import DestinationReader, loaded_since
from dlt_sources.weather.locations.geocoding import location_queries
from dlt_sources.weather.locations.model import LocationQuery
from dlt_sources.weather.status.rejects import OpenReject, open_rejects

MOST_SHOWN = 20
MOST_REJECTED = 0.1
# beyond the time between two loads
STALE_AFTER = timedelta(hours=2)
# a failure of the newest load, or of its retries, beyond the time between two loads
RECENT = timedelta(minutes=30)
NEW = "_dlt_load_id >= %s"
# a partitioned table's index is valid once each partition has its part of it (PostgreSQL's documentation, pg_index)
_UNIQUE = """
SELECT 1 FROM pg_index AS i
WHERE i.indrelid = '{table}'::regclass AND i.indisunique AND i.indisvalid AND i.indislive
AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnatts = %s AND (
    SELECT array_agg(a.attname::text ORDER BY a.attname::text) FROM pg_attribute AS a
    WHERE a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) AND a.attnotnull
) = %s
"""


class Limits(NamedTuple):
    """Physical limits of a column: an SQL expression of its value in the limits' unit, and the least and greatest."""

    expression: str
    least: float
    greatest: float


_CELSIUS = "CASE units WHEN 'standard' THEN {0} - 273.15 WHEN 'imperial' THEN ({0} - 32) / 1.8 ELSE {0} END"
_METRES_PER_SECOND = "CASE units WHEN 'imperial' THEN {0} * 0.44704 ELSE {0} END"
# limits on Earth: the records with a margin (coldest -89.2 °C, hottest 56.7 °C, gusts of 113 m/s, 1085 hPa)
_TEMPERATURE = Limits(_CELSIUS, -95.0, 65.0)
_FEELS_LIKE = Limits(_CELSIUS, -120.0, 90.0)
_PARTS_OF_DAY = ("day", "night", "eve", "morn")
_WIND = Limits(_METRES_PER_SECOND, 0.0, 120.0)
_PRESSURE = Limits("{0}", 300.0, 1100.0)
_PERCENT = Limits("{0}", 0.0, 100.0)
_CONCENTRATION = Limits("{0}", 0.0, 1_000_000.0)
RANGES: dict[str, Limits] = {
    "temp": _TEMPERATURE,
    "feels_like": _FEELS_LIKE,
    "temp_min": _TEMPERATURE,
    "temp_max": _TEMPERATURE,
    "dew_point": _TEMPERATURE,
    "humidity": _PERCENT,
    "clouds": _PERCENT,
    "pressure": _PRESSURE,
    "sea_level": _PRESSURE,
    "grnd_level": _PRESSURE,
    "wind_speed": _WIND,
    "wind_gust": _WIND,
    "wind_deg": Limits("{0}", 0.0, 360.0),
    "visibility": Limits("{0}", 0.0, 10_000.0),
    "pop": Limits("{0}", 0.0, 1.0),
    "aqi": Limits("{0}", 1.0, 5.0),
    "lat": Limits("{0}", -90.0, 90.0),
    "lon": Limits("{0}", -180.0, 180.0),
    # the highest that was measured on the ground is 43 (Licancabur, 2003)
    "uvi": Limits("{0}", 0.0, 60.0),
    "moon_phase": Limits("{0}", 0.0, 1.0),
} | dict.fromkeys(("co", "no", "no2", "o3", "so2", "pm2_5", "pm10", "nh3"), _CONCENTRATION)
RANGES |= dict.fromkeys((f"temp_{part}" for part in _PARTS_OF_DAY), _TEMPERATURE)
RANGES |= dict.fromkeys((f"feels_like_{part}" for part in _PARTS_OF_DAY), _FEELS_LIKE)


@dataclass(frozen=True)
class CheckResult:
    """Result of one check's query.

    ``rows`` are the rows at fault, at most ``MOST_SHOWN``, as ``{column: value}`` with values that JSON can hold;
    ``figures`` are further entries of the check's metadata; ``description`` is the result in a sentence.
    """

    passed: bool
    rows: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    description: str | None = None


def duplicate_keys(reader: DestinationReader, contract: type[Contract], since: datetime | None = None) -> CheckResult:
    """Return the keys that occur more than once; with ``since``, only keys of rows loaded after it.

    Where PostgreSQL has a unique index on the key, there are none, and no row is read.
    """
    if reader.is_postgres and _has_unique_index(reader, contract):
        return CheckResult(passed=True, figures={"rows_at_fault": "0", "held_by": "unique index"})
    key = ", ".join(contract.key)
    new = f"WHERE ({key}) IN (SELECT {key} FROM {{table}} WHERE {NEW})" if since else ""
    # ordered, because for a few unordered rows PostgreSQL plans to read the whole table
    sql = f"SELECT {key}, count(*) FROM {{table}} {new} GROUP BY {key} HAVING count(*) > 1 ORDER BY count(*) DESC"
    return _faults(reader, sql, (*contract.key, "times"), contract.table, *_first_load_id(since))


def _has_unique_index(reader: DestinationReader, contract: type[Contract]) -> bool:
    """Return whether a unique index covers exactly the key, which is never null, for the rows of all partitions."""
    rows = reader.rows(_UNIQUE, len(contract.key), sorted(contract.key), table=contract.table)
    return bool(rows)


def ranged_columns(contract: type[Contract]) -> list[str]:
    """Return the columns of a table that have physical limits."""
    return [name for name in contract.model_fields if name in RANGES]


def out_of_range(reader: DestinationReader, contract: type[Contract], since: datetime | None = None) -> CheckResult:
    """Return the rows with a measure beyond the physical limits, loaded after ``since``; null passes."""
    names = ranged_columns(contract)
    faults = " OR ".join(
        f"NOT ({expression.format(name)} BETWEEN {low} AND {high})"
        for name in names
        for expression, low, high in (RANGES[name],)
    )
    units = ("units",) if "units" in contract.model_fields else ()
    columns = (*contract.key, *units, *names)
    new = f"{NEW} AND" if since else ""
    sql = f"SELECT {', '.join(columns)} FROM {{table}} WHERE {new} ({faults})"
    result = _faults(reader, sql, columns, contract.table, *_first_load_id(since))
    keep = {*contract.key, *units}
    rows = [{k: v for k, v in row.items() if k in keep or not _plausible(k, v, row)} for row in result.rows]
    return CheckResult(result.passed, rows, result.figures)


def unaccounted(reader: DestinationReader, resource: str) -> CheckResult:
    """Return the runs that did not load or reject every row they fetched."""
    columns = ("run_id", "rows_fetched", "rows_loaded", "rows_rejected")
    sql = (
        f"SELECT {', '.join(columns)} FROM {{table}} WHERE resource = %s"
        " AND (rows_fetched <> rows_loaded + rows_rejected) ORDER BY run_id DESC"
    )
    return _faults(reader, sql, columns, LoadRun.table, resource)


def reject_rate(
    reader: DestinationReader, resource: str, settings: WeatherSettings, now: datetime, gap: timedelta
) -> CheckResult:
    """Return the places whose newest request failed, and the rows that the newest run rejected; both have a limit.

    They are two rates: a failed request counts as one rejected row, but stands for all rows of its answer. A request
    that failed counts until the location has a newer row, whichever run loaded that.

    Args:
        reader: reads the destination.
        resource: name of the resource.
        settings: the list of locations.
        now: the present moment, UTC.
        gap: longest time between two loads.
    """
    entries = list(location_queries(settings))
    locations, names = len(entries), {one.location_id: one.query for one in entries if isinstance(one, LocationQuery)}
    rejects = open_rejects(reader, names, now)
    failing = [one for one in rejects if one.resource == resource and one.last > now - gap - RECENT]
    places = {one.location_id for one in failing}
    columns = ("requests_failed", "rows_fetched", "rows_rejected")
    sql = (
        f"SELECT {', '.join(columns)} FROM {{runs}} WHERE resource = %s AND requests > 0"
        " ORDER BY started_at DESC LIMIT 1"
    )
    failed, fetched, rejected = next(iter(reader.rows(sql, resource, runs=LoadRun.table)), (0, 0, 0))
    fetched, rejected = fetched - failed, rejected - failed
    rates = {"places_failing_rate": _rate(len(places), locations), "rows_rejected_rate": _rate(rejected, fetched)}
    counts = {"places_failing": len(places), "places": locations}
    named = [_failing_text(one, names[one.location_id], now) for one in failing[:MOST_SHOWN]]
    faults = [f"{len(places)} of {locations} places failed: {listed(named, len(failing))}"] if failing else []
    faults += [f"{rejected} of {fetched} rows were rejected"] if rejected else []
    rows = [
        {
            "location_id": one.location_id,
            "query": names[one.location_id],
            "since": plain(one.since),
            "cause": f"{one.error_class}: {one.message}",
            "http_status": one.http_status,
            "asked_again": plain(one.asked_again_at),
        }
        for one in failing[:MOST_SHOWN]
    ]
    description = f"{resource}: {'; '.join(faults)}" if faults else None
    return CheckResult(max(rates.values()) <= MOST_REJECTED, rows, rates | counts, description)


def _failing_text(one: OpenReject, name: str, now: datetime) -> str:
    again = f", asked again {since_text(one.asked_again_at, now)}" if one.asked_again_at else ""
    return f"{name} since {since_text(one.since, now)}: {words_of(one.message, one.http_status)}{again}"


def _rate(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def stale(reader: DestinationReader, contract: type[Contract], now: datetime, oldest: timedelta) -> CheckResult:
    """Return the age of the newest observation or issue of a forecast, which has a limit.

    Args:
        reader: reads the destination.
        contract: contract of the table.
        now: the present moment, UTC.
        oldest: the limit.
    """
    newest = reader.newest(contract, "issued_at" if "issued_at" in contract.model_fields else "dt")
    if newest is None:
        return CheckResult(passed=False, figures={"rows": 0})
    age = now - newest
    return CheckResult(
        age <= oldest, figures={"newest": plain(newest), "age_hours": round(age.total_seconds() / 3600, 2)}
    )


def _first_load_id(since: datetime | None) -> list[str]:
    """Return the parameter of ``NEW``, or none without ``since``."""
    return [loaded_since(since)] if since else []


def _faults(reader: DestinationReader, sql: str, names: Iterable[str], table: str, *parameters: object) -> CheckResult:
    """Run a query for rows at fault; the check passes if there are none."""
    faults = reader.rows(f"{sql} LIMIT {MOST_SHOWN + 1}", *parameters, table=table)
    rows = [{name: plain(value) for name, value in zip(names, row, strict=True)} for row in faults[:MOST_SHOWN]]
    number = str(len(faults)) if len(faults) <= MOST_SHOWN else f"more than {MOST_SHOWN}"
    return CheckResult(not faults, rows, {"rows_at_fault": number})


def _plausible(name: str, value: Any, row: dict[str, Any]) -> bool:
    """Return whether one value of a row is within its limits."""
    if value is None:
        return True
    expression, low, high = RANGES[name]
    units = row.get("units")
    if expression is _CELSIUS:
        value = value - 273.15 if units == "standard" else (value - 32) / 1.8 if units == "imperial" else value
    elif expression is _METRES_PER_SECOND and units == "imperial":
        value *= 0.44704
    return bool(low <= value <= high)


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it: a moment as text, in UTC."""
    return f"{utc(value):%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else value
