"""The ledger in PostgreSQL: processes that share it, connections that are cut, roles, and the table before it."""

from __future__ import annotations

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing

import pytest

from dlt_sources.weather.api.machine_rate_limit import account_of
from dlt_sources.weather.api.rate_limit import BudgetUnreachableError, Lane
from dlt_sources.weather.budget import stores
from dlt_sources.weather.budget.ledger import Ledger
from dlt_sources.weather.budget.opening import USABLE_SECONDS_OF_SERVER, ledger_file, ledger_limits, store_of
from dlt_sources.weather.budget.stores import TABLE, ensure_table
from dlt_sources.weather.common.errors import DestinationError
from tests.docs.pages import PAGES, blocks
from tests.helpers.processes import budget_worker, forkserver
from tests.helpers.support import columns, query

LANE = Lane("free", "snapshot")
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'weather calls'"


@pytest.fixture
def open_ledger(postgres, settings):
    """Make ledgers of one dataset, as several processes have them."""
    opened = []
    with postgres.connection() as client:
        ensure_table(client, account_of(settings()))

    def make(**given):
        store, usable_seconds = store_of(postgres)
        choice = settings(**given)
        opened.append(Ledger(store, account_of(choice), ledger_limits(choice), usable_seconds))
        return opened[-1]

    yield make
    for ledger in opened:
        ledger.close({})


@pytest.mark.process
def test_four_processes_keep_to_one_budget_and_use_it_up(postgres, settings):
    limit, calls, window = 48, 192, 1.0
    choice = settings(calls_per_minute=limit, shard="1/4")
    with postgres.connection() as client:
        ensure_table(client, account_of(choice))
    moments = forkserver.Queue()
    arguments = (calls // 4, dict(choice), int(window * 1000), dict(os.environ), moments)
    workers = [forkserver.Process(target=budget_worker.work, args=arguments) for _ in range(4)]
    for worker in workers:
        worker.start()
    of_each = [moments.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join(30)
    went = sorted(moment for one in of_each for moment in one)
    assert len(went) == calls
    lags = [later - earlier for earlier, later in zip(went, went[limit:], strict=False)]
    assert min(lags) > window
    assert sum(lags) / len(lags) < (window + USABLE_SECONDS_OF_SERVER) * 1.5
    rows = dict(query(postgres, f"SELECT kind, sum(calls) FROM {TABLE} GROUP BY 1"))
    assert rows["hour"] == calls, "every call is counted"
    assert rows["lease"] < calls, "old leases are removed"


def test_two_keys_have_a_budget_each(open_ledger):
    ours, theirs = open_ledger(calls_per_minute=10), open_ledger(calls_per_minute=10, api_key="f" * 32)
    assert ours.take(LANE, 20).calls == 10
    assert theirs.take(LANE, 20).calls == 10
    refused = ours.take(LANE, 20)
    assert refused.calls == 0
    assert 55 < refused.wait_seconds <= 61 + USABLE_SECONDS_OF_SERVER


def test_a_lease_waits_for_the_one_before_it_and_counts_it(postgres, open_ledger):
    ledger = open_ledger(calls_per_minute=10)
    ledger.take(LANE, 1)
    with postgres.connection() as client, ThreadPoolExecutor(1) as pool:
        with client.begin_transaction():
            table = client.make_qualified_table_name(TABLE)
            client.execute_sql(
                f"INSERT INTO {table} SELECT account, product, purpose, kind, moment + 1, 9 FROM {table}"
                " WHERE kind = 'lease'"
            )
            leased = pool.submit(ledger.take, LANE, 4)
            assert wait([leased], timeout=0.5).not_done
        assert leased.result(30).calls == 0


def test_a_connection_that_is_cut_is_made_again_and_nothing_is_forgotten(postgres, open_ledger):
    ledger = open_ledger(calls_per_minute=10)
    assert ledger.take(LANE, 6).calls == 6
    query(postgres, CUT)
    with pytest.raises(BudgetUnreachableError):
        ledger.take(LANE, 6)
    assert ledger.take(LANE, 6).calls == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DROP TABLE {}", r"is gone, .* kept\. The next load makes it and counts from zero; .* not known\.$"),
        (
            "ALTER TABLE {} RENAME COLUMN calls TO other",
            r'has been altered \(column "calls" does not exist\), .* kept\. Drop it: the next load makes it and counts',
        ),
        ("ALTER TABLE {} DROP CONSTRAINT _weather_calls_pkey", "has been altered .* Drop it: the next load"),
    ],
)
def test_a_table_that_is_dropped_or_altered_is_told_and_nothing_is_asked_without_it(
    postgres, settings, open_ledger, change, said
):
    ledger = open_ledger()
    with postgres.connection() as client:
        client.execute_sql(change.format(client.make_qualified_table_name(TABLE)))
    with pytest.raises(DestinationError, match=said) as error:
        ledger.take(LANE, 1)
    assert "replay" not in str(error.value)
    with postgres.connection() as client:
        ensure_table(client, account_of(settings()))
    if change.startswith("DROP"):
        assert open_ledger().take(LANE, 1).calls == 1
    else:
        with pytest.raises(DestinationError, match=said):
            open_ledger().take(LANE, 1)


