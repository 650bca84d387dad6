"""Dagster end to end, in real processes: daemon, webserver, schedule, runs, alerts, logs, and kills."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import psutil
import psycopg2
import pytest

from dlt_sources.openweather_simulator import Fault, Simulator, serve
from dlt_sources.weather.common.shards import Shard
from dlt_sources.weather.contracts import TABLES
from tests.dagster_project.conftest import PLACES, RESOURCES, SETTINGS
from tests.helpers.clock import SENTINEL_KEY
from tests.helpers.processes.deployment import Deployment, until
from tests.helpers.support import assert_no_duplicates, count, query

pytestmark = [pytest.mark.slow, pytest.mark.process, pytest.mark.timeout(900)]
TICKS = """query($where: ScheduleSelector!) {
  scheduleOrError(scheduleSelector: $where) { ... on Schedule { scheduleState { ticks { timestamp runIds } } } } }"""
SCHEDULE = {
    "repositoryLocationName": "minutely",
    "repositoryName": "__repository__",
    "scheduleName": "minutely",
}


@pytest.fixture
def inbox() -> Iterator[tuple[str, list[str]]]:
    """A web hook, by apprise's URL for it, and the titles of what it got."""
    got: list[str] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["title"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"json://127.0.0.1:{server.server_port}/", got
    server.shutdown()


@pytest.fixture
def api_now() -> Iterator[tuple[Simulator, str]]:
    """The simulator on the real clock, which real processes go by."""
    simulator = Simulator()
    with serve(simulator, port=0) as url:
        yield simulator, url


@pytest.fixture
def deploy(tmp_path, api_now, inbox) -> Iterator[Callable[..., Deployment]]:
    started: list[Deployment] = []

    def start(target, **more: str) -> Deployment:
        settings = SETTINGS | {"BASE_URL": api_now[1]}
        environment = {f"SOURCES__WEATHER__{name}": value for name, value in settings.items()}
        environment |= {"WEATHER_DESTINATION": target.destination, "ALERTS__URLS": json.dumps([inbox[0]])}
        started.append(Deployment(tmp_path, environment | more, "tests.helpers.processes.minutely", "minutely"))
        until(started[0].is_up, "the webserver's answer")
        return started[0]

    yield start
    for deployment in started:
        deployment.stop()


def test_every_tick_loads_a_failure_is_told_once_and_so_is_its_end(deploy, duckdb, api_now, inbox):
    simulator, _ = api_now
    _, messages = inbox
    began = datetime.now(timezone.utc)
    dagster = deploy(duckdb)
    (first,) = dagster.finished(1, dagster__schedule_name="minutely")
    assert first["status"] == "SUCCESS"
    ticks = dagster.ask(TICKS, where=SCHEDULE)["scheduleOrError"]["scheduleState"]["ticks"]
    times = sorted(tick["timestamp"] for tick in ticks if tick["runIds"])
    assert times[0] % 60 == 0
    assert began.timestamp() - 60 <= times[0] <= began.timestamp() + 180
    assert times == [times[0] + 60 * n for n in range(len(times))], "every minute"

    # what may pass is told after a few more tries only
    simulator.inject(Fault(path="/data/2.5/forecast", status=401))
    failed = dagster.launch()
    until(lambda: dagster.status(failed) == "FAILURE", "the planted failure")
    until(lambda: messages, "the alert")
    simulator.clear_faults()
    mended = dagster.launch()
    until(lambda: dagster.status(mended) == "SUCCESS", "the run after the repair")
    until(lambda: len(messages) > 1, "the message that it is over")
    # a third message would come with the next tick that begins now
    looked = len(dagster.alert_ticks())
    until(lambda: len(dagster.alert_ticks()) > looked + 1, "two more ticks of the alert sensor")
    assert len(messages) == 2, messages
    assert "Invalid API key" in messages[0]
    assert "recovered" in messages[1].lower()

    dagster.stop()
    assert count(duckdb, "current_weather") >= len(PLACES)
    assert_no_duplicates(duckdb, "current_weather", "location_id", "dt")
    assert_no_duplicates(duckdb, "air_pollution", "location_id", "dt")
    assert query(duckdb, "SELECT count(*) FROM load_runs WHERE rows_fetched <> rows_loaded + rows_rejected") == [(0,)]
    lines = dagster.lines("dagster-daemon") + dagster.lines("dagster-webserver")
    said = [json.loads(line) for line in lines]
    assert any("Started Dagster code server" in str(line) for line in said)
    others = [str(line) for line in said if "message" not in line or "event" in line]
    assert all("Starting Dagster code server" in line for line in others), "one field has the text, but in that line"
    of_runs = [line for line in said if line.get("job")]
    assert {line["run_id"] for line in of_runs} >= {first["runId"], mended}
    assert all(line["asset"] for line in of_runs if line["step"])
    assert any(line.get("event_type") == "STEP_FAILURE" and line["asset"] == "bronze/forecast" for line in of_runs)
    for file in dagster.folder.rglob("*"):
        if file.is_file():
            assert SENTINEL_KEY.encode() not in file.read_bytes(), file


@pytest.mark.parametrize("killed", ["the run", "the daemon and its runs"])
def test_a_kill_in_mid_load_loses_no_hour_and_doubles_none(deploy, postgres, api_now, killed):
    simulator, _ = api_now
    # slow enough to be met at work
    simulator.inject(Fault(path="/data/2.5/air_pollution/history", latency=2.0))
    dagster = deploy(postgres, SOURCES__WEATHER__HISTORY_DAYS_PER_CALL="1", SOURCES__WEATHER__CHUNK_ROWS="20")
    until(lambda: count(postgres, "air_pollution"), "the first package")
    daemon = psutil.Process(dagster.processes["dagster-daemon"].pid)
    # runs are processes of the code server, with a process of their own
    victims = [one for one in daemon.children(recursive=True) if "multiprocessing" in " ".join(one.cmdline())]
    if killed != "the run":
        victims = [*daemon.children(recursive=True), daemon]
    assert victims
    for process in victims:
        process.kill()
    simulator.clear_faults()
    if killed != "the run":
        dagster.processes["dagster-daemon"].wait(20)
        dagster.start("dagster-daemon", "run")
    hours = 2 * 24 + 1
    sql = "SELECT count(*), count(DISTINCT dt), count(DISTINCT location_id) FROM air_pollution"
    until(
        lambda: query(postgres, sql)[0][0] >= hours * len(PLACES),
        f"all hours of all places, {query(postgres, sql)} so far,",
        600,
    )
    dagster.stop()
    assert_no_duplicates(postgres, "air_pollution", "location_id", "dt")
    hours_between = "extract(epoch FROM max(dt) - min(dt)) / 3600 + 1"
    assert query(postgres, f"SELECT 1 FROM air_pollution GROUP BY location_id HAVING {hours_between} <> count(*)") == []


@contextmanager
def while_it_asks(simulator, target) -> Iterator[None]:  # noqa: ARG001 - as the other
    """A load that waits for an answer."""
    # DuckDB's file cannot be looked into meanwhile
    asked = simulator.stats.by_path
    until(lambda: asked["/data/2.5/air_pollution/history"] > len(PLACES), "the second request of a place")
    yield


@contextmanager
def while_it_writes(simulator, target) -> Iterator[None]:  # noqa: ARG001 - as the other
    """A load whose merge waits for PostgreSQL, until this ends."""
    until(lambda: count(target, "air_pollution"), "the first package")
    with closing(psycopg2.connect(os.environ["DESTINATION__POSTGRES__CREDENTIALS"])) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE bronze.air_pollution IN SHARE MODE")
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'"
        until(lambda: query(target, waiting)[0][0], "a merge that waits")
        yield
        time.sleep(2)


@pytest.mark.parametrize(
    ("destination", "moment"), [("duckdb", while_it_asks), ("postgres", while_it_asks), ("postgres", while_it_writes)]
)
def test_a_run_that_is_terminated_in_mid_load_ends_soon_and_the_next_completes_the_tables(  # noqa: PLR0917
    deploy, request, api_now, inbox, destination, moment
):
    target = request.getfixturevalue(destination)
    simulator, _ = api_now
    simulator.inject(Fault(path="/data/2.5/air_pollution/history", latency=2.0))
    dagster = deploy(target, SOURCES__WEATHER__HISTORY_DAYS_PER_CALL="1", SOURCES__WEATHER__CHUNK_ROWS="20")
    with moment(simulator, target):
        (terminated,) = (run["runId"] for run in dagster.runs() if run["status"] == "STARTED")
        assert dagster.terminate(terminated) == "TerminateRunSuccess"
    until(lambda: dagster.status(terminated) == "CANCELED", "the end of the run", 30)
    simulator.clear_faults()
    mended = dagster.launch()
    until(lambda: dagster.status(mended) == "SUCCESS", "a later run")
    dagster.stop()
    assert inbox[1] == [], "someone wanted it"
    assert_no_duplicates(target, "air_pollution", "location_id", "dt")
    hours_between = "extract(epoch FROM max(dt) - min(dt)) / 3600 + 1"
    sql = f"SELECT count(*) FROM air_pollution GROUP BY location_id HAVING {hours_between} = count(*)"
    hours = query(target, sql)
    assert len(hours) == len(PLACES)
    assert all(number >= 2 * 24 + 1 for (number,) in hours)
    assert query(target, "SELECT count(*) FROM load_runs WHERE rows_fetched <> rows_loaded + rows_rejected") == [(0,)]


def test_command_line_schedule_and_a_run_by_hand_take_turns(deploy, postgres):
    dagster = deploy(postgres)
    by_hand = dagster.launch()
    command = [sys.executable, "-m", "dlt_sources.weather", "load", "--destination", "postgres"]
    loads = [subprocess.Popen(command, env=dagster.environment, cwd=dagster.folder) for _ in range(2)]
    assert [load.wait(120) for load in loads] == [0, 0]
    until(lambda: dagster.status(by_hand) == "SUCCESS", "the run by hand")
    (scheduled,) = dagster.finished(1, dagster__schedule_name="minutely")
    assert scheduled["status"] == "SUCCESS"
    dagster.stop()
    assert_no_duplicates(postgres, "air_pollution", "location_id", "dt")
    assert_no_duplicates(postgres, "forecast", "location_id", "dt", "issued_at")
    assert query(postgres, "SELECT count(*) FROM load_runs WHERE rows_fetched <> rows_loaded + rows_rejected") == [(0,)]


def test_every_tick_has_each_shard_loaded_by_a_run_of_its_own_at_the_same_time(deploy, postgres, api_now, inbox):
    simulator, _ = api_now
    simulator.latency = 1.0
    places = [f"{n}.0000,{n}.0000" for n in range(12)]
    of_shard = {f"{n}-of-2": sum(Shard(n, 2).has(place) for place in places) for n in (1, 2)}
    dagster = deploy(postgres, WEATHER_SHARDS="2", SOURCES__WEATHER__LOCATIONS=json.dumps(places))
    assert [run["status"] for run in dagster.finished(4, dagster__schedule_name="minutely")] == ["SUCCESS"] * 4
    ticks = dagster.ask(TICKS, where=SCHEDULE)["scheduleOrError"]["scheduleState"]["ticks"]
    runs = {run["runId"]: run for run in dagster.runs()}
    for tick in sorted((tick for tick in ticks if tick["runIds"]), key=lambda tick: tick["timestamp"])[:2]:
        of_tick = [runs[run_id] for run_id in tick["runIds"]]
        partitions = [one["value"] for run in of_tick for one in run["tags"] if one["key"] == "dagster/partition"]
        assert sorted(partitions) == sorted(of_shard)
        assert max(run["startTime"] for run in of_tick) < min(run["endTime"] for run in of_tick), "both ran at once"
        for run, partition in zip(of_tick, partitions, strict=True):
            said = dagster.materialized(run["runId"])
            assert {said[f"bronze/{name}"]["partition"] for name in RESOURCES} == {partition}
            assert said["bronze/current_weather"]["rows_loaded"] == of_shard[partition]
    dagster.stop()
    assert inbox[1] == []
    assert count(postgres, "locations") == len(places)
    for table in ("current_weather", "forecast", "air_pollution", "air_pollution_forecast"):
        assert_no_duplicates(postgres, table, *TABLES[table].key)
        assert query(postgres, f"SELECT count(DISTINCT location_id) FROM {table}") == [(len(places),)]
    hours_between = "extract(epoch FROM max(dt) - min(dt)) / 3600 + 1"
    assert query(postgres, f"SELECT 1 FROM air_pollution GROUP BY location_id HAVING {hours_between} <> count(*)") == []
    assert query(postgres, "SELECT count(*) FROM load_runs WHERE rows_fetched <> rows_loaded + rows_rejected") == [(0,)]
