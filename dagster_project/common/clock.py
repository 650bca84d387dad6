"""The clock of loads and checks; tests hold it still."""

from __future__ import annotations

from datetime import datetime

from dlt_sources.weather.common.clock import utc_now


def now() -> datetime:
    """The present moment, UTC."""
    return utc_now()
