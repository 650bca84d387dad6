"""The chart of the weather shows the tables' data, in few bytes, with any names of places."""

from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from PIL import Image

from dagster_project.reports.chart import describe_errors, draw, html_page
from dagster_project.reports.queries import MAX_LOCATIONS, Weather, read_weather
from dlt_sources.weather.pipeline.load import load
from tests.dagster_project.conftest import PLACES
from tests.helpers.support import query

MOST_BYTES = 100_000


def picture_of(png):
    image = Image.open(BytesIO(png))
    image.load()
    assert image.size == (1000, 1000)
    assert len(png) < MOST_BYTES
    return image


@pytest.mark.db
def test_it_shows_what_the_tables_hold(target, settings, clock):
    for _ in range(3):
        load(target, settings(locations=PLACES, history_days=2), now=clock)
        clock.pass_time(hours=12)
    with target.reader() as loaded:
        weather = read_weather(loaded, clock(), 7)
    assert weather.all_locations == len(PLACES)
    for place in weather.locations:
        (rows,) = query(target, "SELECT count(*) FROM current_weather WHERE location_id = %s", place.location_id)
        assert len(place.temperature) == rows[0] == 3
        (hours,) = query(target, "SELECT count(*) FROM air_pollution WHERE location_id = %s", place.location_id)
        assert len(place.pm2_5) == hours[0]
        assert len(place.forecast) == 40
        assert place.errors, "a day has passed"
    assert "°C off on average" in describe_errors(weather)
    assert len(picture_of(draw(weather)).getcolors()) > 8


@pytest.mark.db
def test_it_shows_one_call_where_the_other_tables_are_not_loaded(duckdb, settings, simulator, clock):
    simulator.one_call_keys, simulator.one_call_version = "all", 4
    resources = ["locations", "one_call_current", "one_call_hourly_forecast", "weather_history"]
    load(duckdb, settings(locations=PLACES[:1], resources=resources, history_days=1), now=clock)
    with duckdb.reader() as loaded:
        (place,) = read_weather(loaded, clock(), 7).locations
    (rows,) = query(duckdb, "SELECT (SELECT count(*) FROM weather_history), (SELECT count(*) FROM one_call_current)")
    assert len(place.temperature) == sum(rows)
    assert rows[0] >= 24
    assert len(place.forecast) >= 48


@pytest.mark.db
def test_a_forecast_is_held_against_the_observation_nearest_to_its_hour(duckdb, settings, clock):
    load(duckdb, settings(locations=PLACES[:1], resources=["current_weather", "forecast"]), now=clock)
    clock.pass_time(hours=24)
    load(duckdb, settings(locations=PLACES[:1], resources=["current_weather"]), now=clock)
    noon = clock().replace(hour=12, minute=0)
    query(duckdb, "UPDATE forecast SET temp = 20 WHERE dt = %s", noon)
    query(duckdb, "UPDATE current_weather SET temp = 17 WHERE dt = (SELECT max(dt) FROM current_weather)")
    with duckdb.reader() as loaded:
        (place,) = read_weather(loaded, clock(), 7).locations
    assert place.errors == [(noon, 20.0, 17.0)]


@pytest.mark.parametrize("units", ["standard", "imperial"])
def test_temperatures_are_shown_in_celsius_whatever_the_rows_have(duckdb, settings, clock, units):
    load(duckdb, settings(locations=PLACES, resources=["current_weather", "forecast"], units=units), now=clock)
    with duckdb.reader() as loaded:
        weather = read_weather(loaded, clock(), 7)
    for place in weather.locations:
        assert all(-60 < temperature < 60 for _, temperature in place.temperature + place.forecast)


def test_empty_tables_make_a_picture_that_says_so(target, clock):
    with target.reader() as loaded:
        weather = read_weather(loaded, clock(), 7)
    assert weather.locations == []
    picture_of(draw(weather))
    assert describe_errors(weather) == "none is a day old yet"


@pytest.mark.db
def test_of_many_places_the_first_are_shown_and_old_hours_are_left_out(duckdb, settings, clock):
    places = [f"{n},{n}" for n in range(1, 40)]
    load(duckdb, settings(locations=places, resources=["current_weather", "air_pollution"], history_days=9), now=clock)
    with duckdb.reader() as loaded:
        weather = read_weather(loaded, clock(), 7)
    assert (len(weather.locations), weather.all_locations) == (MAX_LOCATIONS, 39)
    assert min(moment for place in weather.locations for moment, _ in place.pm2_5) >= clock() - timedelta(days=7)
    picture_of(draw(weather))


def test_a_hostile_name_breaks_neither_picture_nor_page(duckdb, settings, clock):
    load(duckdb, settings(locations=PLACES, resources=["current_weather"]), now=clock)
    query(duckdb, "UPDATE locations SET name = '<script>alert(1)</script> $x^{$ ' || chr(10)")
    with duckdb.reader() as loaded:
        weather = read_weather(loaded, clock(), 7)
    assert "<script>" not in html_page(weather, draw(weather))


def test_the_asset_shows_and_keeps_it(run_job, duckdb, tmp_path):
    outcome = run_job(duckdb, "current_weather", "air_pollution", "reports/weather")
    metadata = outcome.reports["weather"]
    assert metadata["picture"].startswith("![the weather](data:image/png;base64,")
    assert metadata["places"] == len(PLACES)
    picture_of((tmp_path / "weather_report" / "weather.png").read_bytes())
    assert (tmp_path / "weather_report" / "weather.html").stat().st_size < 2 * MOST_BYTES


def test_the_picture_of_a_demo_says_that_its_weather_is_simulated(clock):
    weather = Weather([], 0, clock() - timedelta(days=1), clock(), simulated=True)
    assert draw(weather) != draw(replace(weather, simulated=False))
    assert "is simulated" in html_page(weather, b"")
    assert "OpenWeather" not in html_page(weather, b"")


def test_a_folder_that_cannot_be_written_fails_nothing(run_job, duckdb, tmp_path, monkeypatch):
    (tmp_path / "a file").touch()
    monkeypatch.setenv("REPORT__FOLDER", str(tmp_path / "a file" / "report"))
    metadata = run_job(duckdb, "current_weather", "reports/weather").reports["weather"]
    assert metadata["picture"]
    assert "page" not in metadata
