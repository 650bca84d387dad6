"""Months of partitioned tables: dropped whole, and compacted when they are thinned."""

from contextlib import contextmanager, suppress
from datetime import datetime, timezone

import pytest

from dlt_sources.weather.destination.postgres import partitions as module
from dlt_sources.weather.destination.postgres.partitioning.creation import months_from, partition_statements
from dlt_sources.weather.destination.postgres.partitions import LOCK_ATTEMPTS, partitions
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.retention.stores import compaction, postgres_store
from dlt_sources.weather.retention.stores.compaction import compact
from dlt_sources.weather.retention.turns import Turns
from tests.helpers.support import count, query
from tests.weather.destination.published.dataset import insert, make
from tests.weather.retention.rows import DAY, NOW, forecasts, hours, issues, pruned
from tests.weather.retention.test_archive import archived, live

pytestmark = pytest.mark.db
MARCH = datetime(2026, 3, 1, tzinfo=timezone.utc)


@pytest.fixture
def partitioned(postgres):
    """A table of forecasts by month, from March to June, with rows of March, April and May."""
    make(postgres, forecast=[])
    query(postgres, "CREATE TABLE bronze.months (LIKE bronze.forecast) PARTITION BY RANGE (issued_at)")
    query(postgres, "DROP TABLE bronze.forecast; ALTER TABLE bronze.months RENAME TO forecast")
    query(postgres, "CREATE UNIQUE INDEX forecast_key ON bronze.forecast (location_id, dt, issued_at)")
    with postgres.connection() as client:
        for statement in partition_statements(client, "forecast", months_from(MARCH, NOW)):
            client.execute_sql(statement)
    insert(postgres, "forecast", *forecasts(*hours(MARCH, 5), *hours(MARCH + 31 * DAY, 24), NOW.replace(minute=0)))
    return postgres


def names(target):
    with target.connection() as client:
        return [one.name for one in partitions(client)]


def test_a_month_that_is_too_old_is_dropped_whole_and_its_last_days_stay_until_then(partitioned):
    report = pruned(partitioned, forecast_days=30)
    assert {one.kind: one.rows for one in report.pruned} == {"dropped": 10, "thinned": 40}
    assert names(partitioned) == ["forecast_2026_04", "forecast_2026_05", "forecast_2026_06"]
    assert issues(partitioned) == [*hours(MARCH + 31 * DAY, 24, 6), NOW.replace(minute=0)]


def test_a_reader_that_holds_a_month_holds_up_no_load(partitioned, monkeypatch):
    monkeypatch.setattr(module, "LOCK_TIMEOUT", "SET LOCAL lock_timeout = '50ms'")
    monkeypatch.setattr(postgres_store, "PAUSE_SECONDS", 0.0)
    turns = []
    turn = Turns.turn

    def counted(self):
        turns.append(self)
        return turn(self)

    monkeypatch.setattr(Turns, "turn", counted)
    with partitioned.connection() as reader, reader.begin_transaction():
        reader.execute_sql("SELECT count(*) FROM forecast")
        monkeypatch.setattr(postgres_store.PostgresStore, "_delete", lambda *_: 0)
        report = pruned(partitioned, forecast_days=30, thin_after_days=0)
    assert report.rows == 0
    assert len(turns) > LOCK_ATTEMPTS, "the writer lock is free between two attempts"


def test_two_prunings_count_the_rows_of_a_month_once(partitioned, monkeypatch):
    others = []
    turn = Turns.turn

    def other_first(self):
        if not others:
            others.append(None)
            query(partitioned, "DROP TABLE bronze.forecast_2026_03")
        return turn(self)

    monkeypatch.setattr(Turns, "turn", other_first)
    report = pruned(partitioned, forecast_days=30, thin_after_days=0)
    assert report.rows == 0


def test_a_month_is_archived_before_it_is_dropped(partitioned):
    before = live(partitioned)
    pruned(partitioned, forecast_days=30, archive="archive")
    assert names(partitioned) == ["forecast_2026_04", "forecast_2026_05", "forecast_2026_06"]
    assert sorted(archived() + live(partitioned)) == before


