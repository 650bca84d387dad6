"""The soak's verdicts, and a few hours of it on both destinations."""

from __future__ import annotations

from dataclasses import replace

import pytest
from click.testing import CliRunner

from tests.soak.__main__ import main
from tests.soak.hours import Cost
from tests.soak.samples import Sample, Table
from tests.soak.verdict import costs_compared, state_compared, tables_compared, windows

COST = Cost(wall=1.0, cpu=0.5, memory_mb=200.0, handles=5, threads=4, reference=0.01)
SAMPLE = Sample(1, {}, 10**7, 0, 30, 200_000, 262_144)


def bad(lines):
    return {line.name for line in lines if not line.is_good}


def test_windows_are_a_tenth_of_the_hours_from_hour_100_on():
    assert windows(2000) == (range(100, 300), range(1800, 2000))
    assert windows(60) == (range(12, 24), range(48, 60))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"cpu": 0.56}, "processor, times the reference"),
        ({"memory_mb": 221.0}, "memory, MB"),
        ({"handles": 8}, "open handles"),
        ({"threads": 7}, "threads"),
        # a busy machine makes both slower
        ({"cpu": 1.0, "reference": 0.02, "wall": 9.0}, None),
    ],
)
def test_late_hours_that_cost_a_tenth_more_are_bad_and_single_ones_are_not(change, name):
    late = [COST] * 80 + [replace(COST, **change)] * 20
    assert bad(costs_compared(late)) == ({name} if name else set())
    assert bad(costs_compared([COST] * 95 + [replace(COST, **change)] * 5)) == set()


def test_files_and_journals_that_grow_are_bad():
    assert bad(state_compared([SAMPLE, SAMPLE, replace(SAMPLE, database_bytes=10**9)])) == set()
    grown = replace(SAMPLE, files=60, file_bytes=10**7, staging_bytes=10**7, journal_bytes=10**8)
    assert len(bad(state_compared([SAMPLE, SAMPLE, grown]))) == 4


def test_rows_may_grow_where_loads_write_them_but_not_the_bytes_of_a_row():
    before = replace(SAMPLE, tables={"forecast": Table(10_000, 20_000_000), "_dlt_version": Table(1, 8192)})
    after = replace(SAMPLE, tables={"forecast": Table(90_000, 180_000_000), "_dlt_version": Table(2, 8192)})
    assert bad(tables_compared(before, after)) == set()
    after = replace(SAMPLE, tables={"forecast": Table(90_000, 500_000_000, 90_000), "_dlt_version": Table(80, 8192)})
    assert bad(tables_compared(before, after)) == {
        "forecast, bytes a row",
        "forecast, dead rows, %",
        "_dlt_version, rows",
    }


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.db
@pytest.mark.parametrize("via", ["load", "cli"])
@pytest.mark.parametrize("destination", ["duckdb", "postgres"])
def test_a_few_hours_have_every_observation(destination, via):
    ended = CliRunner().invoke(main, ["--hours", "10", "--destination", destination, "--via", via])
    (line,) = [line for line in ended.output.splitlines() if line.startswith("hours of observations")]
    # ten hours say little of what an hour costs
    assert line.endswith("ok"), ended.output
