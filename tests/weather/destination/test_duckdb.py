"""DuckDB: files that may only be read, no downloads, and limits of memory."""

import errno

import dlt
import pytest

from dlt_sources.weather.common.errors import ConfigurationError, DestinationError
from dlt_sources.weather.destination import duckdb as duckdb_memory
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.pipeline.packages import load_package
from tests.helpers.command import run
from tests.helpers.support import count, load_accounted, query

LIMIT = "SELECT current_setting('memory_limit')"


def test_duckdb_has_little_memory_for_a_load_unless_it_is_configured(duckdb, settings, clock, monkeypatch):
    seen = []

    def look_and_load(pipeline, source):
        with pipeline.sql_client() as client:
            seen.append(client.execute_sql(LIMIT)[0][0])
        return load_package(pipeline, source)

    load(duckdb, settings(), load_package=look_and_load, now=clock)
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS__GLOBAL_CONFIG", '{"memory_limit": "1GiB"}')
    clock.pass_time(hours=1)
    load(duckdb, settings(), load_package=look_and_load, now=clock)
    assert seen == ["152.5 MiB", "1.0 GiB"]


def test_duckdb_has_little_memory_to_read_with_and_a_query_that_needs_more_has_its_result(duckdb, monkeypatch):
    with duckdb.connection() as client:
        assert client.execute_sql(LIMIT) == [("152.5 MiB",)]
        client.execute_sql("SET threads = 16")
        client.execute_sql("CREATE TABLE many AS SELECT range AS a, range % 7 AS b FROM range(5000000)")
        grouped = "SELECT count(*) FROM (SELECT a, b FROM many GROUP BY a, b HAVING count(*) > 1)"
        assert client.execute_sql(grouped) == [(0,)]
        assert not list(duckdb.file_path.parent.glob("*.tmp/*")), "what it wrote meanwhile is gone"
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS__GLOBAL_CONFIG", '{"memory_limit": "1GiB"}')
    with Target("duckdb").connection() as client:
        assert client.execute_sql(LIMIT) == [("1.0 GiB",)]


def test_a_new_file_compresses_long_texts_and_a_file_that_is_there_is_left_as_it_is(duckdb, settings, clock):
    load_accounted(duckdb, settings(resources=["forecast"]), clock)
    used = "SELECT compression FROM pragma_storage_info('many') WHERE column_name = 'body' AND segment_type = 'VARCHAR'"
    with duckdb.connection() as client:
        client.execute_sql("CREATE TABLE many AS SELECT * FROM weather_raw CROSS JOIN range(200)")
        client.execute_sql("CHECKPOINT")
        assert set(client.execute_sql(used)) == {("ZSTD",)}
    before = duckdb.file_path.read_bytes()
    duckdb_memory.create_file(duckdb.file_path)
    assert duckdb.file_path.read_bytes() == before


def test_duckdb_has_one_thread_for_a_load_unless_it_is_configured(duckdb, monkeypatch):
    set_to = "SELECT current_setting('threads')"
    with duckdb.connection() as client:
        client.execute_sql("SET threads = 16")
        duckdb_memory.limit_memory(client)
        assert client.execute_sql(set_to) == [(1,)]
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS__GLOBAL_CONFIG", '{"threads": 7}')
    with Target("duckdb").connection() as client:
        duckdb_memory.limit_memory(client)
        assert client.execute_sql(set_to) == [(7,)]


def test_duckdb_gives_memory_back_during_a_load_unless_it_is_configured(duckdb, monkeypatch):
    set_to = "SELECT current_setting('allocator_bulk_deallocation_flush_threshold')"
    with duckdb.connection() as client:
        duckdb_memory.limit_memory(client)
        assert client.execute_sql(set_to) == [("250.0 KiB",)]
    configured = '{"allocator_bulk_deallocation_flush_threshold": "1GiB"}'
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS__GLOBAL_CONFIG", configured)
    with Target("duckdb").connection() as client:
        duckdb_memory.limit_memory(client)
        assert client.execute_sql(set_to) == [("1.0 GiB",)]


def test_duckdbs_cache_is_emptied_and_its_limit_stays(duckdb):
    in_use = "SELECT sum(memory_usage_bytes) FROM duckdb_memory()"
    with duckdb.connection() as client:
        client.execute_sql("CREATE TABLE many AS SELECT random() AS a, random() AS b FROM range(4000000)")
        client.execute_sql("SELECT sum(a + b) FROM many")
        assert client.execute_sql(in_use)[0][0] > 40e6
        duckdb_memory.empty_cache(client)
        assert client.execute_sql(in_use)[0][0] < 20e6
        assert client.execute_sql(LIMIT) == [("152.5 MiB",)]
        assert client.execute_sql("SELECT count(*) FROM many") == [(4_000_000,)]


