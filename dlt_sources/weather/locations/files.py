"""Files of locations: CSV as spreadsheets of any country write it, GeoJSON, JSONL, all also gzipped, and Parquet."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import logging
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.locations.model import InvalidLocation, LocationQuery
from dlt_sources.weather.locations.parsing import coordinate, excerpt, location_at, optional_text, parse_location

logger = logging.getLogger(__name__)
COLUMNS = {"latitude": "lat", "longitude": "lon", "lng": "lon", "long": "lon"}
DELIMITERS = ",;\t|"
# spreadsheets of western Europe and America write it; every other encoding of one byte reads as wrong letters in it
FALLBACK_ENCODING = "cp1252"
READ_BYTES = 1 << 20
GZIP = ".gz"


def read_locations(path: Path) -> Iterator[LocationQuery | InvalidLocation]:
    """Read locations from a CSV, JSONL or Parquet file with columns lat and lon, or query; name, location_id optional.

    In a GeoJSON file, points are the coordinates, and properties the other columns. A file of text may be gzipped, its
    name ending in .csv.gz, say.

    Raises:
        ConfigurationError: the file cannot be read as a list of locations.
    """
    readers: dict[str, Callable[[Path], Iterator[tuple[int, object]]]]
    readers = {".csv": _csv, ".tsv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl, ".parquet": _parquet}
    readers[".geojson"] = _geojson
    is_gzipped = path.suffix.lower() == GZIP
    reader = readers.get(Path(path.stem if is_gzipped else path.name).suffix.lower())
    if reader is None or (is_gzipped and reader is _parquet):
        raise ConfigurationError(
            f"{path.name}: a locations file must end in .csv, .tsv, .geojson or .jsonl, or one of these and .gz, or in "
            ".parquet."
        )
    noun = "feature" if reader is _geojson else "line"
    try:
        for number, row in reader(path):
            yield _from_row(row, f"{path.name} {noun} {number}")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        said = (isinstance(error, OSError) and error.strerror) or error
        raise ConfigurationError(f"The locations file {path.name} cannot be read: {said}") from None


def _binary(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.suffix.lower() == GZIP else path.open("rb")  # type: ignore[return-value]


def _text(path: Path, encoding: str) -> IO[str]:
    """Open a file of text; its line ends are left to the parser."""
    return io.TextIOWrapper(_binary(path), encoding=encoding, newline="")


class BadLine(NamedTuple):
    """A line that is no row: its text and the error."""

    text: str
    message: str


def _csv(path: Path) -> Iterator[tuple[int, object]]:
    encoding = _encoding(path)
    with _text(path, encoding) as file:
        header = file.readline()
        delimiter = _delimiter(header)
        if delimiter is None:
            raise ConfigurationError(
                f"{path.name}: the first line must name the columns lat and lon, or query; it reads "
                f"{excerpt(header.strip())!r}."
            )
        file.seek(0)
        # blanks after delimiters are left out if the first line has them: they were a part of ids otherwise
        reader = csv.reader(file, delimiter=delimiter, skipinitialspace=f"{delimiter} " in header)
        columns = next(reader)
        for cells in reader:
            if cells:
                yield reader.line_num, _row(columns, cells)


def _row(columns: list[str], cells: list[str]) -> object:
    if len(columns) == 1:
        # a list of "Oslo,NO" without quotes
        cells = [",".join(cells).rstrip(",")]
    if any(cells[len(columns) :]):
        return BadLine(
            ",".join(cells),
            f"it has {len(cells)} cells, but the first line names {len(columns)} columns; a comma needs quotes",
        )
    return dict(zip(columns, cells, strict=False))


def _delimiter(header: str) -> str | None:
    """Return the delimiter with which a header names the columns of locations; None if none does."""
    for delimiter in DELIMITERS:
        names = {_column(name) for name in next(csv.reader([header], delimiter=delimiter), [])}
        if "query" in names or {"lat", "lon"} <= names:
            return delimiter
    return None


@lru_cache(maxsize=64)  # of a few names, for every row
def _column(name: str) -> str:
    name = name.strip().strip('"').casefold()
    return COLUMNS.get(name, name)


def _encoding(path: Path) -> str:
    """Return the encoding of a text file: UTF-8 or UTF-16 or UTF-32, or else Windows-1252, with a warning.

    Raises:
        ConfigurationError: the file is no text.
    """
    with _binary(path) as file:
        encoding = json.detect_encoding(file.read(4))
        file.seek(0)
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            while chunk := file.read(READ_BYTES):
                is_bytes = encoding.startswith("utf-8") and b"\x00" in chunk
                if is_bytes or "\x00" in decoder.decode(chunk):
                    raise ConfigurationError(f"The locations file {path.name} cannot be read: it is no text.")
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            line = error.object[: error.start].rpartition(b"\n")[2] + error.object[error.start :].partition(b"\n")[0]
        else:
            return encoding
    if encoding not in ("utf-8", "utf-8-sig"):
        raise ConfigurationError(f"The locations file {path.name} cannot be read: it is no valid {encoding.upper()}.")
    logger.warning(
        "%s is not UTF-8; it is read as Windows-1252, with lines such as %r. If that is wrong, save it as UTF-8.",
        path.name,
        excerpt(line.decode(FALLBACK_ENCODING, "replace").strip()),
    )
    return FALLBACK_ENCODING


def _jsonl(path: Path) -> Iterator[tuple[int, object]]:
    with _binary(path) as file:
        encoding = json.detect_encoding(file.read(4))
    if not encoding.startswith("utf-8"):
        with _text(path, encoding) as text:
            yield from _json_lines(line.encode() for line in text)
        return
    with _binary(path) as file:
        yield from _json_lines(file)


def _json_lines(lines: Any) -> Iterator[tuple[int, object]]:
    for number, raw in enumerate(lines, 1):
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


def _geojson(path: Path) -> Iterator[tuple[int, object]]:
    """Read the features of GeoJSON (RFC 7946), which is UTF-8."""
    with _binary(path) as file:
        content = file.read()
    try:
        data = orjson.loads(content.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError as error:
        raise ConfigurationError(f"The locations file {path.name} cannot be read: it is no JSON: {error}.") from None
    kind = data.get("type") if isinstance(data, dict) else None
    features = [data] if kind == "Feature" else data.get("features") if kind == "FeatureCollection" else None
    if not isinstance(features, list):
        raise ConfigurationError(
            f"The locations file {path.name} cannot be read: it is no GeoJSON FeatureCollection or Feature of points."
        )
    for number, feature in enumerate(features, 1):
        yield number, _feature(feature)


def _feature(feature: object) -> object:
    """Return a feature as a row: its properties, and the coordinates of its point unless it has no geometry."""
    if not isinstance(feature, Mapping) or feature.get("type") != "Feature":
        return BadLine(excerpt(feature), "it is no Feature")
    properties, geometry = feature.get("properties") or {}, feature.get("geometry")
    text = excerpt(properties)
    if not isinstance(properties, Mapping):
        return BadLine(text, "its properties are no object")
    if geometry is None:
        return properties
    kind, point = (geometry.get("type"), geometry.get("coordinates")) if isinstance(geometry, Mapping) else (None, None)
    if kind != "Point":
        return BadLine(text, f"its geometry is a {kind}, not a Point")
    if not isinstance(point, list) or len(point) < 2:
        return BadLine(text, "its Point has no longitude and latitude")
    others = {name: value for name, value in properties.items() if _column(name) not in ("lat", "lon")}
    return others | {"lat": point[1], "lon": point[0]}


def _from_row(row: object, position: str) -> LocationQuery | InvalidLocation:
    try:
        if isinstance(row, BadLine):
            return InvalidLocation(position, excerpt(row.text), row.message)
        if not isinstance(row, Mapping):
            raise ValueError("it is not an object with lat and lon, or query")
        values = {_column(name): value for name, value in row.items() if isinstance(name, str)}
        name = optional_text(values.get("name"))
        location_id = optional_text(values.get("location_id"))
        lat, lon = values.get("lat"), values.get("lon")
        if lat not in (None, "") or lon not in (None, ""):
            return location_at(
                coordinate(lat, "lat"),
                coordinate(lon, "lon"),
                query=name or "",
                name=name,
                location_id=location_id,
                country=_country(values.get("country")),
            )
        query = parse_location(optional_text(values.get("query")) or name or "")
        return LocationQuery(location_id or query.location_id, query.query, query.kind, name, query.lat, query.lon)
    except ValueError as error:
        written = (
            ",".join("" if cell is None else str(cell) for cell in row.values()) if isinstance(row, Mapping) else row
        )
        return InvalidLocation(position, excerpt(written), str(error))


def _country(value: object) -> str | None:
    """Return a code of ISO 3166 in capitals; None for anything else, such as a country's name."""
    code = value.strip() if isinstance(value, str) else ""
    return code.upper() if len(code) == 2 and code.isascii() and code.isalpha() else None
