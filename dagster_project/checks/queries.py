"""What is looked for in the bronze tables; each finding names the rows at fault, the first few of them.

What would read a whole table takes a moment, and looks at what was loaded since: whatever was wrong in what was there
before has been found before. Without a moment it looks at everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.contracts import AirPollution, Contract, LoadRun
from dlt_sources.weather.destination.reader import ON_THE_HOUR, DestinationReader, loaded_since

MOST_SHOWN = 20
MOST_REJECTED = 0.1
STALE_AFTER = timedelta(hours=3)
NEW = "_dlt_load_id >= %s"

_CELSIUS = "CASE units WHEN 'standard' THEN {0} - 273.15 WHEN 'imperial' THEN ({0} - 32) / 1.8 ELSE {0} END"
_METRES_PER_SECOND = "CASE units WHEN 'imperial' THEN {0} * 0.44704 ELSE {0} END"
# what can be on Earth, records with some room: the coldest -89.2 °C, the hottest 56.7 °C, gusts of 113 m/s, 1085 hPa
_TEMPERATURE = (_CELSIUS, -95.0, 65.0)
_WIND = (_METRES_PER_SECOND, 0.0, 120.0)
_PRESSURE = ("{0}", 300.0, 1100.0)
_PERCENT = ("{0}", 0.0, 100.0)
_CONCENTRATION = ("{0}", 0.0, 1_000_000.0)
RANGES: dict[str, tuple[str, float, float]] = {
    "temp": _TEMPERATURE,
    "feels_like": (_CELSIUS, -120.0, 90.0),
    "temp_min": _TEMPERATURE,
    "temp_max": _TEMPERATURE,
    "temp_day": _TEMPERATURE,
    "dew_point": _TEMPERATURE,
    "humidity": _PERCENT,
    "clouds": _PERCENT,
    "pressure": _PRESSURE,
    "sea_level": _PRESSURE,
    "grnd_level": _PRESSURE,
    "wind_speed": _WIND,
    "wind_gust": _WIND,
    "wind_deg": ("{0}", 0.0, 360.0),
    "visibility": ("{0}", 0.0, 10_000.0),
    "pop": ("{0}", 0.0, 1.0),
    "aqi": ("{0}", 1.0, 5.0),
    "lat": ("{0}", -90.0, 90.0),
    "lon": ("{0}", -180.0, 180.0),
} | dict.fromkeys(("co", "no", "no2", "o3", "so2", "pm2_5", "pm10", "nh3"), _CONCENTRATION)


@dataclass(frozen=True)
class CheckResult:
    """What a check found: whether all is well, and the rows or figures that say so."""

    passed: bool
    rows: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)


def duplicate_keys(loaded: DestinationReader, contract: type[Contract], since: datetime | None = None) -> CheckResult:
    """No key may stand twice in a table: none of a row loaded since then, with a row of whenever."""
    key = ", ".join(contract.key)
    new = f"WHERE ({key}) IN (SELECT {key} FROM {{table}} WHERE {NEW})" if since else ""
    # in order, or PostgreSQL takes it that the first few of many are asked for, and goes through all
    sql = f"SELECT {key}, count(*) FROM {{table}} {new} GROUP BY {key} HAVING count(*) > 1 ORDER BY count(*) DESC"
    return _faults(loaded, sql, (*contract.key, "times"), contract.table, *_first_load(since))


def ranged(contract: type[Contract]) -> list[str]:
    """The columns of a table that have physical limits."""
    return [name for name in contract.model_fields if name in RANGES]


def out_of_range(loaded: DestinationReader, contract: type[Contract], since: datetime | None = None) -> CheckResult:
    """No measure loaded since then may be beyond what can be on Earth; null is unknown, and passes."""
    names = ranged(contract)
    faults = " OR ".join(
        f"NOT ({expression.format(name)} BETWEEN {low} AND {high})"
        for name in names
        for expression, low, high in (RANGES[name],)
    )
    units = ("units",) if "units" in contract.model_fields else ()
    shown = (*contract.key, *units, *names)
    new = f"{NEW} AND" if since else ""
    sql = f"SELECT {', '.join(shown)} FROM {{table}} WHERE {new} ({faults})"
    found = _faults(loaded, sql, shown, contract.table, *_first_load(since))
    keep = {*contract.key, *units}
    rows = [{k: v for k, v in row.items() if k in keep or not _plausible(k, v, row)} for row in found.rows]
    return CheckResult(found.passed, rows, found.figures)


def unaccounted(loaded: DestinationReader, resource: str) -> CheckResult:
    """Every row that a run fetched must be loaded or rejected."""
    shown = ("run_id", "rows_fetched", "rows_loaded", "rows_rejected")
    sql = (
        f"SELECT {', '.join(shown)} FROM {{table}} WHERE resource = %s"
        " AND (rows_fetched <> rows_loaded + rows_rejected) ORDER BY run_id DESC"
    )
    return _faults(loaded, sql, shown, LoadRun.table, resource)


def rejected(loaded: DestinationReader, resource: str) -> CheckResult:
    """Of the newest run's rows, no more than a tenth may be rejected."""
    shown = ("run_id", "rows_fetched", "rows_rejected")
    sql = f"SELECT {', '.join(shown)} FROM {{runs}} WHERE resource = %s ORDER BY started_at DESC LIMIT 1"
    for run_id, fetched, refused in loaded.rows(sql, resource, runs=LoadRun.table):
        rate = refused / fetched if fetched else 0.0
        row = {"run_id": run_id, "rows_fetched": fetched, "rows_rejected": refused}
        return CheckResult(rate <= MOST_REJECTED, [row] if refused else [], {"reject_rate": round(rate, 4)})
    return CheckResult(passed=True)


