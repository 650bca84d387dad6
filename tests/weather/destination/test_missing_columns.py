"""Tables that lack a column, as those of an earlier release do: nothing ends in an exception, and a load adds it."""

from tests.helpers.command import run
from tests.helpers.support import columns, load_accounted, query
from tests.weather.pipeline.accounts import PLACES

MISSING = {"current_weather": "units", "load_runs": "requests", "locations": "lat"}


def test_missing_columns_are_told_and_the_next_load_adds_them(target, settings, clock, caplog):
    choice = settings(resources=["locations", "current_weather"], locations=PLACES)
    load_accounted(target, choice, clock)
    for table, column in MISSING.items():
        query(target, f"ALTER TABLE {table} DROP COLUMN {column}")
    status = run("status", "--destination", target.destination)
    assert status.code == 0, status.said
    clock.pass_time(hours=1)
    assert load_accounted(target, choice, clock).error is None
    for table, column in MISSING.items():
        assert f"Missing in the destination until the next load adds it: {table}.{column}" in caplog.text
        assert column in columns(target, table)
    assert query(target, "SELECT count(*) FROM current_weather WHERE fetched_at = %s", clock()) == [(len(PLACES),)]
