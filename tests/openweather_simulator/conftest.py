"""One simulator over real HTTP for all tests here: its clock stands still, and each test starts clean."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from dlt_sources.openweather_simulator import Simulator, serve
from tests.helpers.simulator_support import KEY, NOW, SUBSCRIBED, Get


@pytest.fixture(scope="session")
def running() -> Iterator[tuple[Simulator, str]]:
    simulator = Simulator(one_call_keys={SUBSCRIBED})
    with serve(simulator) as url:
        yield simulator, url


@pytest.fixture
def simulator(running: tuple[Simulator, str]) -> Simulator:
    running[0].reset()
    running[0].set_clock(now=NOW)
    return running[0]


@pytest.fixture
def url(running: tuple[Simulator, str], simulator: Simulator) -> str:  # noqa: ARG001 - resets it
    return running[1]


@pytest.fixture
def get(url: str) -> Iterator[Get]:
    with requests.Session() as session:

        def send(path: str, appid: str | None = KEY, **params: object) -> requests.Response:
            if appid is not None:
                params["appid"] = appid
            return session.get(url + path, params=params, timeout=10)

        yield send
