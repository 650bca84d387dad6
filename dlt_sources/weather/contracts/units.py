"""Units of the columns: as their descriptions state them, and as the setting ``units`` decides them.

Source: openweathermap.org/api/weather-data. Temperatures and wind speeds follow the setting; all others are fixed.
"""

from __future__ import annotations

import re

import pyarrow as pa

from dlt_sources.weather.contracts.base import Column

TEMPERATURE, SPEED = "K, °C or °F", "m/s or mph"
TEMPERATURES = {"standard": "K", "metric": "°C", "imperial": "°F"}
SPEEDS = {"standard": "m/s", "metric": "m/s", "imperial": "mph"}
# looked for in the description of a number, in this order: "mm/h" holds "mm", and a speed is "by units" too
_STATED = {
    r"m/s or mph by units": SPEED,
    r"by units": TEMPERATURE,
    r"µg/m³": "µg/m³",
    r"hPa": "hPa",
    r"mm/h": "mm/h",
    r"\bmm\b": "mm",
    r", m,": "m",
    r", %": "%",
    r"degrees": "degrees",
    r"[Ss]econds": "s",
}
_BY_UNITS = re.compile(r"; (?:K, °C or °F |m/s or mph )?by units")


def unit_of(column: Column) -> str:
    """Return the unit of a number's column, as its description states it; empty where it has none.

    Args:
        column: the column.
    """
    if column.type not in (pa.float64(), pa.int64()):
        return ""
    return next((unit for pattern, unit in _STATED.items() if re.search(pattern, column.description)), "")


def described_in(column: Column, units: str) -> str:
    """Return the description of a column with the unit that its values have under a setting of ``units``.

    Args:
        column: the column.
        units: standard, metric or imperial. Rows that an earlier setting loaded name theirs, so it is named too.
    """
    scales = {TEMPERATURE: TEMPERATURES, SPEED: SPEEDS}
    scale = scales.get(unit_of(column))
    if scale is None:
        return column.description
    return _BY_UNITS.sub(lambda _: f", {scale[units]} where units is {units}", column.description, count=1)
