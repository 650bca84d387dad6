"""The chart of the weather shows the tables' data, in few bytes, with any names of places."""

from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from PIL import Image

from dagster_project.assets.catalog.address import table_address
from dagster_project.reports.chart import describe_errors, draw, html_page
from dagster_project.reports.health import Health, Lag, LoadedRows
from dagster_project.reports.queries import LocationWeather, Weather, read_weather
from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
from tests.dagster_project.conftest import PLACES
from tests.helpers.support import query

MOST_BYTES = 100_000


def picture_of(png):
    image = Image.open(BytesIO(png))
    image.load()
    assert image.width == 1000
    assert 300 < image.height < 1500
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


@pytest.mark.db
def test_it_is_read_from_files_too(settings, clock, tmp_path, monkeypatch):
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", f"file://{tmp_path}/lake")
    lake = Target("filesystem")
    load(lake, settings(locations=PLACES[:1], resources=["current_weather", "forecast"]), now=clock)
    clock.pass_time(hours=24)
    load(lake, settings(locations=PLACES[:1], resources=["current_weather"]), now=clock)
    with lake.reader() as loaded:
        weather = read_weather(loaded, clock(), 7)
    (place,) = weather.locations
    assert (len(place.temperature), len(place.forecast), len(place.errors)) == (2, 40, 1)
    assert [lag.table for lag in weather.health.lags] == ["current_weather", "forecast"]
    assert table_address(lake, "forecast")["dagster/uri"] == f"file://{tmp_path}/lake/bronze/forecast"


def test_empty_tables_make_a_picture_that_says_so(target, clock):
    with target.reader() as loaded:
        weather = read_weather(loaded, clock(), 7)
    assert weather.locations == []
    picture_of(draw(weather))
    assert describe_errors(weather) == "none is a day old yet"


@pytest.mark.db
def test_of_very_many_places_every_second_is_shown_and_old_hours_are_left_out(duckdb, settings, clock, monkeypatch):
    monkeypatch.setattr("dagster_project.reports.queries.MAX_LOCATIONS", 20)
    places = [f"{n},{n}" for n in range(1, 40)]
    load(duckdb, settings(locations=places, resources=["current_weather", "air_pollution"], history_days=9), now=clock)
    with duckdb.reader() as loaded:
        weather = read_weather(loaded, clock(), 7)
    assert (len(weather.locations), weather.all_locations) == (20, 39)
    names = sorted(places)
    assert [place.name for place in weather.locations] == names[::2]
    assert all(place.temperature for place in weather.locations)
    assert min(moment for place in weather.locations for moment, _ in place.pm2_5) >= clock() - timedelta(days=7)
    picture_of(draw(weather))


@pytest.mark.db
def test_it_shows_how_late_the_newest_rows_are_and_what_was_rejected(target, settings, clock, simulator):
    load(target, settings(locations=PLACES, resources=["current_weather", "forecast"]), now=clock)
    clock.pass_time(hours=30)
    simulator.inject(Fault(path="/data/2.5/weather", where={"lat": "59.9139"}, status=404))
    load(target, settings(locations=PLACES, resources=["current_weather"]), now=clock)
    with target.reader() as loaded:
        health = read_weather(loaded, clock(), 7).health
    weather, forecast = health.lags
    assert (weather.table, weather.name) == ("current_weather", "59.9139,10.7522")
    assert weather.longest > 29
    assert weather.median < 20
    assert (forecast.table, round(forecast.median)) == ("forecast", 30)
    assert sum(one.rejected for one in health.loads) == 1
    assert health.causes == [("current_weather: not_found", 1)]


def weather_of(number, clock, **more):
    """Return two days of weather of so many places, of which the last has no row."""
    since, hours = clock() - timedelta(days=2), [clock() - timedelta(hours=n) for n in range(47, -1, -1)]
    places = [
        LocationWeather(
            str(n), f"place {n}", n % 90, [(at, n % 30) for at in hours], [], [(at, n % 40) for at in hours]
        )
        for n in range(number)
    ]
    for place in places:
        place.day_ahead_forecast = [(at, value + 1.5) for at, value in place.temperature[::3]]
    if places:
        places[-1] = LocationWeather("late", "the late place")
    return Weather(places, number, since, clock(), **more)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("number", [0, 1, 8, 9, 500])
def test_it_is_drawn_for_any_number_of_places(clock, number):
    health = Health([Lag("forecast", 0.5, 40.0, "a")], [LoadedRows(clock(), 100, 3)], [("forecast: timeout", 3)])
    weather = weather_of(number, clock, health=health, simulated=True)
    picture_of(draw(weather))
    if number > 1:
        assert describe_errors(weather).startswith("1.5 °C off on average")


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
