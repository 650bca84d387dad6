"""The ledger decides as a plain list of all calls does, in a file and in PostgreSQL."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from datetime import datetime, timezone

import pytest

from dlt_sources.weather.api.rate_limit import PURPOSES, WINDOW_MILLISECONDS, Lane, Lease
from dlt_sources.weather.budget import stores
from dlt_sources.weather.budget.ledger import Ledger, LedgerLimits
from dlt_sources.weather.budget.stores import FileStore, PostgresStore, ensure_table
from dlt_sources.weather.common.errors import BudgetSpentError
from dlt_sources.weather.common.subscription_plans import CallLimits

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
# the 29th of a month of 30 days, in the evening
START = int(datetime(2026, 9, 29, 20, 30, tzinfo=timezone.utc).timestamp()) * 1000
OCTOBER = int(datetime(2026, 10, 1, tzinfo=timezone.utc).timestamp()) * 1000
WINDOW = 61_250


class Time:
    """Clock of a ledger; a test moves it."""

    def __init__(self, monkeypatch):
        self.now = START
        self._patch = monkeypatch
        self.set(START)

    def set(self, now):
        """Set the clock."""
        self.now = now
        self._patch.setattr(stores, "wall_clock", lambda: now)
        self._patch.setattr(stores, "SERVER_CLOCK", f"{now}::bigint")

    def pass_(self, milliseconds):
        """Let time pass."""
        self.set(self.now + milliseconds)


@pytest.fixture
def time(monkeypatch):
    return Time(monkeypatch)


@pytest.fixture
def open_ledger(tmp_path, time):  # noqa: ARG001
    """Make ledgers of one file; a later one is that of another process."""
    opened = []

    def make(limits=CallLimits(60), reserve=None, account="a key", store=None, **of_product):  # noqa: B008
        of_product = {"free": limits, "one_call": limits} | of_product
        everything = frozenset(of_product)
        ledger_limits = LedgerLimits(of_product, dict.fromkeys(of_product, everything), reserve)
        opened.append(Ledger(store or FileStore(tmp_path / "calls"), account, ledger_limits, 0.25))
        return opened[-1]

    yield make
    for ledger in opened:
        ledger.close({})


def lane(purpose="snapshot", product="free"):
    return Lane(product, purpose)


class Model:
    """Plain list of all calls: moment, product, purpose, number, and whether the minute may count it at the moment."""

    def __init__(self, limits, shared):
        self.calls = []
        self.leases = []
        self.limits = limits
        self.shared = shared

    def left(self, now, of, keep):
        """Return the calls that may be made."""
        limits = self.limits[of.product]
        calls = [(moment, purpose, number) for moment, product, purpose, number in self.calls if product == of.product]
        today, rest, whole = now // DAY, 0, 0
        for urgent in PURPOSES[: PURPOSES.index(of.purpose)]:
            more = self.reserve(
                now, [(moment, number) for moment, purpose, number in calls if purpose == urgent], urgent
            )
            rest, whole = rest + more[0], whole + more[1]
        rest = max(rest, keep)
        month = START // DAY * DAY - 28 * DAY if now < OCTOBER else OCTOBER
        month_ends = OCTOBER if now < OCTOBER else OCTOBER + 31 * DAY
        days_left = month_ends // DAY - today - 1
        of_day = sum(number for moment, _, number in calls if moment // DAY >= today)
        of_month = [(moment // DAY, number) for moment, _, number in calls if moment >= month]
        found = []
        if limits.per_day is not None:
            found.append(limits.per_day - of_day - rest)
        if limits.per_month is not None:
            found.append(limits.per_month - sum(number for _, number in of_month) - rest - whole * days_left)
        if limits.paid_per_month is not None:
            free = limits.free_per_day
            days = {day for day, _ in of_month}
            paid = sum(max(0, sum(number for day, number in of_month if day == one) - free) for one in days)
            left = max(0, free - of_day) + max(0, limits.paid_per_month - paid)
            found.append(left - rest - max(0, whole - free) * days_left)
        return min(found, default=10**9)

    @staticmethod
    def reserve(now, calls, purpose):
        """Return what a purpose is expected to take today, and in a whole day."""
        by_hour = {}
        hour = now // HOUR
        for moment, number in calls:
            if moment // HOUR >= hour - 48:
                by_hour[moment // HOUR] = by_hour.get(moment // HOUR, 0) + number
        recent = [number for begin, number in by_hour.items() if hour - 24 <= begin < hour and number]
        current = by_hour.get(hour, 0)
        if not recent and not current:
            return 0, 0
        fewest = min(recent) if recent else current
        each = max([*recent, current]) if purpose == "snapshot" else fewest

        def due(begin):
            return begin - 24 < min(by_hour) or by_hour.get(begin - 24, 0) > 0

        midnight = (now // DAY + 1) * 24
        rest = each * sum(map(due, range(hour + 1, midnight)))
        return rest + (max(0, each - current) if due(hour) else 0), each * sum(map(due, range(hour, hour + 24)))

    def in_minute(self, now, product):
        """Return the leases in a product's minute."""
        self.leases = [
            [min(moment, now), name, number] for moment, name, number in self.leases if moment > now - WINDOW
        ]
        return [one for one in self.leases if name_counts(one[1], product, self.shared) and one[2] > 0]

    def take(self, now, of, most, keep):
        """Return the lease; None if the budget is spent."""
        counted = self.in_minute(now, of.product)
        available = self.left(now, of, keep)
        if available <= 0:
            return None
        leased = min(most, available, self.limits[of.product].per_minute - sum(number for *_, number in counted))
        if leased <= 0:
            return Lease(0, (min(moment for moment, *_ in counted) + WINDOW - now) / 1000)
        self.calls.append([now, *of, leased])
        self.leases.append([now, of.product, leased])
        return Lease(leased, 0.0, now)

    def give_back(self, of, lease):
        """Take calls back."""
        remaining = lease.calls
        for one in self.calls:
            if one[:3] == [lease.moment, *of]:
                taken = min(remaining, one[3])
                one[3] -= taken
                remaining -= taken
        remaining = lease.calls
        for one in self.leases:
            if one[:2] == [lease.moment, of.product]:
                taken = min(remaining, one[2])
                one[2] -= taken
                remaining -= taken


