"""Rules of retention: which rows of which table go, and when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from dlt_sources.weather.common.configuration.names import WEATHER, how_to_set
from dlt_sources.weather.common.settings import RetentionSettings
from dlt_sources.weather.contracts import TABLES, Contract, LoadRun, Reject, WeatherRaw

ISSUED_AT = "issued_at"


class Rule(NamedTuple):
    """Retention of one table.

    Attributes:
        contract: contract of the table.
        moment: the column that says how old a row is.
        drop_before: rows before this moment are dropped, UTC; None if they are kept for ever.
        thin_before: of the forecasts before this moment, those of chosen issues remain; None if all do.
        issue_hours: the hours of those issues, UTC, ascending.
    """

    contract: type[Contract]
    moment: str
    drop_before: datetime | None
    thin_before: datetime | None = None
    issue_hours: Sequence[int] = ()

    @property
    def table(self) -> str:
        """Name of the table."""
        return self.contract.table

    @property
    def ends(self) -> datetime | None:
        """The moment before which rows may go; None if all are kept."""
        return max((moment for moment in (self.drop_before, self.thin_before) if moment), default=None)


def rules(settings: RetentionSettings, now: datetime) -> list[Rule]:
    """Return the rule of each table whose rows are not all kept for ever.

    Observations and history are in none: rows without ``issued_at`` describe what was, not what was expected.

    Args:
        settings: the settings of retention.
        now: the present moment, UTC.
    """
    hours = sorted(settings.issue_hours)
    dropped, thinned = (_limit(now, days, hours[0]) for days in (settings.forecast_days, settings.thin_after_days))
    found = [
        Rule(contract, ISSUED_AT, dropped, thinned, hours) for contract in TABLES.values() if ISSUED_AT in contract.key
    ]
    for contract, moment, days in (
        (WeatherRaw, "fetched_at", settings.raw_days),
        (Reject, "rejected_at", settings.rejects_days),
        (LoadRun, "finished_at", settings.load_runs_days),
    ):
        found.append(Rule(contract, moment, _limit(now, days)))
    return [rule for rule in found if rule.ends]


def _limit(now: datetime, days: int, hour: int = 0) -> datetime | None:
    """Return the beginning of a day before which rows are so old; days of issues begin with the first issue hour."""
    if not days:
        return None
    begin = timedelta(hours=hour)
    moment = now - timedelta(days=days) - begin
    return moment.replace(hour=0, minute=0, second=0, microsecond=0) + begin


def sentence(settings: RetentionSettings) -> str:
    """Return one line that says what is dropped when, and where to change it.

    Args:
        settings: the settings of retention.
    """
    section = (*WEATHER, "retention")
    if not settings.enabled:
        return f"Every row is kept for ever: retention.enabled is false ({how_to_set(*section, 'enabled')})."
    kept = {"weather_raw": settings.raw_days, "rejects": settings.rejects_days, "load_runs": settings.load_runs_days}
    hours = " ".join(f"{hour:02d}" for hour in sorted(settings.issue_hours))
    said = [
        f"of forecasts, the issues of {hours} h UTC remain after {settings.thin_after_days} days"
        if settings.thin_after_days
        else "",
        f"none after {settings.forecast_days} days" if settings.forecast_days else "",
        *(f"{table} is kept {days} days" for table, days in kept.items() if days),
    ]
    listed = ", ".join(one for one in said if one) or "nothing is dropped"
    return (
        f"`weather prune`, which Dagster runs daily, keeps observations and history for ever; {listed}. "
        f"Change it by {how_to_set(*section, 'forecast_days')}, and the like."
    )
