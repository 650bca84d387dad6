"""The requests of a run: which locations and hours are asked for, and in which order.

Imports ``locations``, ``api``, ``destination`` and the layers below them.
"""

from dlt_sources.weather.extract.requests.queue import History, RequestQueue, RequestWindow

__all__ = ["History", "RequestQueue", "RequestWindow"]
