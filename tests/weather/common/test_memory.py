"""Memory stays what it is, however much is loaded: bounded packages, and a DuckDB that keeps little."""

import asyncio
import subprocess
import sys
import tracemalloc
from pathlib import Path

import dlt
import pytest

from dlt_sources.weather.api.rate_limit import LocalRateLimiter
from dlt_sources.weather.common.errors import DestinationError
from dlt_sources.weather.destination import duckdb as duckdb_memory
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.pipeline.packages import load_package
from tests.conftest import SENTINEL_KEY
from tests.helpers.support import count, load_accounted, query

LIMIT = "SELECT current_setting('memory_limit')"


def test_a_package_is_closed_when_its_rows_take_so_many_bytes(target, settings, clock, monkeypatch):
    monkeypatch.setattr("dlt_sources.weather.extract.limits.PACKAGE_BYTES", 5_000)
    monkeypatch.setattr("dlt_sources.weather.extract.endpoint.BATCH_BYTES", 1)
    report = load_accounted(target, settings(resources=["air_pollution"], history_days_per_call=1), clock)
    assert report.packages > 2
    assert count(target, "air_pollution") == 2 * (7 * 24 + 1)


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


def test_duckdb_has_few_threads_for_a_load_unless_it_is_configured(duckdb, monkeypatch):
    set_to = "SELECT current_setting('threads')"
    with duckdb.connection() as client:
        client.execute_sql("SET threads = 16")
        duckdb_memory.limit_memory(client)
        assert client.execute_sql(set_to) == [(4,)]
        client.execute_sql("SET threads = 1")
        duckdb_memory.limit_memory(client)
        assert client.execute_sql(set_to) == [(1,)]
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS__GLOBAL_CONFIG", '{"threads": 7}')
    with Target("duckdb").connection() as client:
        duckdb_memory.limit_memory(client)
        assert client.execute_sql(set_to) == [(7,)]


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


def test_the_calls_of_the_last_minute_take_a_few_bytes_each():
    throttle = LocalRateLimiter("http://127.0.0.1:9/memory", 1_000_000)

    async def grown(calls):
        await throttle.acquire()
        tracemalloc.start()
        try:
            for _ in range(calls):
                await throttle.acquire()
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    assert asyncio.run(grown(10_000)) < 10_000 * 20


def test_importing_the_source_imports_nothing_but_dlt():
    asks = "import sys, dlt; before = set(sys.modules); import dlt_sources.weather; print(*(set(sys.modules) - before))"
    said = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True).stdout
    assert {name.partition(".")[0] for name in said.split()} == {"dlt_sources"}


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


def test_the_command_line_spares_the_collector_what_it_imported_and_has_it_on_again():
    asks = "import gc, dlt_sources.weather.__main__; print(gc.get_freeze_count() > 100_000, gc.isenabled())"
    said = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["True", "True"]


# another thread is in a collection when the interpreter ends, for a moment: what it frees waits
COLLECTING = """
import gc, threading, time, duckdb
class Waits:
    def __del__(self):
        begun.set()
        time.sleep(0.5)
def collect():
    loop = Waits()
    loop.itself = loop
    del loop
    gc.collect()
begun = threading.Event()
threading.Thread(target=collect, daemon=True).start()
begun.wait()
"""


@pytest.mark.parametrize(
    "module", ["dlt_sources.weather.__main__", "dagster_project.instance.storage"], ids=["the command line", "Dagster"]
)
def test_duckdb_has_nothing_to_complain_of_at_the_end(module, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    monkeypatch.setenv("SOURCES__WEATHER__API_KEY", SENTINEL_KEY)
    asks = f"import {module}\n{COLLECTING}"
    ended = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("", "")
