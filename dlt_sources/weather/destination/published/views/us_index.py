"""The Air Quality Index of the United States, as SQL.

Sources: 40 CFR part 58, appendix G, table 2 (89 FR 16202 of 6 March 2024), and EPA-454/B-24-002, Technical Assistance
Document for the Reporting of Daily Air Quality (May 2024), section IV with table 6 and equation 1. A concentration is
truncated to the places that the table has, the index is rounded. Above 500 the last segment goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Segment(NamedTuple):
    """A row of the table for one pollutant: truncated concentrations in its last place, and their indices."""

    low: int
    high: int
    index_low: int
    index_high: int


_INDEX = ((0, 50), (51, 100), (101, 150), (151, 200), (201, 300), (301, 500))


def _segments(*bounds: tuple[int, int], first: int = 0) -> tuple[Segment, ...]:
    return tuple(Segment(*bound, *index) for bound, index in zip(bounds, _INDEX[first:], strict=False))


# tenths of µg/m³, 24 hours or NowCast
PM2_5 = _segments((0, 90), (91, 354), (355, 554), (555, 1254), (1255, 2254), (2255, 3254))
# µg/m³, 24 hours or NowCast
PM10 = _segments((0, 54), (55, 154), (155, 254), (255, 354), (355, 424), (425, 604))
# ppb; 8 hours define no index above 300, one hour none below 101
O3_8_HOURS = _segments((0, 54), (55, 70), (71, 85), (86, 105), (106, 200))
O3_1_HOUR = _segments((125, 164), (165, 204), (205, 404), (405, 604), first=2)
# tenths of ppm, 8 hours
CO = _segments((0, 44), (45, 94), (95, 124), (125, 154), (155, 304), (305, 504))
# ppb; one hour defines no index above 200, 24 hours none below 201
SO2_1_HOUR = _segments((0, 35), (36, 75), (76, 185), (186, 304))
SO2_24_HOURS = _segments((305, 604), (605, 1004), first=4)
# ppb, one hour
NO2 = _segments((0, 53), (54, 100), (101, 360), (361, 649), (650, 1249), (1250, 2049))

CATEGORIES = (
    (50, "Good"),
    (100, "Moderate"),
    (150, "Unhealthy for Sensitive Groups"),
    (200, "Unhealthy"),
    (300, "Very Unhealthy"),
)
WORST_CATEGORY = "Hazardous"


def truncated(concentration: str, places: int) -> str:
    """Return SQL for a concentration in units of its last place, without the rest.

    Args:
        concentration: the concentration, as SQL.
        places: decimal places that are kept. The small addend is for numbers such as 35.4, which doubles do not hold.
    """
    return f"floor(({concentration}) * {10**places} + 0.000001)"


def sub_index(truncated_concentration: str, segments: Sequence[Segment], above: str | None = None) -> str:
    """Return SQL for the index of one pollutant: equation 1.

    Args:
        truncated_concentration: the concentration, as ``truncated`` returns it.
        segments: the pollutant's rows of the table.
        above: the index above the last row; None if its segment goes on.
    """
    c = truncated_concentration
    cases = [f"WHEN {c} < {segments[0].low} THEN NULL"] if segments[0].low else []
    for number, (low, high, index_low, index_high) in enumerate(segments):
        value = f"floor({index_low} + {index_high - index_low}.0 * ({c} - {low}) / {high - low} + 0.5)"
        goes_on = number == len(segments) - 1 and above is None
        cases.append(f"WHEN {c} IS NOT NULL THEN {value}" if goes_on else f"WHEN {c} <= {high} THEN {value}")
    if above is not None:
        cases.append(f"WHEN {c} IS NOT NULL THEN {above}")
    listed = "\n            ".join(cases)
    return f"CAST(CASE\n            {listed}\n        END AS integer)"


def category(index: str) -> str:
    """Return SQL for the name of an index's category."""
    cases = " ".join(f"WHEN {index} <= {high} THEN '{name}'" for high, name in CATEGORIES)
    return f"CASE {cases} WHEN {index} IS NOT NULL THEN '{WORST_CATEGORY}' END"
