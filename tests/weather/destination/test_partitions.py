"""Tables that are partitioned by month in PostgreSQL: made with the first load, months ahead, dropped whole."""

from __future__ import annotations

from datetime import datetime, timezone

import psycopg2
from dlt.common.schema import Schema

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.common.clock import utc_now
from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.destination.postgres import partitions as module
from dlt_sources.weather.destination.postgres.partitioning.creation import prepare_tables
from dlt_sources.weather.destination.postgres.partitions import (
    PARTITION_COLUMNS,
    drop_partition,
    partitions,
    partitions_before,
    table_sizes,
)
from dlt_sources.weather.pipeline.replay import replay
from tests.helpers.support import columns, count, load_accounted, query

PLACE = {"locations": ["59.9139,10.7522"], "resources": ["locations", "forecast", "air_pollution_forecast"]}
JUNE, JULY, AUGUST = (datetime(2026, month, 1, tzinfo=timezone.utc) for month in (6, 7, 8))


def rows_by_partition(target, table):
    return dict(query(target, f"SELECT tableoid::regclass::text, count(*) FROM {table} GROUP BY 1"))


def make(client, names=("forecast",), now=JUNE, hour="2026-06-03 10:00+00"):
    """Create tables as a load does, with some rows of one place in each."""
    schema = Schema("weather")
    for name in names:
        contract = TABLES[name]
        types = {"timestamp[us, tz=UTC]": "timestamp", "double": "double", "int64": "bigint", "string": "text"}
        found = [
            {"name": c.name, "data_type": types[str(c.type)], "nullable": c.name not in contract.key}
            for c in contract.columns()
        ]
        load = {"name": "_dlt_load_id", "data_type": "text", "nullable": False}
        schema.update_table({"name": name, "columns": {c["name"]: c for c in [*found, load]}})
    client.execute_sql("CREATE SCHEMA IF NOT EXISTS bronze")
    assert prepare_tables(client, schema, names, now) == []
    for name in names:
        client.execute_sql(
            f"INSERT INTO {name} (location_id, dt, {PARTITION_COLUMNS[name]}, _dlt_load_id)"
            f" SELECT 'oslo', timestamptz '{hour}' + interval '3 hours' * n, '{hour}', '1'"
            " FROM generate_series(1, 40) n"
        )
    return schema


def test_loads_fill_the_month_and_columns_replays_and_accounts_go_on_as_before(postgres, settings, clock, simulator):
    load_accounted(postgres, settings(**PLACE), clock)
    assert rows_by_partition(postgres, "forecast") == {"forecast_2026_05": 40}
    assert list(columns(postgres, "forecast"))[:2] == ["dt", "issued_at"], "eight bytes wide first"
    # into the next month, which is there already
    clock.pass_time(hours=24 * 12)
    simulator.inject(Fault(path="/data/2.5/forecast", set={"list.0.uv": 4}))
    report = load_accounted(postgres, settings(**PLACE), clock)
    assert report.upkeep == []
    assert rows_by_partition(postgres, "forecast") == {"forecast_2026_05": 40, "forecast_2026_06": 40}
    assert rows_by_partition(postgres, "weather_raw") == {"weather_raw_2026_05": 2, "weather_raw_2026_06": 2}
    with postgres.connection() as client:
        names = {one.name for one in partitions(client) if one.table == "forecast"}
        assert names == {"forecast_2026_05", "forecast_2026_06", "forecast_2026_07"}
        # a table that was dropped is rebuilt in the months of the raw answers
        client.execute_sql("DROP TABLE forecast CASCADE")
    replay(postgres, settings(**PLACE), ["forecast"])
    assert rows_by_partition(postgres, "forecast") == {"forecast_2026_05": 40, "forecast_2026_06": 40}
    assert query(postgres, "SELECT count(*) FROM pg_indexes WHERE indexname = 'forecast_key'") == [(1,)]


