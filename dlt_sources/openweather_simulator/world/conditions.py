"""Condition codes with their English texts and icons. Source: openweathermap.org/weather-conditions."""

from __future__ import annotations

from typing import Any, Protocol

_TEXTS: dict[int, tuple[str, str, str]] = {
    200: ("Thunderstorm", "thunderstorm with light rain", "11"),
    201: ("Thunderstorm", "thunderstorm with rain", "11"),
    202: ("Thunderstorm", "thunderstorm with heavy rain", "11"),
    211: ("Thunderstorm", "thunderstorm", "11"),
    300: ("Drizzle", "light intensity drizzle", "09"),
    301: ("Drizzle", "drizzle", "09"),
    310: ("Drizzle", "light intensity drizzle rain", "09"),
    500: ("Rain", "light rain", "10"),
    501: ("Rain", "moderate rain", "10"),
    502: ("Rain", "heavy intensity rain", "10"),
    503: ("Rain", "very heavy rain", "10"),
    511: ("Rain", "freezing rain", "13"),
    520: ("Rain", "light intensity shower rain", "09"),
    521: ("Rain", "shower rain", "09"),
    600: ("Snow", "light snow", "13"),
    601: ("Snow", "snow", "13"),
    602: ("Snow", "heavy snow", "13"),
    616: ("Snow", "rain and snow", "13"),
    701: ("Mist", "mist", "50"),
    721: ("Haze", "haze", "50"),
    741: ("Fog", "fog", "50"),
    800: ("Clear", "clear sky", "01"),
    801: ("Clouds", "few clouds", "02"),
    802: ("Clouds", "scattered clouds", "03"),
    803: ("Clouds", "broken clouds", "04"),
    804: ("Clouds", "overcast clouds", "04"),
}


def _entry(code: int, suffix: str) -> dict[str, Any]:
    main, description, icon = _TEXTS[code]
    return {"id": code, "main": main, "description": description, "icon": icon + suffix}


# One ready-made object per code and time of day: they are only ever printed, never changed.
_DAY = {code: _entry(code, "d") for code in _TEXTS}
_NIGHT = {code: _entry(code, "n") for code in _TEXTS}


class Words(Protocol):
    """Function that returns the `weather` array of some codes in the words of a product."""

    def __call__(self, codes: tuple[int, ...], *, day: bool) -> list[dict[str, Any]]:
        """Return the array, the primary condition first."""


def entries(codes: tuple[int, ...], *, day: bool) -> list[dict[str, Any]]:
    """Return the `weather` array for some codes, the primary one first."""
    table = _DAY if day else _NIGHT
    return [table[code] for code in codes]


# Daily forecasts and One Call 4.0 have other words for the clear sky.
_SKY_IS_CLEAR = {day: [{**table[800], "description": "sky is clear"}] for day, table in ((True, _DAY), (False, _NIGHT))}


def entries_of_4(codes: tuple[int, ...], *, day: bool) -> list[dict[str, Any]]:
    """Return the `weather` array in the words of daily forecasts and One Call 4.0."""
    return _SKY_IS_CLEAR[day] if codes == (800,) else entries(codes, day=day)


def sky(clouds: int) -> int:
    """Return the code of a dry sky for a cloud cover in per cent."""
    if clouds < 11:
        return 800
    return 801 if clouds <= 25 else 802 if clouds <= 50 else 803 if clouds <= 84 else 804


def precipitation(rain: float, snow: float, temperature: float) -> int:
    """Return the code for rain and snow in mm/h (not both 0) at a temperature in Celsius."""
    if snow > 0.0:
        if rain > 0.0:
            return 616
        return 600 if snow < 0.5 else 601 if snow < 2.5 else 602
    if temperature < 0.0:
        return 511
    if temperature > 17.0 and rain > 3.0:
        return 200 if rain < 4.5 else 201 if rain < 9.0 else 202
    if rain < 0.12:
        return 300
    return 500 if rain < 1.0 else 501 if rain < 4.0 else 502 if rain < 16.0 else 503
