"""State of tables of years: what would read them whole is estimated, or read of the newest rows."""

from __future__ import annotations

from datetime import datetime, timezone
from unittest.mock import Mock

from typing_extensions import override

from dlt_sources.weather.contracts import Forecast, WeatherRaw
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.status.tables import LARGE, estimated_rows, read_table_status, read_units

NOW = datetime(2026, 11, 27, 2, tzinfo=timezone.utc)


class Queries(DestinationReader):
    """Reader that remembers its queries, and answers each by a part of it."""

    def __init__(self, answers: dict[str, list[tuple[object, ...]]], dialect: str) -> None:
        client = Mock()
        client.capabilities.sqlglot_dialect = dialect
        super().__init__(client)
        self.asked: list[str] = []
        self._answers = answers

    @override
    def rows(self, sql: str, *parameters: object, **tables: str) -> list[tuple[object, ...]]:
        self.asked.append(sql)
        assert sql.count("%s") == len(parameters)
        assert tables
        return next((rows for part, rows in self._answers.items() if part in sql), [])

    @override
    def columns(self, table: str) -> frozenset[str]:
        return frozenset({"_dlt_load_id"} if table else ())


def test_postgresql_estimates_the_rows_of_a_large_table() -> None:
    reader = Queries({"pg_partition_tree": [(LARGE,)]}, "postgres")

    status = read_table_status(reader, Forecast)

    assert status is not None
    assert (status.rows, status.is_estimate) == (LARGE, True)
    assert not any(sql.startswith("SELECT count(*) FROM {table}") for sql in reader.asked)


def test_rows_of_a_small_table_are_counted() -> None:
    reader = Queries({"pg_partition_tree": [(LARGE - 1,)], "count(*) FROM {table}": [(7,)]}, "postgres")

    status = read_table_status(reader, Forecast)

    assert status is not None
    assert (status.rows, status.is_estimate) == (7, False)


def test_duckdb_reads_a_column_rather_than_joining_a_table_with_itself() -> None:
    reader = Queries({"max(dt)": [(NOW,)]}, "duckdb")

    assert reader.newest(Forecast, "dt") == NOW
    assert reader.asked == ["SELECT max(dt) FROM {table}"]


def test_units_are_those_of_recent_loads() -> None:
    reader = Queries({"max(finished_at)": [(NOW,)], "DISTINCT units": [("metric",)]}, "postgres")

    assert read_units(reader)["forecast"] == ["metric"]
    assert all("_dlt_load_id >= %s" in sql for sql in reader.asked if "units" in sql)


def test_postgresql_has_an_estimate_for_a_plain_table_and_for_a_partitioned_one(postgres: Target) -> None:
    with postgres.connection() as client:
        client.create_dataset()
        name = client.make_qualified_table_name
        client.execute_sql(f"CREATE TABLE {name('forecast')} AS SELECT * FROM generate_series(1, 1000) AS g(dt)")
        client.execute_sql(f"CREATE TABLE {name('weather_raw')} (dt bigint) PARTITION BY RANGE (dt)")
        client.execute_sql(f"CREATE TABLE {name('part')} PARTITION OF {name('weather_raw')} FOR VALUES FROM (0) TO (9)")
        client.execute_sql(f"INSERT INTO {name('weather_raw')} SELECT * FROM generate_series(1, 8)")
        client.execute_sql(f"ANALYZE {name('forecast')}")
        client.execute_sql(f"ANALYZE {name('weather_raw')}")
    with postgres.reader() as reader:
        assert estimated_rows(reader, Forecast) == 1000
        assert estimated_rows(reader, WeatherRaw) == 8
