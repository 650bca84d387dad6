"""Secrets that dlt's providers hold, for redaction: those of a notebook too, or of another folder's settings."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache

from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.configuration.providers.toml import SettingsTomlProvider
from dlt.common.configuration.specs import PluggableRunContext

from dlt_sources.weather.common.redaction import secrets_in_toml


def secrets_of_providers() -> set[str]:
    """Return the secrets in the documents that dlt has read."""
    found: set[str] = set()
    # a file that cannot be read gives the process no secret; its error is told elsewhere
    with suppress(ConfigurationException):
        for provider in Container()[PluggableRunContext].providers.providers:
            if isinstance(provider, SettingsTomlProvider) and provider.supports_secrets and not provider.is_empty:
                found |= _secrets_of(provider)
    return found


@lru_cache(maxsize=8)
def _secrets_of(provider: SettingsTomlProvider) -> frozenset[str]:
    return secrets_in_toml(provider.to_toml())
