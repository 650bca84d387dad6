"""Places as users write them, files of places, and what is told of every entry that is no place."""

from __future__ import annotations

import logging
from datetime import datetime, timezone

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlt_sources.weather.api.responses import Answer, Failure
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.destination.reader import KnownLocation
from dlt_sources.weather.locations.geocoding import Lookup, match_known_locations, read_match, request_for
from dlt_sources.weather.locations.parsing import (
    LONGEST_NAME,
    InvalidLocation,
    LocationQuery,
    location_at,
    parse_location,
    parse_locations,
    read_locations,
)

NOW = datetime(2026, 5, 20, 12, 20, tzinfo=timezone.utc)
BOM = "\ufeff"


@pytest.mark.parametrize(
    ("text", "location_id", "kind"),
    [
        pytest.param("Madrid,ES", "madrid,es", "direct", id="name"),
        pytest.param("  Madrid ,  ES ", "madrid,es", "direct", id="spaces around"),
        pytest.param("New   York,US", "new york,us", "direct", id="spaces within"),
        pytest.param("New\nYork\t,US", "new york,us", "direct", id="newline and tab"),
        pytest.param("Straße,DE", "strasse,de", "direct", id="casefolded"),
        pytest.param("القاهرة,EG", "القاهرة,eg", "direct", id="right to left"),
        pytest.param("東京,JP", "東京,jp", "direct", id="ideographs"),
        pytest.param(
            "x'); DROP TABLE locations;--", "x'); drop table locations;--", "direct", id="SQL is a name like any"
        ),
        pytest.param("%s{locations}", "%s{locations}", "direct", id="placeholders are a name like any"),
        pytest.param("40.4,-3.7", "40.4000,-3.7000", "coordinates", id="coordinates"),
        pytest.param(" +40.4 , -3.70004 ", "40.4000,-3.7000", "coordinates", id="signs, spaces, more decimals"),
        pytest.param("-0.00001,0", "0.0000,0.0000", "coordinates", id="no negative zero"),
        pytest.param("90,180", "90.0000,180.0000", "coordinates", id="corner of the globe"),
        pytest.param("-90,-180", "-90.0000,-180.0000", "coordinates", id="other corner"),
        pytest.param("zip:28001,ES", "zip:28001,es", "zip", id="postcode"),
        pytest.param("ZIP: EC1A 1BB,GB", "zip:ec1a 1bb,gb", "zip", id="postcode in capitals"),
        pytest.param("id:3117735", "id:3117735", "id", id="OpenWeather id"),
        pytest.param("40.4", "40.4", "direct", id="one number is a name"),
    ],
)
def test_a_place_is_read_as_it_is_written(text, location_id, kind):
    place = parse_location(text)
    assert (place.location_id, place.kind) == (location_id, kind)
    assert place.query == text.strip()
    assert (place.lat is None) == (kind != "coordinates")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "empty", id="empty"),
        pytest.param(" \n ", "empty", id="blank"),
        pytest.param("x" * 10_000, str(LONGEST_NAME), id="10,000 characters"),
        pytest.param("Mad\x00rid", "NUL|valid", id="NUL"),
        pytest.param("90.0001,0", "latitude", id="north of the pole"),
        pytest.param("-91,0", "latitude", id="south of the pole"),
        pytest.param("0,180.5", "longitude", id="east of the date line"),
        pytest.param("0,-1000", "longitude", id="far west"),
        pytest.param("9" * 150 + ",0", "latitude", id="a huge number"),
        pytest.param("id:", "id:", id="id without a number"),
        pytest.param("id:Madrid", "id:", id="id with a name"),
        pytest.param("id:²", "id:", id="id with a superscript"),
        pytest.param("zip: ", "zip:", id="zip without a code"),
        pytest.param("Madrid\udcff", "valid", id="bytes that were no UTF-8"),
    ],
)
def test_what_is_no_place_is_refused_with_the_reason(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_location(text)


@pytest.mark.parametrize(
    ("lat", "lon"),
    [(float("nan"), 0), (0, float("nan")), (float("inf"), 0), (0, float("-inf")), (91, 0)],
    ids=["nan latitude", "nan longitude", "infinite latitude", "infinite longitude", "latitude 91"],
)
def test_coordinates_off_the_globe_are_refused(lat, lon):
    with pytest.raises(ValueError, match="itude"):
        location_at(lat, lon, query="x")


def test_a_list_goes_on_after_what_is_no_place_and_says_where_it_stood():
    found = list(parse_locations(["Madrid,ES", "", "95,0", "Oslo,NO"], "location"))
    assert [type(place) for place in found] == [LocationQuery, InvalidLocation, InvalidLocation, LocationQuery]
    assert [place.position for place in found if isinstance(place, InvalidLocation)] == ["location 2", "location 3"]
    assert found[2].text == "95,0"


@pytest.mark.parametrize("text", ["x" * 10_000, "Mad\x00rid"], ids=["10,000 characters", "NUL"])
def test_what_is_told_of_no_place_fits_into_a_database(text):
    (bad,) = parse_locations([text], "location")
    assert isinstance(bad, InvalidLocation)
    assert len(bad.text) <= LONGEST_NAME
    assert "\x00" not in bad.text


CSV = "name,lat,lon,query,location_id\n"


def csv_file(folder, text, encoding="utf-8"):
    path = folder / "places.csv"
    path.write_bytes(text.encode(encoding))
    return path


def jsonl_file(folder, *rows):
    path = folder / "places.jsonl"
    path.write_bytes(b"\n".join(row if isinstance(row, bytes) else orjson.dumps(row) for row in rows))
    return path


def parquet_file(folder, rows):
    path = folder / "places.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


THREE = [
    {"name": "Home", "lat": 40.4, "lon": -3.7},
    {"name": "Office", "query": "Oslo,NO"},
    {"name": "Farm", "query": "zip:0150,NO", "location_id": "farm-1"},
]


def files_of_three(folder):
    csv = CSV + 'Home,40.4,-3.7,,\nOffice,,,"Oslo,NO",\nFarm,,,"zip:0150,NO",farm-1\n'
    return {
        "csv": csv_file(folder, csv),
        "jsonl": jsonl_file(folder, *THREE),
        "parquet": parquet_file(
            folder, [{"lat": None, "lon": None, "query": None, "location_id": None} | r for r in THREE]
        ),
    }


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_every_kind_of_file_says_the_same(tmp_path, ending):
    found = list(read_locations(files_of_three(tmp_path)[ending]))
    assert [(p.location_id, p.kind, p.name, p.lat) for p in found] == [
        ("40.4000,-3.7000", "coordinates", "Home", 40.4),
        ("oslo,no", "direct", "Office", None),
        ("farm-1", "zip", "Farm", None),
    ]


def test_a_name_alone_is_looked_up_by_itself(tmp_path):
    (place,) = read_locations(jsonl_file(tmp_path, {"name": "Oslo"}))
    assert (place.kind, place.query, place.location_id) == ("direct", "Oslo", "oslo")


@pytest.mark.parametrize("suffix", [".csv", ".CSV", ".jsonl", ".ndjson"])
def test_the_ending_says_what_a_file_is(tmp_path, suffix):
    path = tmp_path / f"places{suffix}"
    path.write_text("query\nOslo\n" if "csv" in suffix.lower() else '{"query": "Oslo"}\n')
    assert [place.location_id for place in read_locations(path)] == ["oslo"]


def test_a_csv_file_may_begin_with_a_byte_order_mark(tmp_path):
    (place,) = read_locations(csv_file(tmp_path, BOM + "lat,lon\n1,2\n"))
    assert (place.lat, place.lon) == (1.0, 2.0)


def test_a_jsonl_file_may_begin_with_a_byte_order_mark(tmp_path):
    (place,) = read_locations(jsonl_file(tmp_path, BOM.encode() + b'{"lat": 1, "lon": 2}'))
    assert (place.lat, place.lon) == (1.0, 2.0)


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["Unix", "Windows"])
def test_line_ends_of_either_kind_are_read(tmp_path, newline):
    found = read_locations(csv_file(tmp_path, newline.join(["lat,lon", "1,2", "3,4", ""])))
    assert [place.lat for place in found] == [1.0, 3.0]


