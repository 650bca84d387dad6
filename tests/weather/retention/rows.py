"""A dataset with rows of many ages, and what a pruning leaves of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

from dlt_sources.weather.common.settings import WeatherSettings, load_settings
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.retention.prune import PruneReport, prune
from tests.helpers.support import query
from tests.weather.destination.published.dataset import make

NOW = datetime(2026, 5, 20, 12, 20, tzinfo=timezone.utc)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def forecasts(*issues: datetime, location: str = "madrid,es", steps: int = 2) -> list[dict[str, Any]]:
    """Rows of forecasts issued at these moments."""
    return [
        {
            "location_id": location,
            "dt": issue + 3 * HOUR * step,
            "issued_at": issue,
            "fetched_at": issue + timedelta(minutes=5),
            "temp": float(step),
            "_dlt_load_id": f"{issue.timestamp():.6f}",
        }
        for issue in issues
        for step in range(1, steps + 1)
    ]


def hours(first: datetime, number: int, step: int = 1) -> list[datetime]:
    """Moments an hour, or some hours, apart."""
    return [first + HOUR * one for one in range(0, number, step)]


def dataset(target: Target, **rows: Iterable[dict[str, Any]]) -> None:
    """Make a dataset with these rows."""
    make(target, **rows)


def pruned(target: Target, *, rehearse: bool = False, now: datetime = NOW, **retention: Any) -> PruneReport:
    """Prune with settings of retention."""
    return prune(target, settings(**retention), rehearse=rehearse, now=lambda: now)


def settings(**retention: Any) -> WeatherSettings:
    """Settings with these of retention."""
    found = load_settings(lock_wait_seconds=30.0)
    for name, value in retention.items():
        setattr(found.retention, name, value)
    return found


def issues(target: Target, table: str = "forecast") -> list[datetime]:
    """The issues that a table has, in UTC."""
    rows = query(target, f"SELECT DISTINCT issued_at FROM {table} ORDER BY 1")
    return [row[0].astimezone(timezone.utc) for row in rows]
