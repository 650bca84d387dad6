"""Limits: messages in an hour, the count of those held back, and the size of the cursor."""

import pytest

from dagster_project.alerts.incidents import MAX_OPEN, forget_old, update_incidents
from dagster_project.alerts.messages import compose_messages
from dagster_project.alerts.redaction import find_secrets
from dagster_project.alerts.sources.finished_runs import FinishedRun
from dagster_project.alerts.sources.problems import Problem
from dagster_project.alerts.state import AlertState
from dlt_sources.weather.common.settings.alerts import AlertSettings


def test_what_the_limit_holds_back_is_in_one_message_as_soon_as_it_allows(small, receiver, to, ticks):
    to(receiver.url, most_an_hour=2)
    small.failing = {"one", "two", "three", "four", "five"}
    small.run()
    ticks()
    assert len(receiver.got) == 2
    assert receiver.titles[1] == "4 incident(s)"
    rest = {"one", "two", "three", "four", "five"} - {receiver.titles[0].split()[1]}
    for name in rest:
        assert f"Loading {name} failed: ValueError: ValueError: no {name} today" in receiver.got[1]["message"]
    ticks(minutes=59)
    small.failing = {"five"}
    small.run()
    small.failing = {"six"}
    ticks(seconds=30)
    assert len(receiver.got) == 2
    assert len(ticks.state.resolved) == 4
    assert ticks.results[-1].skip_reason.skip_message.endswith(
        "1 open incident(s). 4 wait for the limit of 2 messages an hour."
    )
    ticks(minutes=2)
    assert len(receiver.got) == 4, "recovered ones wait too"
    assert receiver.titles[2] == "Recovered: loading four failed: ValueError"
    assert receiver.titles[3] == "3 recovered"
    assert "4 message(s) were held back until now: at most 2 are sent in an hour." in receiver.got[2]["message"]
    assert "Recovered: loading one failed: ValueError, after " in receiver.got[3]["message"]
    assert ticks.state.held_back == 0
    assert ticks.state.resolved == []
    ticks(minutes=61)
    assert len(receiver.got) == 4


def test_in_any_hour_of_a_long_flood_there_are_no_more_than_the_limit(small, receiver, to, ticks):
    to(receiver.url, most_an_hour=3)
    moments = []
    for turn in range(5):
        # they fail and recover by turns
        small.failing = set() if turn % 2 else {"one", "two"}
        small.run("one", "two")
        before = len(receiver.got)
        ticks(minutes=20)
        moments += [ticks.now()] * (len(receiver.got) - before)
    assert len(moments) >= 5
    for first, fourth in zip(moments, moments[3:], strict=False):
        assert (fourth - first).total_seconds() > 3590


def flood(number, now):
    return [
        Problem(
            key=f"error {n}",
            subject="loading failed " * 3,
            description="w" * 5000,
            assets=tuple(f"bronze/{k}" for k in range(200)),
            waits_for=frozenset(f"asset bronze/{k}" for k in range(200)),
            at=now + n / 1000,
            run_id=str(n),
            details=("d" * 3000,) * 4,
        )
        for n in range(number)
    ]


def tick(state, problems, now):
    """Run the steps of a tick between reading and delivery; return the messages and the state."""
    runs = [FinishedRun("a job", "a run", problems=problems)]
    opened, resolved = update_incidents(state.open, runs, {}, started=state.started, now=now)
    state = state.model_copy(update={"open": opened})
    messages, state = compose_messages(state, resolved, AlertSettings(urls=[]), find_secrets([]), now)
    return messages, state.model_copy(update={"open": forget_old(state.open, now)})


def test_the_state_stays_small_whatever_happens():
    messages, state = tick(AlertState(started=0, position=0), flood(1000, 1000.0), 1000.0)
    assert len(messages) == 10
    assert messages[-1].title == "991 incident(s)"
    assert "and 971 more" in messages[-1].body
    assert len(state.open) == MAX_OPEN
    assert "error 999" in state.open
    assert len(state.model_dump_json(exclude_defaults=True)) < 300_000


@pytest.mark.parametrize(("days", "known"), [(6, True), (8, False)])
def test_an_incident_without_any_event_is_forgotten_after_a_week(days, known):
    _, state = tick(AlertState(started=0, position=0), flood(1, 1000.0), 1000.0)
    _, state = tick(state, [], 1000.0 + days * 86_400)
    assert ("error 0" in state.open) == known
