"""The one clock of the package; tests replace ``now`` here and nowhere else."""

from __future__ import annotations

from datetime import datetime

from dlt_sources.weather.common.clock import utc_now


def now() -> datetime:
    """Return the present moment in UTC."""
    return utc_now()
