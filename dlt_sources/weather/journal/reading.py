"""Reading of a journal that an interrupted run has left: its entries, and the bytes that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dlt_sources.weather.journal.records import Gap, read_records
from dlt_sources.weather.journal.results import Entry, decode


@dataclass(frozen=True)
class JournalCondition:
    """What can be read of a journal.

    Attributes:
        entries: the number of whole entries.
        torn_bytes: bytes of an incomplete entry at the end, which a kill or a power loss leaves.
        damaged_bytes: bytes before whole entries that cannot be read.
    """

    entries: int
    torn_bytes: int
    damaged_bytes: int


def condition_of(file: Path) -> JournalCondition:
    """Check every entry of a journal."""
    entries = torn = damaged = 0
    for record in read_records(file):
        if not isinstance(record, Gap):
            entries += 1
        elif record.is_torn:
            torn += record.end - record.start
        else:
            damaged += record.end - record.start
    return JournalCondition(entries, torn, damaged)


def entries_of(file: Path) -> Iterator[Entry]:
    """Yield the entries of a journal in the order in which they arrived, without the bytes that cannot be read."""
    for record in read_records(file):
        if not isinstance(record, Gap):
            yield decode(record)
