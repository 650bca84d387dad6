"""Quarantine: packages that the destination refused several times, kept with their files until they are retried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.working_directories import QUARANTINE, REASON_FILE, started_at


class SetAsidePackage(NamedTuple):
    """The packages that one run left behind and the destination refuses.

    Attributes:
        path: their directory.
        run_id: the run that fetched them.
        started_at: its start, UTC.
        reason: the destination's words; None if an earlier version set them aside.
        bytes: size of the directory.
        tables: rows by bronze table.
        hours: first and last moment at which a row was fetched, UTC; None if the files do not say.
    """

    path: Path
    run_id: str
    started_at: datetime
    reason: str | None
    bytes: int
    tables: dict[str, int]
    hours: tuple[datetime, datetime] | None


def set_aside(directory: Path, reason: str) -> Path:
    """Move a working directory into the quarantine.

    Args:
        directory: the directory of an interrupted run.
        reason: why its packages cannot be loaded.

    Returns:
        The directory's new path.
    """
    path = directory.parent / QUARANTINE / directory.name
    path.parent.mkdir(exist_ok=True)
    (directory / REASON_FILE).write_text(reason, encoding="utf-8")
    return directory.rename(path)


def set_aside_packages(target: Target) -> list[SetAsidePackage]:
    """Return what is set aside on this machine, oldest first. Connects to nothing.

    Args:
        target: the target of the packages.
    """
    return [_described(path) for path in sorted(_directories(target), key=lambda path: path.name)]


def retry_set_aside(target: Target, run_ids: Collection[str] = ()) -> list[str]:
    """Move packages out of the quarantine, so that the next load loads them first.

    Args:
        target: the target of the packages.
        run_ids: the runs that left them behind; all if empty.

    Returns:
        The ids of the runs whose packages were moved.
    """
    moved = []
    for path in sorted(_directories(target), key=lambda path: path.name):
        if not run_ids or path.name in run_ids:
            (path / REASON_FILE).unlink(missing_ok=True)
            path.rename(path.parent.parent / path.name)
            moved.append(path.name)
    return moved


def _directories(target: Target) -> Iterator[Path]:
    return (path for path in chain(*((root / QUARANTINE).glob("*") for root in target.roots)) if path.is_dir())


def _described(path: Path) -> SetAsidePackage:
    files = [file for file in path.rglob("*") if file.is_file()]
    reason = path / REASON_FILE
    tables: Counter[str] = Counter()
    moments: list[datetime] = []
    for file in files:
        table = file.name.split(".", 1)[0]
        if file.suffix == ".parquet" and table in TABLES:
            rows, fetched = _rows(file)
            tables[table] += rows
            moments += fetched
    return SetAsidePackage(
        path,
        path.name,
        started_at(path),
        reason.read_text(encoding="utf-8") if reason.exists() else None,
        sum(file.stat().st_size for file in files),
        dict(sorted(tables.items())),
        (min(moments), max(moments)) if moments else None,
    )


def _rows(file: Path) -> tuple[int, list[datetime]]:
    """Return the number of rows of a file, and the bounds of ``fetched_at`` from its statistics."""
    try:
        metadata = pq.read_metadata(file)
    except (OSError, ValueError):
        # a damaged file may be why the package is set aside
        return 0, []
    if "fetched_at" not in metadata.schema.names:
        return metadata.num_rows, []
    column = metadata.schema.names.index("fetched_at")
    groups = (metadata.row_group(group).column(column).statistics for group in range(metadata.num_row_groups))
    bounds = [bound for one in groups if one and one.has_min_max for bound in (one.min, one.max)]
    return metadata.num_rows, [utc(bound) for bound in bounds]
