"""One simulator over real HTTP for all tests here, and clients of it."""

from __future__ import annotations

import threading
import time

import pytest
import requests

from dlt_sources.openweather_simulator import Simulator, serve
from dlt_sources.weather.api.client import Client
from tests.helpers.clock import SENTINEL_KEY
from tests.weather.api.asking import NOW, PATH


@pytest.fixture(scope="session")
def server():
    """One simulator for all tests here, since starting and stopping it takes longer than most of them."""
    simulator = Simulator(clock=NOW.timestamp)
    with serve(simulator) as url:
        # the first answer loads the gazetteer, and keeps all others waiting for a second or two
        requests.get(f"{url}{PATH}", {"lat": "40", "lon": "7.5", "appid": SENTINEL_KEY}, timeout=60)
        yield simulator, url


@pytest.fixture
def simulator(server):
    simulator = server[0]
    simulator.reset()
    simulator.keys = None
    yield simulator
    # calls that nobody waits for any more would be counted in the next test
    while simulator.stats._in_flight:
        time.sleep(0.005)


@pytest.fixture
def api(server, simulator):  # noqa: ARG001 - nothing of the test before may be left in it
    return server[1]


@pytest.fixture
def client(settings, clock):
    """Make a client of the simulator, by default with few at a time and two tries each."""
    made = []

    def make(**given):
        given = {"calls_per_minute": 600, "attempts": 2} | given
        made.append(Client(settings(**given), clock))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def client_threads():
    """Tell the clients' threads that this test has started and that still run."""
    before = set(threading.enumerate())
    return lambda: [each for each in set(threading.enumerate()) - before if each.name == "openweather-client"]
