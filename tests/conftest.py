"""Fixtures every test may use: an empty target on each destination, the simulator, a clock that stands still.

Fixtures import what they need: pytest's main process, which only distributes the tests, does not wait for it.
"""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from tests.helpers.clock import SENTINEL_KEY, Clock

if TYPE_CHECKING:
    from dlt_sources.openweather_simulator import Simulator
    from dlt_sources.weather.common.settings import WeatherSettings
    from dlt_sources.weather.destination.target import Target
    from tests.helpers.postgres import PostgresServer

pytest_plugins = ["tests.helpers.markers"]
# or each of the tests' processes would compile every library for itself, which takes seconds
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
_numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    """Prepare a test process: files in memory, no time limit for examples.

    Files are in memory where 4 GB are free, unless TMPDIR is set: the disk cost a sixth of the time.
    """
    memory = Path("/dev/shm")  # noqa: S108 - a folder with a random name is made in it
    if "TMPDIR" not in os.environ and memory.is_dir() and shutil.disk_usage(memory).free > 4e9:
        folder = tempfile.mkdtemp(prefix="weather-tests-", dir=memory)
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        os.environ["TMPDIR"] = tempfile.tempdir = folder
    if hasattr(config, "workerinput") or not config.getoption("numprocesses"):
        from hypothesis import settings  # noqa: PLC0415

        # a busy machine may take a second for what takes a millisecond
        settings.register_profile("no deadline", deadline=None)
        settings.load_profile("no deadline")


def pytest_xdist_auto_num_workers() -> int:
    """Run one process more than cores: many tests wait, for processes, locks, servers and time limits."""
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) + 1


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 5, 20, 12, 20, tzinfo=timezone.utc))


@pytest.fixture
def simulator(clock: Clock) -> Simulator:
    """The simulated API, on the test's clock."""
    from dlt_sources.openweather_simulator import Simulator  # noqa: PLC0415

    return Simulator(clock=lambda: clock().timestamp())


@pytest.fixture
def api(simulator: Simulator) -> Iterator[str]:
    """The URL at which the simulator answers."""
    from dlt_sources.openweather_simulator import serve  # noqa: PLC0415

    server = serve(simulator, port=0)
    yield server.__enter__()
    # it takes a fifth of a second to end, which the next test need not wait for
    threading.Thread(target=server.__exit__, args=(None, None, None)).start()


@pytest.fixture
def settings(api: str) -> Callable[..., WeatherSettings]:
    """Make settings for the simulated API: two places, a fast plan, hardly a pause between tries."""
    from dlt_sources.weather.common.settings import load_settings  # noqa: PLC0415

    def make(**given: object) -> WeatherSettings:
        defaults: dict[str, object] = {
            "base_url": api,
            "api_key": SENTINEL_KEY,
            "locations": ["Madrid,ES", "59.9139,10.7522"],
            "calls_per_minute": 30_000,
            "backoff_seconds": 0.01,
            "rate_limit_backoff_seconds": 0.05,
            "lock_wait_seconds": 30.0,
            # a tenth of a second for each database
            "views": False,
        }
        return load_settings(**(defaults | given))

    return make


@pytest.fixture(scope="session", autouse=True)
def plain_dlt(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let dlt forget the project's configuration, and work each type hint and setting out once.

    The definitions, which are imported while tests are collected, read ``.dlt/config.toml`` of the project's folder.
    """
    from dlt.common.configuration.container import Container  # noqa: PLC0415
    from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext  # noqa: PLC0415

    from tests.helpers.dlt_hints import remember  # noqa: PLC0415

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("nowhere"))
        Container()[PluggableRunContext].reload_providers()
    remember()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder with dlt's data below it, without the project's configuration or the user's key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.delenv("OPENWEATHER_API_KEY", raising=False)


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[Path]:
    """A PostgreSQL cluster that is never started: to initialise one takes longer than to copy it."""
    from tests.helpers.postgres import PostgresServer  # noqa: PLC0415

    # not below pytest's own folder: each new session takes other users' access to that away, the server's too
    with TemporaryDirectory(prefix="weather-postgres-") as folder:
        PostgresServer(Path(folder) / "template")
        yield Path(folder) / "template"


@pytest.fixture(scope="session")
def postgres_server(postgres_template: Path) -> Iterator[PostgresServer]:
    from tests.helpers.postgres import PostgresServer  # noqa: PLC0415

    server = PostgresServer(postgres_template.with_name("shared"), template=postgres_template)
    server.start()
    yield server
    server.stop("immediate")


@pytest.fixture
def own_server(postgres_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresServer]:
    """A PostgreSQL server that a test may stop, with an empty database."""
    from tests.helpers.postgres import PostgresServer  # noqa: PLC0415

    server = PostgresServer(postgres_template.with_name(f"own_{next(_numbers)}"), template=postgres_template)
    server.start()
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", server.create_database("weather"))
    yield server
    if server.is_running:
        server.stop("immediate")


@pytest.fixture
def postgres(postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    """An empty PostgreSQL database."""
    from dlt_sources.weather.destination.target import Target  # noqa: PLC0415

    name = f"weather_{next(_numbers)}"
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", postgres_server.create_database(name))
    yield Target("postgres")
    postgres_server.drop_database(name)


@pytest.fixture
def duckdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    """An empty DuckDB file."""
    from dlt_sources.weather.destination.target import Target  # noqa: PLC0415

    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "weather.duckdb"))
    return Target("duckdb")


@pytest.fixture(params=["duckdb", "postgres"])
def target(request: pytest.FixtureRequest) -> Target:
    """An empty target on each destination in turn."""
    found: Target = request.getfixturevalue(request.param)
    return found


def pytest_collection_finish() -> None:
    """Spare the garbage collector the modules that are imported by now: it would walk through them again and again."""
    gc.collect()
    gc.freeze()
    # nor is a twentieth of the time well spent on looking at what a test has just made
    gc.set_threshold(10_000, 10, 10)


def pytest_unconfigure() -> None:
    """Give the modules back to the collector, so that libraries that count their objects at exit find none left."""
    gc.unfreeze()
