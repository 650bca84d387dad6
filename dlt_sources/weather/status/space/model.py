"""Bytes of the tables, growth a day, free space of the volumes, and when the database's is full; in sentences too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

LEAST_FREE = 0.2
# below it, loads are about to fail: `weather status --check` does, while Dagster's check warns before
LEAST_FREE_TO_GO_ON = 0.05
LEAST_LEFT = timedelta(days=14)
DATABASE, WORKING_DIRECTORY = "database", "working_directory"
# dates beyond are of no use, and datetime ends in the year 9999
_MOST_DAYS = 36_500


@dataclass(frozen=True)
class Volume:
    """Volume that holds the database or the working directories.

    Attributes:
        name: the name.
        total: bytes in all.
        free: bytes that are free.
        device: this machine's number of it; None for a server's.
    """

    name: str
    total: int
    free: int
    device: int | None = None

    @property
    def share(self) -> float:
        """Free share of the volume, from 0 to 1."""
        return self.free / self.total if self.total else 1.0


@dataclass(frozen=True)
class Space:
    """Space on disk.

    Attributes:
        tables: bytes of each table; empty if the destination does not tell them.
        database: bytes of the database; None likewise.
        growth: bytes that the database grows by in a day; None until loads of six hours are compared.
        volumes: volumes whose free space is known.
    """

    tables: Mapping[str, int] = field(default_factory=dict)
    database: int | None = None
    growth: float | None = None
    volumes: tuple[Volume, ...] = ()

    @property
    def different_volumes(self) -> tuple[Volume, ...]:
        """The volumes, but for that of the working directories if it is the database's."""
        devices = {one.device for one in self.volumes if one.name == DATABASE} - {None}
        return tuple(one for one in self.volumes if one.name == DATABASE or one.device not in devices)

    def full_at(self, now: datetime) -> datetime | None:
        """Return when the database's volume is full at this rate; None if it does not grow, or nothing is known.

        Args:
            now: the present, UTC.
        """
        volume = next((one for one in self.volumes if one.name == DATABASE), None)
        if volume is None or not self.growth or self.growth < 0:
            return None
        days = volume.free / self.growth
        return now + timedelta(days=days) if days < _MOST_DAYS else None

    def shortages(self, now: datetime, least_free: float = LEAST_FREE) -> list[str]:
        """Return a sentence for each volume that is nearly full, and for one that is full soon.

        Args:
            now: the present, UTC.
            least_free: share of a volume that must be free.
        """
        found = [
            f"The volume of the {_words(one.name)} has {size_text(one.free)} of {size_text(one.total)} free "
            f"({one.share:.0%})."
            for one in self.different_volumes
            if one.share < least_free
        ]
        full = self.full_at(now)
        if full and full - now < LEAST_LEFT:
            found.append(
                f"The database grows by {size_text(self.growth or 0)} a day: at this rate its volume is full on "
                f"{full:%Y-%m-%d}."
            )
        return found


def describe_space(space: Space, now: datetime) -> list[str]:
    """Return what is known of the space, in a sentence for the database and one for the working directories.

    Args:
        space: the space.
        now: the present, UTC.
    """
    sentences = []
    volumes = {one.name: one for one in space.different_volumes}
    if space.database is not None:
        text = f"The database takes {size_text(space.database)}"
        if space.growth is not None:
            text += f" and grows by {size_text(space.growth)} a day"
        if volume := volumes.get(DATABASE):
            text += f"; its volume has {size_text(volume.free)} of {size_text(volume.total)} free ({volume.share:.0%})"
        if full := space.full_at(now):
            text += f" and is full on {full:%Y-%m-%d} at this rate"
        sentences.append(f"{text}.")
    if volume := volumes.get(WORKING_DIRECTORY):
        free = f"{size_text(volume.free)} of {size_text(volume.total)} free ({volume.share:.0%})"
        sentences.append(f"The volume of the working directories has {free}.")
    return sentences


def _words(name: str) -> str:
    return "working directories" if name == WORKING_DIRECTORY else name


def size_text(size: float) -> str:
    """Return a number of bytes as people read it, in powers of a thousand.

    Args:
        size: the number of bytes.
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(size) >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size:.0f} B"
