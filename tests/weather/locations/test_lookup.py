"""Locations that are looked up: once each, by the question of their kind, with the answer checked."""

from __future__ import annotations

import logging
from datetime import datetime, timezone

import orjson
import pytest

from dlt_sources.weather.api.responses import Answer, Failure
from dlt_sources.weather.destination.reader import KnownLocation
from dlt_sources.weather.locations.geocoding import Lookup, match_known_locations, read_match, request_for
from dlt_sources.weather.locations.parsing import (
    LocationQuery,
    location_at,
    parse_location,
    parse_locations,
)

NOW = datetime(2026, 5, 20, 12, 20, tzinfo=timezone.utc)
BOM = "\ufeff"


def new_rows(lookup: Lookup) -> list[dict[str, object]]:
    return [row for table in lookup.rows.take() for row in table.to_pylist()]


def test_places_with_coordinates_need_no_lookup_and_are_rows_once():
    wanted = [parse_location("40.4,-3.7")]
    lookup = match_known_locations(wanted, {}, NOW)
    assert [(place.location_id, place.lat, place.lon) for place in lookup.locations] == [
        ("40.4000,-3.7000", 40.4, -3.7)
    ]
    assert not lookup.to_resolve
    (row,) = new_rows(lookup)
    assert (row["query"], row["resolved_by"], row["fetched_at"]) == ("40.4,-3.7", "coordinates", NOW)
    again = match_known_locations(wanted, {"40.4000,-3.7000": KnownLocation("40.4,-3.7", "40.4,-3.7", 40.4, -3.7)}, NOW)
    assert (len(again.locations), new_rows(again)) == (1, [])


def test_a_place_that_was_renamed_or_moved_is_a_row_again():
    here = location_at(1, 2, query="", name="New name", location_id="here")
    remembered = {"here": KnownLocation("", "Old name", 1.0, 2.0)}
    assert [row["name"] for row in new_rows(match_known_locations([here], remembered, NOW))] == ["New name"]
    there = location_at(1, 3, query="", name="Old name", location_id="here")
    assert [row["lon"] for row in new_rows(match_known_locations([there], remembered, NOW))] == [3.0]


def test_a_name_is_looked_up_once_and_then_remembered():
    wanted = [parse_location("Madrid,ES")]
    assert [place.query for place in match_known_locations(wanted, {}, NOW).to_resolve] == ["Madrid,ES"]
    lookup = match_known_locations(wanted, {"madrid,es": KnownLocation("Madrid,ES", "Madrid", 40.4, -3.7)}, NOW)
    assert not lookup.to_resolve
    assert new_rows(lookup) == []
    assert [(place.name, place.lat) for place in lookup.locations] == [("Madrid", 40.4)]


def test_an_id_that_now_means_another_query_is_looked_up_again():
    wanted = [LocationQuery("mine", "Oslo,NO", "direct")]
    lookup = match_known_locations(wanted, {"mine": KnownLocation("Madrid,ES", "Madrid", 40.4, -3.7)}, NOW)
    assert list(lookup.to_resolve) == wanted


@pytest.mark.parametrize(
    ("first", "second"),
    [("Madrid,ES", "madrid , es"), ("40.4,-3.7", "40.40000001,-3.7"), ("id:5", "ID:5")],
    ids=["spelling", "decimals", "capitals"],
)
def test_a_place_listed_twice_is_asked_for_once_and_told(caplog, first, second):
    with caplog.at_level(logging.WARNING):
        lookup = match_known_locations(parse_locations([first, second], "location"), {}, NOW)
    assert len(lookup.locations) + len(lookup.to_resolve) == 1
    assert "listed twice" in caplog.text


def test_one_id_for_two_places_loads_the_first_and_rejects_the_second(caplog):
    home, farm = (
        LocationQuery("mine", name, "coordinates", name, lat, 1.0) for name, lat in (("Home", 1.0), ("Farm", 2.0))
    )
    lookup = match_known_locations([home, farm, home], {}, NOW)
    assert [place.name for place in lookup.locations] == ["Home"]
    assert [(entry.position, entry.text) for entry in lookup.invalid] == [("location_id mine", "Farm")]
    assert "another place of the list has the same location_id" in caplog.text


