"""``weather partition``: a plain table of an earlier release becomes the first partition, whatever is killed when."""

from __future__ import annotations

from datetime import datetime, timezone

import psycopg2
import pytest

from dlt_sources.weather.common.errors import DestinationError
from dlt_sources.weather.destination.postgres.partitioning import migration
from dlt_sources.weather.destination.postgres.partitioning.creation import prepare_tables
from dlt_sources.weather.destination.postgres.partitions import read_tables
from tests.helpers.command import run
from tests.helpers.support import query
from tests.weather.destination.test_partitions import JULY, JUNE, make, rows_by_partition

PLAIN = """
CREATE TABLE bronze.plain (LIKE bronze.forecast INCLUDING COMMENTS);
INSERT INTO bronze.plain SELECT * FROM bronze.forecast;
DROP TABLE bronze.forecast; ALTER TABLE bronze.plain RENAME TO forecast;
CREATE UNIQUE INDEX forecast_key ON bronze.forecast (location_id, dt, issued_at);
CREATE INDEX forecast_loaded ON bronze.forecast USING brin (_dlt_load_id) WITH (autosummarize = on);
CREATE INDEX of_mine ON bronze.forecast (fetched_at);
CREATE SCHEMA mine;
CREATE VIEW mine.temperatures WITH (security_barrier = true) AS
    SELECT location_id, dt, temp FROM bronze.forecast WHERE location_id LIKE '%o';
CREATE VIEW mine.warmest AS SELECT max(temp) AS temp FROM mine.temperatures;
DO $$ BEGIN CREATE ROLE partition_reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
GRANT SELECT ON bronze.forecast, mine.temperatures TO partition_reader;
GRANT UPDATE (temp) ON bronze.forecast TO partition_reader;
COMMENT ON TABLE bronze.forecast IS 'ours'; COMMENT ON VIEW mine.temperatures IS 'mine'
"""
NOW = datetime(2026, 6, 5, tzinfo=timezone.utc)
LATER = (
    "INSERT INTO bronze.forecast (location_id, dt, issued_at, _dlt_load_id, temp)"
    " VALUES ('oslo', '2026-07-02', '2026-07-02', '2', 30)"
)


@pytest.fixture
def old(postgres):
    """A dataset with a plain table of forecasts, and what its users attached to it."""
    with postgres.connection() as client:
        make(client)
        client.execute_sql(PLAIN)
    yield postgres
    query(postgres, "DROP OWNED BY partition_reader")


def migrate(client, now=NOW):
    for table in migration.plain_tables(client, now):
        migration.add_bound(client, table)
        migration.validate_bound(client, table)
        migration.exchange(client, table)


def assert_partitioned(target):
    assert rows_by_partition(target, "forecast") == {"forecast_before_2026_07": 40}
    query(target, LATER)
    assert rows_by_partition(target, "forecast") == {"forecast_before_2026_07": 40, "forecast_2026_07": 1}
    assert query(target, "SELECT temp FROM mine.warmest") == [(30.0,)], "the view reads the new table"
    grants = "SELECT has_table_privilege('partition_reader', %s, 'SELECT')"
    assert query(target, grants, "bronze.forecast") == query(target, grants, "mine.temperatures") == [(True,)]
    assert query(target, "SELECT has_column_privilege('partition_reader', 'bronze.forecast', 'temp', 'UPDATE')") == [
        (True,)
    ]
    facts = "SELECT obj_description(oid, 'pg_class'), reloptions FROM pg_class WHERE oid = %s::regclass"
    assert query(target, facts, "mine.temperatures") == [("mine", ["security_barrier=true"])]
    assert query(target, facts, "bronze.forecast")[0][0] == "ours"
    names = "SELECT indexname FROM pg_indexes WHERE tablename = 'forecast' ORDER BY 1"
    assert [name for (name,) in query(target, names)] == ["forecast_key", "forecast_loaded", "of_mine"]
    with pytest.raises(psycopg2.errors.UniqueViolation):
        query(target, LATER)


def test_views_grants_comments_indexes_and_rows_survive_and_new_rows_go_into_months(old):
    with old.connection() as client:
        migrate(client)
        assert migration.plain_tables(client, NOW) == []
    assert_partitioned(old)


