"""Fixtures for alerts: receivers of messages, assets and checks that fail on demand, and ticks of the sensor."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetKey,
    DagsterInstance,
    Definitions,
    ExecuteInProcessResult,
    MetadataValue,
    SensorResult,
    asset,
    asset_check,
    build_sensor_context,
    in_process_executor,
)
from dagster._core.instance.ref import InstanceRef

from dagster_project.alerts.sensor import _last_settings, alert_sensor
from dagster_project.alerts.state import AlertState
from tests.dagster_project.alerts.notify.receivers import Mailbox, Receiver, Silent
from tests.dagster_project.conftest import QUIET
from tests.helpers.postgres import PostgresServer


class Ticks:
    """Ticks of the sensor on one instance; each gets the cursor that the one before returned.

    During a tick the package's clock shows the real time plus ``ahead``: Dagster's events carry the real time.
    """

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance
        self.ahead = timedelta()
        self.cursor: str | None = None
        self.checks: list[Any] = []
        self.results: list[SensorResult] = []

    def now(self) -> datetime:
        """Return the sensor's present moment, UTC."""
        return datetime.now(timezone.utc) + self.ahead

    def __call__(self, **ahead: float) -> SensorResult:
        """Run one tick, later than the one before by hours=, minutes=, seconds=."""
        self.ahead += timedelta(**ahead)
        with (
            pytest.MonkeyPatch.context() as patch,
            build_sensor_context(instance=self._instance, cursor=self.cursor) as context,
        ):
            patch.setattr("dagster_project.common.clock.now", self.now)
            result = alert_sensor(context)
        assert isinstance(result, SensorResult)
        self.cursor = result.cursor
        self.results.append(result)
        for event in result.asset_events:
            self._instance.report_runless_asset_event(event)
            self.checks.append(event)
        return result

    @property
    def state(self) -> AlertState:
        """Alert state after the last tick."""
        return AlertState.model_validate_json(self.cursor or "")


class Small:
    """Job of small assets, each with a check; assets in ``failing``, and checks in it as ``check NAME``, fail."""

    def __init__(self, instance: DagsterInstance, names: Sequence[str]) -> None:
        self._instance = instance
        self.failing: set[str] = set()
        self.error: Callable[[str], BaseException] = lambda name: ValueError(f"no {name} today")
        self.severity = AssetCheckSeverity.ERROR
        self.rows: list[dict[str, Any]] = [{"location_id": "oslo", "dt": f"2026-05-20T0{n}:00:00Z"} for n in range(5)]
        self.job = Definitions(
            assets=[self._asset(name) for name in names],
            asset_checks=[self._check(name) for name in names],
            executor=in_process_executor,
        ).resolve_implicit_global_asset_job_def()

    def _asset(self, name: str) -> Any:
        @asset(name=name)
        def load() -> None:
            if name in self.failing:
                raise self.error(name)

        return load

    def _check(self, name: str) -> Any:
        @asset_check(asset=name, name="no_duplicate_keys", blocking=True)
        def check() -> AssetCheckResult:
            return AssetCheckResult(
                passed=f"check {name}" not in self.failing,
                severity=self.severity,
                metadata={"rows": MetadataValue.json(self.rows), "rows_at_fault": "more than 20"},
            )

        return check

    def run(self, *names: str) -> ExecuteInProcessResult:
        """Run the named assets and their checks, or all of them."""
        selection = [AssetKey(name) for name in names] or None
        return self.job.execute_in_process(instance=self._instance, raise_on_error=False, asset_selection=selection)

    def die(self) -> str:
        """Report a run of the whole job as failed, as the daemon does when the run's process is gone; return its id."""
        run = self._instance.create_run_for_job(self.job)
        self._instance.report_run_failed(run, message="The run's process is gone, its pod was evicted.")
        return run.run_id


@contextmanager
def _instance_on(storage: str, folder: Path, server: PostgresServer | None) -> Iterator[DagsterInstance]:
    if storage == "sqlite" or server is None:
        with DagsterInstance.local_temp(str(folder), overrides=QUIET) as instance:
            yield instance
        return
    name = f"dagster_{folder.parent.name}"[:60]
    # for SQLAlchemy the plain scheme means psycopg 3
    url = server.create_database(name).replace("postgresql:", "postgresql+psycopg2:")
    config = {"postgres_url": url}
    reference = InstanceRef.from_dir(str(folder), overrides=QUIET | {"storage": {"postgres": config}})
    with DagsterInstance.from_ref(reference) as instance:
        yield instance
    server.drop_database(name)


@pytest.fixture
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DagsterInstance]:
    """Dagster instance, on SQLite unless the test parametrizes it with PostgreSQL."""
    folder = tmp_path / "dagster"
    shutil.copytree(request.getfixturevalue("empty_records"), folder)
    storage = getattr(request, "param", "sqlite")
    server = request.getfixturevalue("postgres_server") if storage == "postgres" else None
    with _instance_on(storage, folder, server) as instance:
        yield instance


@pytest.fixture
def ticks(instance: DagsterInstance) -> Ticks:
    """Ticks of the sensor, after the first one, which only starts the cursor."""
    _last_settings.clear()
    made = Ticks(instance)
    made()
    return made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture
def other() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture
def silent() -> Iterator[Callable[..., Silent]]:
    """Yield a function that starts a server that never answers."""
    made: list[Silent] = []

    def make(start: bytes = b"", rest: bytes = b"") -> Silent:
        made.append(Silent(start, rest))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    made = Mailbox()
    yield made
    made.stop()


@pytest.fixture
def to(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that configures the channels and other alert settings."""

    def configure(*urls: str, **settings: object) -> None:
        monkeypatch.setenv("ALERTS__URLS", json.dumps(urls))
        for name, value in settings.items():
            monkeypatch.setenv(f"ALERTS__{name.upper()}", str(value))

    return configure


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Lines that reach the root logger from any library, at debug level."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(f"{record.name} {record.getMessage()}")  # type: ignore[method-assign]
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lines
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.fixture
def small(instance: DagsterInstance) -> Small:
    return Small(instance, ["one", "two", "three", "four", "five"])
