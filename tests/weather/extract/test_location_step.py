"""Locations are resolved in a step before any endpoint is asked, and reported by the resource ``locations`` alone."""

import time

import dlt
import pytest

from dlt_sources.openweather_simulator import Fault
from dlt_sources.openweather_simulator.world.gazetteer import GAZETTEER
from dlt_sources.weather import weather_source
from dlt_sources.weather.api.endpoints import DEFAULT_RESOURCES
from dlt_sources.weather.extract.run import Run
from tests.helpers.clock import SENTINEL_KEY
from tests.helpers.support import count, load_accounted, query

GEOCODER = "/geo/1.0/direct"
NAMES = ["Madrid,ES", "Oslo,NO", "Tokyo,JP"]
OSLO = {"path": GEOCODER, "where": {"q": "Oslo,NO"}}
PASSING = {
    "server_error": Fault(**OSLO, status=503),
    "timeout": Fault(**OSLO, latency=10.0),
    "connection": Fault(**OSLO, reset=True),
    "invalid_answer": Fault(**OSLO, body=b"[{"),
}


def paths(simulator):
    return [request.path for request in simulator.requests]


def assert_look_ups_come_first(simulator, number):
    asked = paths(simulator)
    assert asked[:number] == [GEOCODER] * number
    assert GEOCODER not in asked[number:]
    assert len(asked) > number


@pytest.fixture
def pipeline(tmp_path):
    """A plain dlt pipeline, as a dlt user makes one."""
    return dlt.pipeline(
        "plain", destination=dlt.destinations.duckdb(str(tmp_path / "plain.duckdb")), dataset_name="bronze"
    )


@pytest.fixture
def source(api):
    """Make the source as a dlt user does."""

    def make(**given):
        defaults = {"locations": NAMES, "base_url": api, "api_key": SENTINEL_KEY, "calls_per_minute": 30_000}
        return weather_source(**(defaults | given))

    return make


def rows(pipeline, table):
    with pipeline.sql_client() as client:
        return client.execute_sql(f"SELECT count(*) FROM {table}")[0][0]


@pytest.mark.parametrize("resources", [None, ["forecast"], ["current_weather", "locations"]], ids=str)
def test_a_load_looks_locations_up_before_it_asks_any_endpoint(duckdb, settings, clock, simulator, resources):
    report = load_accounted(duckdb, settings(locations=NAMES, resources=resources), clock)
    assert_look_ups_come_first(simulator, len(NAMES))
    assert report.packages == 1, "the look-up shares the first package"
    assert count(duckdb, "locations") == len(NAMES)
    assert load_accounted(duckdb, settings(locations=NAMES, resources=resources), clock).packages == 1
    assert paths(simulator).count(GEOCODER) == len(NAMES)


def test_look_ups_that_take_several_packages_all_come_before_the_endpoints(target, settings, clock, simulator):
    names = [*NAMES, "London,GB", "Paris,FR", "Berlin,DE"]
    choice = settings(locations=names, resources=["current_weather"], chunk_seconds=0, calls_per_minute=60)
    report = load_accounted(target, choice, clock)
    assert report.packages > 1
    assert_look_ups_come_first(simulator, len(names))
    assert count(target, "locations") == count(target, "current_weather") == len(names)


@pytest.mark.parametrize("resources", [["current_weather"], ["forecast", "current_weather", "locations"]], ids=str)
def test_a_dlt_user_gets_the_locations_with_any_choice_of_resources(pipeline, source, simulator, resources):
    chosen = source(resources=resources)
    assert next(iter(chosen.resources)) == "locations"
    pipeline.run(chosen)
    assert_look_ups_come_first(simulator, len(NAMES))
    assert rows(pipeline, "locations") == rows(pipeline, "current_weather") == len(NAMES)
    pipeline.run(source(resources=resources))
    assert paths(simulator).count(GEOCODER) == len(NAMES), "they are remembered"