def test_blank_lines_of_a_jsonl_file_say_nothing(tmp_path):
    assert len(list(read_locations(jsonl_file(tmp_path, b"", {"query": "Oslo"}, b"  ", {"query": "Rome"}, b"")))) == 2


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("A,91,0,,", id="latitude 91"),
        pytest.param("A,0,181,,", id="longitude 181"),
        pytest.param("A,nan,0,,", id="latitude nan"),
        pytest.param("A,1e999,0,,", id="latitude beyond floats"),
        pytest.param("A,north,0,,", id="latitude in words"),
        pytest.param("A,1,,,", id="latitude without longitude"),
        pytest.param("A,,1,,", id="longitude without latitude"),
        pytest.param(",,,,", id="nothing"),
        pytest.param("," * 20, id="too many cells"),
        pytest.param("x" * 10_000 + ",1,1,,", id="name of 10,000 characters"),
        pytest.param("A,1,1,," + "x" * 10_000, id="location_id of 10,000 characters"),
        pytest.param(",,,id:x,", id="id that is no number"),
    ],
)
def test_a_bad_line_of_a_csv_file_is_told_with_its_number_and_the_rest_is_read(tmp_path, line):
    first, bad, last = read_locations(csv_file(tmp_path, f"{CSV}A,1,2,,\n{line}\nB,3,4,,\n"))
    assert (first.lat, last.lat) == (1.0, 3.0)
    assert isinstance(bad, InvalidLocation)
    assert bad.position == "places.csv line 3"
    assert bad.message
    assert len(bad.text) <= LONGEST_NAME


