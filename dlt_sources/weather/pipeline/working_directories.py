"""The runs' working directories: each is locked for as long as its run lives, so that others leave it alone.

The lock is a file beside the directory and is taken before that is made: so a directory that nobody holds belongs to a
run that is dead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

QUARANTINE = "set_aside"


def directories(root: Path) -> list[Path]:
    """The working directories, oldest first, of runs that live and of those that are dead."""
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name != QUARANTINE)


@contextmanager
def lock_directory(directory: Path) -> Iterator[bool]:
    """Hold a run's working directory, which need not be there.

    Yields:
        Whether it is held now; False where a run that lives holds it.
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
