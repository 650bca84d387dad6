"""A writer whose lock is lost under its hands: PostgreSQL frees it when its connection is cut, and another one writes.

dlt copies the rows of both to the same staging table, which each empties first; so either may merge without its rows.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import dlt
import psycopg2
import pytest

from dlt_sources.weather.common.errors import DestinationError
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
from tests.helpers.clock import SENTINEL_KEY
from tests.helpers.processes import start_worker
from tests.helpers.support import load_accounted, query

CHOICE: dict[str, object] = {"resources": ["current_weather"], "locations": ["40.4168,-3.7038", "59.9139,10.7522"]}
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'weather run %'"
WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.mark.process
def test_of_two_that_write_because_one_lost_its_lock_neither_loses_a_row(  # noqa: PLR0917 - fixtures
    postgres, settings, clock, api, monkeypatch, tmp_path
):
    machines = [str(tmp_path / "dlt"), str(tmp_path / "another machine")]
    load_accounted(postgres, settings(**CHOICE), clock)
    observed = [clock()]
    really_load = dlt.Pipeline.load

    def lose_the_lock_to_another_then_load(*args, **kwargs):
        patch.undo()
        with _held_up_until_two_wait_to_merge(postgres) as wait_for:
            clock.pass_time(minutes=10)
            observed.append(clock())
            monkeypatch.setenv("DLT_DATA_DIR", machines[1])
            another = start_worker(postgres, "end", CHOICE | {"base_url": api, "api_key": SENTINEL_KEY}, clock())
            monkeypatch.setenv("DLT_DATA_DIR", machines[0])
            wait_for(1)
            try:
                return really_load(*args, **kwargs)
            finally:
                another.join(60)
                assert another.exitcode in (0, DestinationError.exit_code)

    clock.pass_time(minutes=10)
    observed.append(clock())
    with monkeypatch.context() as patch:
        patch.setattr("dlt.Pipeline.load", lose_the_lock_to_another_then_load)
        with suppress(DestinationError):
            load(postgres, settings(**CHOICE), now=clock)
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
