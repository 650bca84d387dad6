"""Working directories, one a run, locked while the run lives.

The lock file is next to the directory and is locked before the directory is created: a directory whose lock is free
belongs to an interrupted run.

Their root is named by a digest of the target's address, so runs that were interrupted before a database moved to
another host, or before the loader had another role, wait in another root. A file in each root has its address.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from dlt.common.pipeline import get_dlt_pipelines_dir
from filelock import FileLock, Timeout

from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.redaction import redact
from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.destination.connection import translated_errors
from dlt_sources.weather.destination.target import DEFAULT_DESTINATION, Target
from dlt_sources.weather.journal import journal_files
from dlt_sources.weather.pipeline.demo import DEMO_TARGET

QUARANTINE = "set_aside"
# number of failed recoveries, and why a directory is in quarantine
TRIES_FILE, REASON_FILE = "tries", "reason"
# dlt's formats for rows; it keeps its merge statements in files too
ROW_FORMATS = {"parquet", "jsonl", "typed-jsonl", "csv", "insert_values"}
_ADDRESS_FILE = "address.json"
# where dlt keeps complete packages, below the pipeline's folder
_PACKAGES = ("normalize/extracted", "load/normalized", "load/loaded")


class RunsElsewhere(NamedTuple):
    """Interrupted runs that wait for another address of the same dataset.

    Attributes:
        root: the folder that they wait in.
        address: its destination without secrets; None if an earlier version made the folder.
        directories: their working directories with rows or answers to load, those in quarantine too, oldest first.
    """

    root: Path
    address: str | None
    directories: list[Path]

    def sentence(self, target: Target) -> str:
        """Say what waits and what to do.

        Args:
            target: the present target.
        """
        number = len(self.directories)
        runs = "1 interrupted run waits" if number == 1 else f"{number:,} interrupted runs wait"
        address = f"another address, {self.address}," if self.address else f"the address of the folder {self.root.name}"
        option = "" if target.destination == DEFAULT_DESTINATION else f" --destination {target.destination}"
        since = min(map(started_at, self.directories))
        return (
            f"{runs} for {address} since {since:%Y-%m-%d %H:%MZ}; a load into {target.description} leaves what was "
            f"fetched there. If this is the same database, moved, `weather packages{option} --retry --from "
            f"{self.root.name}` hands them to the next load; otherwise load once with that address."
        )


def directories(root: Path) -> list[Path]:
    """Return the working directories of live and interrupted runs, oldest first; names begin with the run's start.

    Args:
        root: the root of a target's working directories.
    """
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name != QUARANTINE)


def started_at(directory: Path) -> datetime:
    """Return the moment, UTC, at which a run's id begins, or that of its directory."""
    try:
        return datetime.strptime(directory.name[:15], "%Y%m%dT%H%M%S").replace(tzinfo=timezone.utc)
    except ValueError:
        return datetime.fromtimestamp(directory.stat().st_mtime, timezone.utc)


@contextmanager
def lock_directory(directory: Path) -> Iterator[bool]:
    """Lock a run's working directory (it may not exist yet), without waiting.

    Args:
        directory: the working directory.

    Yields:
        True if the lock is acquired; False if a live run holds it.
    """
    file = directory.with_name(f"{directory.name}.lock")
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        if not directory.exists():
            file.unlink(missing_ok=True)
        lock.release()


def live_runs(target: Target) -> list[str]:
    """Return the ids of the target's runs that live on this machine and have a working directory.

    Args:
        target: the target, under any name of its destination.
    """
    found = []
    for directory in chain(*map(directories, target.roots)):
        with lock_directory(directory) as acquired:
            if not acquired:
                found.append(directory.name)
    return found


def keep_address(target: Target) -> None:
    """Keep the target's address, without secrets, in its root, so that other targets can name the runs there."""
    content = json.dumps(_identity(target) | {"address": redact(target.description, None)}, indent=2).encode()
    file = target.root / _ADDRESS_FILE
    # without it, the folder's name has to do
    with suppress(OSError):
        if not file.exists() or file.read_bytes() != content:
            part = file.with_name(f"{file.name}.{os.getpid()}")
            part.write_bytes(content)
            part.replace(file)


