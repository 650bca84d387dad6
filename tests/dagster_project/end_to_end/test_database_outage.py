"""PostgreSQL away for 25 seconds, with Dagster's records and the tables, while runs are launched and running."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from dlt_sources.openweather_simulator import Simulator, serve
from dlt_sources.weather.destination.target import Target
from tests.dagster_project.conftest import SETTINGS
from tests.helpers.processes.deployment import LAUNCH, Deployment, until
from tests.helpers.support import assert_no_duplicates, query

pytestmark = [pytest.mark.slow, pytest.mark.process, pytest.mark.db, pytest.mark.timeout(1800)]
SECONDS = 25.0
JOB = {"repositoryLocationName": "weather", "repositoryName": "__repository__", "pipelineName": "weather_ingestion_job"}


@pytest.fixture
def dagster(own_server, tmp_path):
    """Daemon and webserver with records and tables in one server that a test may stop."""
    own_server.create_database("dagster")
    with serve(Simulator(), port=0) as url:
        environment = {f"SOURCES__WEATHER__{name}": value for name, value in (SETTINGS | {"BASE_URL": url}).items()}
        records = {"HOST": "127.0.0.1", "PORT": own_server.port, "USER": "postgres", "PASSWORD": "not-a-real-password"}
        environment |= {f"DAGSTER_POSTGRES_{name}": str(value) for name, value in records.items()}
        started = Deployment(tmp_path, environment | {"WEATHER_DESTINATION": "postgres", "WEATHER_SCHEDULE": "off"})
        until(started.is_up, "the webserver's answer")
        yield started
        started.stop()


def launch(dagster: Deployment) -> tuple[int, str]:
    """Launch the job as the UI does; return the answer's code and type."""
    body = {"query": LAUNCH, "variables": {"where": JOB}}
    answer = requests.post(f"{dagster.url}/graphql", json=body, timeout=120)
    return answer.status_code, answer.json()["data"]["launchRun"]["__typename"] if answer.ok else answer.text


def test_no_launch_fails_every_run_ends_and_every_line_of_the_logs_stays_json(dagster, own_server):
    assert launch(dagster) == (200, "LaunchRunSuccess")
    until(lambda: any(run["status"] == "STARTED" for run in dagster.runs()), "the first run's start")
    own_server.stop()
    with ThreadPoolExecutor() as threads:
        launches = [threads.submit(launch, dagster) for _ in range(3)]
        time.sleep(SECONDS)
        own_server.start()
        assert [one.result(120) for one in launches] == [(200, "LaunchRunSuccess")] * 3
    ended = ("SUCCESS", "FAILURE", "CANCELED")
    # they take turns
    while going := [run["runId"] for run in dagster.runs() if run["status"] not in ended]:
        until(lambda run=going[0]: dagster.status(run) in ended, f"the end of run {going[0]}")
    assert len(dagster.runs()) >= 4
    # what the outage failed, a later run has loaded
    assert dagster.runs()[-1]["status"] == "SUCCESS", dagster.runs()

    dagster.stop()
    others = [line for name in ("dagster-daemon", "dagster-webserver") for line in not_json(dagster.lines(name))]
    assert others == []
    target = Target("postgres")
    assert_no_duplicates(target, "air_pollution", "location_id", "dt")
    assert query(target, "SELECT count(*) FROM load_runs WHERE rows_fetched <> rows_loaded + rows_rejected") == [(0,)]


def not_json(lines: list[str]) -> list[str]:
    """Return the lines that are no JSON object."""
    others = []
    for line in lines:
        try:
            json.loads(line)
        except ValueError:
            others.append(line)
    return others
