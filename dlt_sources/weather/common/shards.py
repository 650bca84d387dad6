"""Shards: parts of the list of places that several runs load side by side, each place in exactly one of them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

MOST_SHARDS = 1000
_SHARD = re.compile(r"([0-9]{1,4})/([0-9]{1,4})")


@dataclass(frozen=True)
class Shard:
    """The ``number``-th, from 1, of ``of`` parts; written ``2/4``."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def has(self, identity: str) -> bool:
        """Whether a place, by its ``location_id``, belongs to this shard; the same on every machine and release."""
        digest = hashlib.blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.of == self.number - 1


def parse_shard(text: str) -> Shard:
    """Read a shard as it is written in a setting.

    Raises:
        ValueError: it is no shard.
    """
    match = _SHARD.fullmatch(text.strip())
    shard = Shard(int(match[1]), int(match[2])) if match else None
    if shard is None or not 1 <= shard.number <= shard.of <= MOST_SHARDS:
        raise ValueError(f"it must be written like 2/4, the second of four, of {MOST_SHARDS:,} at most")
    return shard