def runs_elsewhere(target: Target) -> list[RunsElsewhere]:
    """Return the interrupted runs of this machine that wait for other addresses of the target's dataset.

    Those of another type of destination do not count, nor those of demos. Connects to nothing.

    Args:
        target: the present target.
    """
    if target.pipeline_name == DEMO_TARGET.pipeline_name:
        return []
    found = []
    own = target.roots
    for root in sorted(Path(get_dlt_pipelines_dir()).glob(f"{target.pipeline_name}-*")):
        # another user's folder may be closed to this one
        with suppress(OSError):
            if root not in own and (known := _known(target, root)) and (waiting := _waiting(target, root)):
                found.append(RunsElsewhere(root, known.get("address"), waiting))
    return found


def bring_runs(target: Target, address: str, run_ids: Collection[str] = ()) -> list[str]:
    """Move interrupted runs from another address to this target's root, so that the next load loads them first.

    Args:
        target: the target that loads them.
        address: the name of the folder that they wait in, or the address.
        run_ids: the runs; all if empty.

    Returns:
        The ids of the runs that were moved.

    Raises:
        ConfigurationError: a run does not wait for the address, or none does; nothing was moved.
        DestinationError: a file belongs to another user.
    """
    everything = runs_elsewhere(target)
    chosen = [one for one in everything if one.root.name == address or one.address == redact(address, None)]
    waiting = {directory.name: directory for one in chosen for directory in one.directories}
    if not waiting:
        known = ", ".join(f"{one.root.name} ({one.address or 'address unknown'})" for one in everything)
        raise ConfigurationError(f"No run waits for {address}.{f' Some wait for {known}.' if known else ''}")
    if missing := set(run_ids) - waiting.keys():
        raise ConfigurationError(f"{', '.join(sorted(missing))} does not wait for {address}.")
    keep_address(target)
    with translated_errors():
        return [name for name in run_ids or waiting if _bring(waiting[name], target.root)]


def _bring(directory: Path, root: Path) -> bool:
    """Move an interrupted run's working directory, unless another run has just recovered it."""
    with lock_directory(directory) as acquired:
        if not acquired or not directory.exists():
            return False
        for file in (TRIES_FILE, REASON_FILE):
            (directory / file).unlink(missing_ok=True)
        directory.rename(root / directory.name)
        return True


def _identity(target: Target) -> dict[str, str]:
    return {"pipeline": target.pipeline_name, "dataset": target.dataset_name, "type": target.type_name}


def _known(target: Target, root: Path) -> dict[str, str]:
    """Return what a root says of itself, without an address if it says nothing; empty if it is another dataset's."""
    try:
        said: dict[str, str] = json.loads((root / _ADDRESS_FILE).read_bytes())
        return said if {name: said[name] for name in _identity(target)} == _identity(target) else {}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        match = re.fullmatch(rf"{re.escape(target.pipeline_name)}-(.+)-[0-9a-f]{{12}}", root.name)
        return _identity(target) if match and match[1] in {target.destination, target.type_name} else {}


def _waiting(target: Target, root: Path) -> list[Path]:
    """Return the working directories of a root that no live run holds and that have something to load."""
    found = [path for path in (root / QUARANTINE).glob("*") if path.is_dir()]
    for directory in directories(root):
        with lock_directory(directory) as acquired:
            if acquired and _has_rows(directory, target.pipeline_name):
                found.append(directory)
    return sorted(found, key=lambda path: path.name)


def _has_rows(directory: Path, pipeline_name: str) -> bool:
    """Return whether a recovery would find answers or rows in a directory."""
    if any(file.stat().st_size for file in journal_files(directory)):
        return True
    names = (file.name.split(".") for folder in _PACKAGES for file in (directory / pipeline_name / folder).rglob("*.*"))
    # dlt names a file table.id.retry.format
    return any(len(name) > 3 and name[0] in TABLES and name[3] in ROW_FORMATS for name in names)
