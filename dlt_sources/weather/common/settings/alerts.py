"""Alert settings, resolved as dlt resolves configuration: section ``[alerts]``, or ``ALERTS__URLS`` and so on.

Dagster reads all of them, the command line the heartbeat's URL. Who knows that URL can report for you, and the
channels' hold passwords and tokens: they belong into ``.dlt/secrets.toml`` or the environment, and no error shows them.
"""

from __future__ import annotations

import json
import os
import re
from typing import ClassVar
from urllib.parse import urlsplit

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.typing import TSecretStrValue

from dlt_sources.weather.common.configuration import InvalidSettingError, resolve_settings

SECTION = "alerts"
MAX_AN_HOUR = 1000


@configspec
class AlertSettings(BaseConfiguration):
    """Alert settings: channels as apprise's URLs, the heartbeat's URL, the most messages an hour, and the UI's URL."""

    urls: list[str] | None = None
    heartbeat_url: TSecretStrValue | None = None
    most_an_hour: int = 10
    dagster_url: str = "http://localhost:3000"

    __recommended_sections__: ClassVar[tuple[str, ...]] = (SECTION,)

    def on_resolved(self) -> None:
        """Validate and normalise the settings.

        Raises:
            ConfigurationError: A setting has an invalid value. The text names the setting and never shows a URL.
        """
        self.urls = [url.strip() for url in self.urls or [] if isinstance(url, str) and url.strip()]
        if not 1 <= self.most_an_hour <= MAX_AN_HOUR:
            raise InvalidSettingError(
                "most_an_hour", f"most_an_hour must be from 1 to {MAX_AN_HOUR:,}, not {self.most_an_hour}."
            )
        self.heartbeat_url = (self.heartbeat_url or "").strip() or None
        if self.heartbeat_url and not _is_web_address(self.heartbeat_url):
            raise InvalidSettingError("heartbeat_url", "heartbeat_url must be a URL, http://… or https://….")
        if not _is_web_address(self.dagster_url):
            raise InvalidSettingError(
                "dagster_url", "dagster_url must be the URL of Dagster's UI, http://… or https://…."
            )
        self.dagster_url = self.dagster_url.rstrip("/")

    def __repr__(self) -> str:
        """Return the number of channels, without their URLs."""
        return f"AlertSettings({len(self.urls or [])} channel(s), most_an_hour={self.most_an_hour})"


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and url.isascii() and not re.search(r"\s", url)


def load_alert_settings() -> AlertSettings:
    """Return the resolved settings.

    Raises:
        ConfigurationError: A setting has an invalid value. The text never shows a URL.
    """
    return resolve_settings(AlertSettings(), (SECTION,))


def settings_of_environment() -> AlertSettings:
    """Return the settings with the URLs of the environment alone, for when dlt's files cannot be read."""
    try:
        urls: object = json.loads(os.environ.get("ALERTS__URLS") or "[]")
    except ValueError:
        urls = []
    return AlertSettings(urls=[url for url in urls if isinstance(url, str)] if isinstance(urls, list) else [])
