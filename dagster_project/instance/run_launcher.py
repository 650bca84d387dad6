"""Run launcher that detects runs whose process died together with its code server.

A code server reports the death of a run's process. If the code server dies too (the machine reboots, or runs out of
memory), there is no report: Dagster's default launcher has no health check, so the run counts as started for ever,
keeps its slot of the pool, and no later load starts. This launcher has a health check: it looks for the process, or,
where the code server is in another container, asks the server that is there now for its runs.
"""

from __future__ import annotations

import json

import psutil
from dagster import DagsterError, DagsterEventType, DagsterRun, DefaultRunLauncher

# private: dagster 1.13.1 exports the launcher, but not the types of its health check, nor the name of this tag, nor the
# client of a code server; and a launcher has its instance only as `self._instance`
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.client import DagsterGrpcClient

LOCAL_HOSTS = ("localhost", "127.0.0.1")
# the clocks of the kernel and of the event log are not read at the same moment
CLOCK_SKEW_SECONDS = 2.0


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher with a health check for run monitoring: whether the run's process is alive."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """True: run monitoring may call ``check_run_worker_health``."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Return whether a run's process is alive; RUNNING if this cannot be known now."""
        server = json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))
        if server.get("port") and server["host"] not in LOCAL_HOSTS:
            return _known_to_server(run, server["host"], server["port"])
        starts = self._instance.all_logs(run.run_id, of_type=DagsterEventType.RUN_START)
        process = starts[-1].dagster_event.pid if starts and starts[-1].dagster_event else None
        if process is None or server.get("host") not in LOCAL_HOSTS:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if _is_alive(process, started_at=starts[-1].timestamp):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"Its process {process} is gone.")


def _known_to_server(run: DagsterRun, host: str, port: int) -> CheckRunHealthResult:
    """Ask the code server, since its processes cannot be seen from here; one that was restarted has lost its runs."""
    try:
        runs = json.loads(DagsterGrpcClient(host=host, port=port).get_current_runs())["current_runs"]
    except DagsterError:
        # it is being restarted, or the network is down
        return CheckRunHealthResult(WorkerStatus.RUNNING)
    if run.run_id in runs:
        return CheckRunHealthResult(WorkerStatus.RUNNING)
    return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"The code server {host} was restarted and does not run it.")


def _is_alive(pid: int, started_at: float) -> bool:
    try:
        process = psutil.Process(pid)
        # a later process may have the same id
        return process.create_time() <= started_at + CLOCK_SKEW_SECONDS and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
