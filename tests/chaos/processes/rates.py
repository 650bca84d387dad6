"""Runs one after another, killed or not, that share one limit of calls."""

from __future__ import annotations

from tests.chaos.rounds.world import Round

WINDOW_SECONDS = 6.0
# the API's window; the loader's is a second longer, since a call arrives some time after it is counted
COUNTED_SECONDS = WINDOW_SECONDS - 1
LIMIT = 40


def shared(round_: Round) -> None:
    """Runs follow one another at once, some after a kill: by the API's count no window holds more than the limit."""
    given = round_.slow_settings(calls_per_minute=LIMIT)
    round_.simulator.latency = 0.0
    for _ in range(3):
        calls = round_.simulator.stats.calls
        worker = round_.start(window_seconds=WINDOW_SECONDS, **given)
        if round_.random.random() < 0.7:
            round_.wait_for_calls(calls + round_.random.randint(1, 2 * LIMIT), worker.is_alive)
            round_.kill(worker)
            round_.found.note("killed")
        else:
            round_.end_of(worker, 0)
        round_.pass_time()
    moments = sorted(one.received_at for one in round_.simulator.requests)
    most = max(sum(begin <= moment < begin + COUNTED_SECONDS for moment in moments) for begin in moments)
    round_.found.note("calls in the fullest window", most)
    if most > LIMIT:
        round_.found.problems.append(f"{most} calls within {COUNTED_SECONDS:g} s, where {LIMIT} are allowed")
    round_.finish_recorded(**given | {"calls_per_minute": 30_000})
