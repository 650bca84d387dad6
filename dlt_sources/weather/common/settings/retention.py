"""Settings of retention: how long rows are kept that are not kept for ever, and where they go before."""

from __future__ import annotations

from dataclasses import field

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration

from dlt_sources.weather.common.configuration import InvalidSettingError

# a hundred years
_MOST_DAYS = 36_600
# loads, checks and ``weather status`` look back so far: two days at rows and rejects, a month at runs
_RANGES: dict[str, tuple[float, float]] = {
    "forecast_days": (7, _MOST_DAYS),
    "thin_after_days": (3, _MOST_DAYS),
    "raw_days": (7, _MOST_DAYS),
    "rejects_days": (32, _MOST_DAYS),
    "load_runs_days": (32, _MOST_DAYS),
    "dlt_loads_days": (7, _MOST_DAYS),
}


@configspec
class RetentionSettings(BaseConfiguration):
    """Settings of ``weather prune``: ``[sources.weather.retention]``. Of days, 0 keeps the rows for ever.

    docs/design-decisions.md has the reasons of the defaults.
    """

    enabled: bool = True
    forecast_days: int = 365
    thin_after_days: int = 14
    issue_hours: list[int] = field(default_factory=lambda: [0, 6, 12, 18])
    raw_days: int = 90
    rejects_days: int = 90
    load_runs_days: int = 365
    dlt_loads_days: int = 90
    archive: str | None = None


def check_retention(retention: RetentionSettings) -> None:
    """Raise on retention that would take rows which loads and checks read, or that contradicts itself.

    Args:
        retention: the settings.
    """
    for name, (least, most) in _RANGES.items():
        value = getattr(retention, name)
        if value and not least <= value <= most:
            raise InvalidSettingError(
                f"retention.{name}",
                f"retention.{name} must be from {least:,} to {most:,}, or 0 to keep the rows for ever, not {value}.",
            )
    hours = retention.issue_hours
    if not hours or not all(0 <= hour <= 23 for hour in hours) or len(set(hours)) < len(hours):
        raise InvalidSettingError(
            "retention.issue_hours",
            f"retention.issue_hours must be hours of a day in UTC, from 0 to 23 and each once, not {hours}.",
        )
    if 0 < retention.forecast_days < retention.thin_after_days:
        raise InvalidSettingError(
            "retention.thin_after_days",
            f"retention.thin_after_days ({retention.thin_after_days}) must not be greater than retention.forecast_days "
            f"({retention.forecast_days}), after which forecasts are dropped; 0 leaves them as they are until then.",
        )
    if retention.archive is not None and not retention.archive.strip():
        raise InvalidSettingError(
            "retention.archive", "retention.archive is empty; name a folder or an address, or leave it out."
        )
