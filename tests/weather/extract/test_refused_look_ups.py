"""A misspelt location is asked for again with growing pauses, under one reject, and is named by every run."""

import logging
import shutil
from datetime import datetime, timedelta, timezone

import pytest

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.api.responses import Failure, Request
from dlt_sources.weather.common.errors import IncompleteError
from dlt_sources.weather.extract.locations import match_locations
from dlt_sources.weather.journal.results import decode, encode
from dlt_sources.weather.locations.geocoding import location_queries
from dlt_sources.weather.locations.model import LocationQuery
from dlt_sources.weather.locations.refusals import next_look_up
from dlt_sources.weather.pipeline.plan.calls import plan
from dlt_sources.weather.status.causes import late_by_cause
from dlt_sources.weather.status.late import late_by_resource
from dlt_sources.weather.status.rejects import open_rejects
from tests.helpers.support import load_accounted, query

MISSPELT = "Xyzzyville,ES"
OSLO = "59.9139,10.7522"
TEXT = "The geocoder knows no such place."
START = datetime(2026, 5, 20, 12, 20, tzinfo=timezone.utc)


@pytest.fixture
def choice(settings):
    return settings(locations=[OSLO, MISSPELT, "zip:28001,ES"], resources=["current_weather"])


def look_ups(simulator, text=MISSPELT):
    return sum(request.params.get("q") == text for request in simulator.requests)


@pytest.mark.parametrize(("times", "hours"), [(1, 1), (2, 2), (5, 16), (6, 24), (9_000, 24)])
def test_pauses_double_up_to_a_day_and_end_at_a_full_hour(times, hours):
    assert next_look_up(times, START) == datetime(2026, 5, 20, 12, tzinfo=timezone.utc) + timedelta(hours=hours)


def test_hourly_loads_ask_less_and_less_often_keep_one_reject_and_name_the_place(
    target, choice, clock, simulator, caplog
):
    for asked in (1, 2, 2):
        report = load_accounted(target, choice, clock)
        assert look_ups(simulator) == asked
        clock.pass_time(hours=1)
        # the state is in the tables alone
        shutil.rmtree(target.root)
    columns = "location_id, query, error_class, run_id, times, first_rejected_at, asked_again_at"
    again_at = START.replace(hour=15, minute=0)
    assert query(target, f"SELECT {columns} FROM rejects") == [
        ("xyzzyville,es", MISSPELT, "not_found", report.run_id, 2, START, again_at)
    ]
    sql = "SELECT sum(calls), sum(requests), sum(rows_fetched) FROM load_runs WHERE resource = 'locations'"
    assert query(target, sql) == [(3, 3, 5)], "a place that is not asked for is a row, but no request and no call"
    again = "since 2026-05-20 12:20Z, asked again 2026-05-20 15:00Z"
    assert f"{MISSPELT} is not looked up now: {TEXT} ({again})" in caplog.text
    metrics = report.metrics_by_resource["locations"]
    assert list(metrics.places[TEXT]) == [f"{MISSPELT} [{again}]"]
    assert (metrics.misspelt, metrics.rows_rejected, report.error) == (1, 1, None)
    clock.pass_time(minutes=-30)
    with target.reader() as reader:
        late = late_by_resource(reader, choice, clock())
        (reject,) = open_rejects(reader, {"xyzzyville,es": MISSPELT}, clock())
    ((cause, (group,)),) = late_by_cause(late).items()
    assert (cause, group.queries, group.again) == (f"not_found: {TEXT}", [MISSPELT], again)
    assert (reject.number, reject.since, reject.asked_again_at) == (2, START, again_at)
    assert plan(target, choice, clock()).to_resolve == 0


