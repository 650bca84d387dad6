"""Contracts of ``/data/2.5/air_pollution/history`` and ``/forecast``.

Source: openweathermap.org/api/air-pollution. Concentrations are µg/m³. The index's scale changed in 2022-23, so
indices from before and after are not comparable.
"""

from __future__ import annotations

from typing import ClassVar

from dlt_sources.weather.contracts.base import AnswerRow, Integer, Measure, Moment, added, given


class AirPollution(AnswerRow):
    """One hour of air quality at one location."""

    table: ClassVar[str] = "air_pollution"
    key: ClassVar[tuple[str, ...]] = ("location_id", "dt")

    location_id: str = added("The location, as in bronze.locations")
    dt: Moment = given("dt", "Hour that the row describes, UTC", required=True)
    fetched_at: Moment | None = added("Moment the answer was received, UTC")
    aqi: Integer | None = given(
        "main.aqi", "Air quality index, 1 (good) to 5 (very poor); null is unknown", required=True, null_when="zero"
    )
    co: Measure | None = given("components.co", "Carbon monoxide, µg/m³; null is unknown", null_when="negative")
    no: Measure | None = given("components.no", "Nitrogen monoxide, µg/m³; null is unknown", null_when="negative")
    no2: Measure | None = given("components.no2", "Nitrogen dioxide, µg/m³; null is unknown", null_when="negative")
    o3: Measure | None = given("components.o3", "Ozone, µg/m³; null is unknown", null_when="negative")
    so2: Measure | None = given("components.so2", "Sulphur dioxide, µg/m³; null is unknown", null_when="negative")
    pm2_5: Measure | None = given(
        "components.pm2_5", "Particles under 2.5 µm, µg/m³; null is unknown", null_when="negative"
    )
    pm10: Measure | None = given(
        "components.pm10", "Particles under 10 µm, µg/m³; null is unknown", null_when="negative"
    )
    nh3: Measure | None = given("components.nh3", "Ammonia, µg/m³; null is unknown", null_when="negative")


class AirPollutionForecast(AirPollution):
    """One hour of air quality at one location, as forecast in one hour."""

    table: ClassVar[str] = "air_pollution_forecast"
    key: ClassVar[tuple[str, ...]] = ("location_id", "dt", "issued_at")

    issued_at: Moment | None = added("UTC hour in which the forecast was fetched")
