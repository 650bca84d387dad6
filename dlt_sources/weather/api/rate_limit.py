"""Rate limiting: no call goes out before a budget that several processes share has counted it.

A process leases a few calls at a time from a budget and uses them at once. What a killed process has leased counts as
spent; what a process leased and did not use is given back with its next lease, or at its end.

pyrate_limiter's buckets keep a row per call: its SQLite bucket, which processes can share, counts them at every call.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter, deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Literal, NamedTuple, Protocol, get_args

from dlt_sources.weather.common.errors import DestinationError, RepairNeededError
from dlt_sources.weather.common.subscription_plans import Product

logger = logging.getLogger(__name__)
# A call is counted when it may go; the server counts it when it arrives, a little later and not always equally late. A
# window one second longer than the server's keeps the server's count right.
WINDOW_MILLISECONDS = 61_000
LEASES_A_SECOND = 4
MOST_JITTER_SECONDS = 0.05
# a budget that cannot be reached, such as that of a server which is being restarted
SECONDS_WITHOUT_BUDGET = 120.0
SECONDS_BETWEEN_BUDGET_TRIES = 1.0

# from the most urgent to the least: answers that cannot be asked for again, newest hours of a history, and ranges of it
# that the user named
Purpose = Literal["snapshot", "history", "backfill"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


class Lane(NamedTuple):
    """Calls that are counted together, and let go in the order in which they wait."""

    product: Product
    purpose: Purpose


class Lease(NamedTuple):
    """Calls that may go out.

    Attributes:
        calls: number of calls.
        wait_seconds: seconds until the next are available; 0.0 if any were leased.
        moment: moment of the budget's clock, by which calls that were not made are given back.
    """

    calls: int
    wait_seconds: float = 0.0
    moment: int = 0


NO_LEASE = Lease(0)


class BudgetUnreachableError(Exception):
    """The budget could not be asked; another try may succeed.

    Args:
        message: the message.
        needs_repair: whether none will before a person has ended the cause, as far as one can tell.
    """

    def __init__(self, message: str, *, needs_repair: bool = False) -> None:
        super().__init__(message)
        self.needs_repair = needs_repair


class RateLimiter(Protocol):
    """Interface of a rate limiter, as the client uses it."""

    async def acquire(self, product: Product = "free", purpose: Purpose = "snapshot") -> None:
        """Return as soon as one more call may be made."""

    def expect(self, lane: Lane, calls: int) -> None:
        """Announce calls that are still to be made."""

    def close(self) -> None:
        """Release what the limiter holds."""


class Budget(Protocol):
    """Interface of a count of calls that several processes share."""

    def take(self, lane: Lane, most: int, keep: int = 0, unused: Lease = NO_LEASE) -> Lease:
        """Lease calls of a lane, after those of an earlier lease that were not made are given back.

        Args:
            lane: the lane.
            most: largest number of calls to lease.
            keep: number of calls to leave to more urgent ones of the same product.
            unused: an earlier lease with the number of its calls that were not made.

        Raises:
            BudgetSpentError: nothing is left for the lane today, or this month.
            BudgetUnreachableError: the budget cannot be asked now.
        """

    def close(self, unused: Mapping[Lane, Lease]) -> None:
        """Give back leases, and release what the budget holds."""


class _Queue:
    """The calls of one lane that wait in one event loop, and the lane's present lease."""

    def __init__(self) -> None:
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.leasing: asyncio.Task[None] | None = None
        self.lease = NO_LEASE
        self.left = 0
        self.expires_at = 0.0

    def take_unused(self) -> Lease:
        """Return the lease with its calls that were not made, and forget them."""
        unused, self.left = self.lease._replace(calls=self.left), 0
        return unused