def test_a_kill_at_any_statement_leaves_the_table_plain_or_partitioned_and_whole(old, monkeypatch):
    with old.connection() as client:
        kind, send = type(client), type(client).execute_sql
    kills, number = 0, 0
    while True:
        number, sent = number + 1, iter(range(1, number + 2))
        pids: list[int] = []

        def execute(self, sql, *args, sent=sent, pids=pids, **kwargs):
            if pids and self.native_connection.info.backend_pid == pids[0] and next(sent, None) is None:
                # as by kill -9 of the client, or of the server's process
                with old.connection() as other:
                    send(other, "SELECT pg_terminate_backend(%s, 5000)", pids[0])
            return send(self, sql, *args, **kwargs)

        monkeypatch.setattr(kind, "execute_sql", execute)
        try:
            with old.connection() as client:
                pids.append(client.native_connection.info.backend_pid)
                migrate(client)
        except Exception:  # noqa: BLE001 - whatever the cut connection makes dlt raise
            kills += 1
            monkeypatch.setattr(kind, "execute_sql", send)
            assert query(old, "SELECT count(*) FROM bronze.forecast") == [(40,)]
            assert query(old, "SELECT count(*) FROM mine.temperatures") == [(40,)]
        else:
            break
    monkeypatch.setattr(kind, "execute_sql", send)
    assert kills > 10
    assert_partitioned(old)


def test_a_rehearsal_counts_the_rows_that_are_in_no_month(old):
    with old.connection() as client:
        migrate(client)
    query(old, LATER.replace("2026-07-02", "2031-07-02"))
    rehearsed = run("partition", "--destination", "postgres", "--dry-run")
    assert "forecast: 1 row of no month would be moved into months." in rehearsed.said
    assert "Next: " in rehearsed.said
    assert rows_by_partition(old, "forecast")["forecast_default"] == 1


def test_what_would_not_survive_is_named_and_nothing_is_changed(old):
    query(old, "CREATE MATERIALIZED VIEW mine.stored AS SELECT count(*) FROM bronze.forecast")
    before = run("partition", "--destination", "postgres", "--dry-run")
    assert before.code == 0, before.said
    assert "materialized view mine.stored" in before.said
    refused = run("partition", "--destination", "postgres")
    assert refused.code == 5
    assert "Not partitioned" in refused.said
    assert rows_by_partition(old, "forecast") == {"forecast": 40}


def test_readers_hold_it_up_for_two_seconds_and_it_stays_as_it_was(old, monkeypatch):
    monkeypatch.setattr(migration, "LOCK_TIMEOUT", "SET LOCAL lock_timeout = '50ms'")
    with old.connection() as client, old.connection() as reader:
        (table,) = migration.plain_tables(client, NOW)
        migration.add_bound(client, table)
        migration.validate_bound(client, table)
        with reader.begin_transaction():
            reader.execute_sql("SELECT count(*) FROM forecast")
            with pytest.raises(DestinationError, match="as it was"):
                migration.exchange(client, table)
        assert read_tables(client).plain == {"forecast"}


def test_a_bound_that_a_kill_left_is_dropped_before_rows_reach_it(old):
    with old.connection() as client:
        (table,) = migration.plain_tables(client, NOW)
        migration.add_bound(client, table)
        schema = make(client, ["air_pollution_forecast"])
        assert prepare_tables(client, schema, ["forecast"], JUNE) == []
        with pytest.raises(psycopg2.errors.CheckViolation):
            query(old, LATER)
        assert prepare_tables(client, schema, ["forecast"], JULY) == []
    query(old, LATER)


def test_rows_in_the_default_partition_are_moved_into_their_months(postgres):
    with postgres.connection() as client:
        make(client, hour="2026-03-03 10:00+00")
    assert rows_by_partition(postgres, "forecast") == {"forecast_default": 40}
    command = run("partition", "--destination", "postgres")
    assert command.code == 0, command.said
    assert rows_by_partition(postgres, "forecast") == {"forecast_2026_03": 40}
