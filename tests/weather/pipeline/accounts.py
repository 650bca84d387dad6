"""Accounts that an interrupted load is held to: every key once, every hour, every row with its load."""

from datetime import datetime, timedelta, timezone

from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.destination.target import Target
from tests.helpers.support import assert_no_duplicates, query, tables
from tests.weather.extract.requests.timeline import assert_hours, at

MADRID = "40.4168,-3.7038"
OSLO = "59.9139,10.7522"
PLACES = [MADRID, OSLO]
HISTORY = timedelta(days=1)
# a small load in two packages: two places, their current weather and 25 hours of air pollution in two windows
SMALL = {
    "resources": ["locations", "current_weather", "air_pollution"],
    "locations": PLACES,
    "history_days": HISTORY.days,
    "history_days_per_call": 1,
    "chunk_rows": 40,
}


def assert_whole(target: Target, until: datetime, *, since: datetime) -> None:
    """Assert that every table has each key once, every place every hour, and every run its accounts.

    The series begin at ``since``, or an hour later where the killed load had not loaded any hour.
    """
    assert_each_key_once(target)
    assert_every_row_has_its_load(target)
    assert_no_hour_missing(target, until, since=since)
    lost = query(target, "SELECT run_id, resource FROM load_runs WHERE rows_fetched <> rows_loaded + rows_rejected")
    assert lost == []
    assert folders(target) == []


def folders(target: Target) -> list[str]:
    """The working directories of runs that have not been finished."""
    return [path.name for path in target.root.iterdir() if path.is_dir() and path.name != "set_aside"]


def assert_each_key_once(target: Target) -> None:
    for table in sorted(tables(target) & TABLES.keys()):
        assert_no_duplicates(target, table, *TABLES[table].key)


def assert_every_row_has_its_load(target: Target) -> None:
    for table in sorted(tables(target) & TABLES.keys()):
        strays = query(
            target, f"SELECT count(*) FROM {table} WHERE _dlt_load_id NOT IN (SELECT load_id FROM _dlt_loads)"
        )
        assert strays == [(0,)], table


def assert_no_hour_missing(target: Target, until: datetime, *, since: datetime) -> None:
    for place in PLACES:
        rows = query(target, "SELECT dt FROM air_pollution WHERE location_id = %s ORDER BY dt", place)
        hours = [dt.astimezone(timezone.utc) for (dt,) in rows]
        assert hours[0] in (since, since + timedelta(hours=1))
        assert hours == [hours[0] + timedelta(hours=n) for n in range(len(hours))], place
        assert hours[-1] == until


def hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def current_weather_at(target: Target, moment: datetime) -> int:
    """Observations that were fetched at a moment of the test's clock."""
    return int(query(target, "SELECT count(*) FROM current_weather WHERE fetched_at = %s", moment)[0][0])


def assert_ten_days(target: Target) -> None:
    """Assert that the hours of two places from 1 to 10 March 2026 are there once, and that nothing is left to load."""
    for place in (MADRID, OSLO):
        assert_hours(target, place, at(2026, 3, 1), at(2026, 3, 10, 23))
    assert_each_key_once(target)
    assert_every_row_has_its_load(target)
    assert folders(target) == []
    assert query(target, "SELECT run_id FROM load_runs WHERE rows_fetched <> rows_loaded + rows_rejected") == []
