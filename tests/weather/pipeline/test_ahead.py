"""Pages of a history that are asked for while a package is loaded: each is paid once, whatever ends the load."""

import time

import pytest
from filelock import FileLock

from dlt_sources.weather.common.errors import KeyRefusedError
from dlt_sources.weather.extract.run import Run
from dlt_sources.weather.pipeline.load import load
from tests.helpers.support import count, load_accounted, query
from tests.weather.extract.requests.timeline import (
    HOURS,
    MADRID,
    OSLO,
    PATHS,
    asked,
    subscribe,
)
from tests.weather.pipeline.accounts import assert_ten_days, folders

pytestmark = pytest.mark.db
# ten days of two places; eight calls in flight, and room for a little more than half of the pages
CHOICE = {
    "resources": HOURS,
    "locations": [MADRID, OSLO],
    "since": "2026-03-01",
    "until": "2026-03-10T23:00Z",
    "calls_per_minute": 600,
    "chunk_rows": 260,
}
PAGES = 24


@pytest.fixture(autouse=True)
def subscribed(simulator):
    subscribe(simulator)


@pytest.fixture
def loading(monkeypatch, simulator):
    """Let the first load of a package begin when everything has arrived, and with a call of the test's."""

    def begin(call):
        ask_ahead = Run.ask_ahead
        calls = []

        def slowly(run, resources):
            ask_ahead(run, resources)
            deadline = time.monotonic() + 20
            while not calls and simulator.stats.by_path[PATHS["weather_history"]] < PAGES:
                assert time.monotonic() < deadline, "nothing arrives while a package is loaded"
                time.sleep(0.01)
            calls.append(None)
            if len(calls) == 1:
                call(run)

        monkeypatch.setattr(Run, "ask_ahead", slowly)
        return calls

    return begin


def test_the_next_package_arrives_while_one_is_loaded(target, settings, clock, simulator, loading):
    loading(lambda _: None)
    report = load_accounted(target, settings(**CHOICE), clock)
    assert report.packages > 1
    assert len(asked(simulator)) == PAGES
    assert_ten_days(target)


def test_what_has_arrived_while_a_load_fails_is_loaded_by_the_next_run(target, settings, clock, simulator, loading):
    def fail(_):
        raise RuntimeError("a fault of the test")

    loading(fail)
    with pytest.raises(Exception, match="a fault of the test"):
        load(target, settings(**CHOICE), now=clock)
    assert len(asked(simulator)) == PAGES
    report = load_accounted(target, settings(**CHOICE), clock)
    assert report.finished_before == 1
    assert asked(simulator) == []
    assert_ten_days(target)


def test_an_interrupted_run_loads_what_has_arrived(target, settings, clock, simulator, loading):
    loading(Run.interrupt)
    report = load_accounted(target, settings(**CHOICE), clock)
    assert report.interrupted
    assert len(asked(simulator)) == PAGES
    assert_ten_days(target)
    assert query(target, "SELECT DISTINCT status FROM load_runs WHERE resource = 'weather_history'") == [("ok",)]


def test_a_key_that_is_withdrawn_meanwhile_ends_the_run_with_what_has_arrived(
    duckdb, settings, clock, simulator, monkeypatch
):
    ask_ahead = Run.ask_ahead

    def without_key(run, resources):
        simulator.keys = frozenset({"f" * 32})
        ask_ahead(run, resources)

    monkeypatch.setattr(Run, "ask_ahead", without_key)
    report = load_accounted(duckdb, settings(**CHOICE), clock)
    assert isinstance(report.error, KeyRefusedError)
    loaded = count(duckdb, "weather_history")
    assert 0 < loaded < PAGES * 20
    assert loaded == report.metrics_by_resource["weather_history"].rows_loaded
    assert folders(duckdb) == []


def test_a_backfill_that_others_wait_for_asks_nothing_before_they_had_their_turn(
    target, settings, clock, simulator, loading
):
    calls = loading(lambda _: None)
    with FileLock(target.root / "writer.waiting"):
        load_accounted(target, settings(**CHOICE), clock)
    assert calls == []
    assert len(asked(simulator)) == PAGES
    assert_ten_days(target)


def test_a_package_is_as_large_as_it_may_be_though_answers_wait_for_it(duckdb, settings, clock, monkeypatch):
    sizes = []
    end_package = Run.end_package

    def watched(run):
        sizes.append(run.metrics_of("weather_history").rows_loaded - sum(sizes))
        end_package(run)

    def slowly(run, resources):
        ask_ahead(run, resources)
        # everything could arrive meanwhile
        time.sleep(0.5)

    ask_ahead = Run.ask_ahead
    monkeypatch.setattr(Run, "ask_ahead", slowly)
    monkeypatch.setattr(Run, "end_package", watched)
    load_accounted(duckdb, settings(**CHOICE | {"chunk_rows": 100}), clock)
    # those that are sent before the first is counted
    assert max(sizes) <= 100 + 8 * 20
    assert sum(sizes) == 2 * 240
