"""The client of the API: it sends many requests at once and hands their results to its caller as they arrive.

Many requests are in flight at once on one event loop, because sequential calls make a loader slow. The loop runs in a
separate thread, so that callers stay plain synchronous generators, in a notebook too.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from dlt_sources.weather.api.machine_rate_limit import machine_rate_limiter
from dlt_sources.weather.api.rate_limit import RateLimiter
from dlt_sources.weather.api.responses import Request, Result
from dlt_sources.weather.api.sending.sender import Sender
from dlt_sources.weather.api.transport import MOST_CONNECTIONS, Transport
from dlt_sources.weather.common.configuration.names import how_to_set_key
from dlt_sources.weather.common.errors import KeyRefusedError, WeatherError
from dlt_sources.weather.common.settings import WeatherSettings

T = TypeVar("T")
# results queued for the caller: few, since each holds a whole answer
MOST_WAITING = 32
SECONDS_TO_CLOSE = 10.0
# at some thousands of small answers a second, tens of them
SECONDS_TO_GATHER = 0.01
# an error ends the requests, and None says that all of them have a result
Results = asyncio.Queue[Result | Exception | None]


def no_key() -> KeyRefusedError:
    """Return the error of settings without a key."""
    return KeyRefusedError(
        f"No OpenWeather API key is set. Set {how_to_set_key()}. Keys are free: "
        "https://home.openweathermap.org/api_keys. To look around without a key, use --demo."
    )


class Client:
    """Client of the OpenWeather API: limits the rate, retries, redacts. Use it as a context manager, or close it.

    Args:
        settings: key, base URL, rate and retry settings.
        now: clock that stamps answers, UTC.
        rate_limiter: limiter of the calls; by default that of this machine, at the settings' rate.
        on_result: called in the client's thread with each result before it is handed over; what it raises ends the
            requests.
        on_unasked: called in the client's thread with the resource of a request that is not asked, and why: its budget
            is spent, or calls cannot be counted.
        keeps_connections: whether connections stay open from one ``fetch_all`` to the next, until the client is closed:
            each costs more CPU time than a call. Otherwise nothing is left open that nobody might close.
    """

    def __init__(
        self,
        settings: WeatherSettings,
        now: Callable[[], datetime],
        rate_limiter: RateLimiter | None = None,
        on_result: Callable[[Result], None] = lambda _: None,
        on_unasked: Callable[[str, WeatherError], None] = lambda _resource, _error: None,
        *,
        keeps_connections: bool = False,
    ) -> None:
        self._settings = settings
        self._keeps_connections = keeps_connections
        self._transport = Transport(settings, now)
        limiter = rate_limiter or machine_rate_limiter(settings)
        self._sender = Sender(self._transport, limiter, settings, on_unasked)
        self._on_result = on_result
        self._users = 0
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._interrupted = False

    def __repr__(self) -> str:
        return f"Client(base_url={self._settings.base_url!r}, calls={self.calls})"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def calls(self) -> int:
        """Number of calls made so far, retries included."""
        return self.calls_for.total()

    @property
    def calls_for(self) -> Counter[str]:
        """Number of calls by resource."""
        return self._sender.calls_for

    @property
    def concurrency(self) -> int:
        """Largest number of calls in flight."""
        return self._transport.connections

    def expect(self, resource: str, calls: int) -> None:
        """Announce calls of a resource, so that less urgent ones leave room for them in the budget.

        Args:
            resource: the resource.
            calls: number of its calls that are still to be made.
        """
        self._sender.expect(resource, calls)

    def interrupt(self) -> None:
        """Make no more calls. Waiting requests end at once, calls in flight within seconds, both without a result.

        It takes no lock, so that a signal handler may call it at any moment.
        """
        self._interrupted = True
        if self._loop is not None:
            # a loop that is closed has nothing to interrupt
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._sender.interrupt)

    def close(self) -> None:
        """Close all connections, even under an unfinished ``fetch_all``, which an exception may keep alive."""
        with self._lock:
            if self._loop is not None:
                self._users = 0
                self._stop_loop()

    def fetch_all(
        self, requests: Iterable[Request], most_at_once: int = MOST_CONNECTIONS, most_waiting: int = MOST_WAITING
    ) -> Iterator[Result]:
        """Send all requests, many at a time, and return their results as they arrive, in no order.

        Requests are sent from now on, before the first result is taken.

        Args:
            requests: the requests; one is taken only when it can be sent, so the iterable may end on a condition.
            most_at_once: largest number of requests in flight.
            most_waiting: largest number of results that wait for the caller, besides one for each request in flight.

        Returns:
            One result per request, except for requests that were not asked: those that ``interrupt`` ended, those that
            waited while another one probed, if it was given up, and those whose budget is spent.

        Raises:
            KeyRefusedError: no key is set; nothing was sent.
        """
        source = iter(requests)
        first = next(source, None)
        if first is None or self._interrupted:
            return iter(())
        if self._settings.secret_key is None:
            raise no_key()
        self._acquire_loop()
        results: Results = asyncio.Queue(most_waiting)
        workers = min(self.concurrency, most_at_once)
        return self._received(results, self._submit(self._send_all(first, source, results, workers)))

    def _received(self, results: Results, sending: Future[None]) -> Iterator[Result]:
        """Yield results until all requests have one; afterwards, nothing more is sent."""
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
        """Count a user of the event loop; if there is none yet, start its thread and open the session."""
        with self._lock:
            self._users += 1
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="openweather-client", daemon=True)
                self._thread.start()
                self._submit(self._open_session()).result()
                # a signal may have come before there was a loop
                if self._interrupted:
                    self.interrupt()

    def _release_loop(self) -> None:
        """Discount a user of the event loop; after the last one, close the session if none stays open."""
        with self._lock:
            if self._users:
                self._users -= 1
                if self._users == 0 and not self._keeps_connections:
                    self._stop_loop()

    def _stop_loop(self) -> None:
        # at interpreter shutdown the daemon thread is gone already, and the wait below would never end
        if sys.is_finalizing():
            return
        self._submit(self._close_session()).result(SECONDS_TO_CLOSE)
        assert self._loop is not None  # noqa: S101 - it runs, since there are users
        loop, self._loop = self._loop, None
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(SECONDS_TO_CLOSE)
        loop.close()

    async def _close_session(self) -> None:
        unfinished = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        await self._transport.close()

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        assert self._loop is not None  # noqa: S101 - callers hold the loop
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _open_session(self) -> None:
        await self._transport.open()
        self._sender.open()

    async def _send_all(
        self,
        first: Request,
        source: Iterator[Request],
        results: Results,
        workers: int,
    ) -> None:
        pending = [first]

        async def worker() -> None:
            while not self._interrupted and (request := pending.pop() if pending else next(source, None)):
                result = await self._sender.send(request)
                self._on_result(result)
                await results.put(result)

        tasks = [asyncio.create_task(worker()) for _ in range(workers)]
        try:
            # tasks of an interrupted run are cancelled, which is no error
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            errors = [task.exception() for task in done if not task.cancelled()]
            await results.put(next((error for error in errors if isinstance(error, Exception)), None))
        finally:
            for task in tasks:
                task.cancel()


async def _drain(results: asyncio.Queue[T]) -> list[T]:
    """Wait for one result, then return it with all others queued: fewer steps between threads."""
    batch = [await results.get()]
    # one that has room for many more would be handed few at a time, each for the price of a small call
    if batch[0] is not None and results.maxsize > MOST_WAITING > results.qsize():
        await asyncio.sleep(SECONDS_TO_GATHER)
    while not results.empty():
        batch.append(results.get_nowait())
    return batch