class LeasingRateLimiter:
    """Rate limiter of one process that leases its calls from a budget. Use it as a context manager, or leave it open.

    Args:
        budget: source of the leases; used in a separate thread, so that it blocks no event loop.
        calls_per_minute: the rate of each product, which sets the size of a lease.
        usable_seconds: time for which a lease holds.
        ahead: whether to lease more calls than are waiting, because no other process waits for its share of the rate.
    """

    def __init__(
        self, budget: Budget, calls_per_minute: Mapping[Product, int], usable_seconds: float, *, ahead: bool
    ) -> None:
        self._budget = budget
        self._most = {name: max(1, rate // (60 * LEASES_A_SECOND)) for name, rate in calls_per_minute.items()}
        self._usable_seconds = usable_seconds
        self._ahead = ahead
        self._thread = ThreadPoolExecutor(1, "call-budget")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queues: dict[tuple[Product, Purpose], _Queue] = {}
        self._unreachable_since: float | None = None
        # each written by one thread only
        self._expected: Counter[Lane] = Counter()
        self._acquired: Counter[tuple[Product, Purpose]] = Counter()

    def __enter__(self) -> LeasingRateLimiter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back what was leased and not used. A limiter that is not closed has spent it."""
        # a limiter that was not used has no thread
        if self._queues:
            unused = {Lane(*lane): queue.take_unused() for lane, queue in self._queues.items() if queue.left}
            self._queues = {}
            self._thread.submit(self._budget.close, unused)
        self._thread.shutdown()

    def expect(self, lane: Lane, calls: int) -> None:
        """Announce calls of this run that are still to be made, so that less urgent ones leave room for them."""
        self._expected[lane] += calls

    async def acquire(self, product: Product = "free", purpose: Purpose = "snapshot") -> None:
        """Return as soon as one more call may be made.

        Args:
            product: product of the call.
            purpose: purpose of the call.

        Raises:
            BudgetSpentError: no such call may be made today, or this month.
            DestinationError: calls cannot be counted, and have waited for it long enough.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            # the client runs a new event loop for each batch of requests, and a task belongs to one loop
            for queue in self._queues.values():
                queue.waiting, queue.leasing = deque(), None
        lane = (product, purpose)
        queue = self._queues.get(lane) or self._queues.setdefault(lane, _Queue())
        if queue.left and not queue.waiting and monotonic() <= queue.expires_at:
            queue.left -= 1
        else:
            turn = loop.create_future()
            queue.waiting.append(turn)
            if queue.leasing is None:
                queue.leasing = loop.create_task(self._lease_for_waiting(Lane(product, purpose), queue))
            await turn
        self._acquired[lane] += 1

    async def _lease_for_waiting(self, lane: Lane, queue: _Queue) -> None:
        """Lease calls until nobody waits. All that a lease serves go at once: a lock would let one go after another."""
        try:
            while queue.waiting:
                await self._lease(lane, queue)
                # a lease that took longer than it holds is of no use
                while queue.waiting and queue.left and monotonic() <= queue.expires_at:
                    turn = queue.waiting.popleft()
                    if not turn.done():
                        turn.set_result(None)
                        queue.left -= 1
                while queue.waiting and queue.waiting[0].done():
                    queue.waiting.popleft()
        except Exception as error:  # noqa: BLE001 - the budget's error is raised where the call is waited for
            while queue.waiting:
                turn = queue.waiting.popleft()
                if not turn.done():
                    turn.set_exception(error)
        finally:
            queue.leasing = None

    async def _lease(self, lane: Lane, queue: _Queue) -> None:
        requested_at = monotonic()
        most = min(self._most[lane.product], self._most_of_use(lane, len(queue.waiting)))
        # if the budget fails, nobody knows whether they were given back: they stay spent
        unused = queue.take_unused()
        loop = asyncio.get_running_loop()
        try:
            lease = await loop.run_in_executor(self._thread, self._budget.take, lane, most, self._keep(lane), unused)
        except BudgetUnreachableError as error:
            await self._wait_for_budget(error)
            return
        self._unreachable_since = None
        queue.lease, queue.left = lease, lease.calls
        queue.expires_at = requested_at + self._usable_seconds
        if not lease.calls:
            await asyncio.sleep(lease.wait_seconds + random.uniform(0, MOST_JITTER_SECONDS))  # noqa: S311 - no secret depends on it

    def _most_of_use(self, lane: Lane, waiting: int) -> int:
        """Return the largest number of calls that the lane may have a use for."""
        if not self._ahead:
            return waiting
        expected = self._expected[lane]
        # others would take for made what is leased and not used
        return max(waiting, expected - self._acquired[lane]) if expected else self._most[lane.product]

    def _keep(self, lane: Lane) -> int:
        """Return the number of calls that this run has announced and not made, and that are more urgent."""
        urgent = [Lane(lane.product, purpose) for purpose in PURPOSES[: PURPOSES.index(lane.purpose)]]
        return sum(max(0, self._expected[one] - self._acquired[one]) for one in urgent)

    async def _wait_for_budget(self, error: BudgetUnreachableError) -> None:
        now = monotonic()
        if self._unreachable_since is None:
            self._unreachable_since = now
            logger.warning(
                "Calls cannot be counted, and wait until they can, for %.0f s at most: %s",
                SECONDS_WITHOUT_BUDGET,
                error,
            )
        elif now - self._unreachable_since > SECONDS_WITHOUT_BUDGET:
            kind = RepairNeededError if error.needs_repair else DestinationError
            raise kind(f"Calls cannot be counted, so no more are made: {error}")
        await asyncio.sleep(SECONDS_BETWEEN_BUDGET_TRIES)
