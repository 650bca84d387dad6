"""The API key and the database password are found nowhere: not in files, tables, logs, exceptions or traces."""

import gzip
import logging
import os
import traceback
from pathlib import Path
from types import SimpleNamespace

import dlt
import pyarrow.parquet as pq
import pytest

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.api.client import Client
from dlt_sources.weather.api.endpoints import RESOURCES
from dlt_sources.weather.common.logs import configure_logging
from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.extract.resources import source_of
from dlt_sources.weather.extract.run import Run
from dlt_sources.weather.extract.source import weather_source
from dlt_sources.weather.pipeline import writer as writing
from dlt_sources.weather.pipeline.load import load
from tests.helpers.clock import SENTINEL_KEY
from tests.helpers.command import run
from tests.helpers.support import assert_accounted, query

OSLO = "59.9139,10.7522"
MADRID = "40.4168,-3.7038"
PASSWORD = "not-a-real-password"
ECHO = f'{{"cod": 400, "message": "no such appid={SENTINEL_KEY} here", "you": "{SENTINEL_KEY}"}}'.encode()
TROUBLES = {
    "a refused key": [Fault(path="/data/2.5/weather", status=401)],
    "an unknown place": [Fault(path="/data/2.5/forecast", status=404)],
    "too many calls for too long": [Fault(path="/data/2.5/forecast", status=429)],
    "a broken server": [Fault(path="/data/2.5/air_pollution", status=500)],
    "no answer in time": [Fault(path="/data/2.5/forecast", latency=1.0)],
    "a connection that breaks": [Fault(path="/data/2.5/weather", reset=True), Fault(truncate=True)],
    "a key in an error": [Fault(path="/data/2.5/weather", status=400, body=ECHO)],
    "a key in what is no JSON": [Fault(path="/data/2.5/forecast", body=b"<a href='?appid=" + SENTINEL_KEY.encode())],
    "a key in the rows": [Fault(set={"name": SENTINEL_KEY, "list.*.seen": f"/?appid={SENTINEL_KEY}"})],
    "a key of the wrong type": [Fault(set={"dt": SENTINEL_KEY, "list.*.main.temp": SENTINEL_KEY, "name": {"a": 1}})],
}


@pytest.fixture
def choice(settings):
    return settings(
        locations=[MADRID, OSLO],
        history_days=1,
        attempts=2,
        timeout_seconds=0.3,
        rate_limit_patience_seconds=0.2,
    )


@pytest.fixture
def kept_files(monkeypatch):
    """Keep the working directories, which a load that succeeds removes."""
    monkeypatch.setattr(writing, "shutil", SimpleNamespace(rmtree=lambda *_: None))


@pytest.fixture
def every_log():
    """Log everything that any library says; undone afterwards."""
    root, dlt_logger = logging.getLogger(), logging.getLogger("dlt")
    before = (root.level, list(root.handlers), list(dlt_logger.handlers), dlt_logger.propagate, dlt_logger.level)

    def switch_on(log_format, key):
        configure_logging(log_format, logging.DEBUG, key)
        dlt_logger.setLevel(logging.DEBUG)
        for name in ("sqlglot", "filelock", "asyncio", "aiohttp"):
            logging.getLogger(name).setLevel(logging.DEBUG)

    yield switch_on
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    dlt_logger.handlers[:] = before[2]
    dlt_logger.propagate, level = before[3], before[4]
    dlt_logger.setLevel(level)


def text_of(file: Path) -> str:
    """What a file holds, unpacked where it is packed."""
    # dlt's ordinary directory keeps the names of a package's files, without their rows
    if file.suffix == ".parquet" and file.stat().st_size:
        return str(pq.read_table(file).to_pylist())
    content = file.read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    return content.decode("utf-8", "replace") + content.decode("utf-16-le", "replace")


def files_with(secret: str, folder: Path) -> list[str]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert files
    return [str(file) for file in files if secret in text_of(file)]


def tables_with(secret, target):
    """The tables that hold a secret, dlt's own and those of its staging dataset included."""
    rows = query(
        target,
        "SELECT table_schema, table_name FROM information_schema.tables"
        " WHERE table_schema NOT IN ('information_schema', 'pg_catalog')",
    )
    assert len(rows) > 5
    return [
        (schema, table)
        for schema, table in rows
        if any(secret in str(row) for row in query(target, f'SELECT * FROM "{schema}"."{table}"'))
    ]


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.usefixtures("kept_files")
def test_the_key_is_nowhere_after(trouble, duckdb, choice, clock, simulator, every_log, capfd, tmp_path):  # noqa: PLR0917
    log_format = "json" if list(TROUBLES).index(trouble) % 2 else "text"
    every_log(log_format, choice.secret_key)
    for fault in TROUBLES[trouble]:
        simulator.inject(fault)
    report = load(duckdb, choice, now=clock)
    assert_accounted(duckdb, report)
    said = "".join(capfd.readouterr())
    assert "DEBUG" in said.upper(), "the logs were on"
    assert SENTINEL_KEY not in said
    assert SENTINEL_KEY not in str(report)
    assert SENTINEL_KEY not in "".join(traceback.format_exception(report.error) if report.error else [])
    assert list(duckdb.root.rglob("trace.pickle")), "the files were kept"
    assert files_with(SENTINEL_KEY, tmp_path) == []
    assert tables_with(SENTINEL_KEY, duckdb) == []
    if "key in" in trouble:
        table, column = ("weather_raw", "body") if trouble == "a key in the rows" else ("rejects", "payload")
        assert "redacted" in str(query(duckdb, f"SELECT {column} FROM {table}")), "the trouble was there"
    elif trouble != "a key of the wrong type":
        assert report.rows_rejected > 0