def test_a_cell_of_several_lines_does_not_confuse_the_line_numbers(tmp_path):
    first, bad = read_locations(csv_file(tmp_path, 'name,lat,lon\n"two\nlines",1,2\nA,95,0\n'))
    assert first.name == "two\nlines"
    assert bad.position == "places.csv line 4"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"Madrid,ES", id="no JSON"),
        pytest.param(b'"Madrid,ES"', id="a text"),
        pytest.param(b"[40.4, -3.7]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b"7", id="a number"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(b'{"lat": 1}', id="no longitude"),
        pytest.param(b'{"lat": [], "lon": {}}', id="coordinates of the wrong type"),
        pytest.param(b'{"lat": true, "lon": false}', id="coordinates true and false"),
        pytest.param(b'{"lat": 1e300, "lon": 0}', id="latitude 1e300"),
        pytest.param(b'{"query": "a\\u0000b"}', id="an escaped NUL"),
        pytest.param(b'{"name": "a\\u0000b", "lat": 1, "lon": 1}', id="a NUL in the name"),
        pytest.param(b"a\x00b", id="a NUL"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(b'{"query": "%s"}' % (b"x" * 10_000), id="10,000 characters"),
    ],
)
def test_a_bad_line_of_a_jsonl_file_is_told_with_its_number_and_the_rest_is_read(tmp_path, line):
    first, bad, last = read_locations(jsonl_file(tmp_path, {"query": "Oslo"}, line, {"query": "Rome"}))
    assert (first.query, last.query) == ("Oslo", "Rome")
    assert isinstance(bad, InvalidLocation)
    assert bad.position == "places.jsonl line 2"
    assert bad.message
    assert "\x00" not in bad.text + bad.message
    assert len(bad.text) <= LONGEST_NAME


def test_a_bad_row_of_a_parquet_file_is_told_with_its_number(tmp_path):
    rows = [
        {"lat": 1.0, "lon": 2.0},
        {"lat": float("nan"), "lon": 2.0},
        {"lat": None, "lon": None},
        {"lat": 3, "lon": 4},
    ]
    found = list(read_locations(parquet_file(tmp_path, rows)))
    assert [place.position for place in found if isinstance(place, InvalidLocation)] == [
        "places.parquet line 2",
        "places.parquet line 3",
    ]
    assert len(found) == 4


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("places.xlsx", b"", id="unknown ending"),
        pytest.param("places", b"", id="no ending"),
        pytest.param("places.csv", b"", id="empty CSV"),
        pytest.param("places.csv", b"Madrid,40.4,-3.7\n", id="CSV without a header"),
        pytest.param("places.csv", b"name,lat\nA,1\n", id="CSV without longitude"),
        pytest.param("places.csv", b"lat;lon\n1;2\n", id="CSV with semicolons"),
        pytest.param("places.csv", "name,lat,lon\nMálaga,1,2\n".encode("latin-1"), id="CSV in Latin-1"),
        pytest.param("places.parquet", b"PAR1", id="broken Parquet"),
    ],
)
def test_a_file_that_is_no_list_of_places_stops_with_its_name(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=name):
        list(read_locations(path))


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_file_that_is_not_there_stops_with_its_name(tmp_path, ending):
    with pytest.raises(ConfigurationError, match=f"nowhere.{ending}"):
        list(read_locations(tmp_path / f"nowhere.{ending}"))


def test_a_large_file_is_read_row_by_row(tmp_path):
    places = read_locations(csv_file(tmp_path, "lat,lon\n" + "1,2\n" * 20_000))
    assert next(iter(places)).lat == 1.0


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
        pytest.param("Atlantis", None, "not_found", id="null"),
        pytest.param("Atlantis", ["x"], "not_found", id="a list of texts"),
        pytest.param("Atlantis", 7, "not_found", id="a number"),
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