def test_duckdb_has_less_memory_to_close_its_file_unless_it_is_configured(duckdb, monkeypatch):
    with duckdb.connection() as client:
        duckdb_memory.limit_closing(client)
        assert client.execute_sql(LIMIT) == [("91.5 MiB",)]
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS__GLOBAL_CONFIG", '{"memory_limit": "1GiB"}')
    with Target("duckdb").connection() as client:
        duckdb_memory.limit_closing(client)
        assert client.execute_sql(LIMIT) == [("1.0 GiB",)]


@pytest.mark.db
def test_a_package_that_duckdb_has_too_little_memory_for_does_not_hold_up_the_hours_after_it(
    duckdb, settings, clock, monkeypatch, caplog
):
    monkeypatch.setenv("LOAD__RAISE_ON_MAX_RETRIES", "1")  # dlt tries five times otherwise, which takes long
    step = dlt.Pipeline.load

    def with_little_memory(pipeline, *args, **kwargs):
        with pipeline.sql_client() as client:
            client.execute_sql("SET memory_limit = '2MB'")
            try:
                return step(pipeline, *args, **kwargs)
            finally:
                client.execute_sql("SET memory_limit = '160MB'")

    def load_forecasts_so(pipeline, source):
        with monkeypatch.context() as patch:
            if "forecast" in source.resources:
                patch.setattr("dlt.Pipeline.load", with_little_memory)
            return load_package(pipeline, source)

    load_accounted(duckdb, settings(resources=["current_weather"]), clock)
    clock.pass_time(hours=1)
    too_much = clock()
    with pytest.raises(DestinationError, match="Increasing the memory limit"):
        load(duckdb, settings(resources=["forecast"]), load_package=load_forecasts_so, now=clock)
    for _ in range(3):
        assert not list((duckdb.root / "set_aside").glob("2026*"))
        clock.pass_time(hours=1)
        report = load(duckdb, settings(resources=["current_weather"]), load_package=load_forecasts_so, now=clock)
        assert (report.error, report.finished_before) == (None, 0)
    assert count(duckdb, "current_weather") == 2 * 4
    assert "is set aside, with its data" in caplog.text
    (aside,) = (duckdb.root / "set_aside").glob("2026*")
    aside.rename(duckdb.root / aside.name)
    assert load_accounted(duckdb, settings(resources=["current_weather"]), clock).finished_before == 1
    assert query(duckdb, "SELECT count(*) FROM forecast WHERE fetched_at = %s", too_much) == [(80,)]


def test_a_file_that_this_user_may_not_write_is_read(duckdb, settings, clock, monkeypatch):
    load_accounted(duckdb, settings(resources=["current_weather"]), clock)
    monkeypatch.setattr("os.access", lambda *_: False)
    with Target("duckdb").connection() as client:
        assert client.execute_sql("SELECT count(*) FROM bronze.current_weather") == [(2,)]
    with pytest.raises(DestinationError, match="read-only"), Target("duckdb").connection() as client:
        client.execute_sql("DROP TABLE bronze.current_weather")
    with pytest.raises(DestinationError, match="present user may not write the file or its folder"):
        load(Target("duckdb"), settings(resources=["current_weather"]), now=clock)
    assert run("status").code == 0


def test_a_working_directory_of_another_user_is_told_in_a_sentence(duckdb, settings, clock, monkeypatch):
    def refuse(lock, **_):
        raise PermissionError(errno.EACCES, "Permission denied", lock.lock_file)

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    with pytest.raises(ConfigurationError, match=r"cannot be written, .* belongs to root; .*sudo.*chown -R"):
        load(duckdb, settings(), now=clock)


def test_duckdb_downloads_no_extension_unless_it_is_told_to(duckdb, monkeypatch):
    setting = "SELECT current_setting('autoinstall_known_extensions')"
    with duckdb.connection() as client:
        assert client.execute_sql(setting) == [(False,)]
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS__GLOBAL_CONFIG", '{"autoinstall_known_extensions": "true"}')
    with Target("duckdb").connection() as client:
        assert client.execute_sql(setting) == [(True,)]
