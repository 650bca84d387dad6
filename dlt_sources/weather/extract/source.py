"""The dlt source. It imports what loading needs when it is called, so that importing it costs little beyond dlt."""

from __future__ import annotations

from collections.abc import Iterable

import dlt
from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.typing import TSecretStrValue
from dlt.extract import DltResource


@configspec
class NoInjection(BaseConfiguration):
    """No argument for dlt to fill in: ``load_settings`` resolves all settings, once and with its own errors."""


@dlt.source(name="weather", spec=NoInjection)
def weather_source(  # noqa: PLR0917 - a dlt source takes its settings as arguments
    resources: list[str] | None = None,
    locations: list[str] | None = None,
    locations_file: str | None = None,
    units: str | None = None,
    since: str | None = None,
    until: str | None = None,
    calls_per_minute: int | None = None,
    base_url: str | None = None,
    api_key: TSecretStrValue | None = None,
    plan: str | None = None,
) -> Iterable[DltResource]:
    """Return OpenWeather's current weather, forecasts and air quality for a list of places, as bronze tables.

    An argument that is None comes from dlt's configuration; ``WeatherSettings`` has the rest of the settings. The
    resource ``locations`` always comes along, first: places that are not in its table yet are looked up before anything
    else is asked.

    Args:
        resources: the resources to load, see ``endpoints.RESOURCES``.
        locations: places: ``Madrid,ES``, ``40.4,-3.7``, ``zip:28001,ES`` or ``id:3117735``.
        locations_file: a CSV, GeoJSON, JSONL or Parquet file of places.
        units: standard, metric or imperial.
        since: first hour of history, ISO 8601.
        until: last hour or day of history, ISO 8601; a date is its whole day, UTC.
        calls_per_minute: the limit of the subscription plan, if another than the plan's.
        base_url: the URL of the API.
        api_key: OpenWeather's key.
        plan: the subscription plan: free, startup, developer, professional or expert.
    """
    from dlt_sources.weather.common.settings import load_settings  # noqa: PLC0415
    from dlt_sources.weather.extract.resources import resources_of  # noqa: PLC0415 - see above

    settings = load_settings(
        resources=resources,
        locations=locations,
        locations_file=locations_file,
        units=units,
        since=since,
        until=until,
        plan=plan,
        calls_per_minute=calls_per_minute,
        base_url=base_url,
        api_key=api_key,
    )
    return resources_of(settings)
