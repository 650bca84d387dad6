"""Shards: disjoint parts of the list of locations, which several runs load at the same time."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

MOST_SHARDS = 1000
_SHARD = re.compile(r"([0-9]{1,4})/([0-9]{1,4})")


@dataclass(frozen=True)
class Shard:
    """Shard ``number``, counted from 1, of ``of`` shards; written ``2/4``."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def has(self, identity: str) -> bool:
        """Return whether a ``location_id`` belongs to this shard; the same on every machine and in every release."""
        digest = hashlib.blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.of == self.number - 1


def parse_shard(text: str) -> Shard:
    """Return the shard that a setting names.

    Args:
        text: number and count, like ``2/4``.

    Raises:
        ValueError: the text names no shard.
    """
    match = _SHARD.fullmatch(text.strip())
    shard = Shard(int(match[1]), int(match[2])) if match else None
    if shard is None or not 1 <= shard.number <= shard.of <= MOST_SHARDS:
        raise ValueError(f"it must be written like 2/4, the second of four, of {MOST_SHARDS:,} at most")
    return shard
