"""The states of runs in ``load_runs``: none says that it runs when it does not."""

from contextlib import closing

import dlt
import psycopg2
import pytest

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.pipeline.load import load
from tests.helpers.support import load_accounted, query
from tests.weather.pipeline.accounts import PLACES, SMALL, folders

pytestmark = pytest.mark.db
STATES = "SELECT resource, status, error FROM load_runs WHERE run_id = %s AND resource <> 'locations' ORDER BY resource"


def test_what_a_killed_run_left_running_is_interrupted_once_the_next_run_finds_it(target, settings, clock, monkeypatch):
    extract = dlt.Pipeline.extract
    packages = []

    def lost_in_the_second(*args, **kwargs):
        packages.append(None)
        if len(packages) == 2:
            raise RuntimeError("a fault of the test")
        return extract(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(dlt.Pipeline, "extract", lost_in_the_second)
        with pytest.raises(RuntimeError, match="a fault of the test"):
            load(target, settings(**SMALL), now=clock)
    (run_id,) = {row[0] for row in query(target, "SELECT run_id FROM load_runs")}
    assert ("air_pollution", "running", None) in query(target, STATES, run_id)
    clock.pass_time(hours=1)
    load_accounted(target, settings(**SMALL), clock)
    assert folders(target) == []
    assert query(target, STATES, run_id) == [
        ("air_pollution", "interrupted", "The run ended before its time."),
        ("current_weather", "ok", None),
    ]


def test_a_shard_that_is_still_at_work_keeps_its_state(postgres, settings, clock):
    choice = {"resources": ["current_weather"], "locations": PLACES}
    runs = [load_accounted(postgres, settings(**choice, shard=f"{n}/2"), clock).run_id for n in (1, 2)]
    query(postgres, "UPDATE load_runs SET status = 'running' WHERE resource = 'current_weather'")
    with postgres.connection() as client:
        url = client.credentials.to_native_representation()
    with closing(psycopg2.connect(url, application_name=f"weather run {runs[0]}, shard 1/2")):
        load_accounted(postgres, settings(**choice, shard="2/2"), clock)
    states = {run_id: query(postgres, STATES, run_id)[0][1] for run_id in runs}
    assert states == {runs[0]: "running", runs[1]: "interrupted"}


@pytest.mark.parametrize(("refused", "places"), [("/data/2.5/weather", PLACES), ("/geo/1.0/direct", ["Madrid,ES"])])
def test_resources_that_a_run_did_not_reach_say_so_and_why(  # noqa: PLR0917 - fixtures
    duckdb, settings, clock, simulator, refused, places
):
    simulator.inject(Fault(path=refused, status=401))
    choice = {"resources": ["current_weather", "forecast", "air_pollution"], "locations": places}
    report = load_accounted(duckdb, settings(**choice), clock)
    states = {resource: (status, error) for resource, status, error in query(duckdb, STATES, report.run_id)}
    assert states["forecast"][0] == states["air_pollution"][0] == "not_reached"
    assert "OpenWeather refuses the API key" in states["forecast"][1]
    assert states["current_weather"][0] == ("failed" if refused == "/data/2.5/weather" else "not_reached")


def test_a_run_that_is_interrupted_between_two_packages_does_not_seem_to_run(duckdb, settings, clock, monkeypatch):
    def interrupt_after_one_package(run):
        monkeypatch.setattr(run, "end_package", run.interrupt)

    choice = SMALL | {"resources": ["air_pollution", "current_weather"]}
    report = load_accounted(duckdb, settings(**choice), clock, on_start=interrupt_after_one_package)
    assert [row[1] for row in query(duckdb, STATES, report.run_id)] == ["interrupted", "not_reached"]


def test_a_run_without_look_ups_writes_no_row_that_hides_an_earlier_figure(duckdb, settings, clock):
    for _ in range(3):
        load_accounted(duckdb, settings(), clock)
    load_accounted(duckdb, settings(resources=["locations"]), clock)
    rows = query(duckdb, "SELECT rows_loaded, status FROM load_runs WHERE resource = 'locations'")
    assert rows == [(2, "ok")]
