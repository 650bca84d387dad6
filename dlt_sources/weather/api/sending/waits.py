"""What the requests of a client wait for: it can be ended at once, and is said if it takes long."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta, timezone

from dlt_sources.weather.api.rate_limit import WINDOW_MILLISECONDS
from dlt_sources.weather.common.errors import counted
from dlt_sources.weather.common.settings import WeatherSettings

logger = logging.getLogger(__name__)
# calls in flight when a run is interrupted may end; 5 seconds are promised until nothing is asked any more
SECONDS_IN_FLIGHT = 3.0
SECONDS_UNTIL_SAID = 5.0
SECONDS_BETWEEN_LOOKS = 1.0


class Wait:
    """A task among those that wait or call; ``contextlib.contextmanager`` takes four times as long, twice a call."""

    __slots__ = ("_task", "_tasks")

    def __init__(self, tasks: dict[asyncio.Task[object], float]) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - requests are sent in tasks
        self._task, self._tasks = task, tasks

    def __enter__(self) -> None:
        self._tasks[self._task] = loop_time()

    def __exit__(self, *_: object) -> None:
        del self._tasks[self._task]


class Waits:
    """The tasks that wait or call, each with the moment at which it began. It works in the client's event loop.

    Args:
        settings: the limits that messages name.

    Attributes:
        pausing: tasks in a pause, or before a closed gate.
        limited: tasks that wait for the rate limiter.
        calling: tasks that wait for an answer.
    """

    def __init__(self, settings: WeatherSettings) -> None:
        self._settings = settings
        self.pausing: dict[asyncio.Task[object], float] = {}
        self.limited: dict[asyncio.Task[object], float] = {}
        self.calling: dict[asyncio.Task[object], float] = {}
        self._said: set[str] = set()
        self._ended = False

    def open(self) -> None:
        """Begin to watch in the present event loop."""
        self._watch = asyncio.create_task(self._announce())

    def end(self) -> None:
        """End every wait now, and the calls in flight after a moment; no task may wait or call any more."""
        self._ended = True
        _cancel(self.pausing)
        _cancel(self.limited)
        asyncio.get_running_loop().call_later(SECONDS_IN_FLIGHT, _cancel, self.calling)

    def within(self, tasks: dict[asyncio.Task[object], float]) -> Wait:
        """Return a context manager that counts the present task among those that wait or call.

        Args:
            tasks: one of the attributes.

        Raises:
            asyncio.CancelledError: the waits were ended.
        """
        if self._ended:
            raise asyncio.CancelledError
        return Wait(tasks)

    async def sleep(self, seconds: float) -> None:
        """Pause."""
        with self.within(self.pausing):
            await asyncio.sleep(seconds)

    def say(self, about: str, message: str, level: int = logging.WARNING) -> None:
        """Log a message once.

        Args:
            about: the kind of message.
            message: the message.
            level: its level.
        """
        if about not in self._said:
            self._said.add(about)
            logger.log(level, "%s", message)

    def over(self, about: str) -> None:
        """Let a kind of message be said again."""
        self._said.discard(about)

    async def _announce(self) -> None:
        """Say what the run waits for, if nothing has happened for some seconds."""
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            since = loop_time() - SECONDS_UNTIL_SAID
            if self.calling and min(self.calling.values()) < since:
                until = clock_time(self._settings.timeout_seconds - SECONDS_UNTIL_SAID)
                self.say(
                    "answer", f"OpenWeather is slow to answer; a call is waited for until {until} (timeout_seconds)"
                )
            elif self.limited and not self.calling and min(self.limited.values()) < since:
                limit = f"{counted(self._settings.limits_of('free').per_minute, 'call')} a minute (calls_per_minute)"
                until = clock_time(WINDOW_MILLISECONDS / 1000 - SECONDS_UNTIL_SAID)
                self.say("limit", f"The limit of {limit} is reached; the next call goes out by {until}", logging.INFO)


def _cancel(tasks: dict[asyncio.Task[object], float]) -> None:
    for task in list(tasks):
        if task is not asyncio.current_task():
            task.cancel()


def loop_time() -> float:
    """Return the event loop's time in seconds."""
    return asyncio.get_running_loop().time()


def clock_time(seconds: float) -> str:
    """Return the time of day in so many seconds, UTC, for a message."""
    return f"{datetime.now(timezone.utc) + timedelta(seconds=seconds):%H:%M:%S} UTC"
