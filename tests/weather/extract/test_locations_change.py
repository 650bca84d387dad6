"""Locations that come, go, repeat or are unknown, from load to load."""

import csv
import logging
from pathlib import Path

from tests.helpers.support import assert_no_duplicates, count, load_accounted, query
from tests.weather.extract.series import (
    AIR,
    MADRID,
    OSLO,
    TOKYO,
    WEEK,
    asked,
    lat,
    series,
)


def test_a_place_that_is_removed_keeps_its_rows_and_is_not_asked(duckdb, settings, clock, simulator):
    load_accounted(duckdb, settings(resources=AIR, locations=[MADRID, OSLO]), clock)
    simulator.requests.clear()
    clock.pass_time(hours=2)
    load_accounted(duckdb, settings(resources=AIR, locations=[OSLO]), clock)
    assert {params["lat"] for params in asked(simulator)} == {lat(OSLO)}
    assert len(series(duckdb, MADRID)) == WEEK
    assert count(duckdb, "locations") == 2


def test_a_place_that_is_listed_twice_is_asked_once(duckdb, settings, clock, simulator, caplog):
    places = [OSLO, "Madrid,ES", " 59.91390 , 10.7522", "madrid, es"]
    load_accounted(duckdb, settings(resources=AIR, locations=places), clock)
    assert len(asked(simulator)) == 2
    assert len(asked(simulator, "/geo/1.0/direct")) == 1
    assert caplog.text.count("is listed twice") == 2
    assert_no_duplicates(duckdb, "air_pollution", "location_id", "dt")
    assert count(duckdb, "locations") == 2


def test_places_are_looked_up_once(duckdb, settings, clock, simulator):
    choice = settings(resources=AIR, locations=["Madrid,ES", "zip:28001,ES", "id:3117735", OSLO])
    load_accounted(duckdb, choice, clock)
    assert count(duckdb, "locations") == 4
    before = simulator.stats.calls
    clock.pass_time(hours=1)
    report = load_accounted(duckdb, choice, clock)
    assert "locations" not in report.metrics_by_resource, "nothing to do"
    assert simulator.stats.calls - before == 4, "one window of air pollution for each place and nothing else"


def test_the_first_of_several_matches_is_taken_and_the_log_says_which(duckdb, settings, clock, caplog):
    caplog.set_level(logging.INFO, "dlt_sources")
    load_accounted(duckdb, settings(resources=["locations"], locations=["Springfield,US"]), clock)
    ((name, latitude, state, matches),) = query(duckdb, "SELECT name, lat, state, matches FROM locations")
    assert matches == 5
    assert f"Springfield,US: took {name}, {state}, US ({latitude:.4f}," in caplog.text
    assert "the first of 5" in caplog.text


def test_unknown_places_are_rejected_and_the_others_loaded(duckdb, settings, clock, caplog):
    places = ["Madrid,ES", "Xyzzyville,ES", "Oslo,NO", "zip:99999,ZZ", "Tokyo,JP"]
    report = load_accounted(duckdb, settings(resources=AIR, locations=places), clock)
    assert report.error is None
    assert report.metrics_by_resource["locations"].rows_rejected == 2
    columns = "location_id, query, error_class, http_status, endpoint, payload"
    found = query(duckdb, f"SELECT {columns} FROM rejects ORDER BY endpoint")
    assert [row[:-1] for row in found] == [
        ("xyzzyville,es", "Xyzzyville,ES", "not_found", 200, "/geo/1.0/direct"),
        ("zip:99999,zz", "zip:99999,ZZ", "not_found", 404, "/geo/1.0/zip"),
    ]
    assert found[0][-1] == "[]"
    assert "not found" in found[1][-1], "the API's own words"
    assert "Xyzzyville,ES was not found" in caplog.text
    assert count(duckdb, "air_pollution") == 3 * WEEK


def test_one_unknown_place_among_known_ones_does_not_fail_the_run(duckdb, settings, clock):
    places = [MADRID, OSLO, TOKYO, "Xyzzyville,ES"]
    report = load_accounted(duckdb, settings(resources=AIR, locations=places), clock)
    assert count(duckdb, "air_pollution") == 3 * WEEK
    assert report.error is None


def test_a_place_whose_query_changes_is_looked_up_anew(duckdb, settings, clock, simulator):
    file = Path("places.csv")

    def load_place(query_text):
        with file.open("w", newline="") as opened:
            csv.writer(opened).writerows([("location_id", "query"), ("office", query_text)])
        load_accounted(duckdb, settings(resources=AIR, locations=[], locations_file=str(file)), clock)
        return query(duckdb, "SELECT location_id, query, name FROM locations")

    assert load_place("Madrid,ES") == [("office", "Madrid,ES", "Madrid")]
    assert load_place("Oslo,NO") == [("office", "Oslo,NO", "Oslo")]
    assert load_place("Oslo,NO") == [("office", "Oslo,NO", "Oslo")]
    assert len(asked(simulator, "/geo/1.0/direct")) == 2
