"""Launching runs as processes of this machine, and noticing those that died with everything around them.

A code server tells of a run's process that dies. When the code server dies too (the machine is rebooted, or runs out of
memory), nobody does: Dagster's own launcher cannot be asked, the run counts as started for ever and keeps its slot of
the pool, and no load ever gets its turn again. So this one can be asked.
"""

from __future__ import annotations

import json

import psutil
from dagster import DagsterEventType, DagsterRun, DefaultRunLauncher

# what a launcher is asked and answers has no shorter name
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

HERE = ("localhost", "127.0.0.1")
# the clocks of the kernel and of the event log are not read at the same moment
SLACK_SECONDS = 2.0


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, for run monitoring: it looks whether the process that a run began in is there."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """It does."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Say whether a run's process lives; RUNNING where that cannot be known from this machine."""
        server = json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))
        begun = self._instance.all_logs(run.run_id, of_type=DagsterEventType.RUN_START)
        process = begun[-1].dagster_event.pid if begun and begun[-1].dagster_event else None
        if process is None or server.get("host") not in HERE:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if _lives(process, since=begun[-1].timestamp):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"Its process {process} is gone.")


def _lives(number: int, since: float) -> bool:
    try:
        process = psutil.Process(number)
        # another process may have got the number since
        return process.create_time() <= since + SLACK_SECONDS and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
