"""Destinations beyond DuckDB and PostgreSQL: whatever dlt can write to, with the key's promise where it can merge."""

import pyarrow.dataset as ds
import pytest
from dlt.common.destination import Destination

from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.contracts import LoadRun
from dlt_sources.weather.destination.capabilities import mistakes
from dlt_sources.weather.destination.capabilities.load_options import options_of
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.pipeline.plan import plan
from dlt_sources.weather.pipeline.replay import replay
from dlt_sources.weather.status.late import late_by_resource
from dlt_sources.weather.status.report import read_status


@pytest.fixture
def sqlite(tmp_path, monkeypatch):
    monkeypatch.setenv("DESTINATION__SQLALCHEMY__CREDENTIALS", f"sqlite:///{tmp_path / 'weather.db'}")
    return Target("sqlalchemy")


@pytest.fixture
def lake(tmp_path, monkeypatch):
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", (tmp_path / "lake").as_uri())
    return Target("filesystem")


@pytest.fixture(params=["lake", "sqlite"])
def other(request):
    return request.getfixturevalue(request.param)


def rows_of(target, clock):
    with target.reader() as reader:
        return {table.table: table.rows for table in read_status(reader, clock()).tables}


def test_a_destination_is_loaded_loaded_again_and_read(other, settings, clock, simulator):
    assert rows_of(other, clock) == {}
    strategy = {"filesystem": "append", "sqlalchemy": "delete-insert"}[other.destination]
    resources = ["current_weather", "air_pollution"]
    for _ in range(2):
        report = load(other, settings(history_days=1, resources=resources), now=clock)
        assert report.error is None
        assert report.rows_rejected == 0
        # said where rows may be there twice
        assert [trouble.split(",")[0] for trouble in report.upkeep] == ["Rows are appended"] * (strategy == "append")
    assert rows_of(other, clock) == {
        "locations": 2,
        "current_weather": 2,
        "air_pollution": 2 * 25,
        "weather_raw": 2,
        # with that of the look-ups
        "load_runs": 5,
    }
    clock.pass_time(hours=2)
    late = [*settings().locations, "Paris,FR"]
    assert plan(other, settings(locations=late), clock()).to_resolve == 1
    load(other, settings(history_days=1, resources=resources, locations=late), now=clock)
    replay(other, settings())
    rows = rows_of(other, clock)
    assert (rows["locations"], rows["current_weather"], rows["air_pollution"]) == (3, 5, 2 * 27 + 25)
    # nor are locations looked up twice
    assert [request.path for request in simulator.requests].count("/geo/1.0/direct") == 2
    with other.reader() as reader:
        assert late_by_resource(reader, settings(locations=late, resources=resources), clock()) == {}
        status = read_status(reader, clock())
        written = reader.rows("SELECT DISTINCT merge_strategy FROM {t}", t=LoadRun.table)
    assert written == [(strategy,)]
    assert {run.status for run in status.runs} == {"ok"}
    assert len(status.conditions) == 3
    assert status.missing_rows["air_pollution"] == 0


def test_a_folder_of_parquet_files_has_history_once(lake, settings, clock, tmp_path):
    for _ in range(2):
        load(lake, settings(history_days=1, resources=["air_pollution"]), now=clock)
        # hours that a destination cannot replace are not fetched again
        clock.pass_time(hours=2)
    files = [str(file) for file in (tmp_path / "lake" / "bronze" / "air_pollution").rglob("*.parquet")]
    air = ds.dataset(files).to_table().select(["location_id", "dt"])
    assert air.num_rows == 2 * 27
    assert len(set(map(tuple, (row.values() for row in air.to_pylist())))) == 2 * 27


@pytest.mark.parametrize(
    ("name", "table_format", "strategy"),
    [
        ("postgres", None, "upsert"),
        ("duckdb", None, "delete-insert"),
        ("clickhouse", None, "delete-insert"),
        ("filesystem", None, "append"),
        ("filesystem", "delta", "upsert"),
        ("filesystem", "iceberg", "upsert"),
        ("athena", None, "append"),
        ("athena", "iceberg", "upsert"),
    ],
)
def test_rows_are_written_by_what_the_destination_declares_for_the_table_format(name, table_format, strategy):
    assert options_of(Destination.from_reference(name), table_format).written_by == strategy


REFUSED = {
    "clickhouse": ({"CREDENTIALS": "clickhouse://a:b@127.0.0.1:9/x"}, "`uv pip install 'dlt[clickhouse]'`"),
    "sqlalchemy": (
        {"CREDENTIALS": "mysql+pymysql://a:b@127.0.0.1:9/x"},
        "`uv pip install 'pymysql'` or `pip install 'pymysql'`",
    ),
    "dummy": ({}, "dummy cannot be read with SQL"),
    # first what cannot be changed, then what is not installed
    "lancedb": ({}, "lancedb merges rows by a key of one column"),
    "qdrant": ({}, "qdrant cannot be read with SQL"),
    "postgre": ({}, "dlt knows no destination 'postgre'; did you mean postgres"),
    # a driver that is not installed before credentials that are not set
    "bigquery": ({}, "`uv pip install 'dlt[bigquery]'`"),
    "snowflake": ({}, "`uv pip install 'dlt[snowflake]'`"),
    "motherduck": ({}, "Set DESTINATION__MOTHERDUCK__CREDENTIALS."),
    "lake": (
        {"DESTINATION_TYPE": "filesystem"},
        "Set DESTINATION__LAKE__BUCKET_URL.",
    ),
    # it loads by way of a folder
    "dremio": ({}, "Set DESTINATION__FILESYSTEM__BUCKET_URL."),
    "filesystem": ({"BUCKET_URL": "lake", "TABLE_FORMAT": "iceburg"}, "TABLE_FORMAT names: did you mean iceberg?"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_destination_that_cannot_be_used_is_a_sentence_with_what_to_do(name, monkeypatch):
    given, sentence = REFUSED[name]
    for key, value in given.items():
        monkeypatch.setenv(f"DESTINATION__{name}__{key}".upper(), value)
    with pytest.raises(ConfigurationError) as raised, Target(name).reader():
        pass
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_table_format_without_its_package_is_a_sentence():
    error = ModuleNotFoundError(name="deltalake")
    assert "Install them with `uv pip install 'dlt[deltalake]'`" in mistakes.missing_packages(
        "lake (delta)", "deltalake", error
    )
