"""Fixtures every test may use: an empty target on each destination, the simulator, a clock that stands still."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from dlt_sources.openweather_simulator import Simulator, serve
from dlt_sources.weather.common.settings import WeatherSettings, load_settings
from dlt_sources.weather.destination.target import Target
from tests.helpers.postgres import PostgresServer

# a key of the right form that no log, table or file may ever show
SENTINEL_KEY = "5e47135e47135e47135e47135e471310"
_numbers = itertools.count(1)


class Clock:
    """A clock that moves only when told to, shared by the source and the simulator."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        """Return the moment at which the clock stands."""
        return self.moment

    def pass_time(self, **delta: float) -> None:
        """Move on by hours=, minutes=, days=."""
        self.moment += timedelta(**delta)


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 5, 20, 12, 20, tzinfo=timezone.utc))


@pytest.fixture
def simulator(clock: Clock) -> Simulator:
    """The simulated API, on the test's clock."""
    return Simulator(clock=lambda: clock().timestamp())


@pytest.fixture
def api(simulator: Simulator) -> Iterator[str]:
    """The URL at which the simulator answers."""
    with serve(simulator, port=0) as url:
        yield url


@pytest.fixture
def settings(api: str) -> Callable[..., WeatherSettings]:
    """Make settings for the simulated API: two places, a fast plan, hardly a pause between tries."""

    def make(**given: object) -> WeatherSettings:
        defaults: dict[str, object] = {
            "base_url": api,
            "api_key": SENTINEL_KEY,
            "locations": ["Madrid,ES", "59.9139,10.7522"],
            "calls_per_minute": 30_000,
            "backoff_seconds": 0.01,
            "rate_limit_backoff_seconds": 0.05,
            "lock_wait_seconds": 30.0,
        }
        return load_settings(**(defaults | given))

    return make


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder with dlt's data below it, without the project's configuration or the user's key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.delenv("OPENWEATHER_API_KEY", raising=False)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    # not below pytest's own folder: each new session takes other users' access to that away, the server's too
    with TemporaryDirectory(prefix="weather-postgres-") as folder:
        server = PostgresServer(Path(folder) / "data")
        server.start()
        yield server
        server.stop("immediate")


@pytest.fixture
def postgres(postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    """An empty PostgreSQL database."""
    name = f"weather_{next(_numbers)}"
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", postgres_server.create_database(name))
    yield Target("postgres")
    postgres_server.drop_database(name)


@pytest.fixture
def duckdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    """An empty DuckDB file."""
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "weather.duckdb"))
    return Target("duckdb")


@pytest.fixture(params=["duckdb", "postgres"])
def target(request: pytest.FixtureRequest) -> Target:
    """An empty target on each destination in turn."""
    found: Target = request.getfixturevalue(request.param)
    return found