def test_a_pause_holds_back_one_query_for_its_time(duckdb, choice, settings, clock, caplog):
    load_accounted(duckdb, choice, clock)
    corrected = settings(locations=[OSLO, "Xyzzyville,FR"])

    def asked(choice, **later):
        found = match_locations(choice, reader, START + timedelta(**later), unknown=True)
        assert len(found.to_resolve) + len(found.refused) == 1
        return [(one.query, one.refusals, one.refused_since) for one in found.to_resolve]

    with duckdb.reader() as reader:
        assert asked(choice, minutes=39) == []
        assert asked(choice, minutes=40) == [(MISSPELT, 1, START)]
        assert asked(corrected, minutes=1) == [("Xyzzyville,FR", 0, None)]
        assert asked(choice, days=-400) == [(MISSPELT, 1, START)], "a clock was ahead"
    # a dataset of an earlier release
    for name in ("times", "first_rejected_at", "asked_again_at"):
        query(duckdb, f"ALTER TABLE rejects DROP COLUMN {name}")
    caplog.set_level(logging.WARNING)
    caplog.clear()
    with duckdb.reader() as reader:
        assert asked(choice, minutes=1) == [(MISSPELT, 0, None)]
        assert [one.number for one in open_rejects(reader, {"xyzzyville,es": MISSPELT}, clock())] == [1]
        (late,) = late_by_resource(reader, choice, clock())["locations"]
    assert (late.cause, late.asked_again_at) == (f"not_found: {TEXT}", None)
    assert caplog.text == ""


def test_most_places_misspelt_fail_every_run_whether_they_are_asked_or_not(duckdb, settings, clock, simulator):
    choice = settings(locations=[OSLO, MISSPELT, "Abcdeville,ES", "95,0"], resources=["current_weather"])
    for shortfall in ("locations: 2 of 3 requests failed", "locations: 3 of 4 rows were rejected"):
        report = load_accounted(duckdb, choice, clock)
        assert look_ups(simulator) == 1
        assert isinstance(report.error, IncompleteError)
        assert shortfall in str(report.error)
        assert "Correct these places in the list" in str(report.error)
    # an entry that is no place has one reject too
    assert query(duckdb, "SELECT run_id, field FROM rejects ORDER BY field") == [
        (report.run_id, "location 4"),
        (report.run_id, None),
        (report.run_id, None),
    ]


def test_a_corrected_entry_is_not_told_as_refused_before_the_next_load(duckdb, settings, clock, tmp_path):
    places = tmp_path / "places.csv"
    fine = [OSLO, "zip:28001,ES", "Berlin,DE"]
    choice = settings(locations=fine, locations_file=str(places), resources=["current_weather"])
    places.write_text(f"query;location_id\n{MISSPELT};office\n")
    load_accounted(duckdb, choice, clock)
    with duckdb.reader() as reader:
        assert [one.number for one in open_rejects(reader, {"office": MISSPELT}, clock())] == [1]
        # it may keep its id
        for query_text, location_id in (("Madrid,ES", "office"), ("Xyzzyville,FR", "home")):
            places.write_text(f"query;location_id\n{query_text};{location_id}\n")
            listed = {one.location_id: one.query for one in location_queries(choice)}
            assert open_rejects(reader, listed, clock()) == []
            (late,) = late_by_resource(reader, choice, clock())["locations"]
            assert (late.query, late.asked_again_at) == (query_text, None)
            assert not late.cause.startswith("not_found"), "that was another entry"


@pytest.mark.slow
def test_a_passing_failure_moves_no_pause(duckdb, choice, clock, simulator):
    load_accounted(duckdb, choice, clock)
    simulator.inject(Fault(path="/geo/1.0/direct", where={"q": MISSPELT}, status=503))
    choice.attempts = 1
    for _ in range(2):
        clock.pass_time(hours=1)
        load_accounted(duckdb, choice, clock)
        simulator.clear_faults()
    assert look_ups(simulator) == 3
    found = query(duckdb, "SELECT error_class, times, first_rejected_at FROM rejects ORDER BY 1")
    assert found == [("not_found", 2, START), ("server_error", None, None)]


def test_the_journal_keeps_what_is_known_of_earlier_refusals():
    subject = LocationQuery("x", "X", "direct", refusals=3, refused_since=START)
    failure = Failure(Request("locations", "/geo/1.0/direct", {}, subject), "not_found", "no", 404)
    assert decode(encode(b'{"started_at":"2026-05-20T12:00:00+00:00"}', failure, 1, START)).result == failure