def name_counts(name, product, shared):
    return shared or name == product


def play(make_store, time, seed, steps, *, jumps):
    chance = random.Random(seed)
    shared = chance.random() < 0.5
    some = lambda most: chance.choice([None, chance.randint(1, most)])  # noqa: E731
    limits = {
        "free": CallLimits(chance.randint(1, 30), some(80), some(300)),
        "one_call": CallLimits(chance.randint(1, 30), some(80), some(300), 10, some(100)),
    }
    products = frozenset(limits)
    ledger_limits = LedgerLimits(limits, {name: products if shared else frozenset({name}) for name in limits})
    ledgers = [Ledger(make_store(), "a key", ledger_limits, 0.25) for _ in range(2)]
    model = Model(limits, shared)
    leases, renewed = [], []
    for _ in range(steps):
        time.pass_(chance.choice([0, 1, 500, SECOND, 20 * SECOND, 5 * MINUTE, HOUR, 3 * HOUR]))
        if jumps and chance.random() < 0.05:
            time.pass_(chance.choice([-HOUR, -MINUTE, -DAY, 2 * HOUR]))
        of = Lane(chance.choice(["free", "one_call"]), chance.choice(PURPOSES))
        most, keep = chance.randint(1, 8), chance.choice([0, 0, 3, 20])
        unused = Lease(0)
        if leases and chance.random() < 0.3:
            of, lease = leases.pop()
            # what was dated to the present cannot be found any more; it stays spent for a minute
            if not jumps:
                unused = lease._replace(calls=chance.randint(1, lease.calls))
                model.give_back(of, unused)
        expected = model.take(time.now, of, most, keep)
        try:
            found = chance.choice(ledgers).take(of, most, keep, unused)
        except BudgetSpentError as error:
            found = None
            renewed.append((error.renewed_at.timestamp() * 1000, time.now))
        assert found == expected
        if found and found.calls:
            leases.append((of, found))
    assert all(later > now for later, now in renewed)
    for ledger in ledgers:
        ledger.close({})