def test_the_table_of_an_earlier_release_is_replaced_and_its_calls_count(postgres, settings, caplog):
    caplog.set_level("INFO")
    choice = settings(calls_per_minute=10)
    with postgres.connection() as client:
        client.create_dataset()
        table = client.make_qualified_table_name(TABLE)
        client.execute_sql(f"CREATE TABLE {table} (taken_at timestamptz NOT NULL, calls int NOT NULL)")
        client.execute_sql(f"INSERT INTO {table} VALUES (now(), 3), (now(), 4)")
        for _ in range(2):
            ensure_table(client, account_of(choice))
    store, usable_seconds = store_of(postgres)
    ledger = Ledger(store, account_of(choice), ledger_limits(choice), usable_seconds)
    assert ledger.take(LANE, 10).calls == 3
    ledger.close({})
    assert caplog.text.count("now counts those of all loads") == 1
    assert "taken_at" not in columns(postgres, TABLE)


def test_a_role_that_may_not_create_tables_uses_one_that_it_has_been_granted(postgres, open_ledger, monkeypatch):
    open_ledger()
    url = os.environ["DESTINATION__POSTGRES__CREDENTIALS"]
    with postgres.connection() as client:
        for statement in (
            "DROP ROLE IF EXISTS lender",
            "CREATE ROLE lender LOGIN PASSWORD 'lender'",
            f"GRANT USAGE ON SCHEMA {client.dataset_name} TO lender",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {client.make_qualified_table_name(TABLE)} TO lender",
        ):
            client.execute_sql(statement)
    scheme, _, place = url.partition("://")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", f"{scheme}://lender:lender@{place.partition('@')[2]}")
    target = type(postgres)("postgres")
    with target.connection() as client:
        ensure_table(client, "a key")
    store, _ = store_of(target)
    with store.transaction() as rows:
        rows.write("DELETE FROM {calls} WHERE account = %s", "nobody")
    store.close()
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", url)
    with postgres.connection() as client:
        client.execute_sql("DROP OWNED BY lender")
        client.execute_sql("DROP ROLE lender")


def test_the_documented_statements_delete_what_a_wrong_clock_counted(target, settings, monkeypatch):
    choice = settings(calls_per_day=3)
    if target.is_postgres:
        with target.connection() as client:
            ensure_table(client, account_of(choice))

    def take():
        store, usable_seconds = store_of(target)
        ledger = Ledger(store, account_of(choice), ledger_limits(choice), usable_seconds)
        leased = ledger.take(LANE, 2).calls
        ledger.close({})
        return leased

    with monkeypatch.context() as patch:
        later = stores.wall_clock() + 10 * 86_400_000
        patch.setattr(stores, "wall_clock", lambda: later)
        patch.setattr(stores, "SERVER_CLOCK", f"{later}::bigint")
        assert take() == 2
    assert take() == 1
    of_table, of_file = (one for one in blocks(PAGES["docs/operations.md"], "sql") if one.startswith("DELETE"))
    if target.is_postgres:
        with target.connection() as client:
            client.execute_sql(of_table)
    else:
        with closing(sqlite3.connect(ledger_file(target))) as connection, connection:
            connection.execute(of_file)
    assert take() == 2, "the calls of the right clock stay"
