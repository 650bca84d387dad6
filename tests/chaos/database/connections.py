"""Connections to PostgreSQL that are cut, time out, or lead nowhere, while answers arrive and are loaded."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from multiprocessing.process import BaseProcess
from urllib.parse import urlsplit

from dlt_sources.weather.common.errors import DestinationError
from tests.chaos.rounds.world import Round, World
from tests.helpers.proxy import proxy

EXIT_DESTINATION = DestinationError.exit_code
CUT_ALL = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname = '{database}' AND pid <> pg_backend_pid()"
)
SECONDS_DOWN = 2.0
# two minutes are promised; starting and ending a process takes the rest
LONGEST_PARTITION = 135
LIMITS = (
    {"idle_session_timeout": "1500ms"},
    {"idle_in_transaction_session_timeout": "1500ms"},
    {"idle_session_timeout": "1500ms", "idle_in_transaction_session_timeout": "1s", "statement_timeout": "2s"},
    {"client_encoding": "LATIN1", "TimeZone": "Asia/Kathmandu"},
    {"DateStyle": "SQL, DMY", "IntervalStyle": "iso_8601", "search_path": "nowhere", "lock_timeout": "50ms"},
)


def cut(round_: Round) -> None:
    """Cut every connection again and again, at random moments of a load in every phase."""
    given = round_.slow_settings(chunk_rows=100)
    for _ in range(2):
        worker = round_.start(**given)
        cuts = 0
        for _ in range(round_.random.randint(1, 4)):
            worker.join(round_.random.uniform(0.2, 3.0))
            if worker.is_alive():
                cuts += int(_administer(round_, CUT_ALL))
        code = round_.end_of(worker, 0, EXIT_DESTINATION)
        round_.found.note(f"load ended with {code}")
        round_.found.note("connections cut", cuts)
        round_.pass_time()
    round_.simulator.latency = 0.0
    round_.finish_recorded(**given)


def restarted(round_: Round) -> None:
    """Stop the server for two seconds while answers arrive."""
    server = round_.world.server
    assert server is not None
    given = round_.slow_settings()
    worker = _extracting(round_, given)
    server.stop(round_.random.choice(["fast", "immediate"]))
    time.sleep(SECONDS_DOWN)
    server.start()
    _end_and_account(round_, worker, given)


def limits(round_: Round) -> None:
    """A role has time limits, formats or an encoding that would end or spoil a load if they held."""
    given = round_.slow_settings()
    for name, value in round_.random.choice(LIMITS).items():
        _administer(round_, f"ALTER ROLE postgres IN DATABASE {{database}} SET {name} = '{value}'")
        round_.found.note(name)
    # so that connections idle for longer than they may
    round_.simulator.latency = 1.0
    worker = round_.start(**given)
    round_.end_of(worker, 0)
    round_.pass_time()
    round_.simulator.latency = 0.0
    round_.finish_recorded(**given)


def partition(round_: Round) -> None:
    """The network swallows packets, or the server answers nothing more, at a random moment: the load ends."""
    how = round_.random.choice(list(PARTITIONS))
    given = round_.slow_settings(chunk_rows=100)
    url = os.environ["DESTINATION__POSTGRES__CREDENTIALS"]
    port = urlsplit(url).port or 0
    with PARTITIONS[how](port) as (address, trouble):
        # the address stays the same afterwards: packages wait by address
        os.environ["DESTINATION__POSTGRES__CREDENTIALS"] = url.replace(f":{port}", f":{address}")
        worker = _extracting(round_, given)
        worker.join(round_.random.uniform(0.0, 5.0))
        began = time.monotonic()
        with trouble():
            worker.join(LONGEST_PARTITION)
        seconds = time.monotonic() - began
        if worker.is_alive():
            round_.found.problems.append(f"{how}: a load still hangs after {seconds:.0f} s")
            round_.kill(worker)
        code = round_.end_of(worker, 0, EXIT_DESTINATION, -signal.SIGKILL)
        round_.found.note(f"{how}, ended with {code}")
        round_.found.note("seconds until the end", round(seconds))
        round_.pass_time()
        round_.simulator.latency = 0.0
        round_.finish_recorded(**given)
    os.environ["DESTINATION__POSTGRES__CREDENTIALS"] = url


Trouble = Callable[[], AbstractContextManager[None]]


@contextmanager
def _packets(port: int) -> Iterator[tuple[int, Trouble]]:
    """Yield the server's port, and how to have all packets to it swallowed."""
    yield port, lambda: _dropped(port)


@contextmanager
def _answers(port: int) -> Iterator[tuple[int, Trouble]]:
    """Yield the port of a server between, and how to have it forward nothing."""
    with proxy(port) as between:

        @contextmanager
        def stalled() -> Iterator[None]:
            between.stall()
            yield
            between.resume()

        yield between.port, stalled


PARTITIONS = {"no packets": _packets, "no answers": _answers}


def cannot_filter(_: World) -> str | None:
    """Why packets cannot be dropped here; None if they can."""
    try:
        subprocess.run(["iptables", "-L", "-n"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"packets cannot be dropped here: {error}"
    return None


@contextmanager
def _dropped(port: int) -> Iterator[None]:
    rule = ["-i", "lo", "-p", "tcp", "--dport", str(port), "-j", "DROP"]
    subprocess.run(["iptables", "-I", "INPUT", *rule], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["iptables", "-D", "INPUT", *rule], check=True, capture_output=True)


def _extracting(round_: Round, given: dict[str, object]) -> BaseProcess:
    """Start a load and wait until some answers have come."""
    calls = round_.simulator.stats.calls
    worker = round_.start(**given)
    round_.wait_for_calls(calls + round_.random.randint(5, 40), worker.is_alive)
    return worker


def _end_and_account(round_: Round, worker: BaseProcess, given: dict[str, object]) -> None:
    code = round_.end_of(worker, 0, EXIT_DESTINATION)
    round_.found.note(f"load ended with {code}")
    round_.pass_time()
    round_.simulator.latency = 0.0
    round_.finish_recorded(**given)


def _administer(round_: Round, command: str) -> str:
    server = round_.world.server
    assert server is not None
    database = urlsplit(os.environ["DESTINATION__POSTGRES__CREDENTIALS"]).path.lstrip("/")
    return server.psql("postgres", command.format(database=database))