@pytest.mark.parametrize("jumps", [False, True], ids=["the clock goes on", "the clock jumps"])
@pytest.mark.parametrize("seed", range(8))
def test_a_file_decides_as_a_list_of_all_calls_does(tmp_path, time, seed, jumps):
    play(lambda: FileStore(tmp_path / "calls"), time, seed, 150, jumps=jumps)


@pytest.mark.db
@pytest.mark.parametrize("seed", [1, 3])
def test_a_table_decides_as_a_list_of_all_calls_does(postgres, time, seed):
    with postgres.connection() as client:
        ensure_table(client, "a key")
    url = postgres.postgres_credentials.to_native_representation()
    table = postgres.qualified_name(stores.TABLE)
    play(lambda: PostgresStore(url, table), time, seed, 80, jumps=seed == 3)


@pytest.mark.parametrize(
    "limits",
    [CallLimits(60, per_day=4), CallLimits(60, per_month=4), CallLimits(60, free_per_day=3, paid_per_month=1)],
    ids=["day", "month", "money"],
)
@pytest.mark.parametrize("ahead", [1, 2, 40])
def test_a_budget_that_a_clock_ahead_has_spent_is_renewed_at_the_moment_that_is_named(open_ledger, time, limits, ahead):
    ledger = open_ledger(limits)
    time.pass_(ahead * DAY)
    ledger.take(lane(product="one_call"), 4)
    time.pass_(-ahead * DAY)
    with pytest.raises(BudgetSpentError) as spent:
        ledger.take(lane(product="one_call"), 1)
    renewed_at = int(spent.value.renewed_at.timestamp()) * 1000
    time.set(renewed_at - 1)
    with pytest.raises(BudgetSpentError, match=f"{spent.value.renewed_at:%Y-%m-%d %H:%M} UTC goes on"):
        ledger.take(lane(product="one_call"), 1)
    time.set(renewed_at)
    assert ledger.take(lane(product="one_call"), 1).calls == 1


def test_a_clock_that_was_a_year_ahead_and_is_set_right_has_freed_nothing(open_ledger, time):
    limits = CallLimits(60, per_day=6, per_month=6)
    open_ledger(limits).take(lane(), 3)
    time.pass_(400 * DAY)
    for _ in range(2):
        # each of another process, which deletes what is old
        open_ledger(limits).take(lane(), 1)
    time.pass_(-400 * DAY)
    assert open_ledger(limits).take(lane(), 6).calls == 1


@pytest.mark.parametrize("days", [1, 400, 36_500])
def test_a_minute_that_a_clock_ahead_has_filled_is_free_after_one_window_and_it_is_said(
    open_ledger, time, days, caplog
):
    open_ledger(CallLimits(4)).take(lane(), 4)
    time.pass_(days * DAY)
    open_ledger(CallLimits(4)).take(lane(), 4)
    time.pass_(-days * DAY)
    # another process, as a shard on another machine is
    ledger = open_ledger(CallLimits(4))
    refused = ledger.take(lane(), 1)
    assert refused.calls == 0
    window = WINDOW_MILLISECONDS + 250
    assert refused.wait_seconds * 1000 <= window
    assert "Calls are counted up to" in caplog.text
    time.pass_(window)
    assert ledger.take(lane(), 4).calls == 4


def test_hours_of_long_ago_are_deleted(open_ledger, time, tmp_path):
    for _ in range(70):
        open_ledger().take(lane(), 1)
        time.pass_(DAY)
    with closing(sqlite3.connect(tmp_path / "calls")) as connection:
        assert connection.execute(f"SELECT count(*) FROM {stores.TABLE} WHERE kind = 'hour'").fetchone() == (63,)


def test_no_hour_of_a_day_frees_what_the_user_reserves(open_ledger, time):
    ledger = open_ledger(CallLimits(60, per_day=10), reserve=8)
    ledger.take(lane("backfill"), 2)
    with pytest.raises(BudgetSpentError, match=r"kept for hourly loads.* 2026-09-30 00:00 UTC goes on"):
        ledger.take(lane("backfill"), 1)
    time.set(START // DAY * DAY + DAY)
    assert ledger.take(lane("backfill"), 3).calls == 2
