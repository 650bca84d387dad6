"""Sending of requests until each has a result: retries, pauses, the scope of refusals, the end of an interrupted run.

After a refusal for too many calls (429) one request of the product probes with growing pauses while the product's other
requests wait; nothing is lost. If no connection can be made at all, one request probes likewise for all of them, and
after a while everything is given up: a host that nobody reaches is not asked once per location.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import get_args

from dlt_sources.weather.api.endpoints import BY_NAME
from dlt_sources.weather.api.rate_limit import Lane, RateLimiter
from dlt_sources.weather.api.responses import Answer, Failure, Request, Result, TooManyCalls
from dlt_sources.weather.api.sending.refused_key import RefusedKey
from dlt_sources.weather.api.sending.waits import (
    SECONDS_BETWEEN_LOOKS,
    SECONDS_UNTIL_SAID,
    Waits,
    clock_time,
    loop_time,
)
from dlt_sources.weather.api.transport import TooManyFilesError, Transport
from dlt_sources.weather.common.errors import BudgetSpentError, DestinationError, WeatherError
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.common.subscription_plans import Product

logger = logging.getLogger(__name__)
# the vendor's advice after a refusal: wait 10 minutes and repeat the same request (openweathermap.org/appid)
LONGEST_RATE_LIMIT_WAIT = 600.0
LONGEST_BACKOFF = 60.0
# calls in a row without a connection, after which one request probes for all
CALLS_WITHOUT_CONNECTION = 5
# an outage after the API has answered; a host that has never answered is given up after ``attempts``
OUTAGE_PATIENCE = 120.0
NO_FILE_HANDLES = "this process has no file handle left for a connection (ulimit -n)"
# refusals in a row by something before the API, until the resource is given up
MOST_BLOCKED = 5


class Gate:
    """Passage of requests, closed while one of them probes.

    Attributes:
        opened: set while requests may pass.
        gave_up: failure of the probe, if it was given up.
    """

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.opened.set()
        self.gave_up: Failure | None = None

    def renew(self) -> None:
        """Open the gate for another event loop, which the old event does not belong to."""
        self.opened = asyncio.Event()
        self.opened.set()


class Sender:
    """Sender of the requests of one client. Everything but its construction happens in the event loop.

    Args:
        transport: makes one call.
        rate_limiter: delays calls.
        settings: attempts, pauses and patience.
        on_unasked: called with the resource of a request that is not asked, and why.

    Attributes:
        calls_for: calls by resource, retries included.
    """

    def __init__(
        self,
        transport: Transport,
        rate_limiter: RateLimiter,
        settings: WeatherSettings,
        on_unasked: Callable[[str, WeatherError], None] = lambda _resource, _error: None,
    ) -> None:
        self._transport = transport
        self._rate_limiter = rate_limiter
        self._settings = settings
        self._on_unasked = on_unasked
        self.calls_for: Counter[str] = Counter()
        self._network = Gate()
        self._products: dict[Product, Gate] = {product: Gate() for product in get_args(Product)}
        self._waits = Waits(settings)
        self._answered = self._key_works = False
        self._without_connection = 0
        self._blocked: Counter[str] = Counter()
        self._refused_key = RefusedKey(transport, rate_limiter, self.calls_for)

    def open(self) -> None:
        """Begin to work in the present event loop."""
        for gate in (self._network, *self._products.values()):
            gate.renew()
        self._waits.open()
        self._refused_key.open()

    def interrupt(self) -> None:
        """Make no more calls: end every wait now, and the calls in flight after a moment."""
        self._waits.end()

    def expect(self, resource: str, calls: int) -> None:
        """Announce calls of a resource that are still to be made."""
        product = BY_NAME[resource].product if resource in BY_NAME else "free"
        self._rate_limiter.expect(self._lane(resource, product), calls)

    async def send(self, request: Request) -> Result:
        """Send a request until there is an answer or a lasting failure, or the attempts are used up.

        Args:
            request: the request.

        Raises:
            asyncio.CancelledError: there is no result, because the run was interrupted, the API cannot be reached, the
                budget is spent, or the product's probe was given up after refusals (429): only the probe's failure is a
                result.
        """
        attempt = 0
        while True:
            gate = self._products[request.product]
            if not (gate.opened.is_set() and self._network.opened.is_set()):
                with self._waits.within(self._waits.pausing):
                    await gate.opened.wait()
                    await self._network.opened.wait()
            if gate.gave_up:
                raise asyncio.CancelledError
            result: Result | TooManyCalls | None = await self._attempt(request)
            if isinstance(result, TooManyCalls):
                result = await self._wait_out(request, result)
            elif isinstance(result, Failure) and self._is_outage(result):
                result = await self._wait_for_network(request, result)
            if result is None or isinstance(result, TooManyCalls):
                continue
            attempt += 1
            if isinstance(result, Answer) or not result.is_transient or result.scope:
                return result
            if attempt >= self._settings.attempts:
                return result
            pause = self._backoff(attempt)
            if pause > SECONDS_UNTIL_SAID:
                self._waits.say(
                    "retries", f"Calls fail ({result.message}) and are repeated, the next at {clock_time(pause)}"
                )
            await self._waits.sleep(pause)

    async def _attempt(self, request: Request) -> Result | TooManyCalls:
        """Make one call, and note what its result says about the key, the network and the product."""
        with self._waits.within(self._waits.limited):
            await self._acquire(request)
        self.calls_for[request.resource] += 1
        deadline = loop_time() + OUTAGE_PATIENCE
        while True:
            try:
                with self._waits.within(self._waits.calling):
                    result = await self._transport.call(request)
                break
            except TooManyFilesError:
                if loop_time() > deadline:
                    return Failure(request, "connection", NO_FILE_HANDLES)
                self._waits.say("files", f"{NO_FILE_HANDLES}; calls wait until one is free, 2 minutes at most")
                await self._waits.sleep(SECONDS_BETWEEN_LOOKS)
        if isinstance(result, Failure):
            result = self._judged(result)
            if result.scope == "product":
                result = await self._refused_key.with_cause(result, key_works=self._key_works)
            return result
        self._answered = True
        self._without_connection = 0
        if isinstance(result, Answer):
            self._key_works = True
            self._blocked[request.resource] = 0
        return result

    async def _acquire(self, request: Request) -> None:
        """Wait until the call may be made.

        Raises:
            asyncio.CancelledError: it may not be made in this run.
        """
        try:
            await self._rate_limiter.acquire(*self._lane(request.resource, request.product))
        except (BudgetSpentError, DestinationError) as error:
            self._on_unasked(request.resource, error)
            raise asyncio.CancelledError from None

    def _lane(self, resource: str, product: Product) -> Lane:
        endpoint = BY_NAME.get(resource)
        if endpoint is None or not endpoint.incremental:
            return Lane(product, "snapshot")
        return Lane(product, "backfill" if self._settings.since else "history")

    def _judged(self, failure: Failure) -> Failure:
        """Return a failure with its scope."""
        if not failure.connected or (failure.error_class == "timeout" and not self._answered):
            self._without_connection += 1
            return failure
        if failure.http_status is not None:
            self._answered = True
        self._without_connection = 0
        if failure.error_class in ("not_found", "bad_request"):
            # the API looks at the key first
            self._key_works = True
        elif failure.error_class == "key_refused":
            if failure.request.product != "free":
                return replace(failure, scope="product")
            return replace(failure, scope="resource" if self._key_works else "run")
        elif failure.error_class == "blocked":
            self._blocked[failure.request.resource] += 1
            if self._blocked[failure.request.resource] >= MOST_BLOCKED:
                return replace(failure, scope="resource")
        return failure

    async def _wait_out(self, request: Request, refusal: TooManyCalls) -> Result | None:
        """After a 429, repeat this request with growing pauses while the product's others wait.

        Returns:
            The result of this request; None if another request has probed, so that this one is to be sent again.
        """
        gate = self._products[request.product]
        # a refusal that arrives after the patience has ended begins no other wait
        if gate.gave_up or not gate.opened.is_set():
            return None
        gate.opened.clear()
        deadline = loop_time() + self._settings.rate_limit_patience_seconds
        pause = self._settings.rate_limit_backoff_seconds
        result: Result | TooManyCalls = refusal
        try:
            while isinstance(result, TooManyCalls):
                wait = min(result.retry_after or pause, LONGEST_RATE_LIMIT_WAIT)
                if loop_time() + wait > deadline:
                    gate.gave_up = replace(result.failure, scope="product")
                    return gate.gave_up
                if wait > SECONDS_UNTIL_SAID:
                    logger.warning(
                        "OpenWeather refuses calls (429: %s). The next try is at %s; the patience ends at %s",
                        result.failure.message,
                        clock_time(wait),
                        clock_time(deadline - loop_time()),
                    )
                await self._waits.sleep(wait)
                pause = min(pause * 2, LONGEST_RATE_LIMIT_WAIT)
                result = await self._attempt(request)
            return result
        finally:
            gate.opened.set()

    def _is_outage(self, failure: Failure) -> bool:
        return failure.scope is None and self._without_connection >= CALLS_WITHOUT_CONNECTION

    async def _wait_for_network(self, request: Request, failure: Failure) -> Result | TooManyCalls | None:
        """While no connection can be made, repeat this request with growing pauses while all others wait.

        Returns:
            The result of this request; None if another request has probed, so that this one is to be sent again.
        """
        gate = self._network
        if gate.gave_up:
            return replace(failure, scope="run")
        if not gate.opened.is_set():
            return None
        gate.opened.clear()
        deadline = loop_time() + OUTAGE_PATIENCE
        probes = 0
        result: Result | TooManyCalls = failure
        try:
            while isinstance(result, Failure) and self._is_outage(result):
                probes += 1
                wait = self._backoff(probes)
                exhausted = loop_time() + wait > deadline if self._answered else probes >= self._settings.attempts
                if exhausted:
                    gate.gave_up = replace(result, scope="run")
                    self._waits.end()
                    return gate.gave_up
                self._waits.say(
                    "network", f"OpenWeather cannot be reached ({result.message}); trying again with pauses"
                )
                await self._waits.sleep(wait)
                result = await self._attempt(request)
            self._waits.over("network")
            return result
        finally:
            gate.opened.set()

    def _backoff(self, attempt: int) -> float:
        longest = min(self._settings.backoff_seconds * 2 ** (attempt - 1), LONGEST_BACKOFF)
        return float(longest * random.uniform(0.5, 1.0))  # noqa: S311 - spreads retries; no secret depends on it
