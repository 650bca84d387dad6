"""Settings of the source, resolved by dlt.

dlt reads arguments, then the environment (``SOURCES__WEATHER__UNITS``), ``.dlt/secrets.toml`` and ``.dlt/config.toml``
(``[sources.weather]``). The key may also be in the environment variable ``OPENWEATHER_API_KEY``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, timezone
from ipaddress import ip_address
from typing import Any, ClassVar, Literal, get_args, get_type_hints
from urllib.parse import urlsplit

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.typing import TSecretStrValue
from pydantic import SecretStr, TypeAdapter, ValidationError

from dlt_sources.weather.common.configuration import InvalidSettingError, nearest, resolve_settings
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.shards import Shard, parse_shard

SECTIONS = ("sources", "weather")
# environment variables outside dlt's scheme; all but the first two are read under Dagster only
VARIABLES = (
    "OPENWEATHER_API_KEY",
    "WEATHER_DESTINATION",
    "WEATHER_DEMO",
    "WEATHER_SHARDS",
    "WEATHER_SCHEDULE",
    "WEATHER_LOG_FORMAT",
)
ResourceName = Literal[
    "locations", "current_weather", "forecast", "air_pollution", "air_pollution_forecast", "one_call"
]
RESOURCE_NAMES: tuple[ResourceName, ...] = get_args(ResourceName)
UNITS = ("standard", "metric", "imperial")
DEFAULT_LOCATIONS = ["Madrid,ES", "Barcelona,ES", "London,GB", "Paris,FR", "Berlin,DE"]
# the first hour of air-pollution history: openweathermap.org/api/air-pollution
HISTORY_BEGINS = datetime(2020, 11, 27, tzinfo=timezone.utc)
# openweathermap.org/api/current, "Multilingual support"; several are not ISO 639
LANGUAGES = frozenset(  # as a list, it would take one line per language
    "sq af ar az eu be bg ca zh_cn zh_tw hr cz da nl en fi fr gl de el he hi hu is id it ja kr ku la lt mk no fa pl pt "  # noqa: SIM905
    "pt_br ro ru sr sk sl sp es sv se th tr ua uk vi zu".split()
)


@configspec
class WeatherSettings(BaseConfiguration):
    """Settings with their defaults; ``.dlt/config.toml`` describes each."""

    api_key: TSecretStrValue | None = None
    base_url: str = "https://api.openweathermap.org"
    locations: list[str] | None = None
    locations_file: str | None = None
    only_location_ids: list[str] | None = None
    only_missing: bool = False
    shard: str | None = None
    resources: list[str] | None = None
    units: str = "metric"
    answer_language: str = "en"
    since: str | None = None
    until: str | None = None
    history_days: int = 7
    history_overlap_hours: int = 3
    history_days_per_call: int = 90
    calls_per_minute: int = 60
    timeout_seconds: float = 30.0
    max_answer_mb: float = 5.0
    attempts: int = 5
    backoff_seconds: float = 1.0
    rate_limit_backoff_seconds: float = 10.0
    rate_limit_patience_seconds: float = 3600.0
    chunk_rows: int = 250_000
    chunk_seconds: float = 300.0
    lock_wait_seconds: float = 600.0

    __recommended_sections__: ClassVar[tuple[str, ...]] = SECTIONS

    def on_resolved(self) -> None:
        """Validate the settings.

        Raises:
            ConfigurationError: a value that cannot work; the message names the setting.
        """
        _check_types(self)
        key = self.secret_key.get_secret_value() if self.secret_key else ""
        if not (key.isascii() and key.isprintable()):
            raise ConfigurationError(
                "The API key contains characters that no key has. Check OPENWEATHER_API_KEY, or api_key under "
                "[sources.weather] in .dlt/secrets.toml."
            )
        if self.locations is None:
            self.locations = [] if self.locations_file else list(DEFAULT_LOCATIONS)
        if not self.locations and not self.locations_file:
            raise InvalidSettingError(
                "locations",
                'locations is empty, so there is nothing to load; put places there, such as "Oslo,NO", or set '
                "locations_file.",
            )
        self.resources = None if self.resources is None else _checked_resources(self.resources)
        self.base_url = _checked_base_url(self.base_url)
        if self.units not in UNITS:
            raise InvalidSettingError("units", f"units must be one of {', '.join(UNITS)}, not {self.units!r}.")
        if self.answer_language not in LANGUAGES:
            languages = " ".join(sorted(LANGUAGES))
            raise InvalidSettingError(
                "answer_language", f"answer_language must be one of {languages}, not {self.answer_language!r}."
            )
        try:
            _ = self.chosen_shard
        except ValueError as error:
            raise InvalidSettingError("shard", f"shard {self.shard!r} is invalid: {error}.") from None
        for name, (least, most) in _RANGES.items():
            if not least <= getattr(self, name) <= most:
                raise InvalidSettingError(
                    name, f"{name} must be from {least:,} to {most:,}, not {getattr(self, name)}."
                )

    @property
    def secret_key(self) -> SecretStr | None:
        """API key, printed as asterisks; None if none is set."""
        key = (self.api_key or os.environ.get("OPENWEATHER_API_KEY") or "").strip()
        return SecretStr(key) if key else None

    @property
    def chosen_shard(self) -> Shard | None:
        """Shard whose locations are loaded; None for all locations."""
        return parse_shard(self.shard) if self.shard else None


_TYPES: dict[str, Any] = {
    name: hint for name, hint in get_type_hints(WeatherSettings).items() if not name.startswith("__")
}
_YEARS = 10 * 366  # days; more history than exists
_RANGES: dict[str, tuple[float, float]] = {
    "history_days": (0, _YEARS),
    "history_overlap_hours": (0, _YEARS * 24),
    "history_days_per_call": (1, _YEARS),
    "calls_per_minute": (1, 1_000_000),
    "timeout_seconds": (0.01, 3600),
    "max_answer_mb": (0.001, 1000),
    "attempts": (1, 100),
    "backoff_seconds": (0, 3600),
    "rate_limit_backoff_seconds": (0, 3600),
    "rate_limit_patience_seconds": (0, 7 * 86_400),
    "chunk_rows": (1, 100_000_000),
    "chunk_seconds": (0, 86_400),
    "lock_wait_seconds": (0, 7 * 86_400),
}


def _check_types(settings: WeatherSettings) -> None:
    """Raise on values of the wrong type: dlt converts those that it reads, but takes arguments unchanged."""
    for name, hint in _TYPES.items():
        try:
            TypeAdapter(hint).validate_python(getattr(settings, name), strict=True)
        except ValidationError as error:
            problem = error.errors()[0]
            given = "" if name == "api_key" else f", not {getattr(settings, name)!r}"
            raise InvalidSettingError(name, f"{name}: {problem['msg'].lower()}{given}.") from None


def load_settings(**given: Any) -> WeatherSettings:
    """Resolve the settings.

    Args:
        given: settings by name; those that are not None take precedence over all other sources.

    Raises:
        ConfigurationError: a setting has a value that cannot work.
    """
    explicit = {name: value for name, value in given.items() if value is not None}
    return resolve_settings(WeatherSettings(), SECTIONS, explicit, VARIABLES)


def unknown_resources(names: Iterable[str]) -> str:
    """Return a sentence about the names that are no resource; "" if all are."""
    unknown = [name for name in dict.fromkeys(names) if name not in RESOURCE_NAMES]
    return " ".join(f"there is no resource {name!r}; {nearest(name, RESOURCE_NAMES)}" for name in unknown)


def _checked_resources(names: list[str]) -> list[str]:
    """Return the names, each once."""
    if not names:
        raise InvalidSettingError("resources", "resources is empty, so there is nothing to load; leave it out for all.")
    if said := unknown_resources(names):
        raise InvalidSettingError("resources", said)
    return list(dict.fromkeys(names))


def _checked_base_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port  # a port that is no number raises only when it is read
    except ValueError as error:
        raise InvalidSettingError("base_url", f"base_url is not a URL: {error}.") from None
    if parts.scheme == "https" and parts.hostname:
        return url.rstrip("/")
    if parts.scheme == "http" and parts.hostname and _is_loopback(parts.hostname):
        return url.rstrip("/")
    raise InvalidSettingError(
        "base_url",
        f"base_url must start with https://, so that the key is never sent in clear, not "
        f"{parts.scheme or 'without a scheme'}; http:// is accepted for this machine only (http://127.0.0.1).",
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
