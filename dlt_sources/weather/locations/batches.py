"""Many small things packed into Arrow as they come: as Python objects they would take five to ten times the memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import pyarrow as pa

from dlt_sources.weather.locations.model import ResolvedLocation

AT_A_TIME = 5_000
_PLACE = pa.schema([("location_id", pa.string()), ("name", pa.string()), ("lat", pa.float64()), ("lon", pa.float64())])


class Packed:
    """Rows of one Arrow schema."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._tables: list[pa.Table] = []
        self._rows: list[dict[str, Any]] = []

    def __len__(self) -> int:
        return len(self._rows) + sum(int(table.num_rows) for table in self._tables)

    def append(self, row: dict[str, Any]) -> None:
        """Add a row."""
        self._rows.append(row)
        if len(self._rows) >= AT_A_TIME:
            self._pack()

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows, as they were added."""
        for table in self._tables:
            yield from table.to_pylist()
        yield from self._rows

    def take(self) -> list[pa.Table]:
        """Hand out the rows, and begin anew."""
        if self._rows:
            self._pack()
        tables, self._tables = self._tables, []
        return tables

    def _pack(self) -> None:
        self._tables.append(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows = []


class ResolvedLocations(Collection[ResolvedLocation]):
    """Places with coordinates: 200,000 of them stay in memory for a whole run."""

    def __init__(self) -> None:
        self._packed = Packed(_PLACE)

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[ResolvedLocation]:
        return (ResolvedLocation(**row) for row in self._packed.rows())

    def __contains__(self, location: object) -> bool:
        return any(location == one for one in self)

    def append(self, location: ResolvedLocation) -> None:
        """Add a place."""
        self._packed.append(
            {"location_id": location.location_id, "name": location.name, "lat": location.lat, "lon": location.lon}
        )
