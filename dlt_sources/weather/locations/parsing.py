"""Parser of locations as users write them: ``Madrid,ES``, ``40.4,-3.7``, ``zip:28001,ES``, ``id:3117735``, files."""

from __future__ import annotations

import codecs
import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.locations.model import InvalidLocation, LocationQuery

_COORDINATES = re.compile(r"\s*([+-]?\d+(?:\.\d*)?)\s*,\s*([+-]?\d+(?:\.\d*)?)\s*")
LONGEST_NAME = 200


def parse_location(text: str) -> LocationQuery:
    """Parse one location as written in the configuration or on the command line.

    Raises:
        ValueError: the text is no location; the message names the error.
    """
    text = text.strip()
    if not text:
        raise ValueError("it is empty")
    if len(text) > LONGEST_NAME:
        raise ValueError(f"it is longer than {LONGEST_NAME} characters")
    if "\x00" in text or not _is_unicode(text):
        raise ValueError("it is no valid text")
    if match := _COORDINATES.fullmatch(text):
        return location_at(float(match[1]), float(match[2]), query=text)
    for kind in ("zip", "id"):
        if text.lower().startswith(f"{kind}:"):
            value = text[len(kind) + 1 :].strip()
            if not value or (kind == "id" and not (value.isascii() and value.isdigit())):
                raise ValueError("a number must follow id:" if kind == "id" else "a postcode must follow zip:")
            return LocationQuery(f"{kind}:{value.casefold()}", text, kind)
    return LocationQuery(re.sub(r"\s*,\s*", ",", " ".join(text.casefold().split())), text, "direct")


def location_at(
    lat: float, lon: float, *, query: str, name: str | None = None, location_id: str | None = None
) -> LocationQuery:
    """Return the location at coordinates in degrees.

    Raises:
        ValueError: they are out of range.
    """
    if not (math.isfinite(lat) and -90 <= lat <= 90):
        raise ValueError(f"latitude {lat:g} is not within -90..90")
    if not (math.isfinite(lon) and -180 <= lon <= 180):
        raise ValueError(f"longitude {lon:g} is not within -180..180")
    # the API works with four decimals: about 10 m
    lat, lon = round(lat, 4) + 0.0, round(lon, 4) + 0.0
    return LocationQuery(location_id or f"{lat:.4f},{lon:.4f}", query, "coordinates", name, lat, lon)


def parse_locations(texts: Iterable[str], label: str) -> Iterator[LocationQuery | InvalidLocation]:
    """Parse a list of locations; the position of an invalid entry is the label and its number."""
    for number, text in enumerate(texts, 1):
        try:
            yield parse_location(str(text))
        except ValueError as error:
            yield InvalidLocation(f"{label} {number}", _excerpt(text), str(error))


def read_locations(path: Path) -> Iterator[LocationQuery | InvalidLocation]:
    """Read locations from a CSV, JSONL or Parquet file with columns lat and lon, or query; name, location_id optional.

    Raises:
        ConfigurationError: the file cannot be read as a list of locations.
    """
    reader = {".csv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl, ".parquet": _parquet}.get(path.suffix.lower())
    if reader is None:
        raise ConfigurationError(f"{path.name}: a locations file must end in .csv, .jsonl or .parquet.")
    try:
        for line, row in reader(path):
            yield _from_row(row, f"{path.name} line {line}")
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        raise ConfigurationError(f"The locations file {path.name} cannot be read: {error}") from None


def _csv(path: Path) -> Iterator[tuple[int, object]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        names = set(reader.fieldnames or ())
        if "query" not in names and not {"lat", "lon"} <= names:
            raise ConfigurationError(f"{path.name}: the first line must name the columns lat and lon, or query.")
        for row in reader:
            yield reader.line_num, row


def _jsonl(path: Path) -> Iterator[tuple[int, object]]:
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            line = raw.removeprefix(codecs.BOM_UTF8)
            if line.strip():
                try:
                    yield number, orjson.loads(line)
                except orjson.JSONDecodeError:
                    yield number, line.decode("utf-8", "replace").strip()


def _parquet(path: Path) -> Iterator[tuple[int, object]]:
    number = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield number, row


def _from_row(row: object, position: str) -> LocationQuery | InvalidLocation:
    try:
        if not isinstance(row, Mapping):
            raise ValueError("it is not an object with lat and lon, or query")
        name = _text(row.get("name"))
        location_id = _text(row.get("location_id"))
        lat, lon = row.get("lat"), row.get("lon")
        if lat not in (None, "") or lon not in (None, ""):
            return location_at(
                _number(lat, "lat"), _number(lon, "lon"), query=name or "", name=name, location_id=location_id
            )
        query = parse_location(_text(row.get("query")) or name or "")
        return LocationQuery(location_id or query.location_id, query.query, query.kind, name, query.lat, query.lon)
    except ValueError as error:
        return InvalidLocation(position, _excerpt(row), str(error))


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    text = str(value)
    if "\x00" in text or not _is_unicode(text) or len(text) > LONGEST_NAME:
        raise ValueError(f"a text in it is no valid text or longer than {LONGEST_NAME} characters")
    return text


def _is_unicode(text: str) -> bool:
    """Return whether the text can be encoded: arguments that were no UTF-8 arrive with lone surrogates."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _excerpt(value: object) -> str:
    return str(value).replace("\x00", "").encode("utf-8", "replace").decode()[:LONGEST_NAME]


def _number(value: object, name: str) -> float:
    if isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}, not a number")
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}, not a number") from None
