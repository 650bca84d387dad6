"""Views for people, one module each: what a row is, its columns, and the SQL that selects it.

A view is made of the tables that exist; what they lack is null, and a view without its main table is left out.
"""

from dlt_sources.weather.destination.published.views.air_quality_index import AIR_QUALITY_INDEX
from dlt_sources.weather.destination.published.views.forecast_accuracy import FORECAST_ACCURACY
from dlt_sources.weather.destination.published.views.latest_weather import LATEST_WEATHER
from dlt_sources.weather.destination.published.views.model import View, ViewColumn
from dlt_sources.weather.destination.published.views.tables import SourceTables
from dlt_sources.weather.destination.published.views.weather_hourly import WEATHER_HOURLY

VIEWS: dict[str, View] = {
    view.name: view for view in (LATEST_WEATHER, WEATHER_HOURLY, FORECAST_ACCURACY, AIR_QUALITY_INDEX)
}

__all__ = ["VIEWS", "SourceTables", "View", "ViewColumn"]
