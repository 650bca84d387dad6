"""A writer whose connections are cut: PostgreSQL frees its lock, which it takes again before it writes.

If another one takes it and both write, dlt copies the rows of both to the same staging table, which each empties first;
so either may merge without its rows.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

import psycopg2
import pytest
from dlt.load import Load

from dlt_sources.weather.common.errors import DestinationError
from dlt_sources.weather.destination.postgres.advisory_locks import AdvisoryLocks
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
from tests.helpers.clock import SENTINEL_KEY
from tests.helpers.processes import start_worker
from tests.helpers.proxy import proxy
from tests.helpers.support import load_accounted, query

CHOICE: dict[str, object] = {"resources": ["current_weather"], "locations": ["40.4168,-3.7038", "59.9139,10.7522"]}
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'weather run %'"
CUT_ALL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid()"
)
HOLDS = (
    "SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE locktype = 'advisory'"
    " AND datname = current_database()"
)
WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def once(call):
    """Return a function for ``on_progress`` that makes the call at the first answer only."""
    calls = iter([call])
    return lambda _: next(calls, lambda: None)()


def locks(target):
    return closing(AdvisoryLocks(target.postgres_credentials.to_native_representation(), "another run"))


@pytest.mark.parametrize("shard", [None, "1/1"])
def test_connections_that_are_cut_during_the_extraction_cost_nothing(postgres, settings, clock, shard):
    def cut():
        assert len(query(postgres, CUT_ALL)) >= 2

    choice = settings(**CHOICE, shard=shard)
    report = load(postgres, choice, now=clock, on_progress=once(cut))
    assert report.error is None
    assert query(postgres, "SELECT count(*) FROM current_weather") == [(2,)]


def test_a_server_that_restarts_during_the_extraction_costs_nothing(own_server, settings, clock):
    def restart():
        own_server.stop("immediate")
        own_server.start()

    load(Target("postgres"), settings(**CHOICE), now=clock, on_progress=once(restart))
    assert query(Target("postgres"), "SELECT count(*) FROM current_weather") == [(2,)]


def test_a_run_that_lost_its_lock_waits_for_the_run_that_took_it(postgres, settings, clock, caplog):
    with locks(postgres) as another:

        def release_once_waited_for():
            wait_until(lambda: "writes to this dataset, another run" in caplog.text)
            another.release("weather bronze")

        def lose_it_for_a_moment():
            query(postgres, CUT)
            wait_until(lambda: another.attempt("weather bronze") is None)
            threading.Thread(target=release_once_waited_for).start()

        with caplog.at_level("INFO"):
            load(postgres, settings(**CHOICE), now=clock, on_progress=once(lose_it_for_a_moment))
    assert query(postgres, "SELECT count(*) FROM current_weather") == [(2,)]


def test_a_run_that_cannot_have_its_lock_again_keeps_what_it_fetched(postgres, settings, clock):
    with locks(postgres) as another:

        def lose_it():
            query(postgres, CUT)
            wait_until(lambda: another.attempt("weather bronze") is None)

        with pytest.raises(DestinationError, match=r"another run.*What this run fetched is kept"):
            load(postgres, settings(**CHOICE, lock_wait_seconds=0), now=clock, on_progress=once(lose_it))
    fetched_at = clock()
    clock.pass_time(minutes=10)
    assert load_accounted(postgres, settings(**CHOICE), clock).finished_before == 1
    assert query(postgres, "SELECT count(*) FROM current_weather WHERE fetched_at = %s", fetched_at) == [(2,)]


def test_a_lock_that_is_lost_while_it_idles_is_taken_again(postgres, monkeypatch):
    monkeypatch.setattr("dlt_sources.weather.destination.postgres.advisory_locks.KEEP_ALIVE_SECONDS", 0.05)
    with locks(postgres) as held:
        assert held.attempt("weather bronze") is None
        assert query(postgres, HOLDS)
        query(postgres, CUT_ALL)
        wait_until(lambda: query(postgres, HOLDS))


@pytest.mark.parametrize("moment", ["extract", "load"])
def test_a_network_that_swallows_packets_ends_in_an_error_not_in_waiting(  # noqa: PLR0917 - fixtures
    postgres, postgres_server, settings, clock, monkeypatch, moment
):
    monkeypatch.setattr("dlt_sources.weather.destination.postgres.patient_connection.PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr("dlt_sources.weather.destination.postgres.advisory_locks.KEEP_ALIVE_SECONDS", 0.1)
    monkeypatch.setattr("dlt_sources.weather.destination.connection.RECONNECT_SECONDS", 0.5)
    load_accounted(postgres, settings(**CHOICE), clock)
    url = os.environ["DESTINATION__POSTGRES__CREDENTIALS"]
    with proxy(postgres_server.port) as way, monkeypatch.context() as patch:
        there = url.replace(f":{postgres_server.port}/", f":{way.port}/") + "?connect_timeout=2"
        patch.setenv("DESTINATION__POSTGRES__CREDENTIALS", there)
        stalled = once(way.stall)
        if moment == "load":
            initialize = Load.initialize_package
            patch.setattr(Load, "initialize_package", lambda *args: (stalled(None), initialize(*args))[1])
        began = time.monotonic()
        with pytest.raises(DestinationError, match="What was fetched is kept; the next run loads it"):
            load(Target("postgres"), settings(**CHOICE), now=clock, on_progress=stalled if moment == "extract" else str)
        assert time.monotonic() - began < 30
        (kept,) = Target("postgres").root.glob("2*/")
        monkeypatch.undo()
    assert kept.exists()
    wait_until(lambda: not query(postgres, HOLDS))


@pytest.mark.process
def test_of_two_that_write_because_one_lost_its_lock_neither_loses_a_row(  # noqa: PLR0917 - fixtures
    postgres, settings, clock, api, monkeypatch, tmp_path
):
    machines = [str(tmp_path / "dlt"), str(tmp_path / "another machine")]
    load_accounted(postgres, settings(**CHOICE), clock)
    observed = [clock()]
    others = []
    initialize = Load.initialize_package

    def lose_the_lock_to_another_then_load(*args, **kwargs):
        patch.undo()
        wait_for = held_up.enter_context(_held_up_until_two_wait_to_merge(postgres))
        clock.pass_time(minutes=10)
        observed.append(clock())
        monkeypatch.setenv("DLT_DATA_DIR", machines[1])
        others.append(start_worker(postgres, "end", CHOICE | {"base_url": api, "api_key": SENTINEL_KEY}, clock()))
        monkeypatch.setenv("DLT_DATA_DIR", machines[0])
        wait_for(1)
        return initialize(*args, **kwargs)

    clock.pass_time(minutes=10)
    observed.append(clock())
    with monkeypatch.context() as patch, ExitStack() as held_up:
        # after the run has seen that it holds its lock
        patch.setattr(Load, "initialize_package", lose_the_lock_to_another_then_load)
        with suppress(DestinationError):
            load(postgres, settings(**CHOICE), now=clock)
    (another,) = others
    another.join(60)
    assert another.exitcode in (0, DestinationError.exit_code)
    assert len(observed) == 3
    for machine in machines:
        monkeypatch.setenv("DLT_DATA_DIR", machine)
        clock.pass_time(minutes=10)
        observed.append(clock())
        assert load_accounted(Target("postgres"), settings(**CHOICE), clock).error is None
    found = query(postgres, "SELECT fetched_at, count(*) FROM current_weather GROUP BY fetched_at")
    assert dict(found) == dict.fromkeys(observed, 2)


@contextmanager
def _held_up_until_two_wait_to_merge(target: Target) -> Iterator[Callable[[int], None]]:
    """Cut off the lock's holder; yield what waits until so many loads have copied their rows and wait to merge them."""
    with target.connection() as client:
        url = client.credentials.to_native_representation()
    with closing(psycopg2.connect(url)) as watching, closing(psycopg2.connect(url)) as hindering:
        watching.autocommit = True
        watch = watching.cursor()
        hindering.cursor().execute("LOCK TABLE bronze.current_weather IN ACCESS EXCLUSIVE MODE")
        watch.execute(CUT)

        def wait_for(number: int) -> None:
            deadline = time.monotonic() + 60
            while watch.execute(WAITING) or watch.rowcount < number:
                assert time.monotonic() < deadline
                time.sleep(0.05)

        def let_go() -> None:
            try:
                wait_for(2)
            finally:
                hindering.commit()

        letting_go = threading.Thread(target=let_go)
        letting_go.start()
        yield wait_for
        letting_go.join()
