"""PostgreSQL logs each statement on a table that it lacks as an error: none is sent."""

from __future__ import annotations

from dlt_sources.weather.destination.dlt_tables import restore_dlt_tables
from dlt_sources.weather.destination.reading.relations import _NAMES
from tests.helpers.command import run
from tests.helpers.support import load_accounted, query


def test_nothing_is_asked_of_tables_that_postgres_lacks(postgres, postgres_server, settings, clock):
    begin = len(postgres_server.errors())
    choice = settings(locations=["52.52,13.4"])
    for _ in range(2):
        assert run("status", "--destination", "postgres").code == 0
        assert load_accounted(postgres, choice, clock).error is None
        clock.pass_time(hours=1)
    failed = postgres_server.errors()[begin:]
    # dlt looks for its tables in the first load
    assert [error for error in failed if "_dlt_" not in error] == []
    assert len(failed) <= 3


def test_the_names_of_tables_are_read_once_when_a_load_looks_for_those_of_dlt(postgres, settings, clock, monkeypatch):
    load_accounted(postgres, settings(locations=["52.52,13.4"]), clock)
    with postgres.connection() as client:
        sent, execute_sql = [], client.execute_sql
        monkeypatch.setattr(client, "execute_sql", lambda sql, *args: sent.append(sql) or execute_sql(sql, *args))
        restore_dlt_tables(client)
    assert sent.count(_NAMES) == 1


def test_a_reader_sees_a_table_that_was_made_or_dropped_meanwhile(postgres):
    with postgres.connection() as client:
        client.create_dataset()
    with postgres.reader() as reader:

        def count():
            return reader.rows("SELECT count(*) FROM {table}", table="locations")

        assert (count(), reader.columns("locations")) == ([], frozenset())
        query(postgres, "CREATE TABLE locations (location_id text)")
        assert (count(), reader.columns("locations")) == ([(0,)], {"location_id"})
        query(postgres, "DROP TABLE locations")
        assert (count(), reader.columns("locations")) == ([], frozenset())
