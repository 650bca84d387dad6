"""The European Air Quality Index, as SQL.

Source: ETC HE Report 2024/17, EEA's revision of the European air quality index bands, table 5.2; the bands of
airindex.eea.europa.eu. All concentrations are of one hour; the index of a place is that of its worst pollutant. The
table has whole numbers: here a band reaches up to its upper number, and what is above belongs to the next.
"""

from __future__ import annotations

# upper ends of the bands 1 to 5, µg/m³
BANDS: dict[str, tuple[int, ...]] = {
    "pm2_5": (5, 15, 50, 90, 140),
    "pm10": (15, 45, 120, 195, 270),
    "no2": (10, 25, 60, 100, 150),
    "o3": (60, 100, 120, 160, 180),
    "so2": (20, 40, 125, 190, 275),
}
NAMES = ("Good", "Fair", "Moderate", "Poor", "Very poor", "Extremely poor")


def band(concentration: str, pollutant: str) -> str:
    """Return SQL for the band, 1 to 6, of a concentration of one hour in µg/m³.

    Args:
        concentration: the concentration, as SQL.
        pollutant: its pollutant.
    """
    cases = " ".join(f"WHEN {concentration} <= {high} THEN {number}" for number, high in enumerate(BANDS[pollutant], 1))
    return f"CASE {cases} WHEN {concentration} IS NOT NULL THEN {len(NAMES)} END"


def name(index: str) -> str:
    """Return SQL for the name of a band."""
    cases = " ".join(f"WHEN {number} THEN '{text}'" for number, text in enumerate(NAMES, 1))
    return f"CASE {index} {cases} END"
