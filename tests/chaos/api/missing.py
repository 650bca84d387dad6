"""What an hour's load did not get is asked for again within the hour, and nothing else."""

from __future__ import annotations

from collections import Counter

from dlt_sources.openweather_simulator.service.faults import Fault
from tests.chaos.rounds.world import Round

# an hour later, what it has is no longer the hour's
MOST_MINUTES = 15


def again(round_: Round) -> None:
    """A load gets only some of its answers, or is killed; a load of what is missing asks for just the others."""
    chosen = round_.random
    given = round_.slow_settings(attempts=1)
    round_.load(**given | {"resources": ["locations", "current_weather"]})
    round_.clock.pass_time(hours=1)
    round_.clock.moment = round_.clock.moment.replace(minute=chosen.randint(0, MOST_MINUTES))
    before = len(round_.recorder.sent)
    if chosen.random() < 0.5:
        calls = round_.simulator.stats.calls
        worker = round_.start(**given)
        round_.wait_for_calls(calls + chosen.randint(5, 60), worker.is_alive)
        round_.found.note("killed" if round_.kill(worker) else "ended before")
    else:
        fault = chosen.choice([{"status": 500}, {"status": 404}, {"reset": True}, {"status": 502}])
        seed = chosen.randrange(1000)
        round_.simulator.inject(Fault(probability=chosen.uniform(0.1, 0.9), seed=seed, **fault))
        round_.simulator.latency = 0.0
        round_.load_or_error(**given)
        round_.simulator.clear_faults()
        round_.found.note("failed in part")
    round_.simulator.latency = 0.0
    for number in (1, 2):
        round_.clock.pass_time(minutes=MOST_MINUTES)
        calls = round_.simulator.stats.calls
        if error := round_.load(only_missing=True, **given).error:
            round_.found.problems.append(f"a load of what is missing ended with {error}")
        if number == 2 and round_.simulator.stats.calls > calls:
            round_.found.problems.append(f"{round_.simulator.stats.calls - calls} calls, though nothing is missing")
    asked = Counter((one.endpoint.name, one.location_id) for one in round_.recorder.sent[before:])
    twice = sum(number - 1 for number in asked.values())
    under_way = sum(map(round_.recorder.is_under_way, round_.recorder.sent))
    if twice > under_way:
        round_.found.problems.append(f"{twice} answers were asked for twice, though all but {under_way} had come")
    round_.found.expected += 3 * len(given["locations"])
    round_.found.found += len(asked)
    round_.examine_answers()
    round_.examine(places=[])
