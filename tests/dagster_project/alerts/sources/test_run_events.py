"""Run events: runs that ended are read once, in order; unreadable, cancelled and dead ones too."""

import pytest
from dagster import DagsterEventType
from dagster._core.errors import DagsterExecutionInterruptedError

BOTH = pytest.mark.parametrize("instance", ["sqlite", "postgres"], indirect=True)


@BOTH
def test_a_run_that_died_is_resolved_when_the_assets_that_it_was_to_load_are_loaded(small, receiver, to, ticks):
    to(receiver.url)
    run_id = small.die()
    ticks()
    assert receiver.titles == ["A run of __ASSET_JOB died"]
    assert "its pod was evicted" in receiver.got[0]["message"]
    assert f"Run: http://localhost:3000/runs/{run_id}" in receiver.got[0]["message"]
    small.run("one", "two")
    ticks()
    assert len(receiver.got) == 1
    small.die()
    ticks()
    assert receiver.titles[1:] == ["A run of __ASSET_JOB died"]
    assert "It is back: a part of it had succeeded in between." in receiver.got[1]["message"]
    assert small.run().success
    ticks()
    assert receiver.titles[2:] == ["Recovered: a run of __ASSET_JOB died"]
    assert "seen in 2 run(s)" in receiver.got[2]["message"]


@BOTH
def test_history_is_no_news(instance, small, receiver, to, ticks):
    small.failing = {"one", "check two"}
    small.run()
    small.die()
    to(receiver.url)
    ticks.cursor = None
    ticks()
    ticks()
    assert receiver.got == []
    small.run()
    ticks()
    assert len(receiver.got) == 2
    assert instance.fetch_run_status_changes(DagsterEventType.RUN_FAILURE, limit=9).records[0].storage_id in (
        ticks.state.handled
    )


def test_a_run_that_a_person_cancelled_is_no_problem(instance, small, receiver, to, ticks):
    to(receiver.url)
    run = instance.create_run_for_job(small.job)
    instance.report_run_canceled(run)
    ticks()
    assert receiver.got == []


def test_a_step_that_went_down_with_its_process_is_a_run_that_died(small, receiver, to, ticks):
    to(receiver.url)
    small.error = lambda _: DagsterExecutionInterruptedError()
    small.failing = {"one"}
    small.run("one")
    ticks()
    assert receiver.titles == ["A run of __ASSET_JOB died"]
    small.failing = set()
    small.run("one")
    ticks()
    assert receiver.titles[1:] == ["Recovered: a run of __ASSET_JOB died"]


def test_an_event_that_is_committed_after_a_later_one_was_read_is_not_missed(instance, small, receiver, to, ticks):
    to(receiver.url)
    small.failing = {"one"}
    small.run("one")
    state = ticks.state
    (record,) = instance.fetch_run_status_changes(DagsterEventType.RUN_FAILURE, limit=1).records
    state.position = record.storage_id + 3
    ticks.cursor = state.model_dump_json()
    ticks()
    ticks()
    assert receiver.titles == ["Loading one failed: ValueError"]


def test_runs_that_cannot_be_read_stop_nothing(instance, small, receiver, to, ticks, monkeypatch):  # noqa: PLR0917
    to(receiver.url)
    small.failing = {"one", "two"}
    bad = small.run("one").run_id
    small.run("two")
    read = instance.all_logs

    def broken(run_id, **options):
        if run_id == bad:
            raise OSError("postgresql://dagster:hidden@host is gone")
        return read(run_id, **options)

    monkeypatch.setattr(instance, "all_logs", broken)
    ticks()
    assert sorted(receiver.titles) == ["A run of __ASSET_JOB died", "Loading two failed: ValueError"]
    assert "could not be read" in receiver.got[0]["message"] + receiver.got[1]["message"]
    assert "hidden" not in str(receiver.got)


def test_records_that_cannot_be_read_are_read_by_a_later_tick(instance, small, receiver, to, ticks, monkeypatch):  # noqa: PLR0917
    to(receiver.url)
    small.failing = {"one"}
    small.run("one")

    def broken(*_, **__):
        raise OSError("postgresql://dagster:hidden@host is gone")

    with monkeypatch.context() as away:
        away.setattr(instance, "fetch_run_status_changes", broken)
        away.setattr(instance, "get_asset_records", broken)
        ticks()
    assert receiver.got == []
    ticks()
    assert receiver.titles == ["Loading one failed: ValueError"]


def test_more_runs_than_one_tick_reads_are_read_by_the_next(small, receiver, to, ticks, monkeypatch):
    monkeypatch.setattr("dagster_project.alerts.sources.run_events.MAX_RUNS", 2)
    to(receiver.url)
    small.failing = {"three"}
    for name in ("one", "two", "three"):
        small.run(name)
    ticks()
    assert receiver.got == []
    ticks()
    assert receiver.titles == ["Loading three failed: ValueError"]
