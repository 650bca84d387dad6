"""Fixtures that run the weather job in this process, against the simulator and a fixed clock."""

from __future__ import annotations

import json
import shutil
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dagster import AssetCheckEvaluation, AssetKey, DagsterInstance, ExecuteInProcessResult
from sqlalchemy import Engine
from sqlalchemy.event import listens_for

from dagster_project.common.environment import configured_target
from dlt_sources.weather.status.space import reading
from tests.helpers.clock import SENTINEL_KEY, Clock
from tests.helpers.dagster_memory import remember_migrations, remember_statements

RESOURCES = ["locations", "current_weather", "forecast", "air_pollution", "air_pollution_forecast"]
PLACES = ["40.4168,-3.7038", "59.9139,10.7522"]
SETTINGS = {
    "API_KEY": SENTINEL_KEY,
    "LOCATIONS": json.dumps(PLACES),
    "CALLS_PER_MINUTE": "30000",
    "BACKOFF_SECONDS": "0.01",
    "RATE_LIMIT_BACKOFF_SECONDS": "0.05",
    "LOCK_WAIT_SECONDS": "30",
    "HISTORY_DAYS": "2",
    "ATTEMPTS": "2",
}
# Dagster's own manager starts four processes for each step's output
NO_COMPUTE_LOGS = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
QUIET = {"telemetry": {"enabled": False}, "compute_logs": NO_COMPUTE_LOGS}


class RunResult:
    """Result of a run: metadata of bronze assets and of reports, failures and check evaluations, by name."""

    def __init__(self, result: ExecuteInProcessResult) -> None:
        self.success = result.success
        self.run_id = result.run_id
        materializations = result.get_asset_materialization_events()
        self.sequence = [event.asset_key.path for event in materializations if event.asset_key]
        self.order = [name for group, name in self.sequence if group == "bronze"]
        self.metadata: dict[str, dict[str, Any]] = {}
        self.reports: dict[str, dict[str, Any]] = {}
        for (group, name), event in zip(self.sequence, materializations, strict=True):
            found = {key: value.value for key, value in event.materialization.metadata.items()}
            (self.metadata if group == "bronze" else self.reports)[name] = found
        self.failures = {
            event.step_key: event.step_failure_data for event in result.all_events if event.is_step_failure
        }
        self.checks: dict[tuple[str, str], AssetCheckEvaluation] = {
            (one.asset_key.path[-1], one.check_name): one for one in result.get_asset_check_evaluations()
        }

    def said(self, step: str) -> str:
        """Return the description of a step's failure."""
        data = self.failures[step].user_failure_data
        return data.description if data else ""


RunJob = Callable[..., RunResult]


@listens_for(Engine, "connect")
def _skip_disk_flushes(connection: Any, _record: object) -> None:
    """Let SQLite leave flushing to the operating system: no test's records outlive the machine.

    Eight tests that run small jobs took 72 to 74 s with flushes and 36 to 56 s without, on two busy cores.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture(autouse=True)
def roomy_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the machine's disk be half empty: one that is nearly full adds a warning to the alerts of every test."""
    usage = SimpleNamespace(total=1 << 40, used=1 << 39, free=1 << 39)
    monkeypatch.setattr(reading, "shutil", SimpleNamespace(disk_usage=lambda _: usage))


@pytest.fixture(scope="session", autouse=True)
def plain_dagster() -> None:
    """Let Dagster's records compile each statement, and read its migrations, once in this process."""
    remember_statements()
    remember_migrations()


@pytest.fixture(autouse=True)
def as_a_new_process() -> Iterator[Callable[[], None]]:
    """Forget the cached target, which a process resolves once: each test has its own database."""
    yield configured_target.cache_clear
    configured_target.cache_clear()


@pytest.fixture
def environment(api: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings in the environment, as in a deployment, and a fixed clock of loads and checks."""
    for name, value in (SETTINGS | {"BASE_URL": api}).items():
        monkeypatch.setenv(f"SOURCES__WEATHER__{name}", value)
    monkeypatch.setattr("dagster_project.common.clock.now", clock)


@pytest.fixture(scope="session")
def empty_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an instance without records: Dagster takes longer to make them than to copy them."""
    folder = tmp_path_factory.mktemp("empty_records")
    with DagsterInstance.local_temp(str(folder), overrides=QUIET):
        return folder


@pytest.fixture
def instance(tmp_path: Path, empty_records: Path) -> Iterator[DagsterInstance]:
    """A Dagster instance whose storage is files below the test's folder."""
    folder = tmp_path / "dagster"
    shutil.copytree(empty_records, folder)
    with DagsterInstance.local_temp(str(folder), overrides=QUIET) as instance:
        yield instance


@pytest.fixture
def run_job(environment: None, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> RunJob:  # noqa: ARG001
    """Run ``weather_ingestion_job``, or some of its assets (forecast, reports/weather), into a target."""
    # imported here, after the settings of the test are in the environment
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from dagster_project.definitions import defs  # noqa: PLC0415

    job = defs.resolve_job_def("weather_ingestion_job")

    def run(target: Any, *assets: str) -> RunResult:
        monkeypatch.setenv("WEATHER_DESTINATION", target.destination)
        selection = [AssetKey(name.split("/") if "/" in name else ["bronze", name]) for name in assets] or None
        return RunResult(job.execute_in_process(instance=instance, raise_on_error=False, asset_selection=selection))

    return run
