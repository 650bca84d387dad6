"""The API's endpoints as data. A new endpoint is one entry here and one contract.

Imports ``contracts`` and ``common``.
"""

from dlt_sources.weather.api.endpoints.free import FREE_ENDPOINTS
from dlt_sources.weather.api.endpoints.model import Endpoint, Part, Timeline
from dlt_sources.weather.api.endpoints.one_call import ALERTS, ONE_CALL_ENDPOINTS
from dlt_sources.weather.contracts.base import LOCATIONS

ENDPOINTS: tuple[Endpoint, ...] = (*FREE_ENDPOINTS, *ONE_CALL_ENDPOINTS)
BY_NAME: dict[str, Endpoint] = {endpoint.name: endpoint for endpoint in ENDPOINTS}
RESOURCES: tuple[str, ...] = (LOCATIONS, *BY_NAME)
DEFAULT_RESOURCES: tuple[str, ...] = (LOCATIONS, *(endpoint.name for endpoint in ENDPOINTS if endpoint.by_default))
# answers that cannot be asked for again, answers that cost money, and look-ups of locations, which cost calls
JOURNALED_RESOURCES = (
    LOCATIONS,
    *(endpoint.name for endpoint in ENDPOINTS if endpoint.keeps_raw or endpoint.product == "one_call"),
)

__all__ = [
    "ALERTS",
    "BY_NAME",
    "DEFAULT_RESOURCES",
    "ENDPOINTS",
    "JOURNALED_RESOURCES",
    "LOCATIONS",
    "RESOURCES",
    "Endpoint",
    "Part",
    "Timeline",
]
