"""A play of days: who takes part, and how the time goes by."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.chaos.budgets.api import CountedCalls
from tests.chaos.budgets.clock import ShiftedClock
from tests.chaos.budgets.programs import HOUR, Loader, ShiftedDagster
from tests.chaos.rounds.world import Round
from tests.helpers.clock import SENTINEL_KEY
from tests.helpers.postgres import PostgresServer

A_MINUTE, A_DAY, A_MONTH = 60, 1000, 2500
# of this clock in one of the machine's: while calls are made, and while nothing is due
SLOW, FAST = 5.0, 400.0
# of the machine: a run is found this long after it was due
SECONDS_TO_START = 90.0
SECONDS_OF_REST = 1.0
HOURS_TOLD = 3
SCHEDULED = [f"{latitude}.5000,10.2500" for latitude in (41, 45, 49)]
BACKFILLED = [f"{latitude}.5000,-3.7500" for latitude in range(36, 44)]
SNAPSHOTS = ("current_weather", "one_call_current")


@dataclass
class Play:
    """What goes on in a round.

    Args:
        round_: the round.
        clock: everybody's clock.
        calls: the API's count.
        begins: the first whole day, the last but two of a month.
        hours: between two runs of the schedule.
    """

    round_: Round
    clock: ShiftedClock
    calls: CountedCalls
    begins: datetime
    hours: int
    environment: dict[str, str] = field(default_factory=dict)
    loaders: list[Loader] = field(default_factory=list)
    dagster: ShiftedDagster | None = None
    # what happens once, by when: Unix seconds
    planned: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    @property
    def has_dagster(self) -> bool:
        """Whether Dagster takes part: another process cannot write to a DuckDB file that it reads."""
        return self.round_.destination == "postgres"

    @property
    def ends(self) -> float:
        """Half an hour into the next month."""
        return (self.begins + timedelta(days=3, minutes=30)).timestamp()

    def go(self) -> None:
        """Let the time go by: slowly while somebody works, fast while nothing is due."""
        busy_at, told_at = time.monotonic(), self.clock.time()
        while (now := self.clock.time()) < self.ends:
            for loader in self.loaders:
                loader.turn(self.clock, self.environment)
            for one in [one for one in self.planned if one[0] <= now]:
                self.planned.remove(one)
                one[1]()
            if now - told_at >= HOURS_TOLD * HOUR:
                told_at = now
                self._tell()
            if self._is_busy(now):
                busy_at = time.monotonic()
            rested = time.monotonic() - busy_at > SECONDS_OF_REST
            due = min([self._scheduled_after(now), *(one.due for one in self.loaders), *(at for at, _ in self.planned)])
            due -= now
            self.clock.speed = FAST if rested and due > FAST * 0.2 else SLOW
            time.sleep(0.05)

    def stop(self) -> None:
        """End everything that was started."""
        for loader in self.loaders:
            loader.stop()
        if self.dagster:
            self.dagster.stop()

    def _tell(self) -> None:
        """Say how far it has got: hours take minutes."""
        by_day = ", ".join(f"{day[-2:]}: {number}" for day, number in sorted(self.calls.by_day("one_call").items()))
        most, _ = self.calls.fullest_minute()
        self.round_.world.say(f"  {self.clock.now():%d %H:%M}, One Call {by_day}; at most {most} calls a minute")

    def _is_busy(self, now: float) -> bool:
        if any(one.is_running for one in self.loaders):
            return True
        if self.dagster is None:
            return False
        return self.dagster.is_running or self._is_awaited(now)

    def _is_awaited(self, now: float) -> bool:
        """Whether the run of the newest tick has not asked for anything yet, and may still do so."""
        tick = self._scheduled_after(now) - self.hours * HOUR
        asked = any(
            one.moment >= tick and one.place in SCHEDULED and not one.is_history
            for one in reversed(self.calls.arrivals[-2000:])
        )
        return not asked and now - tick < SECONDS_TO_START * SLOW

    def _scheduled_after(self, now: float) -> float:
        step = self.hours * HOUR
        return now - now % step + step


@contextmanager
def shifted(round_: Round, start: datetime) -> Iterator[tuple[ShiftedClock, PostgresServer | None]]:
    """Start a clock and, for PostgreSQL, a server that has it, with the database of the round."""
    round_.world.folder.chmod(0o755)
    round_.folder.chmod(0o755)
    with ExitStack() as stack:
        clock = stack.enter_context(ShiftedClock(round_.folder, start))
        if round_.destination != "postgres":
            yield clock, None
            return
        with clock.in_force():
            server = PostgresServer(round_.folder / "postgres")
            server.start()
        stack.callback(server.stop, "immediate")
        os.environ["DESTINATION__POSTGRES__CREDENTIALS"] = server.create_database("weather")
        # a process may wait for a processor for minutes of this clock, before it has said who it is
        server.psql("postgres", "ALTER SYSTEM SET authentication_timeout = '10min'")
        server.psql("postgres", "SELECT pg_reload_conf()")
        yield clock, server


def patient_settings(api: str) -> dict[str, str]:
    """Return settings of loaders whose seconds are short: a process waits minutes of the clock for a processor."""
    prefix = "SOURCES__WEATHER__"
    return {
        f"{prefix}BASE_URL": api,
        f"{prefix}API_KEY": SENTINEL_KEY,
        f"{prefix}TIMEOUT_SECONDS": "3000",
        f"{prefix}LOCK_WAIT_SECONDS": "7200",
        "RUNTIME__LOG_LEVEL": "WARNING",
    }


def listed(places: list[str]) -> list[str]:
    """Return places as options of the command line."""
    return [option for place in places for option in ("--location", place)]
