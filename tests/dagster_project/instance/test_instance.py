"""The instance as shipped: storage and retention of its records, logs of its processes, health of its runs."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRunStatus, job, op
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import GetCurrentRunsResult
from dagster._serdes import serialize_value

from dagster_project.instance import storage
from dagster_project.instance.run_launcher import WatchedRunLauncher
from tests.helpers.clock import SENTINEL_KEY

ROOT = Path(__file__).parents[3]


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "dagster.yaml").symlink_to(ROOT / "dagster_project" / "dagster.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    return folder


def run_in_a_process(*command, **environment):
    return subprocess.run(
        [str(Path(sys.executable).with_name("dagster")), *command],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"} | environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


RUN = ("job", "execute", "-m", "dagster_project.definitions", "-j", "weather_ingestion_job")


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.ci
def test_every_line_of_a_run_is_json_with_run_and_asset_and_records_are_sqlite_by_default(home, environment, duckdb):  # noqa: ARG001
    done = run_in_a_process(*RUN)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    of_run = [line for line in lines if line.get("job")]
    assert len(of_run) >= 5
    for line in of_run:
        assert {"timestamp", "level", "logger", "message", "run_id", "job", "asset"} <= line.keys()
        assert line["timestamp"].endswith("Z")
    assert {line["asset"] for line in of_run} >= {"bronze/locations", "bronze/current_weather", "bronze/forecast"}
    assert len({line["run_id"] for line in of_run}) == 1
    assert SENTINEL_KEY not in done.stdout + done.stderr
    assert list(home.rglob("runs.db"))


@pytest.mark.process
@pytest.mark.slow
def test_a_failure_is_one_json_line_with_its_error(home, environment, duckdb):  # noqa: ARG001
    done = run_in_a_process(*RUN, SOURCES__WEATHER__API_KEY="", OPENWEATHER_API_KEY="")
    assert done.returncode != 0
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    (failed,) = [line for line in lines if line.get("event_type") == "STEP_FAILURE" and line["step"] == "forecast"]
    assert failed["level"] == "error"
    assert "No OpenWeather API key is set" in failed["error"]


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.ci
def test_services_that_open_a_new_home_at_the_same_moment_all_can(home):
    script = (
        "import dagster, sys, dagster_project.instance.storage; print(flush=True); sys.stdin.read(1);"
        "dagster.DagsterInstance.get()"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", "DAGSTER_HOME": str(home)}
    services = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    for service in services:
        service.stdout.readline()
    for service in services:
        service.stdin.write(b"!")
        service.stdin.flush()
    said = [service.communicate(timeout=120)[1].decode() for service in services]
    assert [service.returncode for service in services] == [0, 0, 0], said


@pytest.mark.process  # the shipped instance keeps the output of steps, by processes
def test_records_are_in_postgresql_when_its_variables_are_set(home, postgres_server, monkeypatch):
    postgres_server.create_database("dagster_records")
    monkeypatch.setenv("DAGSTER_POSTGRES_HOST", "127.0.0.1")
    monkeypatch.setenv("DAGSTER_POSTGRES_PORT", str(postgres_server.port))
    monkeypatch.setenv("DAGSTER_POSTGRES_DB", "dagster_records")
    monkeypatch.setenv("DAGSTER_POSTGRES_USER", "postgres")
    monkeypatch.setenv("DAGSTER_POSTGRES_PASSWORD", "with/a:strange@character")
    with DagsterInstance.get() as instance:
        run = nothing.execute_in_process(instance=instance)
        assert instance.get_run_by_id(run.run_id).status == DagsterRunStatus.SUCCESS
        assert "strange" not in str(instance.get_ref().to_dict())
    assert postgres_server.psql("dagster_records", "SELECT count(*) FROM runs") == "1"
    assert not list(home.rglob("runs.db"))
    postgres_server.drop_database("dagster_records")


def test_the_password_of_the_records_may_stand_in_a_file(tmp_path, monkeypatch):
    (tmp_path / "password").write_text("from/a:file\n")
    monkeypatch.setenv("DAGSTER_POSTGRES_HOST", "postgres")
    monkeypatch.setenv("DAGSTER_POSTGRES_PASSWORD", "from-the-environment")
    monkeypatch.setenv("DAGSTER_POSTGRES_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setattr(storage, "Records", lambda url, inst_data: (url, inst_data))
    url, _ = storage.InstanceStorage.from_config_value(None, {})
    text = "postgresql+psycopg2://dagster:from%2Fa%3Afile@postgres:5432/dagster"
    assert url.render_as_string(hide_password=False) == text


@op
def do_nothing() -> None: ...


@job
def nothing() -> None:
    do_nothing()


@pytest.mark.process
def test_a_run_whose_process_died_with_its_code_server_is_noticed(home):  # noqa: ARG001
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here, elsewhere = (
        {GRPC_INFO_TAG: json.dumps({"host": host, "port": 4000})} for host in ("localhost", "code.invalid")
    )
    young = psutil.Process().create_time() - 60
    with DagsterInstance.get() as instance:

        def health(process, tags, began=None):
            run = instance.create_run_for_job(nothing, tags=tags, status=DagsterRunStatus.STARTED)
            event = DagsterEvent(DagsterEventType.RUN_START.value, "nothing", pid=process)
            instance.report_dagster_event(event, run.run_id, timestamp=began or time.time())
            return instance.run_launcher.check_run_worker_health(run).status

        assert instance.run_launcher.supports_check_run_worker_health
        assert health(os.getpid(), here) == WorkerStatus.RUNNING
        assert health(ended.pid, here) == WorkerStatus.NOT_FOUND
        assert health(os.getpid(), here, began=young) == WorkerStatus.NOT_FOUND, "another process with its number"
        assert health(ended.pid, elsewhere) == WorkerStatus.RUNNING, "the server cannot be reached"
        run = instance.create_run_for_job(nothing, tags=here, status=DagsterRunStatus.STARTED)
        assert instance.run_launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING, "it has not begun yet"


def test_a_code_server_elsewhere_is_asked_for_its_runs_which_one_that_was_restarted_has_lost(instance, monkeypatch):
    """The server is a stand-in that answers as Dagster's own does, by its own types."""
    run = instance.create_run_for_job(
        nothing, tags={GRPC_INFO_TAG: json.dumps({"host": "code", "port": 4000})}, status=DagsterRunStatus.STARTED
    )
    launcher = WatchedRunLauncher()
    for runs, status in ([run.run_id], WorkerStatus.RUNNING), ([], WorkerStatus.NOT_FOUND):
        answer = serialize_value(GetCurrentRunsResult(current_runs=runs, serializable_error_info=None))
        monkeypatch.setattr(DagsterGrpcClient, "get_current_runs", lambda _, answer=answer: answer)
        assert launcher.check_run_worker_health(run).status == status