@pytest.mark.usefixtures("kept_files")
def test_key_and_password_are_nowhere_on_postgres(  # noqa: PLR0917
    postgres, api, clock, simulator, every_log, capfd, tmp_path, monkeypatch
):
    # as a user sets them: dlt traces where it found a setting
    monkeypatch.setenv("SOURCES__WEATHER__API_KEY", SENTINEL_KEY)
    monkeypatch.setenv("SOURCES__WEATHER__BASE_URL", api)
    choice = load_settings(locations=[MADRID, OSLO], attempts=1, calls_per_minute=30_000, history_days=1)
    every_log("text", choice.secret_key)
    simulator.inject(Fault(path="/data/2.5/forecast", status=500))
    report = load(postgres, choice, now=clock)
    assert_accounted(postgres, report)
    said = "".join(capfd.readouterr())
    assert "DEBUG" in said.upper()
    for secret in (SENTINEL_KEY, PASSWORD):
        assert secret not in said
        assert secret not in str(report)
        assert files_with(secret, tmp_path) == []
        assert tables_with(secret, postgres) == []


@pytest.mark.parametrize("status", [401, 429])
def test_an_exception_from_the_plain_source_does_not_show_the_key(status, api, simulator, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENWEATHER_API_KEY", SENTINEL_KEY)
    monkeypatch.setenv("SOURCES__WEATHER__RATE_LIMIT_PATIENCE_SECONDS", "0.1")
    monkeypatch.setenv("SOURCES__WEATHER__RATE_LIMIT_BACKOFF_SECONDS", "0.06")
    simulator.inject(Fault(status=status))
    pipeline = dlt.pipeline(
        "plain", destination=dlt.destinations.duckdb(str(tmp_path / "plain.duckdb")), pipelines_dir=str(tmp_path / "p")
    )
    with pytest.raises(Exception, match="OpenWeather") as caught:
        pipeline.run(weather_source(locations=[OSLO], base_url=api))
    shown = "".join(traceback.format_exception(caught.value))
    assert "Traceback" in shown
    assert SENTINEL_KEY not in shown
    assert SENTINEL_KEY not in repr(caught.value) + str(vars(caught.value))
    assert files_with(SENTINEL_KEY, tmp_path) == []


def test_a_refused_connection_does_not_show_the_key(duckdb, settings, clock, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    report = load(duckdb, settings(base_url="http://127.0.0.1:9", attempts=2, locations=[OSLO]), now=clock)
    assert_accounted(duckdb, report)
    messages = query(duckdb, "SELECT error_class, message FROM rejects")
    assert {error_class for error_class, _ in messages} == {"connection"}
    assert SENTINEL_KEY not in caplog.text + str(messages) + str(report)
    assert files_with(SENTINEL_KEY, tmp_path) == []


def test_nothing_that_is_printed_shows_the_key(settings, clock):
    choice = settings()
    with Run(choice, now=clock) as this_run, Client(choice, clock) as client:
        source = source_of(this_run, RESOURCES)
        shown = [choice, choice.secret_key, client, this_run, this_run.client, source, source.resources, vars(source)]
        for one in shown:
            assert SENTINEL_KEY not in repr(one), type(one)
            assert SENTINEL_KEY not in str(one), type(one)


@pytest.mark.usefixtures("postgres")
def test_the_command_shows_neither_key_nor_password(api, simulator, monkeypatch):
    simulator.inject(Fault(path="/data/2.5/weather", status=401))
    url = os.environ["DESTINATION__POSTGRES__CREDENTIALS"]
    refused = run("--destination", "postgres", "--location", OSLO, "--log-format", "json", api=api)
    assert refused.code == 3, refused.said
    # nobody listens on port 9
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", url.replace(url.rpartition(":")[2], "9/nowhere"))
    unreachable = run("--destination", "postgres", "--location", OSLO, api=api)
    assert unreachable.code == 5, unreachable.said
    for finished in (refused, unreachable):
        assert SENTINEL_KEY not in finished.said
        assert PASSWORD not in finished.said
