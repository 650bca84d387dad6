"""Where alerts go and how many, resolved as dlt resolves configuration: section ``[alerts]``, or ``ALERTS__URLS`` ….

The URLs hold passwords and tokens: they belong into ``.dlt/secrets.toml`` or the environment, and no error shows them.
"""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import urlsplit

from dlt.common.configuration import configspec, resolve_configuration
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.configuration.specs import BaseConfiguration

from dlt_sources.weather.common.errors import ConfigurationError

SECTION = "alerts"
MOST_POSSIBLE = 1000


@configspec
class AlertSettings(BaseConfiguration):
    """The settings: channels as apprise's URLs, the most messages in any hour, and where Dagster's UI is, for links."""

    urls: list[str] | None = None
    most_an_hour: int = 10
    dagster_url: str = "http://localhost:3000"

    __recommended_sections__: ClassVar[tuple[str, ...]] = (SECTION,)

    def on_resolved(self) -> None:
        """Refuse what cannot work, naming the setting and never a URL."""
        self.urls = [url.strip() for url in self.urls or [] if isinstance(url, str) and url.strip()]
        if not 1 <= self.most_an_hour <= MOST_POSSIBLE:
            raise ConfigurationError(f"most_an_hour must be from 1 to {MOST_POSSIBLE:,}, not {self.most_an_hour}.")
        try:
            parts = urlsplit(self.dagster_url)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError("dagster_url must be the URL of Dagster's UI, http://… or https://….")
        self.dagster_url = self.dagster_url.rstrip("/")

    def __repr__(self) -> str:
        """Show how many channels there are, not which."""
        return f"AlertSettings({len(self.urls or [])} channel(s), most_an_hour={self.most_an_hour})"


def load_alert_settings() -> AlertSettings:
    """Resolve the settings.

    Raises:
        ConfigurationError: a setting has a value that cannot work; the text never shows a URL.
    """
    try:
        return resolve_configuration(AlertSettings(), sections=(SECTION,))
    except ConfigurationException:
        # dlt's own text shows the value
        raise ConfigurationError(
            "The alert settings cannot be read: urls must be a list of URLs, as JSON in ALERTS__URLS, most_an_hour a "
            "whole number, dagster_url a URL. Look at [alerts]."
        ) from None
