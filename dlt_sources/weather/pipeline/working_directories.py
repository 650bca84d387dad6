"""Working directories, one a run, locked while the run lives.

The lock file is next to the directory and is locked before the directory is created: a directory whose lock is free
belongs to an interrupted run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

QUARANTINE = "set_aside"


def directories(root: Path) -> list[Path]:
    """Return the working directories of live and interrupted runs, oldest first; names begin with the run's start.

    Args:
        root: the root of a target's working directories.
    """
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name != QUARANTINE)


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
