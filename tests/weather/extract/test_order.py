"""Which locations are asked, and in which order: those that have waited longest for a row come first."""

import pytest

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.extract.requests import queue
from dlt_sources.weather.pipeline.plan import plan
from tests.helpers.support import load_accounted, query

NAMES = [f"{latitude},10" for latitude in range(12)]
CURRENT = "/data/2.5/weather"
CHOICE = {"resources": ["current_weather", "forecast"], "locations": NAMES}


def asked(simulator, path=CURRENT):
    return [int(float(request.params["lat"])) for request in simulator.requests if request.path == path]


@pytest.fixture
def taken(monkeypatch):
    """The latitudes in the order in which requests are made; they may arrive in another."""
    latitudes = []
    original = queue.RequestQueue._request

    def watched(self, window):
        latitudes.append(int(window.location.lat))
        return original(self, window)

    monkeypatch.setattr(queue.RequestQueue, "_request", watched)
    return latitudes


def missed_by(simulator, *latitudes):
    for latitude in latitudes:
        simulator.inject(Fault(path=CURRENT, status=404, where={"lat": f"{latitude}.0000"}))


@pytest.mark.db
def test_locations_that_a_run_did_not_get_are_asked_first_by_the_next(target, settings, clock, simulator, taken):
    choice = settings(**CHOICE | {"resources": ["current_weather"]})
    for missed in [(11,), (3, 7, 11), (3, 5, 7, 11)]:
        missed_by(simulator, *missed)
        load_accounted(target, choice, clock)
        clock.pass_time(minutes=10)
    taken.clear()
    load_accounted(target, choice, clock)
    # without any row; since two runs ago; since the last run; the others in the list's order
    assert taken == [11, 3, 7, 5, 0, 1, 2, 4, 6, 8, 9, 10]


@pytest.mark.db
def test_a_run_that_is_cut_short_every_time_starves_no_location(duckdb, settings, clock, monkeypatch):
    # eight calls in flight, and no room for another once one is made
    given = {"resources": ["current_weather"], "locations": NAMES, "chunk_seconds": 0, "calls_per_minute": 60}

    def interrupt_after_one_package(run):
        monkeypatch.setattr(run, "end_package", run.interrupt)

    loaded = []
    for _ in (1, 2):
        report = load_accounted(duckdb, settings(**given), clock, on_start=interrupt_after_one_package)
        assert report.interrupted
        clock.pass_time(minutes=10)
        loaded += query(duckdb, "SELECT count(DISTINCT location_id) FROM current_weather")
    assert loaded[0] < loaded[1] == (len(NAMES),)


@pytest.mark.db
def test_only_missing_asks_for_locations_without_a_row_of_the_present_hour(target, settings, clock, simulator):
    clock.moment = clock.moment.replace(minute=0)
    missed_by(simulator, 2, 9)
    load_accounted(target, settings(**CHOICE), clock)
    simulator.clear_faults()
    simulator.requests.clear()
    clock.pass_time(minutes=40)
    more = CHOICE | {"locations": [*NAMES, "50,10", "Madrid,ES"], "only_missing": True}
    planned = plan(target, settings(**more), clock())
    assert {step.resource: step.calls for step in planned.steps} == {
        "locations": 1,
        "current_weather": 4,
        "forecast": 2,
    }
    report = load_accounted(target, settings(**more), clock)
    assert sorted(asked(simulator)) == [2, 9, 40, 50]
    assert sorted(asked(simulator, "/data/2.5/forecast")) == [40, 50]
    assert report.metrics_by_resource["current_weather"].requests == 4
    simulator.requests.clear()
    load_accounted(target, settings(**more), clock)
    assert not simulator.requests, "nothing is missing"
    clock.pass_time(minutes=20)
    load_accounted(target, settings(**more), clock)
    assert len(asked(simulator)) == len(NAMES) + 2, "another hour"


@pytest.mark.db
def test_only_missing_leaves_history_as_it_is(duckdb, settings, clock, simulator):
    choice = {"resources": ["air_pollution"], "locations": NAMES[:2]}
    load_accounted(duckdb, settings(**choice), clock)
    simulator.requests.clear()
    clock.pass_time(hours=1)
    load_accounted(duckdb, settings(**choice, only_missing=True), clock)
    assert len(simulator.requests) == 2


@pytest.mark.db
def test_of_very_many_that_wait_those_that_wait_longest_are_sorted_and_the_others_follow(  # noqa: PLR0917 - fixtures
    duckdb, settings, clock, simulator, taken, monkeypatch
):
    choice = CHOICE | {"resources": ["current_weather"]}
    missed_by(simulator, *range(4, 12))
    load_accounted(duckdb, settings(**choice), clock)
    simulator.clear_faults()
    taken.clear()
    clock.pass_time(hours=1)
    monkeypatch.setattr(queue, "MOST_SORTED", 2)
    load_accounted(duckdb, settings(**choice, only_missing=True), clock)
    assert taken == [4, 5, 0, 1, 2, 3, *range(6, 12)]