def test_what_is_no_place_is_set_apart_and_told(caplog):
    with caplog.at_level(logging.WARNING):
        lookup = match_known_locations(parse_locations(["95,0", "Oslo,NO"], "location"), {}, NOW)
    assert [entry.position for entry in lookup.invalid] == ["location 1"]
    assert [place.query for place in lookup.to_resolve] == ["Oslo,NO"]
    assert "location 1" in caplog.text


@pytest.mark.parametrize(
    ("text", "path", "params"),
    [
        ("Madrid,ES", "/geo/1.0/direct", {"q": "Madrid,ES", "limit": "5"}),
        ("zip:28001,ES", "/geo/1.0/zip", {"zip": "28001,ES"}),
        ("id: 3117735", "/data/2.5/weather", {"id": "3117735"}),
    ],
    ids=["name", "postcode", "id"],
)
def test_each_kind_of_place_has_its_question(text, path, params):
    request = request_for(parse_location(text))
    assert (request.path, request.params) == (path, params)


def matched(text, data):
    """What becomes of the geocoder's answer for a place."""
    wanted = parse_location(text)
    return read_match(wanted, Answer(request_for(wanted), orjson.dumps(data), data, NOW))


MATCH = {"name": "Vienna", "lat": 48.20849, "lon": 16.37208, "country": "AT", "local_names": {"de": "Wien"}}


def test_the_first_match_is_taken_and_the_number_of_matches_kept(caplog):
    with caplog.at_level(logging.INFO):
        row = matched("Vienna", [MATCH, {**MATCH, "country": "US", "state": "Virginia"}])
    assert (row["name"], row["country"], row["state"], row["matches"]) == ("Vienna", "AT", None, 2)
    assert (row["lat"], row["lon"]) == (48.2085, 16.3721)
    assert "first of 2" in caplog.text


def test_a_postcode_is_answered_by_one_object():
    row = matched("zip:1010,AT", {"zip": "1010", "name": "Vienna", "lat": 48.2, "lon": 16.4, "country": "AT"})
    assert (row["name"], row["matches"], row["resolved_by"]) == ("Vienna", 1, "zip")


def test_an_id_is_answered_by_the_weather_there():
    data = {"coord": {"lat": 48.2, "lon": 16.4}, "name": "Wien", "sys": {"country": "AT"}, "id": 5, "cod": 200}
    row = matched("id:5", data)
    assert (row["lat"], row["name"], row["country"], row["resolved_by"]) == (48.2, "Wien", "AT", "id")


def test_the_users_own_name_wins():
    wanted = LocationQuery("w", "Vienna,AT", "direct", name="Home")
    row = read_match(wanted, Answer(request_for(wanted), b"", [MATCH], NOW))
    assert row["name"] == "Home"


@pytest.mark.parametrize(
    ("text", "data", "error_class"),
    [
        pytest.param("Atlantis", [], "not_found", id="no match"),
        pytest.param("Atlantis", None, "invalid_answer", id="null"),
        pytest.param("Atlantis", ["x"], "invalid_answer", id="a list of texts"),
        pytest.param("Atlantis", 7, "invalid_answer", id="a number"),
        pytest.param("Atlantis", [{}], "invalid_answer", id="an empty match"),
        pytest.param("Atlantis", [{"lat": 1}], "invalid_answer", id="no longitude"),
        pytest.param("Atlantis", [{"lat": "north", "lon": 1}], "invalid_answer", id="latitude in words"),
        pytest.param("Atlantis", [{"lat": 91, "lon": 1}], "invalid_answer", id="latitude 91"),
        pytest.param("Atlantis", [{"lat": None, "lon": None}], "invalid_answer", id="coordinates null"),
        pytest.param("id:5", {"coord": {}}, "invalid_answer", id="id with coord {}"),
        pytest.param("id:5", {"coord": []}, "invalid_answer", id="id with coord []"),
        pytest.param("id:5", {"name": "x"}, "invalid_answer", id="id without coord"),
    ],
)
def test_an_answer_that_names_no_point_is_a_failure(text, data, error_class):
    failure = matched(text, data)
    assert isinstance(failure, Failure)
    assert failure.error_class == error_class


@pytest.mark.parametrize("value", [5, None, "", {}, ["x"]], ids=str)
def test_names_of_the_wrong_type_are_left_out(value):
    row = matched("Vienna", [{**MATCH, "name": value, "country": value, "state": value}])
    assert (row["name"], row["country"], row["state"]) == (None, None, None)
