"""The HTTP client: the only module that knows the key, the base URL, the rate limit and the retry policy.

Many requests are in flight at once on one event loop, because sequential calls make a loader slow. The loop runs in a
separate thread, so that callers stay plain synchronous generators, in a notebook too.
"""

from __future__ import annotations

import asyncio
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import aiohttp
import yarl

from dlt_sources.weather.api.rate_limit import LocalRateLimiter, RateLimiter
from dlt_sources.weather.api.responses import Failure, Request, Result, TooManyCalls, classify
from dlt_sources.weather.api.single_attempt import SingleAttempt
from dlt_sources.weather.common.errors import KeyRefusedError
from dlt_sources.weather.common.redaction import redact
from dlt_sources.weather.common.settings import WeatherSettings

T = TypeVar("T")
# the vendor's advice after a refusal: wait 10 minutes and repeat the same request (openweathermap.org/appid)
LONGEST_RATE_LIMIT_WAIT = 600.0
LONGEST_BACKOFF = 60.0
# results queued for the caller: few, since each holds a whole answer
MOST_WAITING = 32
SECONDS_TO_CLOSE = 10.0

NO_KEY = (
    "No OpenWeather API key is set. Put it into the environment as OPENWEATHER_API_KEY, or into .dlt/secrets.toml as "
    "api_key under [sources.weather]. Keys are free: https://home.openweathermap.org/api_keys. To look around without "
    "a key, use --demo."
)


