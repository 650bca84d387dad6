"""A backfill lets loads that wait for the dataset go between its packages."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock

from dlt_sources.weather.common.shards import Shard
from dlt_sources.weather.destination import writer_lock
from dlt_sources.weather.destination.postgres.advisory_locks import AdvisoryLock, AdvisoryLocks
from dlt_sources.weather.destination.waiting import acquire
from dlt_sources.weather.pipeline.load import load
from tests.helpers.support import assert_accounted, count, load_accounted, query

pytestmark = pytest.mark.db
MADRID = "40.4168,-3.7038"
HISTORY = "/data/4.0/onecall/timeline/1h"
BACKFILL = {
    "resources": ["weather_history"],
    "locations": [MADRID],
    "since": "2026-05-01",
    # few requests in flight, so that a package is full long before the range is done
    "calls_per_minute": 600,
    "chunk_rows": 100,
}
HOURS = 19 * 24 + 13
PAGES = -(-HOURS // 20)


class OtherLoad(threading.Thread):
    """A load that begins with the first answer of another run, which goes on when it waits for the dataset."""

    def __init__(self, caplog, target, settings, clock):
        super().__init__()
        self.report, self.left = None, None
        self._said = caplog
        self._load = lambda: load(target, settings, now=clock)
        self._metrics = None

    def __call__(self, metrics):
        """Begin with the first answer, and let the other run go on once this one waits."""
        self._metrics = metrics
        if self.ident is None:
            self.start()
            deadline = time.monotonic() + 20
            while "Waiting up to" not in self._said.text and time.monotonic() < deadline:
                time.sleep(0.02)

    def run(self):
        """Load, and note what the other run has left to ask by then."""
        self.report = self._load()
        self.left = self._metrics.left


@pytest.fixture
def other(caplog):
    caplog.set_level("INFO")
    started = []

    def make(*given):
        started.append(OtherLoad(caplog, *given))
        return started[-1]

    yield make
    for one in started:
        one.join(30)


@pytest.fixture(autouse=True)
def subscription(simulator):
    simulator.one_call_keys, simulator.one_call_version = "all", 4


def test_an_hourly_load_goes_first_and_no_page_is_paid_twice(target, settings, clock, simulator, other):
    load(target, settings(resources=["current_weather"], locations=[MADRID]), now=clock)
    clock.pass_time(minutes=30)
    both = ["current_weather", "weather_history"]
    hourly = other(target, settings(**BACKFILL | {"resources": both, "since": None}), clock)
    # the backfill asks on while the other closes what it opened, which takes a busy machine a second
    report = load(target, settings(**BACKFILL | {"calls_per_minute": 300}), now=clock, on_progress=hourly)
    hourly.join(30)
    assert hourly.report.error is None
    assert hourly.left > 5, "it ended long before the backfill"
    for one in (report, hourly.report):
        assert_accounted(target, one)
    assert query(target, "SELECT count(*), count(DISTINCT dt) FROM weather_history") == [(HOURS, HOURS)]
    assert query(target, "SELECT count(*) FROM current_weather WHERE fetched_at = %s", clock()) == [(1,)]
    # the hourly load's pages need not begin where the backfill's do
    assert simulator.stats.by_path[HISTORY] <= PAGES + 1
    statuses = query(target, "SELECT DISTINCT status FROM load_runs WHERE resource = 'weather_history'")
    assert statuses == [("ok",)]


@pytest.fixture
def in_pause(monkeypatch):
    """Let some run seem to wait until the lock is free, and call a function then."""

    def make(call):
        waiting = [True]

        def go(_):
            waiting.clear()
            call()

        monkeypatch.setattr(writer_lock._RootLock, "others_wait", lambda _: bool(waiting))
        monkeypatch.setattr(writer_lock, "time", SimpleNamespace(monotonic=time.monotonic, sleep=go))

    return make


def test_duckdbs_file_is_closed_while_others_go_and_the_run_is_not_taken_for_dead(duckdb, settings, clock, in_pause):
    file, looks = Path("weather.duckdb").resolve(), []

    def look():
        looks.append(file in {link.resolve() for link in Path("/proc/self/fd").iterdir()})
        load(duckdb, settings(resources=["current_weather"], locations=[MADRID]), now=clock)
        looks.append(query(duckdb, "SELECT status FROM load_runs WHERE resource = 'weather_history'"))

    in_pause(look)
    load_accounted(duckdb, settings(**BACKFILL), clock)
    assert looks == [False, [("running",)]]
    assert count(duckdb, "weather_history") == HOURS


def test_a_backfill_that_is_interrupted_while_others_go_ends_at_once(target, settings, clock, in_pause):
    runs = []
    with ExitStack() as stack:

        def interrupt():
            stack.enter_context(FileLock(target.root / "writer.lock").acquire(timeout=0))
            runs[0].interrupt()

        in_pause(interrupt)
        report = load(target, settings(**BACKFILL), now=clock, on_start=runs.append)
    assert report.interrupted
    loaded = count(target, "weather_history")
    assert 0 < loaded == report.metrics_by_resource["weather_history"].rows_loaded < HOURS
    load_accounted(target, settings(**BACKFILL), clock)
    assert count(target, "weather_history") == HOURS
    states = query(target, "SELECT DISTINCT status FROM load_runs WHERE resource = 'weather_history' ORDER BY 1")
    assert states == [("interrupted",), ("ok",)]


def test_a_second_load_that_waits_is_seen_when_the_first_waits_no_longer(tmp_path):
    holder, first, second = (writer_lock._RootLock(tmp_path, name) for name in ("holder", "first", "second"))
    assert holder.attempt() is None
    first.announce()
    waiting = threading.Thread(target=acquire, args=(second, time.monotonic() + 30))
    waiting.start()
    time.sleep(0.1)
    first.retract()
    deadline = time.monotonic() + 10
    while not (seen := holder.others_wait()) and time.monotonic() < deadline:
        time.sleep(0.05)
    holder.release()
    waiting.join(30)
    second.release()
    assert seen


def test_a_backfill_that_waits_outlives_a_cut_of_its_connection(postgres):
    url = postgres.postgres_credentials.to_native_representation()
    with closing(AdvisoryLocks(url, "the hourly load")) as hourly, closing(AdvisoryLocks(url, "the backfill")) as own:
        assert hourly.attempt("weather bronze") is None

        def cut_and_release():
            query(
                postgres,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'the backfill'",
            )
            time.sleep(1)
            hourly.release("weather bronze")

        other = threading.Thread(target=cut_and_release)
        other.start()
        lock = AdvisoryLock(own, "weather bronze")
        acquire(lock, time.monotonic() + 60)
        other.join()
        assert hourly.attempt("weather bronze") == hourly.attempt("weather bronze") is not None
        assert not lock.others_wait()


@pytest.mark.parametrize("step", ["attempt", "announce"])
def test_one_that_waits_connects_again_whenever_its_connection_is_cut(postgres, step):
    url = postgres.postgres_credentials.to_native_representation()
    with closing(AdvisoryLocks(url, "the hourly load")) as hourly, closing(AdvisoryLocks(url, "the backfill")) as own:
        hourly.attempt("weather bronze")
        lock = AdvisoryLock(own, "weather bronze")
        query(
            postgres, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'the backfill'"
        )
        getattr(lock, step)()
        lock.announce()
        assert AdvisoryLock(hourly, "weather bronze").others_wait()


def test_a_load_of_all_places_goes_first_when_each_shard_has_let_it(postgres):
    went = []
    with ExitStack() as stack:
        shards = [
            stack.enter_context(writer_lock.writer_lock(postgres, f"run-{number}", 0, Shard(number, 2)))
            for number in (1, 2)
        ]

        def load_all_places():
            with writer_lock.writer_lock(postgres, "all", 30):
                went.append(time.monotonic())

        whole = threading.Thread(target=load_all_places)
        whole.start()
        lets = []
        for shard in shards:
            # with work of some seconds between the first's turn and the second's
            deadline = time.monotonic() + 20
            while not any(hold.others_wait() for hold in shard.holds) and time.monotonic() < deadline:
                time.sleep(0.05)
            lets.append(threading.Thread(target=shard.let_others_go, args=(lambda: False,)))
            lets[-1].start()
            lets[-1].join(2)
        for thread in (*lets, whole):
            thread.join(40)
    assert went
