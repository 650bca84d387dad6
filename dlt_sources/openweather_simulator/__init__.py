"""Simulator of the OpenWeather HTTP API, for tests, demonstrations and load tests without a key.

It answers with the shapes, errors and oddities of the real service, and with weather that is computed from
place and time alone. `lang` and `mode` have no effect: descriptions are English and every answer is JSON.
"""

from __future__ import annotations

from dlt_sources.openweather_simulator.answers.one_call.rules import Rules
from dlt_sources.openweather_simulator.http.server import serve
from dlt_sources.openweather_simulator.service.faults import Fault
from dlt_sources.openweather_simulator.service.limits import Limits
from dlt_sources.openweather_simulator.service.simulator import Simulator

__all__ = ["Fault", "Limits", "Rules", "Simulator", "serve"]
