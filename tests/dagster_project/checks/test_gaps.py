"""Missing hours and days of history are found; months that nobody asked for are not missing."""

from datetime import datetime, timezone

import pytest

from dagster_project.checks.gaps import gaps
from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.common.clock import DAY, HOUR
from dlt_sources.weather.contracts import WeatherHistory, WeatherHistoryDaily
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.status.gaps import step_of
from tests.dagster_project.conftest import PLACES
from tests.helpers.support import query


@pytest.mark.db
def test_a_row_off_by_a_second_hides_no_gap(target, settings, clock):
    load(target, settings(locations=PLACES, resources=["air_pollution"], history_days=1), now=clock)
    query(target, "UPDATE air_pollution SET dt = '2026-05-20T01:00:01Z' WHERE dt = '2026-05-20T01:00:00Z'")
    query(target, "UPDATE air_pollution SET dt = '2026-05-20T01:00:02Z' WHERE dt = '2026-05-20T02:00:00Z'")
    with target.reader() as loaded:
        assert gaps(loaded).figures == {"missing_hours": 2 * len(PLACES), "places": len(PLACES)}


@pytest.mark.db
def test_a_backfill_of_chosen_months_leaves_no_gap_and_a_hole_in_one_of_them_does(target, settings, clock):
    given = settings(locations=PLACES, resources=["locations", "air_pollution"], history_days=2)
    load(target, given, now=clock)
    given.since, given.until = "2021-02-01", "2021-03-31T23:00"
    load(target, given, now=clock)
    with target.reader() as reader:
        assert gaps(reader).passed
    query(target, "DELETE FROM air_pollution WHERE dt BETWEEN '2021-02-27T00:00:00Z' AND '2021-03-02T23:00:00Z'")
    with target.reader() as reader:
        result = gaps(reader)
    assert result.figures == {"missing_hours": 2 * 4 * 24, "places": 2}
    assert {row["first"][:7] for row in result.rows} == {"2021-02"}


@pytest.mark.db
def test_whole_months_that_were_asked_for_in_vain_are_a_gap_until_they_are_loaded(target, settings, simulator, clock):
    given = settings(locations=PLACES, resources=["locations", "air_pollution"], history_days=2, attempts=1)
    load(target, given, now=clock)
    given.since, given.until = "2021-02-01", "2021-02-28T23:00"
    load(target, given, now=clock)
    given.since, given.until = "2022-02-01", "2022-04-30T23:00"
    simulator.inject(Fault(path="/data/2.5/air_pollution/history", status=500))
    load(target, given, now=clock)
    load(target, given, now=clock)
    with target.reader() as reader:
        assert gaps(reader).figures == {"missing_hours": 2 * 89 * 24, "places": 2}
    simulator.clear_faults()
    load(target, given, now=clock)
    with target.reader() as reader:
        assert gaps(reader).passed


@pytest.mark.db
@pytest.mark.parametrize("contract", [WeatherHistory, WeatherHistoryDaily])
def test_a_missing_hour_or_day_of_weather_is_found_although_the_noon_of_a_place_moves(
    target, settings, clock, contract
):
    load(target, settings(locations=PLACES, resources=["air_pollution"], history_days=0), now=clock)
    step = step_of(contract)
    first = datetime(2026, 3, 22, 12, tzinfo=timezone.utc)
    moments = [first + number * step for number in range(20)]
    if step == DAY:
        # the clocks of Europe go ahead on the 29th
        moments = [moment - HOUR * (moment.day > 28 or moment.month > 3) for moment in moments]
    rows = ", ".join(f"('{PLACES[0]}', '{moment.isoformat()}')" for moment in moments)
    query(target, f"CREATE TABLE {contract.table} AS SELECT location_id, dt FROM air_pollution WHERE false")
    query(target, f"INSERT INTO {contract.table} VALUES {rows}")
    with target.reader() as reader:
        assert gaps(reader, contract).passed
    query(
        target,
        f"DELETE FROM {contract.table} WHERE dt IN ('{moments[5].isoformat()}', '{moments[9].isoformat()}')",
    )
    with target.reader() as reader:
        result = gaps(reader, contract)
    assert result.figures == {"missing_days" if step == DAY else "missing_hours": 2, "places": 1}
