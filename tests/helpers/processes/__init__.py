"""Real processes: the command line as a user starts it, and workers that die where a test wants them to.

A test that starts one has the marker ``process``. What a command prints needs none: see ``tests.helpers.command``.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from dlt_sources.weather.destination.target import Target
from tests.helpers.command import NOWHERE, Finished, settings_of
from tests.helpers.processes import load_worker

# forks workers from a process that has imported everything, since importing takes longer than loading
forkserver = multiprocessing.get_context("forkserver")
forkserver.set_forkserver_preload([f"tests.helpers.processes.{name}_worker" for name in ("load", "budget", "prune")])


def start(*arguments: str, api: str = NOWHERE, folder: Path | None = None, **environment: str) -> subprocess.Popen[str]:
    """Start ``python -m dlt_sources.weather`` against a simulated API, in a folder or the present one."""
    return subprocess.Popen(
        [sys.executable, "-m", "dlt_sources.weather", *arguments],
        env=os.environ | settings_of(api) | {"PYTHONWARNINGS": "ignore"} | environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> Finished:
    """Wait for a process of the command line."""
    try:
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    return Finished(process.returncode, out, err)


def run(*arguments: str, api: str = NOWHERE, **environment: str) -> Finished:
    """Run the command line to its end."""
    return finish(start(*arguments, api=api, **environment))


def start_worker(
    target: Target, point: str, settings: dict[str, object], moment: datetime, window_seconds: float | None = None
) -> multiprocessing.process.BaseProcess:
    """Start a load in a process of its own that dies at a point of its work (see ``load_worker``).

    The rate of calls holds for each minute, or for a shorter window that no test need wait a minute for.
    """
    worker = forkserver.Process(
        target=load_worker.work,
        args=(target.destination, point, settings, moment, dict(os.environ), str(Path.cwd()), window_seconds),
        daemon=True,
    )
    worker.start()
    return worker


def load_and_die(target: Target, point: str, settings: dict[str, object], moment: datetime) -> None:
    """Load in a process that is killed at a point, and assert that it was."""
    worker = start_worker(target, point, settings, moment)
    worker.join(120)
    assert worker.exitcode == -signal.SIGKILL, f"{point}: exit code {worker.exitcode}"
