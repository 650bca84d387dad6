"""Newest run of each resource."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.contracts import LoadRun
from dlt_sources.weather.destination.reader import DestinationReader


@dataclass(frozen=True)
class RunStatus:
    """Newest run of one resource; its rejects are open until a later run has none."""

    resource: str
    finished_at: datetime
    status: str
    rows_loaded: int
    rows_rejected: int
    error: str | None


def read_runs(reader: DestinationReader) -> tuple[RunStatus, ...]:
    """Return the newest run of each resource.

    Args:
        reader: reads the destination.
    """
    sql = (
        "SELECT r.resource, r.finished_at, r.status, r.rows_loaded, r.rows_rejected, r.error FROM {runs} r"
        " WHERE r.finished_at = (SELECT max(n.finished_at) FROM {runs} n WHERE n.resource = r.resource)"
        " ORDER BY r.resource"
    )
    return tuple(
        RunStatus(name, utc(at), how, rows, rejected, error)
        for name, at, how, rows, rejected, error in reader.rows(sql, runs=LoadRun.table)
    )
