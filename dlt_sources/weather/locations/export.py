"""Lists of cities as files of locations that a load reads: CSV, GeoJSON, JSONL."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from typing import Any, Literal

import orjson

from dlt_sources.weather.locations.gazetteer import ATTRIBUTION, City

ListFormat = Literal["csv", "geojson", "jsonl"]
COLUMNS = ("location_id", "name", "lat", "lon", "country", "population", "timezone")


def as_file(cities: Iterable[City], list_format: ListFormat) -> bytes:
    """Return the cities as the content of a file, in UTF-8."""
    writers: dict[ListFormat, Callable[[Iterable[City]], bytes]]
    writers = {"csv": _csv, "geojson": _geojson, "jsonl": _jsonl}
    return writers[list_format](cities)


def _row(city: City) -> dict[str, Any]:
    return {name: getattr(city, name) for name in COLUMNS}


def _csv(cities: Iterable[City]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(_row, cities))
    return text.getvalue().encode()


def _jsonl(cities: Iterable[City]) -> bytes:
    return b"".join(orjson.dumps(_row(city)) + b"\n" for city in cities)


def _geojson(cities: Iterable[City]) -> bytes:
    """Return a FeatureCollection (RFC 7946) with a point on each line."""
    lines = b",\n".join(orjson.dumps(_feature(city)) for city in cities)
    head = b'{"type":"FeatureCollection","attribution":' + orjson.dumps(ATTRIBUTION)
    return head + b',"features":[\n' + lines + b"\n]}\n"


def _feature(city: City) -> dict[str, Any]:
    properties = _row(city)
    point = [properties.pop("lon"), properties.pop("lat")]
    return {"type": "Feature", "geometry": {"type": "Point", "coordinates": point}, "properties": properties}
