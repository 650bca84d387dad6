"""Working directories that are lost, and pending packages that are spoilt."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dlt_sources.weather.destination.target import Target
from tests.chaos.rounds.accounts import left_behind, set_aside
from tests.chaos.rounds.world import Round


def directory(round_: Round) -> None:
    """The working directories are lost, after a load or with a package in them."""
    round_.load()
    round_.pass_time()
    if round_.random.random() < 0.5:
        round_.end_of(round_.start("load:1"), -signal.SIGKILL)
        round_.found.note("with a package")
        round_.pass_time()
    shutil.rmtree(os.environ["DLT_DATA_DIR"])
    # the target remembers that it made its folder
    round_.target = Target(round_.destination)
    round_.finish()


def package(round_: Round) -> None:
    """Files of a pending package are cut short, filled with rubbish or deleted."""
    round_.load()
    before = list(round_.observed)
    for _ in range(round_.random.randint(1, 2)):
        round_.pass_time()
        point = round_.random.choice(["normalize:1", "after-normalize:1", "load:1", "complete-job:3"])
        # a spoilt package of the turn before may keep it from getting so far
        round_.end_of(round_.start(point), 0, -signal.SIGKILL)
        files = [file for run in left_behind(round_.target) for file in _files(round_.target.root / run)]
        for file in round_.random.sample(files, min(len(files), round_.random.randint(1, 3))):
            how = round_.random.choice(list(SPOIL))
            SPOIL[how](file)
            round_.found.note(f"{file.suffix or file.name} {how}")
    # a spoilt package may be tried three times; every load loads what is new all the same
    for _ in range(4):
        round_.pass_time()
        round_.load()
    round_.pass_time()
    del round_.observed[: len(before)]
    round_.load()
    # what was spoilt is kept for whoever wants to look
    for run in set_aside(round_.target):
        shutil.rmtree(round_.target.root / "set_aside" / run)
        round_.found.note("set aside")
    round_.examine()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


SPOIL: dict[str, Callable[[Path], Any]] = {
    "cut short": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "rubbish": lambda path: path.write_bytes(b"\x00\xffrubbish" * 99),
    "deleted": lambda path: path.unlink(),
}
