"""dlt source of OpenWeather: current weather, forecasts and air quality as bronze tables.

Use it like any dlt source::

    import dlt
    from dlt_sources.weather import weather_source

    dlt.pipeline("weather", destination="duckdb", dataset_name="bronze").run(weather_source(locations=["Madrid,ES"]))

or run it from the command line, which adds a writer lock, bounded load packages and a summary:
``python -m dlt_sources.weather --help``.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlt_sources.weather.extract.source import weather_source

__all__ = ["weather_source"]


def __getattr__(name: str) -> object:
    """Import the source when it is asked for: Dagster's services import modules below this one, and need no dlt."""
    if name == "weather_source":
        from dlt_sources.weather.extract.source import weather_source  # noqa: PLC0415 - imports dlt

        return weather_source
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
