"""Whether a late hour costs what an early one did, nothing but rows has grown, and every observation is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from dlt_sources.weather.contracts import TABLES, WeatherRaw
from tests.soak.hours import Cost
from tests.soak.samples import Sample
from tests.soak.world import PLACES, World

# of what an early hour costs
MOST = 1.10
# of forecasts, whose months keep the pages of thinned rows until pruning compacts them: a month thinned to a sixth, and
# the fortnight after it whole, are 19 of 44 days' rows
MOST_THINNED = 2.5
# of answers in DuckDB, which compresses ten that a load writes less well than the thousands of `grow`: 164 bytes an
# answer at first, 660 once most of those are pruned, 810 after 400 hours of loads
MOST_OF_SMALL_PARTS = 1.6
# handles and threads come and go with pools; files with an hour's folder
FEW = 2
FEW_FILES = 10
# bytes of a year of Dagster's records with its settings of retention
MOST_RECORDS = 1_000_000_000
# smaller tables have a page too much or too little
LEAST_BYTES = 1_000_000
LEAST_TABLE = 10_000_000
# hours whose median tells more of the hours than of the machine
FEWEST = 12
# rows of the year's loads: those of the contracts, a row a load, or one a day (the ledger of calls)
GROWING = {*TABLES, "_dlt_loads", "_weather_calls"}
# a share of dead rows beyond which autovacuum begins is 20 % (autovacuum_vacuum_scale_factor); twice that is neglect
MOST_DEAD = 0.4


@dataclass(frozen=True)
class Line:
    """A finding: its name, the value early and late, and whether it is as it should be."""

    name: str
    early: float
    late: float
    is_good: bool

    def __str__(self) -> str:
        ratio = f"{self.late / self.early:.2f}" if self.early else ""
        return f"{self.name:<34}{self.early:>12,.2f}{self.late:>12,.2f}{ratio:>7}  {'ok' if self.is_good else 'BAD'}"


def windows(hours: int) -> tuple[range, range]:
    """Return the early and the late hours that are compared: a tenth of all, early from hour 100 or after a fifth."""
    size = max(1, min(FEWEST, hours // 4), hours // 10)
    first = min(100, hours // 5)
    return range(first, first + size), range(hours - size, hours)


def judge(world: World, costs: Sequence[Cost], samples: Sequence[Sample], *, keeps_records: bool) -> list[Line]:
    """Compare early with late, and look at the tables.

    Args:
        world: where the loads were.
        costs: what each hour cost.
        samples: the states, the first and the last at least.
        keeps_records: whether Dagster's records are among the files.
    """
    return [
        *costs_compared(costs),
        *state_compared(samples, keeps_records=keeps_records),
        *tables_compared(samples[0], samples[-1], is_duckdb=world.target.is_duckdb),
        *_observations(world, len(costs)),
    ]


def costs_compared(costs: Sequence[Cost]) -> list[Line]:
    """Compare what late hours cost with what early ones did."""
    early, late = windows(len(costs))

    def middle(of: Callable[[Cost], float], hours: Iterable[int]) -> float:
        return median(of(costs[hour]) for hour in hours)

    def compared(name: str, of: Callable[[Cost], float], *, most: float = 0.0, few: float = 0.0) -> Line:
        before, after = middle(of, early), middle(of, late)
        return Line(name, before, after, not (most or few) or after <= before * (most or 1.0) + few)

    return [
        compared("wall, s", lambda cost: cost.wall),
        compared("processor, s", lambda cost: cost.cpu),
        compared("the reference's processor, ms", lambda cost: 1000 * cost.reference),
        compared("processor, times the reference", lambda cost: cost.cpu / cost.reference, most=MOST),
        compared("memory, MB", lambda cost: cost.memory_mb, most=MOST),
        compared("open handles", lambda cost: cost.handles, few=FEW),
        compared("threads", lambda cost: cost.threads, few=FEW),
    ]


def state_compared(samples: Sequence[Sample], *, keeps_records: bool = False) -> list[Line]:
    """Compare files, the tables of staging and the write-ahead log with those of the second sample.

    Args:
        samples: the states.
        keeps_records: whether Dagster's records of runs are among the files: they grow for days before they are pruned.
    """
    # a day of loads comes first: folders, caches and the first state
    first, last = samples[min(1, len(samples) - 1)], samples[-1]
    most = MOST_RECORDS if keeps_records else first.file_bytes * MOST + LEAST_BYTES
    return [
        Line("files", first.files, last.files, keeps_records or last.files <= first.files + FEW_FILES),
        Line("bytes of files, kB", first.file_bytes / 1e3, last.file_bytes / 1e3, last.file_bytes <= most),
        Line("tables of staging, kB", first.staging_bytes / 1e3, last.staging_bytes / 1e3, _is_flat(first, last)),
        Line("write-ahead log, kB", first.journal_bytes / 1e3, last.journal_bytes / 1e3, last.journal_bytes < 16e6),
        Line("database, MB", first.database_bytes / 1e6, last.database_bytes / 1e6, is_good=True),
    ]


def _is_flat(first: Sample, last: Sample) -> bool:
    return last.staging_bytes <= first.staging_bytes * MOST + LEAST_BYTES


def tables_compared(first: Sample, last: Sample, *, is_duckdb: bool = False) -> list[Line]:
    """Compare the tables: bytes a row where loads write rows, rows where they should write none."""
    lines = []
    for name, table in sorted(last.tables.items()):
        before = first.tables.get(name)
        if before is None:
            continue
        if name not in GROWING:
            lines.append(Line(f"{name}, rows", before.rows, table.rows, table.rows <= before.rows * MOST + FEW_FILES))
        elif name in TABLES and before.rows and before.bytes > LEAST_TABLE:
            early, late = before.bytes / before.rows, table.bytes / max(1, table.rows)
            most = MOST_THINNED if "issued_at" in TABLES[name].model_fields else MOST
            if is_duckdb and name == WeatherRaw.table:
                most = MOST_OF_SMALL_PARTS
            lines.append(Line(f"{name}, bytes a row", early, late, late <= early * most))
        if table.dead and table.bytes > LEAST_TABLE:
            share = table.dead / (table.rows + table.dead)
            lines.append(Line(f"{name}, dead rows, %", 0, 100 * share, share <= MOST_DEAD))
    return lines


def _observations(world: World, loads: int) -> list[Line]:
    with world.target.reader() as reader:
        # the free API computes current weather every 10 minutes: an observation of its own for each hour
        sql = (
            "SELECT count(*), count(DISTINCT CAST(floor(extract(epoch FROM fetched_at) / 3600) AS BIGINT)) FROM {t}"
            " WHERE fetched_at >= %s GROUP BY location_id"
        )
        newest = reader.rows("SELECT max(finished_at) FROM {t}", t="load_runs")[0][0]
        since = newest.replace(minute=0, second=0, microsecond=0) - timedelta(hours=loads - 1)
        found = reader.rows(sql, since, t="current_weather")
        wrong = reader.rows("SELECT count(*) FROM {t} WHERE rows_fetched <> rows_loaded + rows_rejected", t="load_runs")
        doubled = 0
        for name, contract in TABLES.items():
            key = ", ".join(contract.key)
            sql = f"SELECT count(*) FROM (SELECT {key} FROM {{t}} GROUP BY {key} HAVING count(*) > 1) AS doubles"
            doubled += next(iter(reader.rows(sql, t=name)), (0,))[0]
    expected, there = loads * len(PLACES), sum(hours for _, hours in found)
    return [
        Line("hours of observations", expected, there, there == expected),
        Line("keys that are there twice", 0, doubled, doubled == 0),
        Line("runs whose rows do not add up", 0, wrong[0][0], wrong[0][0] == 0),
    ]
