"""Real processes: the command line as a user starts it, and workers that die where a test wants them to."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dlt_sources.weather.destination.target import Target
from tests.conftest import SENTINEL_KEY
from tests.helpers import load_worker

# forks workers from a process that has imported everything, since importing takes longer than loading
_forkserver = multiprocessing.get_context("forkserver")
_forkserver.set_forkserver_preload(["tests.helpers.load_worker"])


@dataclass(frozen=True)
class Finished:
    """What a process of the command line left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Both streams."""
        return self.out + self.err


def start(
    *arguments: str, api: str = "http://127.0.0.1:9", folder: Path | None = None, **environment: str
) -> subprocess.Popen[str]:
    """Start ``python -m dlt_sources.weather`` against a simulated API, in a folder or the present one."""
    settings = {
        "SOURCES__WEATHER__BASE_URL": api,
        "SOURCES__WEATHER__API_KEY": SENTINEL_KEY,
        "SOURCES__WEATHER__CALLS_PER_MINUTE": "30000",
        "SOURCES__WEATHER__BACKOFF_SECONDS": "0.01",
        "SOURCES__WEATHER__RATE_LIMIT_BACKOFF_SECONDS": "0.05",
        "PYTHONWARNINGS": "ignore",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "dlt_sources.weather", *arguments],
        env=os.environ | settings | environment,
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


def run(*arguments: str, api: str = "http://127.0.0.1:9", **environment: str) -> Finished:
    """Run the command line to its end."""
    return finish(start(*arguments, api=api, **environment))


def run_each(commands: dict[str, tuple[Sequence[str], dict[str, str]]], api: str) -> dict[str, Finished]:
    """Run commands, given by name as arguments and environment, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        waiting = {name: pool.submit(run, *given, api=api, **env) for name, (given, env) in commands.items()}
        return {name: future.result() for name, future in waiting.items()}


def start_worker(
    target: Target, point: str, settings: dict[str, object], moment: datetime, window_seconds: float | None = None
) -> multiprocessing.process.BaseProcess:
    """Start a load in a process of its own that dies at a point of its work (see ``load_worker``).

    The rate of calls holds for each minute, or for a shorter window that no test need wait a minute for.
    """
    worker = _forkserver.Process(
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