def test_the_look_up_comes_first_if_dlt_takes_the_resources_by_turns(pipeline, source, simulator, monkeypatch):
    monkeypatch.setenv("EXTRACT__NEXT_ITEM_MODE", "round_robin")
    pipeline.run(source(resources=["current_weather", "forecast"]))
    assert_look_ups_come_first(simulator, len(NAMES))
    assert rows(pipeline, "locations") == len(NAMES)


def test_a_dlt_user_who_deselects_locations_loses_none_of_them(pipeline, source, simulator):
    simulator.set_clock(now=time.time())  # a plain source goes by the real clock
    for _ in (1, 2):
        pipeline.run(source(locations=[*NAMES, "Madird,ES"]).with_resources("air_pollution"))
    # again in another hour
    assert paths(simulator).count(GEOCODER) in (len(NAMES) + 1, len(NAMES) + 2), "only the misspelt one"
    assert rows(pipeline, "locations") == len(NAMES)
    assert rows(pipeline, "rejects") == 1
    history = [request for request in simulator.requests if request.path == "/data/2.5/air_pollution/history"]
    assert len(history) <= 2 * len(NAMES)
    hours = [float(request.params["end"]) - float(request.params["start"]) for request in history]
    assert max(hours[len(NAMES) :], default=0) < 86_400, "each location's watermark is known"


@pytest.mark.parametrize("error_class", PASSING)
def test_a_look_up_that_failed_for_a_passing_reason_is_asked_again_by_the_next_run(  # noqa: PLR0917 - fixtures
    duckdb, settings, clock, simulator, error_class, caplog
):
    GAZETTEER.named("Oslo,NO")  # the simulator would read its list of cities in its first answer, which takes a second
    timeout = 2.0 if error_class == "timeout" else 30.0
    choice = settings(locations=NAMES, resources=["current_weather", "forecast"], attempts=1, timeout_seconds=timeout)
    simulator.inject(PASSING[error_class])
    load_accounted(duckdb, choice, clock)
    columns = "resource, location_id, query, error_class"
    assert query(duckdb, f"SELECT {columns} FROM rejects") == [("locations", "oslo,no", "Oslo,NO", error_class)]
    assert "Oslo,NO could not be looked up" in caplog.text
    assert "was not found" not in caplog.text
    assert count(duckdb, "current_weather") == len(NAMES) - 1
    simulator.clear_faults()
    simulator.requests.clear()
    clock.pass_time(hours=1)
    report = load_accounted(duckdb, choice, clock)
    assert report.rows_rejected == 0
    assert paths(simulator).count(GEOCODER) == 1, "the others are known"
    assert count(duckdb, "locations") == len(NAMES)
    assert query(duckdb, "SELECT count(DISTINCT location_id) FROM current_weather") == [(len(NAMES),)]


def test_a_load_that_resolves_no_unknown_locations_asks_for_the_known_ones(duckdb, settings, clock, simulator):
    load_accounted(duckdb, settings(locations=["Madrid,ES"]), clock)
    simulator.requests.clear()
    choice = settings(locations=["Madrid,ES", "Oslo,NO", "95,0"], resources=["current_weather"])
    clock.pass_time(hours=1)
    report = load_accounted(duckdb, choice, clock, resolve_unknown=False)
    assert paths(simulator) == ["/data/2.5/weather"]
    assert report.rows_rejected == 0
    assert count(duckdb, "locations") == 1


def test_no_member_of_a_run_is_set_from_outside(settings, clock):
    with Run(settings(), now=clock) as run:
        assert [name for name in vars(run) if not name.startswith("_")] == []
        members = [name for name, member in vars(Run).items() if isinstance(member, property)]
        assert {"interrupted", "stopped_by", "locations_resolved"} <= set(members)
        for name in members:
            with pytest.raises(AttributeError):
                setattr(run, name, None)


def test_an_interrupted_run_asks_nothing_more(settings, clock):
    with Run(settings(), now=clock, many_packages=True) as run:
        assert run.has_more(list(DEFAULT_RESOURCES))
        run.interrupt()
        assert run.interrupted
        assert not run.has_room("locations")
        assert not run.has_more(list(DEFAULT_RESOURCES))
