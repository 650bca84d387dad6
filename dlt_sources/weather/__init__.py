"""OpenWeather as a dlt source: current weather, forecasts and air quality into bronze tables.

Use it like any dlt source::

    import dlt
    from dlt_sources.weather import weather_source

    dlt.pipeline("weather", destination="duckdb", dataset_name="bronze").run(weather_source(locations=["Madrid,ES"]))

or from the command line, which adds a lock, bounded packages and a summary: ``python -m dlt_sources.weather --help``.
"""

from dlt_sources.weather.extract.source import weather_source

__all__ = ["weather_source"]