def gaps(loaded: DestinationReader) -> CheckResult:
    """A place's hours of air pollution must follow each other without a gap."""
    sql = (
        f"SELECT location_id, count(*), min(dt), max(dt) FROM {{air}} WHERE {ON_THE_HOUR}"
        " GROUP BY location_id ORDER BY location_id"
    )
    rows = []
    for location_id, hours, first, last in loaded.rows(sql, air=AirPollution.table):
        missing = round((last - first).total_seconds() / 3600) + 1 - hours
        if missing > 0:
            rows.append(
                {"location_id": location_id, "missing_hours": missing, "first": _plain(first), "last": _plain(last)}
            )
    total = sum(row["missing_hours"] for row in rows)
    return CheckResult(not rows, rows[:MOST_SHOWN], {"missing_hours": total, "places": len(rows)})


def stale(loaded: DestinationReader, contract: type[Contract], now: datetime) -> CheckResult:
    """The newest observation, or issue of a forecast, must not be older than three hours."""
    newest = loaded.newest(contract, "issued_at" if "issued_at" in contract.model_fields else "dt")
    if newest is None:
        return CheckResult(passed=False, figures={"rows": 0})
    age = now - newest
    return CheckResult(
        age <= STALE_AFTER, figures={"newest": _plain(newest), "age_hours": round(age.total_seconds() / 3600, 2)}
    )


def _first_load(since: datetime | None) -> list[str]:
    """The parameter of ``NEW``."""
    return [loaded_since(since)] if since else []


def _faults(loaded: DestinationReader, sql: str, names: Iterable[str], table: str, *parameters: object) -> CheckResult:
    """The rows that a query of faults finds, in words that JSON knows."""
    found = loaded.rows(f"{sql} LIMIT {MOST_SHOWN + 1}", *parameters, table=table)
    rows = [{name: _plain(value) for name, value in zip(names, row, strict=True)} for row in found[:MOST_SHOWN]]
    number = str(len(found)) if len(found) <= MOST_SHOWN else f"more than {MOST_SHOWN}"
    return CheckResult(not found, rows, {"rows_at_fault": number})


def _plausible(name: str, value: Any, row: dict[str, Any]) -> bool:
    """Whether one value of a row is within its limits."""
    if value is None:
        return True
    expression, low, high = RANGES[name]
    units = row.get("units")
    if expression is _CELSIUS:
        value = value - 273.15 if units == "standard" else (value - 32) / 1.8 if units == "imperial" else value
    elif expression is _METRES_PER_SECOND and units == "imperial":
        value *= 0.44704
    return bool(low <= value <= high)


def _plain(value: Any) -> Any:
    return f"{utc(value):%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else value