class Client:
    """Client of the OpenWeather API: limits the rate, retries, redacts. Use it as a context manager, or close it.

    Args:
        settings: key, base URL, rate and retry settings.
        now: clock that stamps answers, UTC.
        rate_limiter: limiter of the calls; by default one of this process, at the settings' rate.
    """

    def __init__(
        self, settings: WeatherSettings, now: Callable[[], datetime], rate_limiter: RateLimiter | None = None
    ) -> None:
        self._now = now
        self._key = settings.secret_key
        self._settings = settings
        # enough in flight to reach the rate at 300 ms latency, with some to spare
        self.concurrency = max(8, min(256, round(settings.calls_per_minute / 60 * 0.4)))
        self.calls_for: Counter[str] = Counter()
        self._rate_limiter = rate_limiter or LocalRateLimiter(settings.base_url, settings.calls_per_minute)
        self._users = 0
        self._lock = threading.Lock()
        self._gave_up = False

    def __repr__(self) -> str:
        return f"Client(base_url={self._settings.base_url!r}, calls={self.calls})"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def calls(self) -> int:
        """Number of calls made so far, retries included; ``calls_for`` has them by resource."""
        return self.calls_for.total()

    def close(self) -> None:
        """Close all connections, even under an unfinished ``fetch_all``, which an exception may keep alive."""
        with self._lock:
            if self._users:
                self._users = 0
                self._stop_loop()

    def fetch_all(self, requests: Iterable[Request], most_at_once: int = 256) -> Iterator[Result]:
        """Send all requests, many at a time, and yield their results as they arrive, in no order.

        Args:
            requests: the requests; one is taken only when it can be sent, so the iterable may end on a condition.
            most_at_once: largest number of requests in flight.

        Yields:
            One result per request.

        Raises:
            KeyRefusedError: no key is set; nothing was sent.
        """
        source = iter(requests)
        first = next(source, None)
        if first is None:
            return
        if self._key is None:
            raise KeyRefusedError(NO_KEY)
        self._acquire_loop()
        results: asyncio.Queue[Result | Exception | None] = asyncio.Queue(min(MOST_WAITING, max(1, most_at_once // 4)))
        workers = min(self.concurrency, most_at_once)
        sending = self._submit(self._send_all(first, source, results, workers))
        try:
            while True:
                for result in self._submit(_drain(results)).result():
                    if result is None:
                        return
                    if isinstance(result, Exception):
                        raise result
                    yield result
        finally:
            sending.cancel()
            self._release_loop()

    def fetch(self, request: Request) -> Result:
        """Send one request and return its result."""
        (result,) = self.fetch_all([request])
        return result

    def _acquire_loop(self) -> None:
        """Count a user of the event loop; for the first one, start its thread and open the session."""
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="openweather-client", daemon=True)
                self._thread.start()
                self._submit(self._open_session()).result()

    def _release_loop(self) -> None:
        """Discount a user of the event loop; after the last one, close the session and stop the thread."""
        with self._lock:
            if self._users:
                self._users -= 1
                if self._users == 0:
                    self._stop_loop()

    def _stop_loop(self) -> None:
        # at interpreter shutdown the daemon thread is gone already, and the wait below would never end
        if sys.is_finalizing():
            return
        self._submit(self._close_session()).result(SECONDS_TO_CLOSE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS_TO_CLOSE)
        self._loop.close()

    async def _close_session(self) -> None:
        unfinished = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        await self._session.close()

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _open_session(self) -> None:
        # cleared after a 429: one refused request probes, the others wait until it is set
        self._unblocked = asyncio.Event()
        self._unblocked.set()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self.concurrency),
            timeout=aiohttp.ClientTimeout(total=self._settings.timeout_seconds),
            # proxies of the environment, but not for plain HTTP, which stays on this machine
            trust_env=urlsplit(self._settings.base_url).scheme == "https",
        )

    async def _send_all(
        self,
        first: Request,
        source: Iterator[Request],
        results: asyncio.Queue[Result | Exception | None],
        workers: int,
    ) -> None:
        pending = [first]

        async def worker() -> None:
            while request := pending.pop() if pending else next(source, None):
                await results.put(await self._send(request))

        tasks = [asyncio.create_task(worker()) for _ in range(workers)]
        try:
            await asyncio.gather(*tasks)
        except Exception as error:  # noqa: BLE001 - handed to the caller's thread, which raises it
            await results.put(error)
        else:
            await results.put(None)
        finally:
            for task in tasks:
                task.cancel()

    async def _send(self, request: Request) -> Result:
        """Send a request until there is an answer or a lasting failure, or the attempts are used up."""
        attempt = 0
        while True:
            await self._unblocked.wait()
            if self._gave_up:
                return _exhausted(request)
            result = await self._attempt(request)
            if isinstance(result, TooManyCalls):
                probe = await self._wait_out(request, result)
                if probe is None:
                    continue
                result = probe
            attempt += 1
            if not (isinstance(result, Failure) and result.is_transient and attempt < self._settings.attempts):
                return result
            await asyncio.sleep(self._backoff(attempt))

    async def _wait_out(self, request: Request, refusal: TooManyCalls) -> Result | None:
        """After a 429, repeat this request with growing pauses while all others wait; nothing is lost.

        Returns:
            The result of this request; None if another request has probed, so that this one is to be sent again.
        """
        if not self._unblocked.is_set():
            await self._unblocked.wait()
            return None
        self._unblocked.clear()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.rate_limit_patience_seconds
        pause = self._settings.rate_limit_backoff_seconds
        result: Result | TooManyCalls = refusal
        try:
            while isinstance(result, TooManyCalls):
                wait = min(result.retry_after or pause, LONGEST_RATE_LIMIT_WAIT)
                if loop.time() + wait > deadline:
                    self._gave_up = True
                    return _exhausted(request)
                await asyncio.sleep(wait)
                pause = min(pause * 2, LONGEST_RATE_LIMIT_WAIT)
                result = await self._attempt(request)
            return result
        finally:
            self._unblocked.set()

    async def _attempt(self, request: Request) -> Result | TooManyCalls:
        """Make one call and classify the response, redacted."""
        await self._rate_limiter.acquire()
        self.calls_for[request.resource] += 1
        try:
            async with self._session.get(
                self._url(request), allow_redirects=False, middlewares=(SingleAttempt(),)
            ) as response:
                body = await response.read()
        except asyncio.TimeoutError:
            return Failure(request, "timeout", f"No answer within {self._settings.timeout_seconds:g} s.")
        except (aiohttp.ClientError, OSError) as error:
            return Failure(request, "connection", redact(f"{type(error).__name__}: {error}", self._key))
        if self._secret.encode() in body:
            body = redact(body.decode("utf-8", "replace"), self._key).encode()
        result = classify(request, response.status, body, response.headers.get("Retry-After"), self._now())
        if isinstance(result, Failure):
            excerpt = None if result.payload is None else redact(result.payload, self._key)
            return replace(result, message=redact(result.message, self._key), payload=excerpt)
        return result

    @property
    def _secret(self) -> str:
        assert self._key is not None  # noqa: S101 - checked before the first request
        return self._key.get_secret_value()

    def _url(self, request: Request) -> yarl.URL:
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in request.params.items())
        query += f"&appid={quote(self._secret, safe='')}"
        return yarl.URL(f"{self._settings.base_url}{request.path}?{query}", encoded=True)

    def _backoff(self, attempt: int) -> float:
        longest = min(self._settings.backoff_seconds * 2 ** (attempt - 1), LONGEST_BACKOFF)
        return float(longest * random.uniform(0.5, 1.0))  # noqa: S311 - spreads retries; no secret depends on it


def _exhausted(request: Request) -> Failure:
    return Failure(request, "rate_limited", "The API keeps answering 429: too many calls.", 429)


async def _drain(results: asyncio.Queue[T]) -> list[T]:
    """Wait for one result, then return it with all others queued: fewer steps between threads."""
    batch = [await results.get()]
    while not results.empty():
        batch.append(results.get_nowait())
    return batch
