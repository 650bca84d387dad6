"""Retention of Dagster's records: runs, their files, evaluations of checks, ticks, and the space of all of them."""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetKey,
    AssetMaterialization,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    build_op_context,
    job,
    op,
)
from dagster._core.events import StepMaterializationData
from sqlalchemy import text

from dagster_project.automation.retention import Retention, delete_old_runs, prune_job
from dagster_project.instance.records import folders, records_bytes, reuse_space
from tests.dagster_project.conftest import QUIET

HISTORY = AssetKey(["bronze", "air_pollution_history"])
LOGS = {"module": "dagster_project.instance.compute_logs", "class": "LocalLogs", "config": {}}


@op
def load() -> None: ...


@job
def loads():
    load()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.slow, pytest.mark.db])])
def records(request, tmp_path, monkeypatch, clock):
    """An instance with either storage, and our manager of logs."""
    home = tmp_path / "dagster"
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setattr("dagster_project.common.clock.now", clock)
    overrides = QUIET | {"compute_logs": LOGS}
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        server.create_database("dagster_retention")
        url = f"postgresql+psycopg2://postgres@127.0.0.1:{server.port}/dagster_retention"
        overrides |= {"storage": {"postgres": {"postgres_url": url}}}
        home.mkdir()
    else:
        # copied: Dagster takes longer to make them
        shutil.copytree(request.getfixturevalue("empty_records"), home)
    with DagsterInstance.local_temp(str(home), overrides=overrides) as instance:
        yield instance
    if request.param == "postgresql":
        server.drop_database("dagster_retention")


def run(instance, asset, partition=None):
    """Record a run as a load leaves it: a materialisation, an evaluation of a check, a log."""
    tags = {"dagster/partition": partition} if partition else {}
    run_id = instance.create_run_for_job(loads, tags=tags, status=DagsterRunStatus.SUCCESS).run_id
    key = AssetKey(asset.split("/"))
    data = {
        DagsterEventType.ASSET_MATERIALIZATION: StepMaterializationData(AssetMaterialization(key, partition=partition)),
        DagsterEventType.ASSET_CHECK_EVALUATION: AssetCheckEvaluation(key, "accounting", passed=True, metadata={}),
    }
    for kind, event in data.items():
        instance.report_dagster_event(DagsterEvent(kind.value, "loads", event_specific_data=event), run_id)
    if logs := folders(instance).logs:
        folder = logs / run_id / "compute_logs"
        folder.mkdir(parents=True)
        (folder / "abc.err").write_text("a line\n")
    return run_id


def prune(instance, clock, days, **config):
    clock.moment = instance.get_run_records(limit=1)[0].create_timestamp + timedelta(days=days)
    return delete_old_runs(build_op_context(instance=instance), Retention(**config))


def number(instance, sql):
    with instance.event_log_storage.index_connection() as connection:
        return connection.execute(text(sql)).scalar()


def test_runs_of_shards_are_deleted_with_all_they_left_and_backfilled_months_stay(records, clock):
    months = [run(records, "bronze/air_pollution_history", month) for month in ("2020-11-01", "2020-12-01")]
    again = run(records, "bronze/air_pollution_history", "2020-12-01")
    shards = [run(records, "bronze/forecast", f"{shard}-of-2") for shard in (1, 2, 1, 2)]
    assert prune(records, clock, 89) == 0
    assert prune(records, clock, 91) == 4
    left = {one.run_id for one in records.get_runs() if one.job_name == "loads"}
    assert left == {months[0], again, shards[3]}, "each month's newest run, and that of the asset's newest row"
    assert records.get_materialized_partitions(HISTORY) == {"2020-11-01", "2020-12-01"}
    assert records.all_logs(months[0], of_type=DagsterEventType.ASSET_MATERIALIZATION)
    assert not (folders(records).logs / shards[0]).exists()
    assert (folders(records).logs / shards[3]).exists()
    # of each check the newest evaluation
    assert number(records, "SELECT count(*) FROM asset_check_executions") == 2
    if history := folders(records).history:
        names = {file.name.partition(".")[0] for file in (history / "runs").iterdir()}
        assert not names & {shards[0], shards[1], months[1]}


def test_the_number_of_runs_is_bounded_whatever_their_age(instance, clock, monkeypatch):
    shards = [run(instance, "bronze/forecast", f"{shard}-of-2") for shard in (1, 2, 1, 2)]
    monkeypatch.setattr("dagster_project.common.clock.now", clock)
    clock.moment = instance.get_run_records(limit=1)[0].create_timestamp
    config = {"ops": {"delete_old_runs": {"config": {"most_runs": 2}}}}
    result = prune_job.execute_in_process(instance=instance, run_config=config)
    assert result.output_for_node("delete_old_runs") == 2
    assert {one.run_id for one in instance.get_runs() if one.job_name == "loads"} == set(shards[2:])


def test_what_runs_that_are_gone_left_is_deleted_and_other_files_stay(records, clock):
    gone, kept = run(records, "bronze/forecast"), run(records, "bronze/forecast")
    # as Dagster's UI does
    records.delete_run(gone)
    logs = folders(records).logs
    ticks = logs / "__repository__" / "alert_sensor"
    ticks.mkdir(parents=True)
    foreign = logs / "other_asset"
    for file in (ticks / "1.err", ticks / "2.err", foreign):
        file.write_text("text")
    old = [ticks / "1.err", foreign, logs / gone]
    if history := folders(records).history:
        old.append(history / "runs" / f"{gone}.db")
        assert old[-1].exists(), "Dagster's own deletion keeps the file"
    clock.moment = records.get_run_records(limit=1)[0].create_timestamp
    before = (clock.moment - timedelta(days=100)).timestamp()
    for file in old:
        os.utime(file, (before, before))
    prune(records, clock, 1)
    assert not (ticks / "1.err").exists()
    assert not (logs / gone).exists()
    assert (ticks / "2.err").exists()
    assert foreign.exists(), "an asset of the user's may be stored there"
    assert (logs / kept).exists()
    if history:
        assert not old[-1].exists()


def test_events_without_a_run_are_deleted_except_the_newest_of_each_kind(records, clock):
    run(records, "bronze/forecast")
    for _ in range(3):
        records.report_runless_asset_event(AssetMaterialization("notes"))
    prune(records, clock, 91)
    assert number(records, "SELECT count(*) FROM event_logs WHERE run_id = ''") == 1
    assert records.get_latest_materialization_event(AssetKey("notes"))


@pytest.mark.slow
def test_a_year_of_shards_takes_no_more_than_its_retention(records, clock):
    """Played at a hundredth: as many runs as are kept, many times over; the size after each round is the same."""
    sizes = []
    for _ in range(4):
        for shard in range(6):
            run(records, "bronze/forecast", f"{shard % 2 + 1}-of-2")
        prune(records, clock, 1, most_runs=4)
        sizes.append(records_bytes(records))
    assert sizes[3] <= sizes[1] * 1.05, sizes
    assert len(records.get_runs()) == 4


def test_a_file_of_which_most_is_free_is_rewritten(records):
    if not (history := folders(records).history):
        pytest.skip("PostgreSQL's tables are vacuumed in place")
    index = history / "runs" / "index.db"
    with closing(sqlite3.connect(index, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE filler (body TEXT)")
        connection.execute("INSERT INTO filler VALUES (hex(zeroblob(6000000)))")
        connection.execute("DROP TABLE filler")
    large = index.stat().st_size
    reuse_space(records)
    assert index.stat().st_size < large / 5
