"""Backfills of One Call 4.0 that are killed: each page is paid once, and each hour is there once."""

from collections import Counter

import pytest

from dlt_sources.weather.journal import entries_of, journal_files
from tests.helpers.processes import load_and_die
from tests.helpers.support import load_accounted, query
from tests.weather.extract.requests.timeline import HOURS, MADRID, OSLO, asked, assert_hours, at, subscribe
from tests.weather.pipeline.accounts import assert_ten_days

pytestmark = [pytest.mark.db, pytest.mark.process]
# ten days of two places
RANGE = {"since": "2026-03-01", "until": "2026-03-10T23:00Z"}
PAGES = 24
CHOICE = {"resources": HOURS, "locations": [MADRID, OSLO], **RANGE}
# answers in the journal only; a package that is not in the destination; one that the destination takes at that moment
POINTS = ["ask:9", "after-commit-package:1", "complete-job:2"]
# up to the first job, nothing has reached the destination: with DuckDB, that is played each time
KILLS = [
    pytest.param(
        name,
        point,
        id=f"{name}-{point}",
        marks=[pytest.mark.slow] if name == "postgres" and point != POINTS[-1] else [],
    )
    for name in ("duckdb", "postgres")
    for point in POINTS
]


@pytest.mark.parametrize(("target", "point"), KILLS, indirect=["target"])
def test_a_backfill_that_is_killed_asks_only_for_what_it_has_not_paid(target, settings, clock, simulator, point):
    subscribe(simulator)
    load_and_die(target, point, dict(settings(**CHOICE)), clock())
    folder = next(path for path in target.root.iterdir() if path.is_dir())
    kept = sum(1 for file in journal_files(folder) for _ in entries_of(file))
    asked(simulator)
    clock.pass_time(hours=1)
    report = load_accounted(target, settings(**CHOICE), clock)
    assert report.rows_rejected == 0
    again = [(params["lat"], params["start"]) for params in asked(simulator)]
    assert max(Counter(again).values(), default=1) == 1
    assert len(again) <= PAGES - kept
    assert kept
    assert_ten_days(target)
    load_accounted(target, settings(**CHOICE), clock)
    assert asked(simulator) == []


def test_the_journal_of_new_hours_keeps_exactly_what_the_run_would_have_kept(target, settings, clock, simulator):
    subscribe(simulator)
    choice = {"resources": HOURS, "locations": [OSLO], "history_days": 1}
    load_accounted(target, settings(**choice), clock)
    clock.pass_time(hours=3)
    load_and_die(target, "convert:1", dict(settings(**choice)), clock())
    asked(simulator)
    killed_at = clock()
    clock.pass_time(minutes=10)
    load_accounted(target, settings(**choice), clock)
    assert asked(simulator) == []
    assert_hours(target, OSLO, at(2026, 5, 19, 12), at(2026, 5, 20, 15))
    assert query(target, "SELECT count(*) FROM weather_history WHERE fetched_at = %s", killed_at) == [(20,)]
