"""Receivers that messages really go to, assets that fail when told to, and the sensor's ticks one after the other."""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
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

from dagster_project.alerts.sensor import alert_sensor
from dagster_project.alerts.state import Account
from tests.helpers.postgres import PostgresServer

TOKEN = "t0ken-of-the-channel-4711"
PASSWORD = "s3cret-of-the-mailbox"
QUIET = {"telemetry": {"enabled": False}}


class Receiver:
    """An HTTP server that keeps what is posted to it; it can refuse, by status or by not being there."""

    def __init__(self) -> None:
        self.status = 200
        self.got: list[dict[str, Any]] = []
        self.requests = 0
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        """Its URL as a channel, with secrets as real ones have."""
        return f"json://someone:{PASSWORD}@127.0.0.1:{self.port}/{TOKEN}"

    @property
    def name(self) -> str:
        """What the channel is called where people see it."""
        return f"json://127.0.0.1:{self.port}"

    @property
    def titles(self) -> list[str]:
        """The titles of what came, in order."""
        return [message["title"] for message in self.got]

    def start(self) -> None:
        """Be there, on the port of before if there was one."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.requests += 1
                if receiver.status == 200:
                    receiver.got.append(body)
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        """Be gone: connections are refused."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class Silent:
    """A server that takes connections and never answers, or never comes to the end of its answer.

    Args:
        begins: what it begins to say, if anything.
        goes_on: what it says again and again.
    """

    def __init__(self, begins: bytes = b"", goes_on: bytes = b"") -> None:
        self.asked = 0
        self._said = (begins, goes_on)
        self._taken: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                self._taken.append(self._server.accept()[0])
                self.asked += 1
                Thread(target=self._say, args=[self._taken[-1]], daemon=True).start()

    def _say(self, taken: socket.socket) -> None:
        begins, goes_on = self._said
        with suppress(OSError):
            taken.sendall(begins)
            while goes_on:
                taken.sendall(goes_on)
                time.sleep(0.2)

    def stop(self) -> None:
        """Be gone, and break what was taken off."""
        # what waits in accept() wakes up by this only
        self._server.shutdown(socket.SHUT_RDWR)
        for one in [self._server, *self._taken]:
            one.close()


class Mailbox:
    """An SMTP server that keeps what it is sent."""

    def __init__(self, password: str | None = None) -> None:
        self.got: list[Any] = []
        self._password = password
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        options: dict[str, Any] = {}
        if password:
            options = {"authenticator": self._knows, "auth_required": True, "auth_require_tls": False}
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)
        self._controller.start()

    def _knows(self, *given: Any) -> AuthResult:
        login = given[-1]
        known = isinstance(login, LoginPassword) and login.password.decode() == self._password
        return AuthResult(success=known, handled=False)

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802
        """Take a mail; the server's own name for it."""
        self.got.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"

    @property
    def titles(self) -> list[str]:
        """The subjects of what came, in order."""
        return [message["Subject"] for message in self.got]

    @property
    def url(self) -> str:
        """It as a channel."""
        return f"mailto://127.0.0.1:{self.port}?from=alerts@example.org&to=people@example.org&mode=insecure"

    def url_with(self, password: str) -> str:
        """It as a channel that logs in."""
        return (
            f"mailto://people:{password}@127.0.0.1:{self.port}"
            "?from=alerts@example.org&to=people@example.org&mode=insecure"
        )

    def stop(self) -> None:
        """Be gone."""
        self._controller.stop()


class Ticks:
    """The sensor's ticks on one instance; each gets the cursor that the one before left."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance
        self.ahead = timedelta()
        self.cursor: str | None = None
        self.checks: list[Any] = []
        self.results: list[SensorResult] = []

    def now(self) -> datetime:
        """The sensor's clock."""
        return datetime.now(timezone.utc) + self.ahead

    def __call__(self, **ahead: float) -> SensorResult:
        """Evaluate one tick, so much later."""
        self.ahead += timedelta(**ahead)
        with build_sensor_context(instance=self._instance, cursor=self.cursor) as context:
            result = alert_sensor(context)
        assert isinstance(result, SensorResult)
        self.cursor = result.cursor
        self.results.append(result)
        for event in result.asset_events:
            self._instance.report_runless_asset_event(event)
            self.checks.append(event)
        return result

    @property
    def account(self) -> Account:
        """What the sensor remembers."""
        return Account.model_validate_json(self.cursor or "")


class Small:
    """A job of small assets: those in ``failing`` fail, and so do the checks; severity and rows as told."""

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
        def look() -> AssetCheckResult:
            return AssetCheckResult(
                passed=f"check {name}" not in self.failing,
                severity=self.severity,
                metadata={"rows": MetadataValue.json(self.rows), "rows_at_fault": "more than 20"},
            )

        return look

    def run(self, *names: str) -> ExecuteInProcessResult:
        """Run those assets and their checks, or all of them."""
        chosen = [AssetKey(name) for name in names] or None
        return self.job.execute_in_process(instance=self._instance, raise_on_error=False, asset_selection=chosen)

    def die(self) -> str:
        """A run of the whole job whose process is gone, as the daemon's monitor finds it; return its id."""
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
    # the plain scheme means psycopg 3 to SQLAlchemy
    url = server.create_database(name).replace("postgresql:", "postgresql+psycopg2:")
    config = {"postgres_url": url}
    reference = InstanceRef.from_dir(str(folder), overrides=QUIET | {"storage": {"postgres": config}})
    with DagsterInstance.from_ref(reference) as instance:
        yield instance
    server.drop_database(name)


@pytest.fixture
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DagsterInstance]:
    """A Dagster instance; on SQLite unless the test asks for PostgreSQL."""
    folder = tmp_path / "dagster"
    folder.mkdir()
    storage = getattr(request, "param", "sqlite")
    server = request.getfixturevalue("postgres_server") if storage == "postgres" else None
    with _instance_on(storage, folder, server) as instance:
        yield instance


@pytest.fixture
def ticks(instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Ticks:
    """The sensor's ticks; the first, which only takes its place, is done."""
    made = Ticks(instance)
    monkeypatch.setattr("dagster_project.alerts.sensor.utc_now", made.now)
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
    """Make servers that never answer."""
    made: list[Silent] = []

    def make(begins: bytes = b"", goes_on: bytes = b"") -> Silent:
        made.append(Silent(begins, goes_on))
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
    """Configure the channels."""

    def configure(*urls: str, **settings: object) -> None:
        monkeypatch.setenv("ALERTS__URLS", json.dumps(urls))
        for name, value in settings.items():
            monkeypatch.setenv(f"ALERTS__{name.upper()}", str(value))

    return configure


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Every line that reaches the root logger, from whichever library, debugging included."""
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
