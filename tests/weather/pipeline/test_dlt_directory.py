"""dlt's ordinary pipeline directory after a load: what dlt's commands, dashboard and ``dlt.attach`` find there."""

import shutil
from pathlib import Path

import dlt
import pytest
from dlt.common.pipeline import get_dlt_pipelines_dir
from filelock import FileLock

from dlt_sources.weather.pipeline import dlt_directory
from tests.helpers.clock import SENTINEL_KEY
from tests.helpers.support import count, load_accounted

PASSWORD = "sentinel-of-the-database"


def _directory() -> Path:
    return Path(get_dlt_pipelines_dir())


def test_dlt_attaches_to_the_last_load_and_finds_no_secret_and_no_rows(target, settings, clock, monkeypatch):
    if target.is_postgres:
        # the server trusts everyone
        monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS__PASSWORD", PASSWORD)
        assert target.postgres_credentials.password
    load_accounted(target, settings(), clock)
    clock.pass_time(hours=1)
    load_accounted(target, settings(), clock)

    pipeline = dlt.attach("weather")
    assert (pipeline.dataset_name, pipeline.default_schema_name) == ("bronze", "weather")
    assert pipeline.default_schema.tables["current_weather"]["columns"]["temp"]["description"]
    assert [step.step for step in pipeline.last_trace.steps] == ["extract", "normalize", "load", "run"]
    (load_id,) = pipeline.list_completed_load_packages()
    assert {job.job_file_info.table_name for job in pipeline.get_load_package_info(load_id).jobs["completed_jobs"]} > {
        "current_weather",
        "forecast",
    }
    assert not pipeline.has_pending_data
    rows = pipeline.dataset().table("current_weather").select("dt").fetchall()
    assert len(rows) == count(target, "current_weather")
    for file in (file for file in _directory().rglob("*") if file.is_file()):
        content = file.read_bytes()
        assert file.suffix != ".parquet" or not content
        assert SENTINEL_KEY.encode() not in content, file
        assert PASSWORD.encode() not in content, file


def test_a_plain_pipeline_of_the_same_name_keeps_its_directory(duckdb, settings, clock, tmp_path):
    own = dlt.destinations.duckdb(str(tmp_path / "plain.duckdb"))
    plain = dlt.pipeline("weather", destination=own, dataset_name="own")
    plain.run([{"number": 1}], table_name="numbers")
    load_accounted(duckdb, settings(), clock)
    assert dlt.attach("weather").dataset_name == "own"


def test_a_plain_pipeline_that_works_there_later_keeps_its_packages(duckdb, settings, clock):
    load_accounted(duckdb, settings(), clock)
    plain = dlt.pipeline("weather", destination="duckdb", dataset_name="bronze")
    plain.extract([{"number": 1}], table_name="waiting")
    clock.pass_time(hours=1)
    load_accounted(duckdb, settings(), clock)
    assert dlt.attach("weather").has_pending_data


def test_a_load_does_not_wait_for_another_that_keeps_the_directory(duckdb, settings, clock):
    _directory().mkdir(parents=True, exist_ok=True)
    with FileLock(_directory() / ".weather.lock"):
        load_accounted(duckdb, settings(), clock)
    assert not (_directory() / "weather").exists()


def test_a_load_does_not_fail_where_the_directory_cannot_be_written(duckdb, settings, clock):
    _directory().mkdir(parents=True, exist_ok=True)
    (_directory() / "weather").touch()
    load_accounted(duckdb, settings(), clock)
    assert count(duckdb, "current_weather") == 2


@pytest.mark.parametrize("content", ["", "[]"])
@pytest.mark.parametrize("file", [".weather.kept", "weather/state.json"])
def test_a_load_does_not_fail_where_the_directorys_files_are_damaged(duckdb, settings, clock, file, content):
    load_accounted(duckdb, settings(), clock)
    (_directory() / file).write_text(content)
    clock.pass_time(hours=1)
    load_accounted(duckdb, settings(), clock)
    assert count(duckdb, "current_weather") == 4


def test_a_directory_that_a_kill_left_is_replaced_by_the_next_load(duckdb, settings, clock, monkeypatch):
    replace = dlt_directory._replace

    def replace_and_be_killed(*given):
        replace(*given)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(dlt_directory, "_replace", replace_and_be_killed)
        with pytest.raises(SystemExit):
            load_accounted(duckdb, settings(), clock)
    shutil.rmtree(_directory() / "weather" / "schemas")
    load_accounted(duckdb, settings(), clock)
    assert (_directory() / "weather" / "schemas").exists()