def test_a_thinned_month_gives_its_space_back_and_stays_a_partition_with_the_key(partitioned, monkeypatch):
    monkeypatch.setattr(compaction, "_LEAST_BYTES", 10_000)
    insert(partitioned, "forecast", *forecasts(*hours(MARCH + 33 * DAY, 24), steps=16))
    size = "SELECT pg_relation_size('bronze.forecast_2026_04')"
    before = query(partitioned, size)[0][0]
    pruned(partitioned, thin_after_days=14)
    after = query(partitioned, size)[0][0]
    assert after < before / 2
    assert "forecast_2026_04" in names(partitioned)
    assert count(partitioned, "forecast") == 2 + 4 * 2 + 4 * 16 + 2
    indexes = query(partitioned, "SELECT count(*) FROM pg_index WHERE indrelid = 'bronze.forecast_2026_04'::regclass")
    assert indexes == [(1,)]
    assert query(partitioned, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'bronze.forecast_key'::regclass") == [
        (True,)
    ]


@pytest.mark.parametrize("most_rows", [0, compaction.MOST_ROWS])
def test_what_an_earlier_releases_table_became_is_compacted_if_its_rows_are_few(
    partitioned, monkeypatch, caplog, most_rows
):
    monkeypatch.setattr(compaction, "_LEAST_BYTES", 10_000)
    monkeypatch.setattr(postgres_store, "MOST_ROWS", most_rows)
    caplog.set_level("INFO")
    old = "forecast_before_2026_05"
    query(partitioned, "DROP TABLE bronze.forecast_2026_03")
    query(partitioned, "ALTER TABLE bronze.forecast DETACH PARTITION bronze.forecast_2026_04")
    query(partitioned, f"ALTER TABLE bronze.forecast_2026_04 RENAME TO {old}")
    attach = f"ATTACH PARTITION bronze.{old} FOR VALUES FROM (MINVALUE) TO ('2026-05-01 00:00+00')"
    query(partitioned, f"ALTER TABLE bronze.forecast {attach}")
    insert(partitioned, "forecast", *forecasts(*hours(MARCH + 33 * DAY, 24), steps=16))
    size = f"SELECT pg_relation_size('bronze.{old}')"
    before = query(partitioned, size)[0][0]
    pruned(partitioned, thin_after_days=14)
    after = query(partitioned, size)[0][0]
    assert (after < before / 2) == bool(most_rows)
    assert (f"{old} keeps its" in caplog.text) == (not most_rows)
    assert old in names(partitioned)
    assert count(partitioned, "forecast") == 4 * 2 + 4 * 16 + 2
    insert(partitioned, "forecast", *forecasts(MARCH - DAY))
    assert count(partitioned, "forecast") == 4 * 2 + 4 * 16 + 2 + 2, "its begin is open still"


def test_a_copy_that_is_behind_its_month_is_not_taken(partitioned, monkeypatch):
    monkeypatch.setattr(compaction, "_LEAST_BYTES", 0)
    monkeypatch.setattr(compaction, "_BLOATED", 0.0)
    late = forecasts(MARCH + 32 * DAY)
    copied = compaction._copied

    def and_a_late_row(*given):
        result = copied(*given)
        if "2026_04" in given[1]:
            insert(partitioned, "forecast", *late)
        return result

    monkeypatch.setattr(compaction, "_copied", and_a_late_row)
    pruned(partitioned)
    assert {row["issued_at"] for row in late} <= set(issues(partitioned))
    assert not [name for name in names(partitioned) if name.endswith("copy")]


def test_two_prunings_do_not_copy_a_month_at_the_same_time(partitioned, monkeypatch):
    monkeypatch.setattr(compaction, "_LEAST_BYTES", 0)
    monkeypatch.setattr(compaction, "_BLOATED", 0.0)
    copied, others = compaction._copied, []

    def while_another_prunes(*given):
        result = copied(*given)
        if not others:
            others.append(None)
            others.append(pruned(partitioned))
        return result

    monkeypatch.setattr(compaction, "_copied", while_another_prunes)
    pruned(partitioned)
    assert others[1].error is None
    assert not [name for name in names(partitioned) if name.endswith("copy")]
    assert query(partitioned, "SELECT to_regclass('bronze.forecast_2026_04_copy')") == [(None,)]


def test_a_pruning_leaves_the_copy_alone_that_another_one_makes(partitioned):
    def killed(*_):
        raise InterruptedError

    with partitioned.connection() as client, Target("postgres").connection() as other:
        april = next(one for one in partitions(client) if one.name == "forecast_2026_04")

        @contextmanager
        def while_another_begins():
            # one that went on would have dropped the copy by then
            with suppress(InterruptedError):
                compact(other, april, while_another_begins, killed)
            yield client

        assert compact(client, april, while_another_begins, lambda _, call: call())
    assert "forecast_2026_04" in names(partitioned)