def test_a_merge_looks_each_row_up_in_its_partition_only(postgres):
    with postgres.connection() as client:
        schema = make(client)
        for month in (7, 8, 9, 10):
            prepare_tables(client, schema, ["forecast"], datetime(2026, month, 1, tzinfo=timezone.utc))
        client.execute_sql("CREATE TABLE staged AS SELECT * FROM forecast; ANALYZE forecast; ANALYZE staged")
    loading = postgres.postgres_credentials.for_loading
    loading.merge_by_index(enabled=True)
    connection = psycopg2.connect(loading.to_native_representation())
    cursor = connection.cursor()
    cursor.execute(
        "SET search_path = bronze; EXPLAIN (ANALYZE, TIMING OFF) MERGE INTO forecast d USING staged s"
        " ON d.location_id = s.location_id AND d.dt = s.dt AND d.issued_at = s.issued_at"
        " WHEN MATCHED THEN UPDATE SET temp = s.temp WHEN NOT MATCHED THEN DO NOTHING"
    )
    plan = [row[0] for row in cursor.fetchall()]
    connection.close()
    assert any("Nested Loop" in line for line in plan), plan
    scans = [line for line in plan if "Scan" in line and "forecast_" in line]
    assert [line for line in scans if "never executed" not in line and "2026_06" not in line] == []
    reading = psycopg2.connect(postgres.postgres_credentials.to_native_representation())
    cursor = reading.cursor()
    cursor.execute("SHOW enable_hashjoin")
    assert cursor.fetchone() == ("on",), "readers plan as ever"
    reading.close()


def test_a_role_that_may_not_create_tables_is_told_and_its_rows_have_a_place(postgres):
    with postgres.connection() as client:
        schema = make(client)
        client.execute_sql(
            "DROP ROLE IF EXISTS only_loads; CREATE ROLE only_loads; GRANT USAGE ON SCHEMA bronze TO only_loads"
        )
        client.execute_sql("GRANT ALL ON forecast TO only_loads; SET ROLE only_loads")
        (sentence,) = prepare_tables(client, schema, ["forecast"], AUGUST)
        assert "The rows are loaded" in sentence
        client.execute_sql(
            "INSERT INTO forecast (location_id, dt, issued_at, _dlt_load_id) VALUES ('oslo', now(), '2026-08-02', '1');"
            " RESET ROLE"
        )
    assert rows_by_partition(postgres, "forecast") == {"forecast_2026_06": 40, "forecast_default": 1}
    with postgres.connection() as client:
        # PostgreSQL refuses a month whose rows are in the default partition
        (sentence,) = prepare_tables(client, schema, ["forecast"], AUGUST)
        assert "Run weather partition" in sentence
        client.execute_sql("DROP OWNED BY only_loads; DROP ROLE only_loads")


def test_a_month_that_is_over_is_dropped_whole_unless_a_reader_holds_it(postgres, monkeypatch):
    monkeypatch.setattr(module, "LOCK_TIMEOUT", "SET LOCAL lock_timeout = '50ms'")
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)
    with postgres.connection() as client, postgres.connection() as other:
        make(client)
        assert partitions_before(client, "forecast", JUNE) == []
        (june,) = partitions_before(client, "forecast", JULY)
        assert (june.begin, june.end) == (JUNE, JULY)
        assert table_sizes(client)["forecast"] >= june.bytes > 0
        with other.begin_transaction():
            other.execute_sql("SELECT count(*) FROM forecast")
            assert not drop_partition(client, june)
        assert drop_partition(client, june)
        assert partitions_before(client, "forecast", JULY) == []
    assert count(postgres, "forecast") == 0


def test_a_check_of_the_months_takes_a_few_milliseconds(postgres):
    with postgres.connection() as client:
        schema = make(client, ["forecast", "air_pollution_forecast"])
        for month in range(36):
            moment = datetime(2027 + month // 12, month % 12 + 1, 1, tzinfo=timezone.utc)
            prepare_tables(client, schema, ["forecast"], moment)
        best = min(_seconds(client, schema, moment) for _ in range(5))
    assert best < 0.05


def _seconds(client, schema, moment):
    began = utc_now()
    prepare_tables(client, schema, ["forecast"], moment)
    return (utc_now() - began).total_seconds()
