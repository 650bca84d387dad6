"""The requests of a run: which locations and hours are asked for, and in which order.

Imports ``locations``, ``api``, ``destination`` and the layers below them.
"""

from dlt_sources.weather.extract.requests.alerts import AlertQueue, NamedAlerts, by_location, with_id
from dlt_sources.weather.extract.requests.answers import fruitless, page_rows
from dlt_sources.weather.extract.requests.pages import Page, PageRows
from dlt_sources.weather.extract.requests.queue import MarkDone, RequestQueue
from dlt_sources.weather.extract.requests.windows import Alert, RequestWindow

__all__ = [
    "Alert",
    "AlertQueue",
    "MarkDone",
    "NamedAlerts",
    "Page",
    "PageRows",
    "RequestQueue",
    "RequestWindow",
    "by_location",
    "fruitless",
    "page_rows",
    "with_id",
]
