"""How fast the clock may go before the API's count of a minute says more than the loaders did."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

from tests.chaos.budgets.api import CountedCalls
from tests.chaos.budgets.play import A_MINUTE, SLOW, listed, patient_settings, shifted
from tests.chaos.budgets.programs import Loader
from tests.chaos.rounds.world import Round

SPEEDS = (1.0, SLOW, 10.0, 20.0, 40.0, 80.0)
PLACES = [f"{number}.5000,{number}.2500" for number in range(60)]
RESOURCES = "locations,current_weather,forecast,air_pollution_forecast"
LOADERS = 4
LONGEST_SECONDS = 900.0


def minutes(round_: Round) -> None:
    """Four loaders at once under a limit of 60 calls a minute, at several speeds of the clock, by the API's count."""
    speeds = SPEEDS if round_.world.long else SPEEDS[1:4]
    start = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=1)
    with shifted(round_, start) as (clock, server):
        assert server is not None
        calls = CountedCalls(round_.simulator, clock)
        environment = clock.environment | patient_settings(round_.world.api)
        for speed in speeds:
            # calls of the speed before are no calls of this one's minute
            clock.wait_until(clock.time() + 2 * 60 * clock.speed)
            calls.arrivals.clear()
            database = f"speed_{speed:g}"
            environment["DESTINATION__POSTGRES__CREDENTIALS"] = server.create_database(database)
            loaders = [_loader(round_, number, database) for number in range(1, LOADERS + 1)]
            clock.speed = speed
            deadline = time.monotonic() + LONGEST_SECONDS
            for loader in loaders:
                loader.turn(clock, environment)
            while any(loader.is_running for loader in loaders) and time.monotonic() < deadline:
                time.sleep(0.1)
            for loader in loaders:
                loader.turn(clock, environment)
                loader.stop()
                if loader.ended != [0]:
                    round_.found.problems.append(f"{loader.name} ended with {loader.ended}: {loader.said()}")
            most, _ = calls.fullest_minute()
            round_.found.note(f"calls in the fullest minute at {speed:g} times", most)
            if most > A_MINUTE and speed <= SLOW:
                round_.found.problems.append(f"{most} calls within 60 s at {speed:g} times the speed")


def _loader(round_: Round, number: int, database: str) -> Loader:
    given = ["--destination", "postgres", "--shard", f"{number}/{LOADERS}", "--resources", RESOURCES, *listed(PLACES)]
    return Loader(
        f"{database}-{number}",
        round_.folder,
        given,
        every=float("inf"),
        first=0.0,
        kill_share=0.0,
        chosen=round_.random,
    )
