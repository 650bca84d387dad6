"""``weather prune``: what it prints, and its exit codes."""

import json
import logging
from pathlib import Path

from dlt_sources.weather.common.errors import DestinationError
from dlt_sources.weather.retention.stores import duckdb_store
from tests.helpers.command import run
from tests.helpers.support import count, load_accounted, query
from tests.weather.retention.rows import DAY, NOW, dataset, forecasts, hours

OLD = NOW - 5000 * DAY


def test_a_rehearsal_prints_rows_and_sizes_and_the_pruning_what_was_deleted(duckdb):
    dataset(duckdb, forecast=forecasts(*hours(OLD, 3)))
    rehearsed = run("prune", "--dry-run")
    assert rehearsed.code == 0
    assert "forecast     6" in rehearsed.out
    assert "6 rows would be deleted" in rehearsed.out
    assert "Change it by SOURCES__WEATHER__RETENTION__FORECAST_DAYS" in " ".join(rehearsed.out.split())
    assert "The data is in" in rehearsed.out
    assert "prune" in rehearsed.out.splitlines()[-1]
    assert count(duckdb, "forecast") == 6
    pruned = run("prune")
    assert (pruned.code, "6 rows deleted" in pruned.out) == (0, True)
    assert count(duckdb, "forecast") == 0
    assert "0 rows deleted" in run("prune").out


def test_a_rehearsal_looks_whether_the_archive_can_be_reached(duckdb, monkeypatch):
    dataset(duckdb, forecast=forecasts(OLD))
    Path("archive").write_text("no folder")
    monkeypatch.setenv("SOURCES__WEATHER__RETENTION__ARCHIVE", "archive")
    rehearsed = run("prune", "--dry-run")
    assert rehearsed.code == 5
    assert "The archive archive/bronze cannot be" in rehearsed.err
    monkeypatch.setenv("SOURCES__WEATHER__RETENTION__ARCHIVE", "s3x://nowhere/weather")
    assert run("prune", "--dry-run").code == 2
    monkeypatch.setenv("SOURCES__WEATHER__RETENTION__ARCHIVE", "elsewhere/weather")
    assert run("prune", "--dry-run").code == 0
    assert not Path("elsewhere").exists(), "a rehearsal makes nothing"


def test_the_summary_is_one_json_line_where_logs_are_json(duckdb):
    dataset(duckdb, forecast=forecasts(OLD))
    (line,) = [json.loads(line) for line in run("prune", "--log-format", "json").err.splitlines()]
    assert line["tables"][0] | {"before": "", "bytes": 0} == {
        "table": "forecast",
        "kind": "dropped",
        "before": "",
        "rows": 2,
        "deleted": 2,
        "archived": 0,
        "bytes": 0,
    }


def test_a_database_that_does_not_exist_yet_is_pruned_of_nothing(duckdb):
    assert "0 rows deleted" in run("prune").out
    assert not duckdb.exists


def test_an_interrupt_keeps_what_is_done_and_says_so(duckdb, monkeypatch):
    dataset(duckdb, forecast=forecasts(*hours(OLD, 3)))
    monkeypatch.setattr(duckdb_store, "rows_of_a_chunk", lambda _: 2)
    monkeypatch.setattr(duckdb_store.DuckDBStore, "delete_at_once", lambda *_: iter(()))
    delete = duckdb_store.DuckDBStore.delete

    def interrupted(store, portion, chunk):
        deleted = delete(store, portion, chunk)
        store._turns.interrupt()
        return deleted

    with monkeypatch.context() as patch:
        patch.setattr(duckdb_store.DuckDBStore, "delete", interrupted)
        ended = run("prune")
    assert ended.code == 130
    assert "2 rows deleted" in ended.out
    assert "Interrupted" in ended.err
    assert count(duckdb, "forecast") == 4
    assert "4 rows deleted" in run("prune").out


def test_an_error_after_the_first_rows_is_told_with_what_was_deleted(duckdb, monkeypatch):
    dataset(duckdb, forecast=forecasts(*hours(OLD, 3)))

    def fail(*_):
        raise DestinationError("The destination cannot be written to any more.")

    monkeypatch.setattr(duckdb_store.DuckDBStore, "reclaim", fail)
    ended = run("prune")
    assert (ended.code, "6 rows deleted" in ended.out) == (5, True)
    assert "cannot be written to any more" in ended.err


def test_the_first_load_of_this_release_warns_of_what_will_be_dropped(duckdb, settings, clock, caplog):
    load_accounted(duckdb, settings(resources=["current_weather"]), clock)
    # as an earlier release left it
    query(duckdb, "ALTER TABLE load_runs DROP COLUMN database_bytes")
    caplog.clear()
    load_accounted(duckdb, settings(resources=["current_weather"]), clock)
    (warning,) = [one for one in caplog.records if "weather prune" in one.getMessage()]
    assert warning.levelno == logging.WARNING


def test_the_first_load_into_a_dataset_says_what_will_be_dropped(duckdb, settings, clock, caplog):
    caplog.set_level(logging.INFO)
    load_accounted(duckdb, settings(resources=["current_weather"]), clock)
    said = [text for text in caplog.messages if "weather prune" in text]
    assert len(said) == 1
    assert "after 14 days, none after 365 days" in said[0]
    caplog.clear()
    load_accounted(duckdb, settings(resources=["current_weather"]), clock)
    assert "weather prune" not in caplog.text
