"""Resolution of settings by dlt, with errors and advice that name where a value is set.

May import ``errors`` and ``redaction``.
"""

from dlt_sources.weather.common.configuration.resolution import (
    InvalidSettingError,
    configuration_error,
    resolve_settings,
)
from dlt_sources.weather.common.configuration.spelling import nearest

__all__ = ["InvalidSettingError", "configuration_error", "nearest", "resolve_settings"]
