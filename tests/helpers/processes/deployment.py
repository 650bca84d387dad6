"""Dagster in real processes: a daemon and a webserver, with the shipped settings in a home of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import requests

ROOT = Path(__file__).parents[3]
PATIENCE = 300.0
RUNS = "{ runsOrError { ... on Runs { results { runId status tags { key value } startTime endTime } } } }"
LAUNCH = """mutation($where: JobOrPipelineSelector!) {
  launchRun(executionParams: {selector: $where, runConfigData: {}}) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""

ALERT_TICKS = """query($where: SensorSelector!) {
  sensorOrError(sensorSelector: $where) { ... on Sensor { sensorState { ticks { timestamp status } } } } }"""
MATERIALIZED = """query($run: ID!) { runOrError(runId: $run) { ... on Run { assetMaterializations {
  assetKey { path } partition metadataEntries { label ... on IntMetadataEntry { intValue } } } } } }"""
TERMINATE = """mutation($run: String!) { terminateRun(runId: $run) {
  __typename ... on TerminateRunFailure { message } ... on PythonError { message } } }"""


def until(true: Callable[[], object], what: str, seconds: float = PATIENCE) -> object:
    """Wait for something to be true; fail naming it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := true():
            return found
        time.sleep(0.5)
    raise AssertionError(f"{what} did not happen within {seconds:.0f} s")


class Deployment:
    """Dagster as it is deployed.

    Args:
        folder: an empty one, for its home and logs.
        environment: the settings of its processes.
        module: what has the definitions.
        location: what the code location is called.
    """

    def __init__(
        self,
        folder: Path,
        environment: dict[str, str],
        module: str = "dagster_project.definitions",
        location: str = "weather",
    ) -> None:
        self.folder = folder
        self.location = location
        self.home = folder / "home"
        self.home.mkdir()
        (self.home / "dagster.yaml").symlink_to(ROOT / "dagster_project" / "dagster.yaml")
        (folder / "workspace.yaml").write_text(
            f"load_from: [{{python_module: {{module_name: {module}, location_name: {location}}}}}]"
        )
        self.environment = os.environ | environment
        self.environment |= {"DAGSTER_HOME": str(self.home), "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.start("dagster-daemon", "run")
        self.start("dagster-webserver", "--port", str(port))

    def start(self, program: str, *arguments: str) -> None:
        """Start one of Dagster's services."""
        with (self.folder / f"{program}.log").open("ab") as log:
            self.processes[program] = subprocess.Popen(
                [
                    str(Path(sys.executable).with_name(program)),
                    *arguments,
                    "-w",
                    "workspace.yaml",
                    "--log-format",
                    "json",
                ],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        """Stop everything that runs below."""
        everything = [
            child
            for one in self.processes.values()
            if one.poll() is None
            for child in [*psutil.Process(one.pid).children(recursive=True), psutil.Process(one.pid)]
        ]
        for process in everything:
            process.kill()
        psutil.wait_procs(everything, 10)

    def lines(self, program: str) -> list[str]:
        """The lines of a service's log."""
        return (self.folder / f"{program}.log").read_text().splitlines()

    def ask(self, query_text: str, **variables: object) -> dict[str, Any]:
        """Ask the webserver."""
        answer = requests.post(f"{self.url}/graphql", json={"query": query_text, "variables": variables}, timeout=30)
        data: dict[str, Any] = answer.json()["data"]
        return data

    def is_up(self) -> bool:
        """Whether the webserver answers."""
        try:
            return bool(self.ask("{ version }"))
        except requests.ConnectionError:
            return False

    def runs(self, **tags: str) -> list[dict[str, Any]]:
        """Runs that have some tags, oldest first."""
        found = self.ask(RUNS)["runsOrError"]["results"]
        wanted = {name.replace("__", "/"): value for name, value in tags.items()}
        return [run for run in reversed(found) if wanted.items() <= {t["key"]: t["value"] for t in run["tags"]}.items()]

    def finished(self, number: int, **tags: str) -> list[dict[str, Any]]:
        """The first runs with some tags, once so many are finished."""
        runs = until(
            lambda: (
                [run for run in self.runs(**tags) if run["status"] in ("SUCCESS", "FAILURE")][number - 1 :]
                and self.runs(**tags)
            ),
            f"run {number} with {tags}",
        )
        return runs[:number]

    def launch(self) -> str:
        """Start the job by hand."""
        where = {
            "repositoryLocationName": self.location,
            "repositoryName": "__repository__",
            "pipelineName": "weather_ingestion_job",
        }
        return str(self.ask(LAUNCH, where=where)["launchRun"]["run"]["runId"])

    def terminate(self, run_id: str) -> str:
        """End a run as the UI's button does; return what became of the request."""
        return str(self.ask(TERMINATE, run=run_id)["terminateRun"]["__typename"])

    def materialized(self, run_id: str) -> dict[str, dict[str, Any]]:
        """The whole numbers that a run's materialisations say, and their partitions, by asset."""
        events = self.ask(MATERIALIZED, run=run_id)["runOrError"]["assetMaterializations"]
        return {
            "/".join(event["assetKey"]["path"]): {"partition": event["partition"]}
            | {entry["label"]: entry["intValue"] for entry in event["metadataEntries"] if "intValue" in entry}
            for event in events
        }

    def alert_ticks(self) -> list[dict[str, Any]]:
        """The ticks of the alert sensor so far."""
        where = {
            "repositoryLocationName": self.location,
            "repositoryName": "__repository__",
            "sensorName": "alert_sensor",
        }
        ticks: list[dict[str, Any]] = self.ask(ALERT_TICKS, where=where)["sensorOrError"]["sensorState"]["ticks"]
        return ticks

    def status(self, run_id: str) -> str:
        """How a run stands."""
        return next(str(run["status"]) for run in self.runs() if run["runId"] == run_id)
