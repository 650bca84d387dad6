"""Replaying: the bronze tables rebuilt from the answers in ``weather_raw``, without a call.

A replay that was interrupted or killed is continued by the next one. Imports ``pipeline`` and the layers below it.
"""

from dlt_sources.weather.pipeline.replay.replay import replay

__all__ = ["replay"]
