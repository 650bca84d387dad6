"""The list of cities as a user meets it: which cities, in which form, what is said, and that a load takes it."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from dlt_sources.weather.locations import gazetteer
from dlt_sources.weather.locations.files import read_locations
from dlt_sources.weather.locations.model import LocationQuery
from tests.docs.pages import PAGES, blocks, commands, parse
from tests.helpers.command import NOWHERE, run
from tests.helpers.support import query

MADRID = "40.4168,-3.7038"


def rows_of(finished):
    return list(csv.DictReader(io.StringIO(finished.out)))


def names(*options):
    finished = run("locations", *options)
    assert finished.code == 0, finished.said
    return [row["name"] for row in rows_of(finished)]


def test_conditions_add_up_and_the_most_populous_come_first():
    rows = rows_of(run("locations", "--country", "es", "--country", "PT", "--population", "500000"))
    assert [row["name"] for row in rows[:3]] == ["Madrid", "Barcelona", "Valencia"]
    assert {row["country"] for row in rows} == {"ES", "PT"}
    people = [int(row["population"]) for row in rows]
    assert people == sorted(people, reverse=True)
    assert people[-1] >= 500_000
    assert names("--country", "ES", "--population", "500000", "--near", MADRID, "--km", "400", "--limit", "2") == [
        "Madrid",
        "Valencia",
    ]


def test_the_distance_is_along_a_great_circle_over_the_antimeridian_too():
    assert "Suva" in names("--near", "-18.1,-179.9", "--km", "200")
    assert "168 km" in run("locations", "--near", "-18.1,-179.9", "--km", "160").err


def test_a_box_may_cross_the_antimeridian():
    assert {"Suva", "Lautoka"} <= set(names("--bbox", "177,-20,-179,-15"))
    assert names("--bbox", "-9,40,-8,42", "--country", "PT", "--population", "100000")[0] == "Porto"


def test_villages_are_listed_if_asked_for_and_small_capitals_always():
    assert names("--country", "VA") == ["Vatican City"]
    assert names("--country", "AD", "--limit", "1") == ["Andorra la Vella"]
    assert len(names("--country", "AD", "--population", "5000")) > len(names("--country", "AD"))


def test_ids_are_unique_where_cities_share_a_name_and_stay_in_every_list():
    rows = rows_of(run("locations", "--country", "US"))
    same = [row for row in rows if row["name"] == "Springfield"]
    assert len(same) > 5
    assert len({row["location_id"] for row in rows}) == len(rows)
    (alone,) = rows_of(run("locations", "--near", "39.8,-89.6", "--km", "10", "--limit", "1"))
    assert alone["location_id"] in {row["location_id"] for row in same}


def test_a_load_takes_the_list_as_it_is_and_looks_nothing_up(tmp_path, duckdb, simulator, api):
    path = tmp_path / "places.geojson"
    listed = run("locations", "--country", "US", "--population", "1500000", "--output", str(path))
    assert listed.code == 0, listed.said
    assert listed.out == ""
    assert f"load --locations-file {path}" in listed.err
    loaded = run("--locations-file", str(path), "--resources", "locations,current_weather", api=api)
    assert loaded.code == 0, loaded.said
    found = query(duckdb, "SELECT location_id, name, country, lat, lon FROM locations ORDER BY location_id")
    assert found == sorted(
        (row["location_id"], row["name"], "US", round(float(row["lat"]), 4), round(float(row["lon"]), 4))
        for row in rows_of(run("locations", "--country", "US", "--population", "1500000"))
    )
    assert dict(simulator.stats.by_path) == {"/data/2.5/weather": len(found)}


def test_every_format_says_the_same_to_a_load(tmp_path):
    found = []
    for ending in ("csv", "geojson", "jsonl"):
        path = tmp_path / f"places.{ending}"
        assert run("locations", "--country", "CL", "--output", str(path)).code == 0
        found.append(list(read_locations(path)))
    assert found[0] == found[1] == found[2] != []
    assert all(isinstance(query, LocationQuery) and query.kind == "coordinates" for query in found[0])


def test_the_page_shows_what_its_command_prints():
    page = PAGES["docs/operations.md"]
    (text,) = [one.text for one in commands(page) if "locations --country" in one.text]
    finished = run(*parse(text.partition(" --output")[0]).arguments, SOURCES__WEATHER__CALLS_PER_MINUTE="60")
    shown = next(one for one in blocks(page, "text") if one.startswith("location_id,"))
    assert "".join(finished.out.splitlines(keepends=True)[:2]) + "…\n" + finished.err == shown


def test_geojson_is_a_collection_of_points_and_names_its_source():
    data = json.loads(run("locations", "--country", "ES", "--limit", "1", "--format", "geojson").out)
    assert data["type"] == "FeatureCollection"
    assert "GeoNames" in data["attribution"]
    (feature,) = data["features"]
    assert feature["geometry"] == {"type": "Point", "coordinates": [-3.70256, 40.4165]}
    assert feature["properties"]["timezone"] == "Europe/Madrid"


def test_the_source_of_the_names_and_the_calls_of_the_list_are_said():
    finished = run("locations", "--country", "ES", "--population", "500000")
    (count,) = re.findall(r"^(\d+) locations hourly: (\d+) calls an hour", finished.err, re.MULTILINE)
    assert (int(count[0]), int(count[1])) == (len(rows_of(finished)), 4 * len(rows_of(finished)))
    assert "GeoNames (geonames.org), CC BY 4.0" in finished.err
    too_many = run("locations", "--country", "US", SOURCES__WEATHER__CALLS_PER_MINUTE="60")
    assert "calls_per_minute of 60 allows 3,600" in too_many.err


@pytest.mark.usefixtures("duckdb")
def test_the_calls_are_those_that_a_plan_of_the_list_counts(tmp_path, api):
    path = tmp_path / "places.csv"
    listed = run("locations", "--country", "PT", "--output", str(path))
    sentence = next(line for line in listed.err.splitlines() if " hourly: " in line)
    assert sentence in run("plan", "--locations-file", str(path), api=api).out


def test_neither_a_key_nor_a_list_that_does_not_exist_yet_is_needed():
    settings = {"SOURCES__WEATHER__API_KEY": "", "SOURCES__WEATHER__LOCATIONS_FILE": "places.csv"}
    finished = run("locations", "--country", "VA", api=NOWHERE, **settings)
    assert finished.code == 0, finished.said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--country", "UK"], "there is no country 'UK'; did you mean GB (United Kingdom)?"),
        (["--country", "Spain"], "did you mean ES (Spain)?"),
        (["--country", "Germny"], "DE (Germany)"),
        (["--country", "XX"], "codes have two letters"),
        (["--country", ""], "it is empty"),
        (["--bbox", "-10,44,3,36"], "south 44 is greater than north 36; the order is west,south,east,north"),
        (["--bbox", "44,-9,36,3"], "west 44 is greater than east 36; the order is west,south,east,north"),
        (["--bbox", "-9,120,3,130"], "south 120 is not within -90..90"),
        (["--bbox", "1,2,3"], "no box of four numbers"),
        (["--bbox", "nan,2,3,4"], "no box of four numbers"),
        (["--near", "Madrid"], "no latitude and longitude"),
        (["--near", "140,3"], "latitude 140 is not within -90..90"),
        (["--km", "5"], "--km needs --near"),
        (["--near", MADRID, "--km", "0"], "0"),
        (["--output", "places.txt"], "must end in .csv or .geojson or .jsonl"),
        (["--output", "places.csv", "--format", "jsonl"], "must end in .jsonl"),
        (["--output", "nowhere/places.csv", "--limit", "1"], "places.csv cannot be written: No such file"),
        (["--near", "0,-30"], "The nearest to --near is Touros, BR, at 838 km."),
        (
            ["--country", "AD", "--population", "100000"],
            "With fewer people there is Andorra la Vella, AD, for example: --population 20430",
        ),
        (["--bbox", "-31,0,-30,1"], "For --bbox, the order is west,south,east,north"),
    ],
)
def test_a_mistake_or_an_empty_list_is_a_sentence(options, said):
    finished = run("locations", *options)
    assert finished.code == 2
    assert said in " ".join(finished.err.split())
    assert finished.out == ""


def test_cities_that_an_image_has_not_are_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(gazetteer, "files", lambda _package: tmp_path)
    gazetteer._extract.cache_clear()
    finished = run("locations", "--country", "ES", "--population", "1000")
    gazetteer._extract.cache_clear()
    assert finished.code == 2
    assert "cities1000.json, which has the cities of fewer than 15,000 people, is not in this small image" in " ".join(
        finished.err.split()
    )
    assert finished.out == ""
