"""The newest load of each resource in ``weather status``."""

from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.pipeline.replay import replay
from dlt_sources.weather.status.runs import read_outside_loads, read_runs
from tests.helpers.support import query


def test_a_replay_hides_no_load_and_a_load_of_an_orchestrator_is_none_from_outside(duckdb, settings, clock):
    chosen = settings(locations=["40.4168,-3.7038"], resources=["current_weather"])
    load(duckdb, chosen, now=clock, orchestrator_run="a run of Dagster")
    replay(duckdb, chosen)
    query(duckdb, "UPDATE load_runs SET status = 'running' WHERE command = 'replay'")
    with duckdb.reader() as reader:
        assert [(run.resource, run.status) for run in read_runs(reader) if run.resource != "locations"] == [
            ("current_weather", "ok")
        ]
        assert read_outside_loads(reader, clock()) == ()
    load(duckdb, chosen, now=clock)
    with duckdb.reader() as reader:
        assert {one.resource for one in read_outside_loads(reader, clock())} >= {"current_weather"}
