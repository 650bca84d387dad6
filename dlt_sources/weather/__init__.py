"""dlt source of OpenWeather: current weather, forecasts and air quality as bronze tables.

Use it like any dlt source::

    import dlt
    from dlt_sources.weather import weather_source

    dlt.pipeline("weather", destination="duckdb", dataset_name="bronze").run(weather_source(locations=["Madrid,ES"]))

or run it from the command line, which adds a writer lock, bounded load packages and a summary:
``python -m dlt_sources.weather --help``.
"""

from dlt_sources.weather.extract.source import weather_source

__all__ = ["weather_source"]
