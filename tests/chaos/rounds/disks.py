"""Small disks in memory, and how to fill them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.rounds.world import World


def cannot_mount(world: World) -> str | None:
    """Why no small disk can be had here; None if it can."""
    try:
        with small_disk(world.folder / "try", 1):
            return None
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", b"") or b""
        return f"no small disk can be mounted here: {said.decode().strip() or error}"
    finally:
        (world.folder / "try").rmdir()


@contextmanager
def small_disk(disk: Path, megabytes: int) -> Iterator[None]:
    """A disk in memory, for as long as it is wanted."""
    disk.mkdir()
    size = f"size={megabytes}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(disk)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(ballast: Path, but: int) -> None:
    """Fill the disk but for some bytes."""
    # without a buffer, which closing would try to write once more
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65_536)
        except OSError:
            size = ballast.stat().st_size
    os.truncate(ballast, max(0, size - but))
