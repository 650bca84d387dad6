"""Never a flood: the most messages an hour, what is held back is counted, and the account stays small."""

import pytest

from dagster_project.alerts.incidents import MOST_OPEN, Ledger
from dagster_project.alerts.sources.problems import Problem
from dagster_project.alerts.state import Account


def test_no_more_than_the_limit_go_in_an_hour_and_the_next_says_what_was_held_back(small, receiver, to, ticks):
    to(receiver.url, most_an_hour=2)
    small.failing = {"one", "two", "three", "four", "five"}
    small.run()
    ticks()
    ticks(minutes=30)
    ticks(minutes=29)
    assert len(receiver.got) == 2
    assert "held back" not in str(receiver.got)
    assert ticks.account.held_back == 3
    ticks(minutes=2)
    assert len(receiver.got) == 4, "still open, so said as soon as may be"
    assert "3 message(s) were held back until now: at most 2 go in an hour." in receiver.got[2]["message"]
    assert "held back" not in receiver.got[3]["message"]
    ticks(minutes=61)
    assert len(set(receiver.titles)) == len(receiver.got) == 5
    # recovered messages count too
    small.failing = set()
    small.run()
    ticks(seconds=30)
    assert len(receiver.got) == 6
    assert ticks.account.held_back == 4
    ticks(minutes=61)
    assert len(receiver.got) == 6, "what is over is not news an hour later"
    small.failing = {"one"}
    small.run("one")
    ticks()
    assert "4 message(s) were held back until now" in receiver.got[6]["message"]
    assert ticks.account.held_back == 0


def test_in_any_hour_of_a_long_flood_there_are_no_more_than_the_limit(small, receiver, to, ticks):
    to(receiver.url, most_an_hour=3)
    moments = []
    for turn in range(5):
        # they fail, recover, fail, …
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
            what="w" * 5000,
            where=tuple(f"bronze/{k}" for k in range(200)),
            waits_for=frozenset(f"asset bronze/{k}" for k in range(200)),
            at=now + n / 1000,
            run_id=str(n),
            details=("d" * 3000,) * 4,
        )
        for n in range(number)
    ]


def test_the_account_stays_small_whatever_happens():
    account = Account(started=0, position=0)
    ledger = Ledger(account, 1000.0, 10, "http://localhost:3000", str)
    ledger.note([], flood(1000, 1000.0))
    assert len(ledger.messages()) == 10
    assert len(account.open) == MOST_OPEN
    assert "error 999" in account.open
    assert len(account.model_dump_json(exclude_defaults=True)) < 300_000


@pytest.mark.parametrize(("days", "known"), [(6, True), (8, False)])
def test_a_cause_that_nothing_mends_or_meets_is_let_go_after_a_week(days, known):
    account = Account(started=0, position=0)
    for now in (1000.0, 1000.0 + days * 86_400):
        ledger = Ledger(account, now, 10, "http://localhost:3000", str)
        ledger.note([], flood(1, 1000.0) if now == 1000.0 else [])
        ledger.messages()
    assert ("error 0" in account.open) == known
