"""Units of measure and the formatting of numbers.

Source: openweathermap.org/api/weather-data. Internally everything is Celsius, m/s, hPa, mm and metres.
"""

from __future__ import annotations

from collections.abc import Callable

Converter = Callable[[float], "float | int"]


def tidy(value: float, digits: int = 2) -> float | int:
    """Return the number rounded, as an int if it is whole: the service prints `50`, never `50.0`."""
    rounded = round(value, digits)
    whole = int(rounded)
    return whole if whole == rounded else rounded


class Units:
    """Conversions of one `units` value."""

    __slots__ = ("name", "speed", "temperature")

    def __init__(self, name: str, temperature: Converter, speed: Converter) -> None:
        self.name = name
        self.temperature = temperature
        self.speed = speed


_STANDARD = Units("standard", lambda c: tidy(c + 273.15), tidy)
_ALL = {
    "standard": _STANDARD,
    "metric": Units("metric", tidy, tidy),
    "imperial": Units("imperial", lambda c: tidy(c * 1.8 + 32.0), lambda v: tidy(v * 2.2369363)),
}


def units_of(name: str | None) -> Units:
    """Return the requested units; absent and unknown names mean `standard`, as in the service."""
    return _ALL.get(name or "standard", _STANDARD)
