"""The answers that a run keeps before it loads them: torn by a kill, damaged by a disk, or on a disk that is full."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dlt_sources.weather.common.errors import ConfigurationError, DestinationError
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.journal import journal_files
from dlt_sources.weather.pipeline.working_directories import directories
from tests.chaos.rounds.accounts import set_aside
from tests.chaos.rounds.disks import fill, small_disk
from tests.chaos.rounds.world import Round

MEGABYTES = 48
# calls that 12 connections have in flight when the first answer cannot be kept, and those that follow at once
MOST_CALLS_AFTERWARDS = 60


def torn(round_: Round) -> None:
    """The last answer that a killed run kept is incomplete, or bytes without meaning follow it."""
    given = round_.slow_settings()
    file = _killed(round_, given)
    how = round_.random.choice(["cut", "rubbish"])
    size = file.stat().st_size
    if how == "cut":
        os.truncate(file, size - round_.random.randint(1, 100))
    else:
        with file.open("ab") as end:
            end.write(round_.random.randbytes(round_.random.randint(1, 5000)))
    round_.found.note(how)
    round_.pass_time()
    with _logged() as messages:
        round_.finish_recorded(may_miss=1 if how == "cut" else 0, **given)
    if not any("incomplete answer" in message for message in messages):
        round_.found.problems.append(f"nothing was said of a torn journal: {messages}")


def damaged(round_: Round) -> None:
    """Bytes in the middle of what a killed run kept are other ones: the rest is loaded, and the file is kept."""
    given = round_.slow_settings()
    file = _killed(round_, given)
    content = bytearray(file.read_bytes())
    at = round_.random.randrange(len(content) // 2)
    length = round_.random.randint(1, 50)
    content[at : at + length] = round_.random.randbytes(length)
    changed = bytes(content) != file.read_bytes()
    file.write_bytes(content)
    round_.pass_time()
    # 50 bytes may be in two answers; the second load leaves alone what the first set aside
    with _logged() as messages:
        if error := round_.load(**given).error:
            round_.found.problems.append(f"a load after a damaged journal ended with {error}")
    aside = set_aside(Target(round_.destination))
    if changed and not (aside and any("damaged" in message for message in messages)):
        round_.found.problems.append(f"a damaged journal was not set aside, or nothing was said of it: {messages}")
    for run_id in aside:
        shutil.rmtree(round_.target.root / "set_aside" / run_id)
    round_.pass_time()
    round_.finish_recorded(may_miss=2, **given)


def no_room(round_: Round) -> None:
    """The disk of the working directories is full while answers arrive: little more is asked, and none is lost."""
    disk = round_.folder / "disk"
    given = round_.slow_settings()
    with small_disk(disk, MEGABYTES):
        os.environ["DLT_DATA_DIR"] = str(disk / "dlt")
        calls = round_.simulator.stats.calls
        worker = round_.start(**given)
        round_.wait_for_calls(calls + round_.random.randint(10, 40), worker.is_alive)
        began = time.time()
        fill(disk / "ballast", round_.random.choice([0, 0, 5000]))
        calls = round_.simulator.stats.calls
        code = round_.end_of(worker, 0, DestinationError.exit_code)
        round_.recorder.interrupted(began, time.time())
        afterwards = round_.simulator.stats.calls - calls
        round_.found.note(f"ended with {code}")
        round_.found.note("calls afterwards", afterwards)
        if code and afterwards > MOST_CALLS_AFTERWARDS:
            round_.found.problems.append(f"{afterwards} calls with a full disk, whose answers nobody could keep")
        round_.pass_time()
        # another one meets the full disk: an error for the user and nothing else, or it needs no room
        error = round_.load_or_error(**given)
        if not isinstance(error, DestinationError | ConfigurationError | None):
            round_.found.problems.append(f"a load with a full disk ended with {error!r}")
        round_.found.note(f"the next ended with {error.exit_code if error else 0}")
        round_.recorder.interrupted(began, time.time())
        (disk / "ballast").unlink()
        round_.pass_time()
        round_.simulator.latency = 0.0
        round_.finish_recorded(**given)


def _killed(round_: Round, given: dict[str, object]) -> Path:
    """Kill a load while answers arrive, and return what it kept of them."""
    while True:
        calls = round_.simulator.stats.calls
        worker = round_.start(**given)
        round_.wait_for_calls(calls + round_.random.randint(30, 60), worker.is_alive)
        round_.kill(worker)
        for directory in directories(Target(round_.destination).root):
            for file in journal_files(directory):
                if file.stat().st_size:
                    return file
        round_.pass_time()


@contextmanager
def _logged() -> Iterator[list[str]]:
    """Collect what is logged."""
    messages: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield messages
    finally:
        root.removeHandler(handler)
