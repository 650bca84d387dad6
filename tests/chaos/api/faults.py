"""An API that fails, stalls, breaks off and answers wrongly: every fault the simulator knows, alone and mixed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from dlt_sources.openweather_simulator.service.faults import Fault
from dlt_sources.weather.common.clock import floor_hour
from dlt_sources.weather.common.errors import IncompleteError, KeyRefusedError
from tests.chaos.rounds.world import HISTORY, Round

PATHS = (None, "/data/2.5/weather", "/data/2.5/air_pollution/history", "/data/2.5")
MEMBERS = ("dt", "main", "components", "main.aqi", "components.pm2_5", "components.new", "a.b.c", "wind")
VALUES: tuple[Any, ...] = (
    None,
    "x",
    -1,
    10**30,
    1e300,
    True,
    [],
    {},
    [1, "a"],
    {"deep": {"er": [1]}},
    "\x00",
    "é" * 999,
)
STATUSES = (400, 401, 403, 404, 408, 418, 429, 500, 502, 503, 504, 301, 204)

# every switch with something to set it to
SWITCHES: dict[str, Callable[[Random], dict[str, Any]]] = {
    "reset": lambda _: {"reset": True},
    "status": lambda chosen: {"status": chosen.choice(STATUSES)},
    "body": lambda chosen: {"body": chosen.choice([b"null", b"[]", b"{}", b"<html>", b"\xff\xfe", b'{"list":null}'])},
    "empty": lambda _: {"empty": True},
    "new_key_not_active": lambda _: {"new_key_not_active": True},
    "status_200_error": lambda _: {"status_200_error": True},
    "duplicate": lambda _: {"duplicate": True},
    "set": lambda chosen: {"set": {_path(chosen): chosen.choice(VALUES)}},
    "remove": lambda chosen: {"remove": (_path(chosen),)},
    "dt_offset": lambda chosen: {"dt_offset": chosen.choice([-86_400, -3600, -1, 1, 3600, 86_400, 10**9])},
    "latency": lambda chosen: {"latency": chosen.choice([0.05, 0.3])},
    "retry_after": lambda chosen: {
        "status": 429,
        "retry_after": chosen.choice(["0", "0.1", "x", "-5", "1e999", "nan", "Wed, 21 Oct 2015 07:28:00 GMT"]),
    },
    "truncate": lambda _: {"truncate": True},
}


def _path(chosen: Random) -> str:
    member = chosen.choice(MEMBERS)
    return chosen.choice([member, f"list.*.{member}", f"list.{chosen.randrange(25)}.{member}"])


def alone(round_: Round) -> None:
    """Every fault of the API alone, each for one load."""
    for switch in SWITCHES:
        _load_with(round_, [switch])
    _complete(round_)


def mixed(round_: Round) -> None:
    """Faults of the API mixed at random, for several loads."""
    for _ in range(round_.random.randint(2, 4)):
        _load_with(round_, round_.random.sample(list(SWITCHES), round_.random.randint(2, 6)))
    _complete(round_)


def _load_with(round_: Round, switches: list[str]) -> None:
    chosen = round_.random
    for switch in switches:
        fault = {
            "path": chosen.choice(PATHS),
            "times": chosen.choice([1, 2, 5, None]),
            "probability": chosen.choice([0.2, 0.5, 1.0]),
            "seed": chosen.randrange(1000),
        }
        round_.simulator.inject(Fault(**(fault | SWITCHES[switch](chosen))))
    before = list(round_.observed)
    error = round_.load_or_error()
    # what a fault left out of the answers is not in the tables, and in no promise
    round_.observed[:] = before
    if error is not None and not isinstance(error, IncompleteError | KeyRefusedError):
        round_.found.problems.append(f"{', '.join(switches)}: {type(error).__name__}: {error}")
    round_.found.note(f"load ended with {error.exit_code if error else 0}")
    round_.simulator.clear_faults()
    round_.pass_time()


def _complete(round_: Round) -> None:
    """Load undisturbed, then ask for the hours anew whose answers were wrong, as docs/reliability.md says."""
    round_.load()
    since = floor_hour(round_.clock()) - HISTORY * 3
    round_.finish(since=f"{since:%Y-%m-%dT%H:%MZ}")
