"""A load in a process of its own that kills itself, as the kernel would, at a named point of its work.

A point is ``<step>:<n>``: just before the step is taken for the n-th time; with ``after-`` in front, just after it;
with ``+<seconds>`` behind, so many seconds after it began. ``end`` is no step: the load runs to its end. ``hold-lock``
takes the writer's lock and sleeps. A load that ends with an error for the user has the exit code of the command line.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import dlt
from dlt.common.storages import load_package, load_storage
from dlt.load import Load

from dlt_sources.weather.api import rate_limit as throttle
from dlt_sources.weather.api.sending import sender
from dlt_sources.weather.common.errors import WeatherError
from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.destination import writer_lock as lock
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.extract import endpoint as extract
from dlt_sources.weather.pipeline import load
from dlt_sources.weather.pipeline import writer as writing
from tests.helpers.dlt_hints import remember

STEPS: dict[str, tuple[Any, str]] = {
    "ask": (sender.Sender, "_attempt"),
    "convert": (extract.Extraction, "_convert"),
    "extract": (dlt.Pipeline, "extract"),
    "normalize": (dlt.Pipeline, "normalize"),
    "commit-package": (load_storage.LoadStorage, "commit_new_load_package"),
    "load": (dlt.Pipeline, "load"),
    "update-schema": (Load, "initialize_package"),
    "start-job": (load_package.PackageStorage, "start_job"),
    "complete-job": (load_package.PackageStorage, "complete_job"),
    "complete-package": (Load, "complete_package"),
    "check-accounts": (writing, "check_accounts"),
}


def work(  # noqa: PLR0917 - arguments travel to the process by position
    destination: str,
    point: str,
    settings: dict[str, object],
    moment: datetime,
    environment: dict[str, str],
    folder: str,
    window_seconds: float | None = None,
) -> None:
    """Load until the point is reached; the process has the test's environment, folder and clock."""
    os.environ.update(environment)
    os.chdir(folder)
    # as in the tests' own processes
    remember()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    if window_seconds:
        throttle.WINDOW_MILLISECONDS = int(window_seconds * 1000)
    target = Target(destination)
    if point == "hold-lock":
        _hold_lock(target)
    step, _, number = point.removeprefix("after-").partition(":")
    if step in STEPS:
        number, _, seconds = number.partition("+")
        _die_at(*STEPS[step], int(number), after=point.startswith("after-"), seconds=float(seconds or 0))
    try:
        # as in the tests' own processes, unless a test asks for them
        report = load.load(target, load_settings(**{"views": False, **settings}), now=lambda: moment)
    except WeatherError as error:
        sys.exit(error.exit_code)
    if report.error:
        sys.exit(report.error.exit_code)


def _die_at(owner: Any, name: str, number: int, *, after: bool, seconds: float) -> None:
    original: Callable[..., Any] = getattr(owner, name)
    calls = count(1)

    def dying(*args: Any, **kwargs: Any) -> Any:
        last = next(calls) == number
        if last and seconds:
            timer = threading.Timer(seconds, _die)
            timer.daemon = True
            timer.start()
            last = False
        if last and not after:
            _die()
        result = original(*args, **kwargs)
        if last:
            _die()
        return result

    setattr(owner, name, dying)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hold_lock(target: Target) -> None:
    with lock.writer_lock(target, "holder", 0):
        Path("held").touch()
        time.sleep(600)
