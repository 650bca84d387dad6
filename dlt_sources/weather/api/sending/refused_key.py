"""The cause of a refusal by One Call: a wrong key, no subscription, or a subscription to the other version.

One Call gives all three the same answer, that it "requires a separate subscription" (recorded without any key in
SignalK/freeboard-sk issue 196, with a key of the other version in home-assistant/core issue 174333). Up to two other
calls tell them apart, once a run: one that any key may make, unless such a call has worked already, and one of the
other version, of which an account has one or the other.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

from dlt_sources.weather.api.endpoints import BY_NAME
from dlt_sources.weather.api.rate_limit import RateLimiter
from dlt_sources.weather.api.responses import Answer, Failure, RefusalCause, Request, Result, TooManyCalls
from dlt_sources.weather.api.transport import TooManyFilesError, Transport
from dlt_sources.weather.common.errors import WeatherError

_ANY_PLAN = BY_NAME["current_weather"].path
_OTHER_VERSIONS = {3: BY_NAME["one_call_current"].path, 4: BY_NAME["one_call"].path}


class RefusedKey:
    """Search for the cause of a refusal by One Call, in the event loop of the calls.

    Args:
        transport: makes one call.
        rate_limiter: delays calls.
        calls_for: calls by resource, to which those of the search are added.
    """

    def __init__(self, transport: Transport, rate_limiter: RateLimiter, calls_for: Counter[str]) -> None:
        self._transport = transport
        self._rate_limiter = rate_limiter
        self._calls_for = calls_for
        self._is_asked = False
        self._cause: RefusalCause | None = None
        self._words = ""

    def open(self) -> None:
        """Begin to work in the present event loop."""
        self._lock = asyncio.Lock()

    async def with_cause(self, failure: Failure, *, key_works: bool) -> Failure:
        """Return a refusal by One Call with its cause, None if it cannot be told, its scope, and the deciding words.

        Args:
            failure: the refusal.
            key_works: whether the key is known to be accepted for other calls.
        """
        async with self._lock:
            if not self._is_asked:
                self._cause = await self._find(failure.request, key_works=key_works)
                self._is_asked = True
        if self._cause == "key":
            # One Call's own words are about a subscription
            return replace(failure, refused_for="key", scope="run", message=self._words or failure.message)
        return replace(failure, refused_for=self._cause, scope="product")

    async def _find(self, request: Request, *, key_works: bool) -> RefusalCause | None:
        # any place will do
        params = {name: request.params.get(name, "0") for name in ("lat", "lon")}
        if not key_works:
            result = await self._ask(Request(request.resource, _ANY_PLAN, params))
            if isinstance(result, Failure) and result.error_class == "key_refused":
                self._words = result.message
                return "key"
            if not isinstance(result, Answer):
                return None
        version = 3 if request.path.startswith("/data/3.0/") else 4
        result = await self._ask(Request(request.resource, _OTHER_VERSIONS[version], params))
        if isinstance(result, Answer):
            return "version"
        return "subscription" if isinstance(result, Failure) and result.error_class == "key_refused" else None

    async def _ask(self, request: Request) -> Result | TooManyCalls | None:
        """Make one call whose result counts for nothing else; None if it may not be made."""
        try:
            await self._rate_limiter.acquire(request.product, "snapshot")
            self._calls_for[request.resource] += 1
            return await self._transport.call(request)
        except (TooManyFilesError, WeatherError):
            return None
