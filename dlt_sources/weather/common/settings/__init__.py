"""Settings of the source: their names and values, and the checks of each."""

from dlt_sources.weather.common.redaction import add_secrets
from dlt_sources.weather.common.settings.model import (
    DEFAULT_LOCATIONS,
    HISTORY_BEGINS,
    VARIABLES,
    WeatherSettings,
    load_settings,
)
from dlt_sources.weather.common.settings.names import (
    LANGUAGES,
    ONE_CALL_RESOURCES,
    RESOURCE_NAMES,
    UNITS,
    ResourceName,
    unknown_resources,
)
from dlt_sources.weather.common.settings.providers import secrets_of_providers
from dlt_sources.weather.common.settings.retention import RetentionSettings

__all__ = [
    "DEFAULT_LOCATIONS",
    "HISTORY_BEGINS",
    "LANGUAGES",
    "ONE_CALL_RESOURCES",
    "RESOURCE_NAMES",
    "UNITS",
    "VARIABLES",
    "ResourceName",
    "RetentionSettings",
    "WeatherSettings",
    "load_settings",
    "unknown_resources",
]

add_secrets(secrets_of_providers)
