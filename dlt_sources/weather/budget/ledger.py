"""The ledger: the calls of each key, counted before they go out, and the leases of those that may go out now.

One table or file per dataset, with rows of two kinds. ``hour`` counts the calls of one product and purpose in an hour:
days and months are sums of hours. ``lease`` counts those that a process has leased at a moment, for the minute.

A clock that is set back frees nothing: rows with a later date count in the present day and month, and again in their
own. Leases with a later date are dated to the present, so that they hold up calls for a minute and not longer.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from dlt_sources.weather.api import rate_limit
from dlt_sources.weather.api.rate_limit import NO_LEASE, PURPOSES, Lane, Lease, Purpose
from dlt_sources.weather.budget.calendar import HOUR, as_datetime, floor, month_begin
from dlt_sources.weather.budget.decision import Counts, limits_at, reserve_for, spent_error
from dlt_sources.weather.budget.reserve import LOOK_BACK
from dlt_sources.weather.budget.stores import Store, Transaction
from dlt_sources.weather.common.subscription_plans import CallLimits, Product

logger = logging.getLogger(__name__)
# days with calls whose hours are kept, two months if each has some
DAYS_KEPT = 62
# a clock that is corrected by less is in order
CLOCK_TOLERANCE = 300_000

_ADD = (
    "INSERT INTO {calls} (account, product, purpose, kind, moment, calls) VALUES (%s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (account, product, purpose, kind, moment) DO UPDATE SET calls = {calls}.calls + excluded.calls"
)
# the calls of a product by day, and by purpose and hour: kind, purpose, begin, calls, newest moment
DAYS = (
    "SELECT 'day', '', moment - moment %% 86400000, sum(calls), max(moment) FROM {calls} WHERE account = %s"
    " AND product = %s AND kind = 'hour' AND moment >= %s GROUP BY 3"
)
HOURS = (
    "SELECT 'hour', purpose, moment, calls, moment FROM {calls} WHERE account = %s AND product = %s AND kind = 'hour'"
    " AND moment >= %s AND purpose <> 'backfill'"
)
_LEASES = (
    "SELECT 'lease', product, min(moment), sum(calls), max(moment) FROM {calls} WHERE account = %s AND kind = 'lease'"
    " AND moment > %s AND calls > 0 GROUP BY product"
)

# by the days that have calls, not by the clock: one that was far ahead would delete the present month
_PRUNE = (
    "DELETE FROM {calls} WHERE kind = 'hour' AND moment < (SELECT min(day) FROM (SELECT DISTINCT"
    " moment - moment %% 86400000 AS day FROM {calls} WHERE kind = 'hour' ORDER BY 1 DESC LIMIT %s) AS newest)"
)


def counts_of(rows: Iterable[tuple[Any, ...]], now: int) -> Counts:
    """Return the counts that the rows of ``DAYS`` and ``HOURS`` hold.

    Args:
        rows: the rows; others are left out.
        now: the present moment of the store's clock.
    """
    days: dict[int, int] = {}
    hours: dict[Purpose, dict[int, int]] = {purpose: {} for purpose in PURPOSES}
    for kind, purpose, begin, calls, _ in rows:
        if kind == "day":
            days[int(begin)] = int(calls)
        elif kind == "hour":
            hours[purpose][int(begin)] = hours[purpose].get(int(begin), 0) + int(calls)
    return Counts(now, days, hours)


class LedgerLimits(NamedTuple):
    """The limits that one process holds to.

    Attributes:
        of_product: the limits of each product.
        minute: products whose calls count in one minute, for each product.
        reserve: calls a day that backfills leave to hourly loads; None to estimate them.
    """

    of_product: Mapping[Product, CallLimits]
    minute: Mapping[Product, frozenset[Product]]
    reserve: int | None = None


class Ledger:
    """The calls of one key, as one process leases them.

    Args:
        store: the rows.
        account: fingerprint of the key.
        limits: the limits.
        usable_seconds: time for which a lease holds; the window of the minute is longer by as much.
    """

    def __init__(self, store: Store, account: str, limits: LedgerLimits, usable_seconds: float) -> None:
        self._store = store
        self._account = account
        self._limits = limits
        self._usable = int(usable_seconds * 1000)
        self._pruned = self._said = False

    @property
    def _window(self) -> int:
        return rate_limit.WINDOW_MILLISECONDS + self._usable

    def take(self, lane: Lane, most: int, keep: int = 0, unused: Lease = NO_LEASE) -> Lease:
        """Lease calls of a lane, after those of an earlier lease that were not made are given back.

        Args:
            lane: the lane.
            most: largest number of calls to lease.
            keep: number of calls to leave to more urgent ones of the same product.
            unused: an earlier lease with the number of its calls that were not made.

        Raises:
            BudgetSpentError: nothing is left for the lane today, or this month.
            BudgetUnreachableError: the rows cannot be read or written.
        """
        with self._store.transaction() as rows:
            self._give_back(rows, lane, unused)
            counts, leases = self._read(rows, lane.product)
            reserve = reserve_for(lane.purpose, counts, self._limits.reserve)
            limits = limits_at(self._limits.of_product[lane.product], counts, reserve, keep)
            available = min((limit.available for limit in limits), default=most)
            in_minute = self._limits.of_product[lane.product].per_minute - sum(calls for _, calls in leases)
            leased = min(most, available, in_minute)
            if leased > 0:
                self._add(rows, lane, leased)
        if available <= 0:
            # what is renewed last decides
            raise spent_error(lane, max((one for one in limits if one.available <= 0), key=lambda one: one.renewed_at))
        if leased <= 0:
            return Lease(0, max(0, min(begin for begin, _ in leases) + self._window - rows.now) / 1000)
        return Lease(leased, 0.0, rows.now)

    def give_back(self, lane: Lane, unused: Lease) -> None:
        """Give back the calls of a lease that were not made."""
        with self._store.transaction() as rows:
            self._give_back(rows, lane, unused)

    def close(self, unused: Mapping[Lane, Lease]) -> None:
        """Give back leases that were not used, and close the store."""
        try:
            for lane, lease in unused.items():
                self.give_back(lane, lease)
        except rate_limit.BudgetUnreachableError:
            # they stay spent
            pass
        finally:
            self._store.close()

    def _read(self, rows: Transaction, product: Product) -> tuple[Counts, list[tuple[int, int]]]:
        """Return the calls of a product, and the oldest moment and the calls of the leases in its minute."""
        now, account = rows.now, self._account
        since = now - self._window
        found = rows.read(
            f"{DAYS} UNION ALL {HOURS} UNION ALL {_LEASES}",
            *(account, product, month_begin(now)),
            *(account, product, floor(now, HOUR) - LOOK_BACK),
            *(account, since),
        )
        leases = [
            (min(int(begin), now), int(calls))
            for kind, name, begin, calls, _ in found
            if kind == "lease" and name in self._limits.minute[product]
        ]
        if any(newest > now for kind, *_, newest in found if kind == "lease"):
            self._date_to_present(rows)
        rows.write("DELETE FROM {calls} WHERE account = %s AND kind = 'lease' AND moment <= %s", account, since)
        if not self._pruned:
            self._pruned = True
            rows.write(_PRUNE, DAYS_KEPT)
        self._say_if_ahead(max((int(row[4]) for row in found if row[0] == "day"), default=0), now)
        return counts_of(found, now), leases

    def _date_to_present(self, rows: Transaction) -> None:
        """Date the leases that have a later date to the present."""
        later = "FROM {calls} WHERE account = %s AND kind = 'lease' AND moment > %s"
        found = rows.read(f"SELECT product, purpose, sum(calls) {later} GROUP BY 1, 2", self._account, rows.now)
        rows.write(f"DELETE {later}", self._account, rows.now)
        for product, purpose, calls in found:
            rows.write(_ADD, self._account, product, purpose, "lease", rows.now, int(calls))

    def _add(self, rows: Transaction, lane: Lane, calls: int) -> None:
        rows.write(_ADD, self._account, *lane, "hour", floor(rows.now, HOUR), calls)
        rows.write(_ADD, self._account, *lane, "lease", rows.now, calls)

    def _give_back(self, rows: Transaction, lane: Lane, unused: Lease) -> None:
        if unused.calls <= 0:
            return
        sql = (
            "UPDATE {calls} SET calls = calls - %s WHERE account = %s AND product = %s AND purpose = %s AND kind = %s"
            " AND moment = %s"
        )
        rows.write(sql, unused.calls, self._account, *lane, "hour", floor(unused.moment, HOUR))
        rows.write(sql, unused.calls, self._account, *lane, "lease", unused.moment)

    def _say_if_ahead(self, newest: int, now: int) -> None:
        if newest <= floor(now, HOUR) + CLOCK_TOLERANCE or self._said:
            return
        self._said = True
        logger.warning(
            "Calls are counted up to %s UTC, later than it is now. The clock was ahead, or was set back: until then "
            "they count as calls of the present day and month. If the clock was wrong, delete the later rows of %s by "
            "the statement in docs/operations.md, Budgets of calls",
            f"{as_datetime(newest):%Y-%m-%d %H:%M}",
            self._store.description,
        )
