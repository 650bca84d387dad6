"""Memory of the process: bounded packages, small imports, and a clean end. DuckDB's memory: ``test_duckdb.py``."""

import asyncio
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from dlt_sources.weather.api.machine_rate_limit import machine_rate_limiter
from tests.helpers.clock import SENTINEL_KEY
from tests.helpers.support import count, load_accounted


@pytest.mark.db
def test_a_package_is_closed_when_its_rows_take_so_many_bytes(duckdb, settings, clock, monkeypatch):
    monkeypatch.setattr("dlt_sources.weather.extract.limits.PACKAGE_BYTES", 5_000)
    monkeypatch.setattr("dlt_sources.weather.extract.endpoint.BATCH_BYTES", 1)
    report = load_accounted(duckdb, settings(resources=["air_pollution"], history_days_per_call=1), clock)
    assert report.packages > 2
    assert count(duckdb, "air_pollution") == 2 * (7 * 24 + 1)


def test_the_calls_of_the_last_minute_take_a_few_bytes_each(settings):
    throttle = machine_rate_limiter(settings(calls_per_minute=1_000_000))

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


@pytest.mark.process
def test_importing_the_source_imports_nothing_but_dlt():
    asks = "import sys, dlt; before = set(sys.modules); import dlt_sources.weather; print(*(set(sys.modules) - before))"
    said = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True).stdout
    assert {name.partition(".")[0] for name in said.split()} == {"dlt_sources"}


@pytest.mark.process
def test_the_command_line_spares_the_collector_what_it_imported_and_has_it_on_again():
    asks = "import gc, dlt_sources.weather.__main__, sys; print(gc.get_freeze_count() > 100_000, gc.isenabled())"
    # 30 MB that a load into another database does without
    asks += "; print('duckdb' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["True", "True", "False"]


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


@pytest.mark.process
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
