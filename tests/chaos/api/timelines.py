"""History of One Call 4.0 by pages: killed again and again, and asked of an API that does the other thing."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from dlt_sources.openweather_simulator import Rules
from dlt_sources.openweather_simulator.service.faults import Fault
from dlt_sources.openweather_simulator.service.simulator import Answer
from dlt_sources.weather.destination.target import Target
from tests.chaos.api.leaves import TIMELINES, differences, expected_rows
from tests.chaos.processes.kills import RECOVERY
from tests.chaos.rounds.accounts import count_doubled, count_unaccounted
from tests.chaos.rounds.recorder import SECONDS_UNDER_WAY
from tests.chaos.rounds.world import Round

KILLS = 50
PLACES = ["40.4168,-3.7038", "59.9139,10.7522", "-36.8485,174.7633"]
PAGES = {"weather_history": 20, "weather_history_daily": 10}
# older than revisions are, so that two answers are one
SETTLED = timedelta(days=10)
HOURS_OF, DAYS_OF = timedelta(days=90), timedelta(days=8 * 365)
# what the documentation of One Call 4.0 leaves open
ALTERNATIVES = {
    "as taken": Rules(),
    "start before": Rules(start="down"),
    "start after": Rules(start="up"),
    "start exact": Rules(start="exact"),
    "one step late": Rules(first_step=1),
    "three steps early": Rules(first_step=-3),
    "25 steps late": Rules(first_step=25),
    "five rows more": Rules(more_rows=5),
    "five rows fewer": Rules(more_rows=-5),
    "late and fewer": Rules(first_step=2, more_rows=-3),
    "days at midnight": Rules(day_at="utc_midnight"),
    "cnt honoured": Rules(cnt_honoured=True),
    "empty out of range": Rules(empty_out_of_range=True),
    "never revised": Rules(revised=False),
}
# what the loader has to say something about, at least once a load
SAID = ("late", "early", "more", "fewer")


class Asked(NamedTuple):
    """A call of history: when it arrived by the machine's clock, and what it asked for."""

    moment: float
    key: tuple[str, str, str]

    @classmethod
    def of(cls, path: str, params: Mapping[str, str]) -> Asked:
        """Return a call that arrives now."""
        return cls(time.time(), (path, params.get("lat", ""), params.get("start", "")))


class Range(NamedTuple):
    """What is asked for of each table: first and last moment."""

    since: datetime
    until: datetime


def killed(round_: Round) -> None:
    """Kill a backfill of weather history 50 times: each hour and day once, no call twice but those under way."""
    ranges = _ranges(round_)
    with _history(round_) as calls:
        kills = []
        while len(kills) < KILLS:
            kills += _kill(round_, ranges, calls)
        round_.found.note("killed", len(kills))
        round_.simulator.latency = 0.0
        for table in TIMELINES:
            _load(round_, table, ranges[table])
        _examine(round_, ranges)
        _count_calls(round_, ranges, calls, kills)
        _load_again(round_, ranges, calls)


def alternatives(round_: Round) -> None:
    """Ask an API that does the other thing where its documentation is silent: no gap, nothing twice, and it is said."""
    for name, rules in ALTERNATIVES.items():
        # each into a dataset without rows
        ranges = _ranges(round_, hours=timedelta(days=10), days=timedelta(days=120))
        with _history(round_) as calls, _said() as said:
            round_.simulator.rules = rules
            for table, one in ranges.items():
                _load(round_, table, one)
            # a call is tried again where a busy machine takes longer than the timeout
            number = len({one.key for one in calls.asked})
            _examine(round_, ranges, rules)
            _load_again(round_, ranges, calls)
        _tell(round_, name, number - _fewest(ranges), said)
        _forget(round_)
    _odd_answers(round_)


def _tell(round_: Round, name: str, more: int, said: list[str]) -> None:
    round_.found.note(f"{name}: {more:+} calls, {'said' if said else 'nothing said'}")
    if not said and (more > 0 or any(word in name for word in SAID)):
        round_.found.problems.append(f"{name}: {more} calls more than needed, and nothing was said")


