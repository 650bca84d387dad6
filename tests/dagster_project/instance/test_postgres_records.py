"""Dagster's records in PostgreSQL: a server that is away for a while, tables made by one process, probes."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import MagicMock

import psycopg2
import pytest
from dagster import AssetCheckSpec, DagsterInstance, Definitions, asset, define_asset_job
from sqlalchemy import URL, event
from sqlalchemy.engine import Engine

from dagster_project.instance import health, migrate, postgres
from dagster_project.instance.storage import InstanceStorage

ROOT = Path(__file__).parents[3]
NAMES = [f"check_{number}" for number in range(25)]
pytestmark = pytest.mark.db


@pytest.fixture
def records(own_server, tmp_path, monkeypatch):
    """A server that a test may stop, and the environment of processes whose records it has."""
    own_server.create_database("dagster")
    (tmp_path / "dagster.yaml").symlink_to(ROOT / "dagster_project" / "dagster.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    values = {"HOST": "127.0.0.1", "PORT": own_server.port, "USER": "postgres", "PASSWORD": "not-a-real-password"}
    for name, value in values.items():
        monkeypatch.setenv(f"DAGSTER_POSTGRES_{name}", str(value))
    return own_server


@asset(check_specs=[AssetCheckSpec(name, asset="checked") for name in NAMES])
def checked():
    """An asset with more checks than the webserver's pool has connections."""


def test_a_launch_with_many_checks_waits_for_no_connection_and_one_during_an_outage_for_the_server(records):
    job = Definitions(assets=[checked], jobs=[define_asset_job("a_job")]).resolve_job_def("a_job")
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(5000, 3600, 20)
        began = time.monotonic()
        instance.create_run_for_job(job)
        assert time.monotonic() - began < 15, "it waited for connections"
        assert instance.event_log_storage._engine.pool.checkedout() == 0
        records.stop()
        with ThreadPoolExecutor() as threads:
            launches = [threads.submit(instance.create_run_for_job, job) for _ in range(2)]
            time.sleep(1.5)
            records.start()
            assert len({launch.result(30).run_id for launch in launches}) == 2
        assert instance.get_runs_count() == 3


def test_a_refused_password_is_not_waited_for(monkeypatch):
    def refuse(**_: object) -> None:
        raise psycopg2.OperationalError('FATAL: password authentication failed for user "dagster"')

    monkeypatch.setattr(psycopg2, "connect", refuse)
    began = time.monotonic()
    with pytest.raises(psycopg2.OperationalError), postgres.tables_locked(URL.create("postgresql")):
        pass
    assert time.monotonic() - began < 1


def test_an_event_whose_connection_is_cut_off_is_stored_all_the_same(records, caplog):
    job = Definitions(assets=[checked], jobs=[define_asset_job("a_job")]).resolve_job_def("a_job")
    with DagsterInstance.get() as instance:
        run = instance.create_run_for_job(job)
        cut = ["INSERT INTO event_logs", "UPDATE runs"]

        @event.listens_for(Engine, "before_cursor_execute")
        def cut_off(connection, _cursor, statement, *_):
            if cut and statement.startswith(cut[0]):
                del cut[0]
                process = connection.connection.dbapi_connection.info.backend_pid
                records.psql("postgres", f"SELECT pg_terminate_backend({process}, 5000)")

        try:
            instance.report_engine_event("still there", run)
            instance.report_run_canceling(run)
        finally:
            event.remove(Engine, "before_cursor_execute", cut_off)
        assert cut == []
        assert "still there" in [one.message for one in instance.all_logs(run.run_id)]
        assert instance.get_run_by_id(run.run_id).status.value == "CANCELING"
    assert "was cut off" in caplog.text


def test_a_process_that_begins_while_the_server_is_away_waits_for_it(monkeypatch):
    answers = iter([psycopg2.OperationalError("Connection refused")] * 3 + [MagicMock()])

    def connect(**_: object) -> object:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(psycopg2, "connect", connect)
    monkeypatch.setattr(postgres, "PAUSE_SECONDS", 0)
    # of a connection that Dagster tries again by itself
    monkeypatch.setattr(postgres, "WAIT_SECONDS", 0)
    with postgres.tables_locked(URL.create("postgresql")):
        assert next(answers, None) is None


def test_processes_that_start_at_the_same_moment_make_the_tables_once(records, caplog):
    with ThreadPoolExecutor(4) as threads:
        storages = list(threads.map(lambda _: InstanceStorage.from_config_value(None, {}), range(4)))
    assert len(storages) == 4
    assert "Retrying" not in caplog.text
    assert records.psql("dagster", "SELECT count(*) FROM alembic_version") == "1"


def test_a_migration_makes_the_tables_and_brings_those_of_an_earlier_version_up_to_date(records, caplog):
    caplog.set_level(logging.INFO)
    migrate.main()
    version = records.psql("dagster", "SELECT version_num FROM alembic_version")
    # what dagster 1.9 had: the newest revisions added a column each
    records.psql("dagster", "ALTER TABLE concurrency_limits DROP COLUMN using_default_limit")
    records.psql("dagster", "UPDATE alembic_version SET version_num = '6b7fb194ff9c'")
    migrate.main()
    assert records.psql("dagster", "SELECT version_num FROM alembic_version") == version
    assert records.psql("dagster", "SELECT count(using_default_limit) FROM concurrency_limits") == "0"
    assert "Dagster's tables are up to date" in caplog.text


def test_an_earlier_release_leaves_tables_of_a_later_one_as_they_are(records, caplog):
    migrate.main()
    records.psql("dagster", "UPDATE alembic_version SET version_num = '0123456789ab'")
    caplog.clear()
    migrate.main()
    assert records.psql("dagster", "SELECT version_num FROM alembic_version") == "0123456789ab"
    assert "Dagster's tables are of a later version" in caplog.text
    with DagsterInstance.get() as instance:
        instance.create_run_for_job(
            Definitions(jobs=[define_asset_job("a_job")], assets=[checked]).resolve_job_def("a_job")
        )
        assert instance.get_runs_count() == 1


def test_the_daemon_counts_as_working_by_its_own_heartbeats_and_while_the_database_is_away(records, capsys):
    with DagsterInstance.get():
        assert not health.daemon_works(), "it has not begun"

    def beat(process: str, kind: str, age: str) -> None:
        records.psql(
            "dagster",
            "INSERT INTO daemon_heartbeats (daemon_type, daemon_id, timestamp)"
            f" VALUES ('{kind}', '{process}', now() AT TIME ZONE 'UTC' - interval '{age}')",
        )

    beat("an earlier one", "A", "1 day")
    beat("this one", "B", "10 seconds")
    assert health.daemon_works()
    beat("this one", "C", "6 minutes")
    assert not health.daemon_works(), "one of its threads hangs"
    records.stop()
    assert health.daemon_works()
    assert "the database is away" in capsys.readouterr().err
