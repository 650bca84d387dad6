"""The rate limiter: no window holds more calls than the subscription allows, over all processes of a machine."""

from __future__ import annotations

import asyncio
import random
import time

import pytest

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.api import machine_rate_limit as machine
from dlt_sources.weather.api import rate_limit as throttle
from dlt_sources.weather.api.machine_rate_limit import MachineBudget, machine_rate_limiter
from dlt_sources.weather.api.rate_limit import Lane, Lease
from dlt_sources.weather.common.errors import DestinationError
from dlt_sources.weather.pipeline.load import load
from tests.helpers.clock import SENTINEL_KEY
from tests.helpers.processes import start_worker
from tests.helpers.support import count
from tests.weather.api.asking import ask

# as in earnest, the limiter's window (milliseconds) is a second longer than the one (seconds) that must hold
SHORT_WINDOW = 2000
SERVER_WINDOW = 1.0


def granted_within(throttle_, count):
    """The moments at which so many calls were let through, asked for all at once."""

    async def one(moments):
        await throttle_.acquire()
        moments.append(time.monotonic())

    async def everyone():
        moments = []
        await asyncio.gather(*(one(moments) for _ in range(count)))
        return sorted(moments)

    return asyncio.run(everyone())


def most_within(moments, seconds):
    """The most calls that any window of so many seconds holds."""
    moments = sorted(moments)
    return max(
        sum(start <= moment < start + seconds for moment in moments[first:]) for first, start in enumerate(moments)
    )


@pytest.fixture
def short_window(monkeypatch):
    monkeypatch.setattr(throttle, "WINDOW_MILLISECONDS", SHORT_WINDOW)


@pytest.fixture
def limiter(settings, short_window):  # noqa: ARG001
    """Make limiters of one API and key, as processes of one machine do."""
    return lambda **given: machine_rate_limiter(settings(calls_per_minute=10, **given))


def test_no_window_holds_more_calls_than_allowed_and_all_are_let_through(limiter):
    moments = granted_within(limiter(), 25)
    assert len(moments) == 25
    assert most_within(moments, SERVER_WINDOW) <= 10
    assert moments[-1] - moments[0] < 60


def test_calls_that_one_lease_serves_go_in_one_turn_of_the_event_loop():
    # one after another, each new call would wait behind those that wait already, for as long as there are any

    class Plenty(Budget):
        def take(self, lane, most, *_):  # noqa: ARG002
            return Lease(most)

    async def turns(limiter):
        calls = [asyncio.create_task(limiter.acquire()) for _ in range(50)]
        await calls[0]
        return sum(call.done() for call in calls)

    with throttle.LeasingRateLimiter(Plenty(), {"free": 60 * 4 * 50}, usable_seconds=60, ahead=True) as limiter:
        assert asyncio.run(turns(limiter)) == 50


def test_a_budget_that_cannot_be_read_ends_all_calls_that_wait_with_its_error():
    class Broken(Budget):
        def take(self, *_):
            raise OSError("the server is gone")

    async def errors(limiter):
        return await asyncio.gather(*(limiter.acquire() for _ in range(3)), return_exceptions=True)

    with throttle.LeasingRateLimiter(Broken(), {"free": 60}, usable_seconds=60, ahead=True) as limiter:
        assert [str(error) for error in asyncio.run(errors(limiter))] == ["the server is gone"] * 3
        # whoever comes later asks the budget again
        assert [str(error) for error in asyncio.run(errors(limiter))] == ["the server is gone"] * 3


class Budget:
    """Budget that notes what it was asked."""

    def __init__(self, *results):
        self.results = list(results)
        self.asked = []
        self.closed_with = None

    def take(self, lane, most, keep=0, unused=throttle.NO_LEASE):
        """Return the next result."""
        self.asked.append((lane, most, keep, unused.calls))
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    def close(self, unused):
        """Note what is given back."""
        self.closed_with = unused


