"""Pruning: what goes is counted, archived, verified and deleted, table by table, month by month, oldest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from dlt_sources.weather.common.clock import utc_now
from dlt_sources.weather.common.errors import ConfigurationError, WeatherError
from dlt_sources.weather.common.settings import RetentionSettings, WeatherSettings
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.retention.archive import Archive
from dlt_sources.weather.retention.dlt_records import LOADS, count_records, delete_records
from dlt_sources.weather.retention.policy import rules
from dlt_sources.weather.retention.portions import Kind, Portion
from dlt_sources.weather.retention.stores.duckdb_store import DuckDBStore
from dlt_sources.weather.retention.stores.postgres_store import PostgresStore
from dlt_sources.weather.retention.stores.store import Store, without_handles
from dlt_sources.weather.retention.turns import InterruptedPruneError, Turns


@dataclass
class Pruned:
    """What goes, or has gone, of one table by one rule.

    Attributes:
        table: name of the table.
        kind: whether rows are dropped by age, or thinned.
        before: rows before this moment, UTC.
        first: the oldest month; None for dlt's records.
        expected: rows that are to go.
        bytes: their size in the database, by the mean size of the table's rows.
        rows: rows that were deleted.
        archived: rows that were archived.
    """

    table: str
    kind: Kind
    before: datetime
    first: str | None = None
    expected: int = 0
    bytes: int = 0
    rows: int = 0
    archived: int = 0


@dataclass
class PruneReport:
    """Result of a pruning, or of a rehearsal that deletes nothing.

    Attributes:
        pruned: what goes of each table.
        archive: where rows were archived; None if they were not.
        seconds: the time that it took.
        interrupted: whether a signal ended it.
        error: the error that ended it early; what was deleted before is gone.
    """

    pruned: list[Pruned] = field(default_factory=list)
    archive: str | None = None
    seconds: float = 0.0
    interrupted: bool = False
    error: WeatherError | None = None

    @property
    def rows(self) -> int:
        """Rows that were deleted."""
        return sum(one.rows for one in self.pruned)

    @property
    def bytes(self) -> int:
        """Size of the deleted rows in the database."""
        return sum(one.bytes * one.rows // one.expected for one in self.pruned if one.expected)


Progress = Callable[[Pruned], None]


def prune(
    target: Target,
    settings: WeatherSettings,
    *,
    rehearse: bool = False,
    on_start: Callable[[Turns], None] = lambda _: None,
    on_progress: Progress = lambda _: None,
    now: Callable[[], datetime] = utc_now,
) -> PruneReport:
    """Delete what the settings of retention do not keep.

    Args:
        target: the destination and dataset.
        settings: the settings; ``retention`` has the rules.
        rehearse: whether to count only.
        on_start: called with the turns, whose ``interrupt`` ends the pruning.
        on_progress: called with the figures of a table while it is pruned.
        now: the clock, UTC.

    Returns:
        The report. Its ``error`` is set if something ended the pruning after it began to delete.

    Raises:
        ConfigurationError: the destination has no deletes, or the archive cannot be opened.
        DestinationError: the archive cannot be reached.
        WeatherError: nothing could be read.
    """
    retention, began = settings.retention, monotonic()
    ensure_can_delete(target)
    report = PruneReport()
    archive = None
    if retention.archive:
        archive = Archive(retention.archive, target.dataset_name)
        archive.ensure_reachable()
        report.archive = archive.address
    if not retention.enabled or not target.exists:
        return report
    turns = Turns(target, settings.lock_wait_seconds)
    on_start(turns)
    pruning = _Pruning(target, turns, retention, now(), report, archive, on_progress)
    try:
        pruning.run(rehearse=rehearse)
    except InterruptedPruneError:
        report.interrupted = True
    except WeatherError as error:
        if not report.rows:
            raise
        report.error = error
    report.seconds = monotonic() - began
    return report


def ensure_can_delete(target: Target) -> None:
    """Refuse a destination whose rows cannot be deleted one by one.

    Args:
        target: the destination and dataset.

    Raises:
        ConfigurationError: it is neither DuckDB nor PostgreSQL.
    """
    if target.is_duckdb or target.is_postgres:
        return
    raise ConfigurationError(
        f"weather prune deletes rows in DuckDB and PostgreSQL only, and {target.destination} is neither: nothing was "
        "deleted there. Its tables grow until you delete old rows with its own means; forecasts by issued_at and "
        "weather_raw by fetched_at, and no load asks for them again."
    )


@dataclass
class _Pruning:
    """One pruning of a target, see ``prune``."""

    target: Target
    turns: Turns
    retention: RetentionSettings
    now: datetime
    report: PruneReport
    archive: Archive | None
    on_progress: Progress

    def run(self, *, rehearse: bool) -> None:
        store: Store = (PostgresStore if self.target.is_postgres else DuckDBStore)(self.target, self.turns)
        tables = store.tables()
        for rule in rules(self.retention, self.now):
            if rule.table not in tables:
                continue
            portions = store.portions(rule)
            size = tables[rule.table] / max(store.rows_of(rule), 1) if portions else 0.0
            found = {kind: self._add(portions, kind, size) for kind in dict.fromkeys(one.kind for one in portions)}
            if rehearse or not portions:
                continue
            if "dropped" in found and self.archive is None:
                found["dropped"].rows += store.drop_whole(rule)
                self.on_progress(found["dropped"])
            for portion in portions:
                self._prune(store, portion, found[portion.kind])
            store.reclaim(rule)
        if self.retention.dlt_loads_days and LOADS in tables:
            self._prune_dlt(self.now - timedelta(days=self.retention.dlt_loads_days), rehearse=rehearse)

    def _add(self, portions: list[Portion], kind: Kind, size: float) -> Pruned:
        chosen = [one for one in portions if one.kind == kind]
        rows = sum(one.rows for one in chosen)
        rule = chosen[0].rule
        before = (rule.drop_before if kind == "dropped" else rule.thin_before) or chosen[-1].end
        pruned = Pruned(rule.table, kind, before, chosen[0].month, rows, int(rows * size))
        self.report.pruned.append(pruned)
        return pruned

    def _prune(self, store: Store, portion: Portion, pruned: Pruned) -> None:
        if self.archive is None:
            for rows in store.delete_at_once(portion):
                pruned.rows += rows
                self.on_progress(pruned)
            if pruned.rows >= pruned.expected:
                return
        for chunk in store.chunks(portion, whole=self.archive is not None):
            if self.archive:
                self.turns.ensure_not_interrupted()
                self.archive.write(portion, without_handles(chunk))
                pruned.archived += chunk.num_rows
            pruned.rows += store.delete(portion, chunk)
            self.on_progress(pruned)

    def _prune_dlt(self, before: datetime, *, rehearse: bool) -> None:
        """Prune dlt's records, which are few: in one turn."""
        name = self.target.pipeline_name
        with self.target.connection(self.turns.wait_seconds) if rehearse else self.turns.turn() as client:
            for table, rows in count_records(DestinationReader(client), name, before).items():
                if rows:
                    pruned = Pruned(table, "dropped", before, expected=rows)
                    self.report.pruned.append(pruned)
                    if not rehearse:
                        delete_records(client, table, name, before)
                        pruned.rows = rows
                        self.on_progress(pruned)
