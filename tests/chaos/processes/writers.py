"""Several loaders at once on one dataset: every row is there once, also when their locks are lost."""

from __future__ import annotations

import os
import time

from dlt_sources.weather.common.errors import DestinationError
from dlt_sources.weather.destination.target import Target
from tests.chaos.rounds.world import MADRID, OSLO, Round

PLACES = [MADRID, OSLO, "64.1466,-21.9426"]
NUMBERS = (2, 4, 8)
CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name LIKE 'weather run %' AND datname = current_database()"
)


def at_once(round_: Round) -> None:
    """Start 2, 4 and 8 loaders at once, on one machine or, with PostgreSQL, as if on several."""
    for number in NUMBERS:
        apart = round_.destination == "postgres" and round_.random.random() < 0.5
        workers = []
        for machine in range(number):
            if apart:
                os.environ["DLT_DATA_DIR"] = str(round_.folder / f"machine{machine}")
            workers.append(round_.start())
        for worker in workers:
            round_.end_of(worker, 0)
        round_.observed.append(round_.clock())
        round_.found.note(f"{number} {'machines' if apart else 'processes'}")
        os.environ["DLT_DATA_DIR"] = str(round_.folder / "dlt")
        round_.pass_time()
    round_.finish()


def lock_lost(round_: Round) -> None:
    """Cut the connections that loaders on several machines hold or want the lock with, once or more."""
    server = round_.world.server
    assert server is not None
    round_.load(locations=PLACES)
    round_.pass_time()
    round_.simulator.latency = 0.02
    workers = {}
    for place in PLACES:
        os.environ["DLT_DATA_DIR"] = str(round_.folder / f"machine of {place}")
        workers[place] = round_.start(locations=[place])
    for _ in range(round_.random.randint(1, 3)):
        time.sleep(round_.random.uniform(0.2, 2))
        server.psql(os.environ["DESTINATION__POSTGRES__CREDENTIALS"].rpartition("/")[2], CUT)
    for place, worker in workers.items():
        code = round_.end_of(worker, 0, DestinationError.exit_code)
        round_.found.note(f"ended with {code}")
        if code == 0:
            _must_be_there(round_, place)
    round_.simulator.latency = 0.0
    for machine in round_.folder.glob("machine of *"):
        os.environ["DLT_DATA_DIR"] = str(machine)
        round_.pass_time()
        round_.load(locations=PLACES)
    round_.finish(locations=PLACES, places=PLACES)


def _must_be_there(round_: Round, place: str) -> None:
    """A load that ended well has its observation in the table, at once."""
    sql = "SELECT 1 FROM {w} WHERE location_id = %s AND fetched_at = %s"
    with Target(round_.destination).reader() as loaded:
        there = loaded.rows(sql, place, round_.clock(), w="current_weather")
    round_.found.expected += 1
    round_.found.found += len(there)
