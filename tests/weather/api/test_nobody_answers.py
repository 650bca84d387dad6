"""A host that nobody reaches is given up early; a short outage and one bad place are not taken for that."""

from __future__ import annotations

import errno
import socket
from collections import Counter

import aiohttp
import pytest

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.api import transport
from dlt_sources.weather.api.responses import Answer, Failure
from dlt_sources.weather.api.sending import sender
from dlt_sources.weather.api.transport import Transport
from dlt_sources.weather.common.errors import UnreachableError
from dlt_sources.weather.pipeline.load import load
from tests.helpers.support import count, query
from tests.weather.api.asking import question

PLACES = [f"{n / 10:.1f},{n / 10:.1f}" for n in range(240)]


@pytest.fixture
def connections(monkeypatch):
    """Count the connections that are tried, and let the n-th fail while a function says so."""
    tried = Counter()
    original = Transport.call

    def fails_while(condition):
        async def call(self, request):
            tried["calls"] += 1
            if condition(tried["calls"], request):
                return transport.Failure(
                    request, "connection", "no connection to a:1: connection refused", connected=False
                )
            return await original(self, request)

        monkeypatch.setattr(Transport, "call", call)
        return tried

    return fails_while


@pytest.mark.db
def test_a_run_that_reaches_nobody_ends_early_with_the_cause(duckdb, settings, clock):
    choice = settings(base_url="http://127.0.0.1:9", locations=PLACES)
    report = load(duckdb, choice, now=clock)
    assert isinstance(report.error, UnreachableError)
    assert "cannot be reached: no connection to 127.0.0.1:9: connection refused" in str(report.error)
    assert "next run" in str(report.error)
    calls = sum(metrics.calls for metrics in report.metrics_by_resource.values())
    # those in flight at once, which is 200 on this plan, then one at a time
    assert calls <= 200 + 5
    assert query(duckdb, "SELECT DISTINCT error_class FROM rejects") == [("connection",)]
    # what can be asked later is not given up
    assert count(duckdb, "locations") == 240


def test_on_a_small_plan_hardly_more_than_the_attempts_are_made(client):
    asked = client(base_url="http://127.0.0.1:9", calls_per_minute=600, attempts=5)
    results = list(asked.fetch_all(question(number) for number in range(240)))
    assert {result.scope for result in results} <= {None, "run"}
    assert any(result.scope == "run" for result in results)
    assert asked.calls <= asked.concurrency + 5 + 5
    assert list(asked.fetch_all([question()])) == []


def test_a_name_that_cannot_be_resolved_is_the_cause(client, monkeypatch):
    async def resolve(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(aiohttp.connector.DefaultResolver, "resolve", resolve)
    asked = client(base_url="https://api.openweathermap.org", attempts=2)
    results = list(asked.fetch_all(question(number) for number in range(40)))
    assert results
    assert {result.message for result in results} == {
        "the name api.openweathermap.org cannot be resolved: Name or service not known"
    }


def test_an_outage_in_the_middle_loses_nothing(client, connections):
    tried = connections(lambda number, _: 20 < number <= 60)
    asked = client(calls_per_minute=30_000, attempts=5)
    results = list(asked.fetch_all(question(number) for number in range(400)))
    assert len(results) == 400
    assert all(isinstance(result, Answer) for result in results)
    assert tried["calls"] == 440


def test_an_outage_without_end_in_the_middle_is_given_up(client, connections, monkeypatch):
    monkeypatch.setattr(sender, "OUTAGE_PATIENCE", 0.1)
    connections(lambda number, _: number > 20)
    asked = client(calls_per_minute=600, attempts=5)
    results = list(asked.fetch_all(question(number) for number in range(400)))
    assert sum(isinstance(result, Answer) for result in results) == 20
    assert any(isinstance(result, Failure) and result.scope == "run" for result in results)
    assert asked.calls < 100


def test_places_whose_calls_break_end_no_run(client, simulator):
    for number in (3, 4, 5):
        simulator.inject(Fault(where={"lat": f"0.0{number}00"}, reset=True))
    asked = client(calls_per_minute=600, attempts=5)
    results = {result.request.about: result for result in asked.fetch_all(question(number) for number in range(8))}
    assert len(results) == 8
    assert {number for number, result in results.items() if isinstance(result, Failure)} == {3, 4, 5}
    assert {result.scope for result in results.values() if isinstance(result, Failure)} == {None}


def test_few_file_handles_mean_few_connections(settings, clock, monkeypatch):
    monkeypatch.setattr("resource.getrlimit", lambda _: (256, 4096))
    choice = settings(calls_per_minute=30_000)
    assert Transport(choice, clock).connections <= 128
    monkeypatch.setattr("resource.getrlimit", lambda _: (64, 4096))
    assert Transport(choice, clock).connections == transport.FEWEST_CONNECTIONS


def test_a_process_without_file_handles_waits_for_them_and_rejects_nothing(client, simulator, monkeypatch, caplog):
    monkeypatch.setattr(sender, "SECONDS_BETWEEN_LOOKS", 0.01)
    left = iter(range(20))

    async def create_connection(*arguments, **options):
        if next(left, None) is not None:
            raise OSError(errno.EMFILE, "Too many open files")
        return await real(*arguments, **options)

    real = aiohttp.connector.aiohappyeyeballs.start_connection
    monkeypatch.setattr(aiohttp.connector.aiohappyeyeballs, "start_connection", create_connection)
    asked = client(attempts=1)
    results = list(asked.fetch_all(question(number) for number in range(30)))
    assert len(results) == 30
    assert all(isinstance(result, Answer) for result in results)
    assert asked.calls == simulator.stats.calls == 30
    assert caplog.text.count("no file handle left") == 1
