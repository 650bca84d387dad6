"""Place that a replay has reached, kept in the root of the working directories until the replay has ended.

A replay that was interrupted or killed goes on from there. It begins again where the contracts are others than then, or
a table is gone; the file is lost with the working directories, which costs only time: rows are merged by key.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from dlt_sources.weather.api.endpoints import Endpoint
from dlt_sources.weather.destination.target import Target

_FILE = "replay.json"


@dataclass(frozen=True)
class Place:
    """Last answer that was replayed.

    Attributes:
        endpoint: name of its endpoint.
        location_id: its location.
        fetched_at: its moment, UTC.
        answers: number of answers replayed of the endpoint.
    """

    endpoint: str
    location_id: str
    fetched_at: datetime
    answers: int


class PlaceFile:
    """File with the place of one replay.

    Args:
        target: the destination and dataset.
        endpoints: the endpoints of the replay; one of other endpoints has no place here.
        archived: whether it reads the archive.
    """

    def __init__(self, target: Target, endpoints: Sequence[Endpoint], *, archived: bool) -> None:
        self._file: Path = target.root / _FILE
        self._replay = {
            "archived": archived,
            "resources": [one.name for one in endpoints],
            "contracts": _fingerprint(endpoints),
        }

    def read(self) -> Place | None:
        """Return the place; None if there is none of the same replay and contracts."""
        try:
            content = json.loads(self._file.read_bytes())
            place = Place(**content.pop("place"))
            if content != self._replay:
                return None
            return replace(place, fetched_at=datetime.fromisoformat(str(place.fetched_at)))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def write(self, place: Place) -> None:
        """Keep a place, once its answers' rows are in the tables."""
        content = self._replay | {"place": asdict(place) | {"fetched_at": place.fetched_at.isoformat()}}
        part = self._file.with_name(f"{_FILE}.{os.getpid()}")
        # without it, a replay that is interrupted begins again
        with suppress(OSError):
            part.write_text(json.dumps(content))
            part.replace(self._file)

    def delete(self) -> None:
        """Forget the place."""
        self._file.unlink(missing_ok=True)


def _fingerprint(endpoints: Sequence[Endpoint]) -> str:
    contracts = [part.contract for endpoint in endpoints for part in endpoint.parts]
    columns = [(contract.table, contract.key, contract.columns()) for contract in contracts]
    return hashlib.sha256(repr(columns).encode()).hexdigest()
