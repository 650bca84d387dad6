"""Parser of locations as users write them: ``Madrid,ES``, ``40.4,-3.7``, ``zip:28001,ES``, ``id:3117735``."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator

from dlt_sources.weather.locations.model import InvalidLocation, LocationQuery

_COORDINATES = re.compile(r"\s*([+-]?\d+(?:\.\d*)?)\s*,\s*([+-]?\d+(?:\.\d*)?)\s*")
LONGEST_NAME = 200


def parse_location(text: str) -> LocationQuery:
    """Parse one location as written in the configuration or on the command line.

    Raises:
        ValueError: the text is no location; the message names the error.
    """
    # one spelling of letters with accents: a file of macOS has them in two characters
    text = unicodedata.normalize("NFC", text.strip())
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
    return LocationQuery(normalized(text), text, "direct")


def normalized(text: str) -> str:
    """Return a place's name without differences of case and blanks."""
    return re.sub(r"\s*,\s*", ",", " ".join(text.casefold().split()))


def location_at(
    lat: float,
    lon: float,
    *,
    query: str,
    name: str | None = None,
    location_id: str | None = None,
    country: str | None = None,
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
    # one meridian
    lon = 180.0 if lon == -180.0 else lon
    return LocationQuery(location_id or f"{lat:.4f},{lon:.4f}", query, "coordinates", name, lat, lon, country)


def parse_locations(texts: Iterable[str], label: str) -> Iterator[LocationQuery | InvalidLocation]:
    """Parse a list of locations; the position of an invalid entry is the label and its number."""
    for number, text in enumerate(texts, 1):
        try:
            yield parse_location(str(text))
        except ValueError as error:
            yield InvalidLocation(f"{label} {number}", excerpt(text), str(error))


def optional_text(value: object) -> str | None:
    """Return a cell as text, None if it is empty.

    Raises:
        ValueError: it does not fit into a database.
    """
    if value is None or value == "":
        return None
    text = str(value)
    if "\x00" in text or not _is_unicode(text) or len(text) > LONGEST_NAME:
        raise ValueError(f"a text in it is no valid text or longer than {LONGEST_NAME} characters")
    return text


def coordinate(value: object, name: str) -> float:
    """Return a cell as a number; in a text, a comma may stand for the decimal point.

    Raises:
        ValueError: it is not a number.
    """
    if isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}, not a number")
    number = value.replace(",", ".") if isinstance(value, str) and "." not in value else value
    try:
        return float(number)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}, not a number") from None


def excerpt(value: object) -> str:
    """Return what the user wrote, in a form and length that fit into a database."""
    return str(value).replace("\x00", "").encode("utf-8", "replace").decode()[:LONGEST_NAME]


def _is_unicode(text: str) -> bool:
    """Return whether the text can be encoded: arguments that were no UTF-8 arrive with lone surrogates."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