def test_what_a_lease_does_not_use_is_given_back_with_the_next_or_at_the_end():
    budget = Budget(Lease(5, moment=7), Lease(3, moment=8))
    limiter = throttle.LeasingRateLimiter(budget, {"free": 1200}, usable_seconds=0.05, ahead=True)

    async def two_then_one():
        await limiter.acquire()
        await limiter.acquire()
        await asyncio.sleep(0.1)
        await limiter.acquire()

    asyncio.run(two_then_one())
    limiter.close()
    lane = Lane("free", "snapshot")
    assert budget.asked == [(lane, 5, 0, 0), (lane, 5, 0, 3)]
    assert budget.closed_with == {lane: Lease(2, moment=8)}


def test_less_urgent_calls_leave_room_for_those_that_the_run_still_has_to_make():
    budget = Budget(Lease(4), Lease(1))
    limiter = throttle.LeasingRateLimiter(budget, {"free": 1200, "one_call": 60}, usable_seconds=60, ahead=True)
    limiter.expect(Lane("free", "snapshot"), 10)
    limiter.expect(Lane("one_call", "snapshot"), 100)

    async def some():
        for _ in range(4):
            await limiter.acquire("free", "snapshot")
        await limiter.acquire("free", "backfill")

    asyncio.run(some())
    limiter.close()
    assert budget.asked[1] == (Lane("free", "backfill"), 5, 6, 0)


def test_a_lease_holds_no_more_calls_than_the_run_still_has_to_make():
    budget = Budget(Lease(2), Lease(1))
    limiter = throttle.LeasingRateLimiter(budget, {"free": 1200}, usable_seconds=60, ahead=True)
    lane = Lane("free", "snapshot")
    limiter.expect(lane, 2)

    async def three():
        for _ in range(3):
            await limiter.acquire()

    asyncio.run(three())
    limiter.close()
    # the third is a retry
    assert [most for _, most, *_ in budget.asked] == [2, 1]


def test_calls_wait_for_a_budget_that_cannot_be_reached_and_then_end_in_a_sentence(monkeypatch, caplog):
    monkeypatch.setattr(throttle, "SECONDS_BETWEEN_BUDGET_TRIES", 0.01)
    gone = throttle.BudgetUnreachableError("the server is gone")
    limiter = throttle.LeasingRateLimiter(
        Budget(gone, gone, Lease(1), *[gone] * 1000), {"free": 60}, usable_seconds=60, ahead=True
    )
    asyncio.run(limiter.acquire())
    assert (
        caplog.text.count("Calls cannot be counted, and wait until they can, for 120 s at most: the server is gone")
        == 1
    )
    monkeypatch.setattr(throttle, "SECONDS_WITHOUT_BUDGET", 0.05)
    with pytest.raises(DestinationError, match="so no more are made: the server is gone"):
        asyncio.run(limiter.acquire())
    limiter.close()


def test_limiters_for_one_api_and_key_share_its_calls(limiter):
    first = granted_within(limiter(), 10)
    second = granted_within(limiter(), 1)
    assert second[0] - first[0] > SERVER_WINDOW


def test_another_key_has_its_own_calls_and_no_file_holds_a_key(limiter, tmp_path):
    granted_within(limiter(), 10)
    began = time.monotonic()
    granted_within(limiter(api_key="f" * 32), 10)
    assert time.monotonic() - began < SERVER_WINDOW
    files = list((tmp_path / "dlt" / "weather_calls").iterdir())
    assert len({file.stem for file in files}) == 2
    assert not any(SENTINEL_KEY in file.name or SENTINEL_KEY.encode() in file.read_bytes() for file in files)


