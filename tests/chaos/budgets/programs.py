"""Programs on a shifted clock: the command line as cron starts it, and Dagster with its daemon and its code server."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil

from tests.chaos.budgets.clock import ShiftedClock
from tests.helpers.processes.deployment import ROOT, Deployment, until

HOUR, DAY = 3600.0, 86_400.0
# a timeout of Dagster's own, in seconds of a clock that runs hours ahead while a process waits for its turn
PATIENCE = "1000000"
# Dagster's own limits of how long a process may take to begin or to answer
DAGSTER_PATIENCE = {
    "DAGSTER_GRPC_TIMEOUT_SECONDS": PATIENCE,
    "DAGSTER_REPOSITORY_GRPC_TIMEOUT_SECONDS": PATIENCE,
    "DAGSTER_SCHEDULE_GRPC_TIMEOUT_SECONDS": PATIENCE,
    "DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS": PATIENCE,
    "DAGSTER_DAEMON_HEARTBEAT_TOLERANCE": PATIENCE,
}


class Loader:
    """The command line, started again and again as by cron, and killed now and then.

    Args:
        name: of its log.
        folder: where the log goes.
        arguments: of the command.
        every: seconds from start to start.
        first: Unix seconds of the first start; a start is left out while the one before is under way.
        kill_share: the share of its runs that end with SIGKILL.
        chosen: chooses them, and when.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        arguments: list[str],
        *,
        every: float,
        first: float,
        kill_share: float,
        chosen: random.Random,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._arguments = arguments
        self._every = every
        self.due = first
        self._kill_share = kill_share
        self._chosen = chosen
        self._process: subprocess.Popen[bytes] | None = None
        self._kill_at = 0.0
        self.killed: list[float] = []
        self.ended: list[int] = []

    @property
    def is_running(self) -> bool:
        """Whether a run is under way."""
        return self._process is not None and self._process.poll() is None

    def turn(self, clock: ShiftedClock, environment: dict[str, str]) -> None:
        """Start, kill or note the end of a run, as the clock says."""
        now = clock.time()
        if self._process is not None:
            code = self._process.poll()
            if code is not None:
                self.ended.append(code)
                self._process = None
            elif self._kill_at and time.monotonic() >= self._kill_at:
                self._process.kill()
                self._process.wait()
                self.killed.append(clock.time())
                self._process = None
        while self.due <= now:
            self.due += self._every
            if self._process is None:
                self._start(environment)

    def said(self) -> str:
        """Return the end of what the runs have said."""
        return self.log.read_text(errors="replace")[-1500:]

    def stop(self) -> None:
        """Kill a run that is under way."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _start(self, environment: dict[str, str]) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dlt_sources.weather", *self._arguments],
                env=os.environ | environment | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        is_doomed = self._chosen.random() < self._kill_share
        # it imports for some seconds of the machine's time before its first call
        self._kill_at = time.monotonic() + self._chosen.uniform(2.0, 90.0) if is_doomed else 0.0


class ShiftedDagster(Deployment):
    """Dagster with a code server of its own, as on Kubernetes: one that a daemon starts ends if its beat is late.

    Args:
        folder: an empty one.
        environment: the settings of its processes, the clock's among them.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.location = "weather"
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        settings = (ROOT / "dagster_project" / "dagster.yaml").read_text()
        # minutes of the machine are days of this clock
        settings = settings.replace("start_timeout_seconds: 180", f"start_timeout_seconds: {PATIENCE}")
        (self.home / "dagster.yaml").write_text(settings)
        grpc_port, port = _free_port(), _free_port()
        (folder / "workspace.yaml").write_text(
            f"load_from: [{{grpc_server: {{host: 127.0.0.1, port: {grpc_port}, location_name: weather}}}}]"
        )
        self.environment = os.environ | environment | DAGSTER_PATIENCE
        self.environment |= {"DAGSTER_HOME": str(self.home), "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        self.url = f"http://127.0.0.1:{port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._server_port = grpc_port
        self._port = port

    def begin(self) -> None:
        """Start code server, webserver and daemon."""
        with (self.folder / "code-server.log").open("ab") as log:
            self.processes["code-server"] = subprocess.Popen(
                [
                    *(sys.executable, "-m", "dagster", "api", "grpc", "-m", "dagster_project.definitions"),
                    *("--host", "127.0.0.1", "--port", str(self._server_port), "--location-name", "weather"),
                    "--inject-env-vars-from-instance",
                ],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until(lambda: _listens(self._server_port), "a code server")
        self.start("dagster-webserver", "--port", str(self._port))
        until(self.is_up, "a webserver")
        self.start("dagster-daemon", "run")

    @property
    def is_running(self) -> bool:
        """Whether a run's process is alive."""
        server = psutil.Process(self.processes["code-server"].pid)
        for child in server.children(recursive=True):
            try:
                # multiprocessing has a process that is no run
                if "resource_tracker" not in " ".join(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE:
                    return True
            except psutil.NoSuchProcess:
                continue
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
