"""Clocks that are special or wrong: nights of summer time, leap days, polar days, and a loader's clock that jumps."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta

from dlt_sources.weather.common.errors import ConfigurationError
from tests.chaos.rounds.world import MADRID, OSLO, Round
from tests.helpers.clock import Clock

# UTC moments shortly before the hour that is special
NIGHTS = {
    "spring forward, Madrid": ("2026-03-28T22:20", "Europe/Madrid"),
    "fall back, Madrid": ("2026-10-24T22:20", "Europe/Madrid"),
    "fall back, New York": ("2025-11-02T03:20", "America/New_York"),
    "half an hour, Lord Howe": ("2026-04-04T13:20", "Australia/Lord_Howe"),
    "leap day": ("2024-02-28T21:20", "UTC"),
    "after the leap day": ("2028-02-29T22:20", "Asia/Kathmandu"),
    "new year": ("2025-12-31T21:20", "Pacific/Kiritimati"),
}
LONGYEARBYEN, POLE = "78.2232,15.6267", "90.0000,0.0000"
POLAR = ("2025-06-20T21:20", "2025-12-20T21:20")
JUMPS = (
    timedelta(0),
    timedelta(minutes=-35),
    timedelta(minutes=35),
    timedelta(hours=-5),
    timedelta(hours=5),
    timedelta(days=-3),
    timedelta(days=40),
    timedelta(days=-3650),
    timedelta(days=3650),
)


def nights(round_: Round) -> None:
    """Load through nights of summer time, leap days and polar days, in the zone that has them."""
    name = round_.random.choice(list(NIGHTS))
    moment, zone = NIGHTS[name]
    places = [MADRID, OSLO]
    if round_.random.random() < 0.3:
        name, moment = "polar day or night", round_.random.choice(POLAR)
        places = [LONGYEARBYEN, POLE]
    os.environ["TZ"] = os.environ["PGTZ"] = zone
    time.tzset()
    round_.clock.moment = datetime.fromisoformat(f"{moment}+00:00")
    for _ in range(4):
        round_.load(locations=places)
        round_.clock.pass_time(hours=round_.random.choice([1, 1, 2]))
    round_.finish(places=places, locations=places)
    round_.found.note(name)


def jumps(round_: Round) -> None:
    """The loader's clock jumps back and forth, while the API's goes on as it should."""
    right = Clock(round_.clock.moment)
    round_.simulator.clock = lambda: right().timestamp()
    # a clock years ahead asks for years
    given = {"history_days_per_call": 90}
    round_.load(**given)
    for _ in range(round_.random.randint(3, 6)):
        right.pass_time(minutes=round_.random.choice([20, 60, 60, 150]))
        jump = round_.random.choice(JUMPS)
        round_.clock.moment = right() + jump
        error = round_.load_or_error(**given)
        if error is not None and not isinstance(error, ConfigurationError):
            round_.found.problems.append(f"a clock off by {jump}: {type(error).__name__}: {error}")
        round_.found.note("loads with a wrong clock" if jump else "loads with a right one")
    right.pass_time(hours=1)
    round_.clock.moment = right()
    round_.finish(**given)