@pytest.mark.db
@pytest.mark.process
def test_a_load_counts_the_calls_of_those_before_it_the_killed_one_too(
    duckdb,
    settings,
    clock,
    simulator,
    short_window,  # noqa: ARG001
):
    places = [f"{number},{number}" for number in range(8)]
    choice = settings(resources=["current_weather"], locations=places, calls_per_minute=10)
    load(duckdb, choice, now=clock)
    killed = start_worker(duckdb, "ask:6", dict(choice), clock(), window_seconds=SHORT_WINDOW / 1000)
    killed.join(60)
    load(duckdb, choice, now=clock)
    times = [request.received_at for request in simulator.requests]
    assert len(times) >= 2 * len(places)
    assert most_within(times, SERVER_WINDOW) <= 10
    assert count(duckdb, "current_weather") == len(places)


def test_the_client_keeps_to_the_rate_over_real_http(short_window, client, simulator):  # noqa: ARG001
    asked = client(calls_per_minute=20, attempts=6)
    simulator.inject(Fault(status=500, times=5))
    ask(asked, 40)
    times = [request.received_at for request in simulator.requests]
    assert len(times) == 45
    assert all(later - earlier > SERVER_WINDOW for earlier, later in zip(times, times[20:], strict=False))


def test_a_window_is_longer_than_the_minute_in_which_the_api_counts():
    assert throttle.WINDOW_MILLISECONDS >= 60_000


@pytest.mark.parametrize("seed", range(20))
def test_the_budget_decides_as_a_list_of_all_calls_does(monkeypatch, tmp_path, seed):
    chance = random.Random(seed)
    limit, window = chance.randint(1, 12), chance.randint(300, 900)
    monkeypatch.setattr(throttle, "WINDOW_MILLISECONDS", window - 250)
    budgets = [MachineBudget(tmp_path / "calls", limit) for _ in range(3)]
    calls: list[int] = []
    moment = 1_000_000
    for _ in range(200):
        moment += chance.choice([0, 0, 1, 2, 5, 20, 100])
        monkeypatch.setattr(machine, "monotonic", lambda moment=moment: moment / 1000)
        calls = [call for call in calls if call > moment - window]
        most = chance.randint(1, 4)
        leased, wait, _ = chance.choice(budgets).take(most)
        assert leased == min(most, limit - len(calls))
        assert wait == (0.0 if leased else (calls[0] + window - moment) / 1000)
        calls += [moment] * leased


@pytest.mark.parametrize("content", [b"garbage", b"\xff" * 64, b"\x7f" * 160, b"x" * 4096, b""])
def test_a_spoilt_file_delays_calls_by_a_window_at_most(tmp_path, monkeypatch, content):
    (tmp_path / "calls").write_bytes(content)
    budget = MachineBudget(tmp_path / "calls", 10)
    wait = budget.take(1).wait_seconds
    assert wait <= 62
    later = time.monotonic() + 62
    monkeypatch.setattr(machine, "monotonic", lambda: later)
    assert budget.take(1) == Lease(1)


def test_after_the_machine_starts_again_its_earlier_calls_count_as_present_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "monotonic", lambda: 5000.0)
    assert MachineBudget(tmp_path / "calls", 10).take(10) == Lease(10)
    monkeypatch.setattr(machine, "monotonic", lambda: 3.0)
    budget = MachineBudget(tmp_path / "calls", 10)
    assert budget.take(1) == Lease(0, 61.25)
    monkeypatch.setattr(machine, "monotonic", lambda: 64.3)
    assert budget.take(1) == Lease(1)


def test_without_a_place_for_the_file_a_process_counts_for_itself(tmp_path, caplog):
    (tmp_path / "no-folder").write_text("")
    budget = MachineBudget(tmp_path / "no-folder" / "calls", 2)
    assert [budget.take(1).calls for _ in range(3)] == [1, 1, 0]
    assert caplog.text.count("counted for this process only") == 1


def test_the_files_of_apis_that_nobody_asks_any_more_are_removed(tmp_path, monkeypatch):
    old = tmp_path / "old.lock"
    old.touch()
    monkeypatch.setattr(machine.time, "time", lambda: old.stat().st_mtime + 2 * 86_400)
    MachineBudget(tmp_path / "calls", 10).take(1)
    assert not old.exists()