def _odd_answers(round_: Round) -> None:
    """Single answers that begin elsewhere, have fewer rows, or a day without weather."""
    ranges = _ranges(round_, hours=timedelta(days=10), days=timedelta(days=120))
    faults = [
        Fault(path=TIMELINES["weather_history"], rules=Rules(first_step=-1), times=1),
        Fault(path=TIMELINES["weather_history"], rules=Rules(first_step=4), times=1),
        Fault(path=TIMELINES["weather_history"], rules=Rules(more_rows=-7), times=2),
        Fault(path=TIMELINES["weather_history_daily"], rules=Rules(first_step=2), times=1),
        Fault(path=TIMELINES["weather_history_daily"], rules=Rules(more_rows=-1), times=3),
    ]
    with _history(round_) as calls:
        for fault in faults:
            round_.simulator.inject(fault)
        for table, one in ranges.items():
            _load(round_, table, one)
        number = len({one.key for one in calls.asked})
        round_.found.note(f"single odd answers: {number - _fewest(ranges):+} calls")
        round_.simulator.clear_faults()
        _examine(round_, ranges)
        _load_again(round_, ranges, calls)


class _Calls:
    """The calls of history that a simulator gets, and which of them were answered."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answered: dict[tuple[str, str, str], list[float]] = defaultdict(list)

    def arrive(self, path: str, params: Mapping[str, str]) -> None:
        if path in TIMELINES.values():
            self.asked.append(Asked.of(path, params))

    def answer(self, path: str, params: Mapping[str, str], answer: Answer) -> None:
        if path in TIMELINES.values() and answer.status == 200:
            self.answered[Asked.of(path, params).key].append(time.time())


@contextmanager
def _history(round_: Round) -> Iterator[_Calls]:
    """Let the API sell One Call 4.0, and count the calls of history."""
    simulator, calls = round_.simulator, _Calls()
    simulator.one_call_keys, simulator.one_call_version = "all", 4
    os.environ["SOURCES__WEATHER__ONE_CALL__CALLS_PER_DAY"] = "1000000"
    take_fault, on_sent = simulator.take_fault, simulator.on_sent

    def arrive(path: str, params: Mapping[str, str]) -> Fault | None:
        calls.arrive(path, params)
        return take_fault(path, params)

    simulator.take_fault, simulator.on_sent = arrive, calls.answer  # type: ignore[method-assign]
    try:
        yield calls
    finally:
        simulator.take_fault, simulator.on_sent = take_fault, on_sent  # type: ignore[method-assign]
        simulator.rules = Rules()


def _ranges(round_: Round, hours: timedelta = HOURS_OF, days: timedelta = DAYS_OF) -> dict[str, Range]:
    until = (round_.clock() - SETTLED).replace(hour=23, minute=0, second=0, microsecond=0)
    midnight = until.replace(hour=0)
    return {
        "weather_history": Range(midnight - hours, until),
        "weather_history_daily": Range(midnight - days, until),
    }


def _settings(table: str, one: Range) -> dict[str, Any]:
    return {
        "locations": PLACES,
        "resources": [table],
        "since": f"{one.since:%Y-%m-%d}",
        "until": f"{one.until:%Y-%m-%dT%H:%M}",
        # some pages a package, so that kills meet packages too
        "chunk_rows": 300,
    }


def _load(round_: Round, table: str, one: Range) -> None:
    if error := round_.load(**_settings(table, one)).error:
        round_.found.problems.append(f"an undisturbed load ended with an error: {error}")


def _kill(round_: Round, ranges: dict[str, Range], calls: _Calls) -> list[float]:
    """Start a load and kill it after some calls, or at a step of its recovery; return when, if it was."""
    chosen = round_.random
    round_.simulator.latency = chosen.uniform(0.02, 0.2)
    table = chosen.choice(list(ranges))
    point = chosen.choice(RECOVERY) if chosen.random() < 0.3 else "end"
    before = len(calls.asked)
    worker = round_.start(point, **_settings(table, ranges[table]))
    if point != "end":
        code = round_.end_of(worker, 0, -signal.SIGKILL)
        return [time.time()] if code == -signal.SIGKILL else []
    number = chosen.randint(1, 30)
    while worker.is_alive() and len(calls.asked) < before + number:
        time.sleep(0.002)
    time.sleep(chosen.uniform(0.0, 0.4))
    at = time.time()
    return [at] if round_.kill(worker) == -signal.SIGKILL else []


def _fewest(ranges: dict[str, Range]) -> int:
    number = 0
    for table, one in ranges.items():
        step = timedelta(hours=1) if table == "weather_history" else timedelta(days=1)
        steps = (one.until - one.since) // step + 1
        number += len(PLACES) * -(-steps // PAGES[table])
    return number


def _count_calls(round_: Round, ranges: dict[str, Range], calls: _Calls, kills: list[float]) -> None:
    """Hold the calls against the fewest: each that was made twice was under way at a kill the time before."""
    found, fewest = round_.found, _fewest(ranges)
    found.note("calls at least", fewest)
    found.note("calls made", len(calls.asked))
    twice = defaultdict(list)
    for one in calls.asked:
        twice[one.key].append(one.moment)
    unexplained = []
    for key, moments in twice.items():
        for moment, again in pairwise(moments):
            sent = next((at for at in calls.answered[key] if moment <= at < again), None)
            if not any(moment <= kill and (sent is None or sent > kill - SECONDS_UNDER_WAY) for kill in kills):
                near = min(kills, key=lambda kill: abs(kill - moment), default=None)
                unexplained.append(f"{key} at {moment:.2f}, answered at {sent}, again at {again:.2f}, kill at {near}")
    found.note("calls made again after a kill", len(calls.asked) - len(twice))
    if len(twice) != fewest:
        found.problems.append(f"{len(twice)} different calls were made, where {fewest} are enough")
    if unexplained:
        found.problems.append(f"{len(unexplained)} calls were made twice without need: {unexplained[:5]}")


def _load_again(round_: Round, ranges: dict[str, Range], calls: _Calls) -> None:
    number = len(calls.asked)
    for table, one in ranges.items():
        _load(round_, table, one)
    if more := len(calls.asked) - number:
        round_.found.problems.append(f"the load after the last made {more} calls, where nothing was missing")


def _examine(round_: Round, ranges: dict[str, Range], rules: Rules | None = None) -> None:
    found = round_.found
    with Target(round_.destination).reader() as reader:
        for table, one in ranges.items():
            for place in PLACES:
                rows = expected_rows(table, place, one.since, one.until, round_.clock())
                if rules and _stamps_days_otherwise(rules) and table == "weather_history_daily":
                    # each day must be there once, by any time
                    found.expected += len(rows)
                    found.found += len(reader.rows("SELECT dt FROM {t} WHERE location_id = %s", place, t=table))
                    continue
                said = differences(reader, table, place, rows)
                found.expected += len(rows)
                found.found += len(rows) - sum(" lacks " in sentence for sentence in said)
                found.problems += said[:3]
        count_doubled(reader, found)
        count_unaccounted(reader, found)


def _stamps_days_otherwise(rules: Rules) -> bool:
    return rules.day_at == "utc_midnight" or rules.start == "exact"


def _forget(round_: Round) -> None:
    """Empty the tables of history."""
    target = Target(round_.destination)
    with target.connection() as client:
        for table in TIMELINES:
            client.execute_sql(f"DELETE FROM {client.make_qualified_table_name(table)}")


@contextmanager
def _said() -> Iterator[list[str]]:
    """Collect the warnings of the loader."""
    said: list[str] = []

    class _Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    handler = _Handler(logging.WARNING)
    logger = logging.getLogger("dlt_sources.weather.extract")
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
