"""A pruning that ends anywhere, and one next to another writer."""

import threading
import time
from collections import Counter

import pytest
from adbc_driver_postgresql import dbapi

from dlt_sources.weather.destination.writer_lock import writer_lock
from dlt_sources.weather.retention.archive import Archive
from dlt_sources.weather.retention.stores import duckdb_store, postgres_store
from dlt_sources.weather.retention.turns import InterruptedPruneError, Turns, cancellable
from tests.helpers.support import count
from tests.weather.retention.rows import DAY, NOW, dataset, forecasts, hours, pruned
from tests.weather.retention.test_archive import archived, live

OLD = NOW.replace(hour=0, minute=0) - 40 * DAY


class KilledError(BaseException):
    """Ends a pruning as a kill does: nothing that handles errors takes it."""


@pytest.fixture
def small_chunks(monkeypatch):
    for module in (duckdb_store, postgres_store):
        monkeypatch.setattr(module, "rows_of_a_chunk", lambda _: 12)
    monkeypatch.setattr(postgres_store.PostgresStore, "_rows", 5)
    monkeypatch.setattr(duckdb_store.DuckDBStore, "delete_at_once", lambda *_: iter(()))


@pytest.mark.usefixtures("small_chunks")
def test_killed_anywhere_each_row_is_in_the_archive_or_in_the_table_and_the_next_pruning_goes_on(target, monkeypatch):
    dataset(target, forecast=forecasts(*hours(OLD, 24)))
    before = live(target)
    store = postgres_store.PostgresStore if target.is_postgres else duckdb_store.DuckDBStore
    # a step of each kind, before and after it, and the last of them twice: the kill comes later in the next pruning
    for owner, name, number, is_after in (
        (Archive, "write", 1, False),
        (Archive, "write", 1, True),
        (store, "delete", 1, True),
        (Archive, "_put", 2, True),
    ):
        done, calls = getattr(owner, name), Counter()

        def die(*given, done=done, calls=calls, number=number, is_after=is_after):
            calls["now"] += 1
            if calls["now"] == number and not is_after:
                raise KilledError
            result = done(*given)
            if calls["now"] == number:
                raise KilledError
            return result

        with monkeypatch.context() as patch:
            patch.setattr(owner, name, die)
            with pytest.raises(KilledError):
                pruned(target, archive="archive")
        assert sorted(set(archived() + live(target))) == before, (name, is_after)
    assert 8 < count(target, "forecast") < 48
    pruned(target, archive="archive")
    assert sorted(set(archived() + live(target))) == before
    assert count(target, "forecast") == 8


@pytest.mark.usefixtures("small_chunks")
def test_a_writer_that_waits_gets_the_lock_within_two_seconds(target, monkeypatch):
    dataset(target, forecast=forecasts(*hours(OLD, 24)))
    store = postgres_store.PostgresStore if target.is_postgres else duckdb_store.DuckDBStore
    waited, rows_then = [], []
    writing = threading.Event()

    def write():
        writing.set()
        began = time.monotonic()
        with writer_lock(target, "another", 30):
            waited.append(time.monotonic() - began)
            rows_then.append(len(done))

    done, other = [], threading.Thread(target=write)
    delete = store.delete

    def slowly(self, portion, chunk):
        if not done:
            other.start()
            writing.wait(5)
        deleted = delete(self, portion, chunk)
        time.sleep(0.3)
        done.append(deleted)
        return deleted

    monkeypatch.setattr(store, "delete", slowly)
    assert pruned(target).rows == 40
    other.join(30)
    assert waited[0] < 2.0
    assert rows_then[0] < len(done), "it wrote in the middle of the pruning"


def test_a_signal_cancels_the_statement_that_runs(postgres):
    turns = Turns(postgres, 0)
    began = time.monotonic()
    # while a pass over a large table lasts
    threading.Timer(0.2, turns.interrupt).start()
    with postgres.connection() as client, pytest.raises(InterruptedPruneError):
        turns.run(client, lambda: client.execute_sql("SELECT pg_sleep(30)"))
    url = postgres.postgres_credentials.to_native_representation()
    with dbapi.connect(url) as connection, connection.cursor() as cursor:

        def read():
            # its error comes with the first row
            cursor.execute("SELECT CAST(pg_sleep(30) AS text)")
            cursor.fetchall()

        with pytest.raises(InterruptedPruneError):
            cancellable(read, cursor.adbc_cancel, lambda: turns.is_interrupted)
    assert time.monotonic() - began < 5
