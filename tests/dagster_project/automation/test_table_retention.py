"""The nightly deletion of old rows from the bronze tables."""

import pytest

from dagster_project.automation.table_retention import prune_tables_job
from dlt_sources.weather.common.errors import DestinationError
from dlt_sources.weather.retention.stores.duckdb_store import DuckDBStore
from tests.helpers.support import count
from tests.weather.retention.rows import DAY, NOW, dataset, forecasts, hours

pytestmark = pytest.mark.usefixtures("environment")


def run(instance):
    result = prune_tables_job.execute_in_process(instance=instance, raise_on_error=False)
    return result, {key: one.value for key, one in metadata(result).items()}


def metadata(result):
    (output,) = [event for event in result.all_events if event.is_successful_output] or [None]
    return output.event_specific_data.metadata if output else {}


def test_the_job_deletes_what_the_settings_do_not_keep_and_says_how_much(duckdb, instance, monkeypatch):
    dataset(duckdb, forecast=forecasts(*hours(NOW - 400 * DAY, 2), NOW))
    monkeypatch.setenv("SOURCES__WEATHER__RETENTION__ARCHIVE", "archive")
    result, found = run(instance)
    assert result.success
    assert (found["rows_deleted"], found["tables"], found["archive"]) == (4, {"forecast": 4}, "archive/bronze")
    assert found["bytes_deleted"] > 0
    assert count(duckdb, "forecast") == 2
    assert run(instance)[1]["rows_deleted"] == 0


def test_a_failure_has_the_rows_that_were_deleted_before(duckdb, instance, monkeypatch):
    dataset(duckdb, forecast=forecasts(*hours(NOW - 400 * DAY, 2)))

    def fail(*_):
        raise DestinationError("The disk is full.")

    monkeypatch.setattr(DuckDBStore, "reclaim", fail)
    result, _ = run(instance)
    (step,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert step.user_failure_data.description == "The disk is full."
    assert step.user_failure_data.metadata["rows_deleted"].value == 4


def test_a_destination_without_deletes_is_no_failure(instance, monkeypatch, tmp_path):
    monkeypatch.setenv("WEATHER_DESTINATION", "filesystem")
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(tmp_path / "lake"))
    result, _ = run(instance)
    assert (result.success, result.output_for_node("delete_old_rows")) == (True, 0)
