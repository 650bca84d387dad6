"""Settings of the source, resolved by dlt.

dlt reads arguments, then the environment (``SOURCES__WEATHER__UNITS``), ``.dlt/secrets.toml`` and ``.dlt/config.toml``
(``[sources.weather]``). The key may also be in the environment variable ``OPENWEATHER_API_KEY``.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import Any, ClassVar

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.typing import TSecretStrValue
from pydantic import SecretStr

from dlt_sources.weather.common.configuration import InvalidSettingError, resolve_settings
from dlt_sources.weather.common.configuration.names import API_KEY, WEATHER, how_to_set_key
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.settings import checks
from dlt_sources.weather.common.settings.names import LANGUAGES, UNITS
from dlt_sources.weather.common.settings.retention import RetentionSettings, check_retention
from dlt_sources.weather.common.shards import Shard, parse_shard
from dlt_sources.weather.common.subscription_plans import (
    PLAN_NAMES,
    PLANS,
    STANDARD_HOSTS,
    CallLimits,
    OneCallSettings,
    PlanName,
    Product,
    SubscriptionPlan,
)

SECTIONS = WEATHER
# environment variables outside dlt's scheme; all but the first two are read under Dagster only
VARIABLES = (
    API_KEY,
    "WEATHER_DESTINATION",
    "WEATHER_DEMO",
    "WEATHER_SHARDS",
    "WEATHER_SCHEDULE",
    "WEATHER_LOG_FORMAT",
)
DEFAULT_LOCATIONS = ["Madrid,ES", "Barcelona,ES", "London,GB", "Paris,FR", "Berlin,DE"]
# the first hour of air-pollution history: openweathermap.org/api/air-pollution
HISTORY_BEGINS = datetime(2020, 11, 27, tzinfo=timezone.utc)


@configspec
class WeatherSettings(BaseConfiguration):
    """Settings with their defaults; ``.dlt/config.toml`` describes each."""

    api_key: TSecretStrValue | None = None
    base_url: str | None = None
    plan: str = "free"
    locations: list[str] | None = None
    locations_file: str | None = None
    only_location_ids: list[str] | None = None
    only_missing: bool = False
    shard: str | None = None
    resources: list[str] | None = None
    units: str = "metric"
    answer_language: str = "en"
    views: bool = True
    since: str | None = None
    until: str | None = None
    history_days: int = 7
    history_overlap_hours: int = 3
    history_days_per_call: int = 90
    calls_per_minute: int | None = None
    calls_per_day: int | None = None
    calls_per_month: int | None = None
    reserve_for_schedule: int | None = None
    one_call_version: int | None = None
    one_call: OneCallSettings = OneCallSettings()
    retention: RetentionSettings = RetentionSettings()
    schedule: str = "0 * * * *"
    timeout_seconds: float = 30.0
    max_answer_mb: float = 5.0
    attempts: int = 5
    backoff_seconds: float = 1.0
    rate_limit_backoff_seconds: float = 10.0
    rate_limit_patience_seconds: float = 3600.0
    chunk_rows: int = 250_000
    chunk_seconds: float = 300.0
    lock_wait_seconds: float = 600.0
    volume_gib: float | None = None

    __recommended_sections__: ClassVar[tuple[str, ...]] = SECTIONS

    def on_resolved(self) -> None:
        """Validate the settings.

        Raises:
            ConfigurationError: a value that cannot work; the message names the setting.
        """
        checks.check_table("one_call", SECTIONS, "calls_per_day")
        checks.check_table("retention", SECTIONS, "forecast_days")
        checks.check_types(self)
        checks.check_types(self.one_call, "one_call.")
        checks.check_types(self.retention, "retention.")
        key = self.secret_key.get_secret_value() if self.secret_key else ""
        if not (key.isascii() and key.isprintable()):
            raise ConfigurationError(f"The API key contains characters that no key has. Check {how_to_set_key()}.")
        if self.locations is None:
            self.locations = [] if self.locations_file else list(DEFAULT_LOCATIONS)
        if not self.locations and not self.locations_file:
            raise InvalidSettingError(
                "locations",
                'locations is empty, so there is nothing to load; put places there, such as "Oslo,NO", or set '
                "locations_file.",
            )
        self.resources = None if self.resources is None else checks.checked_resources(self.resources)
        if self.plan not in PLANS:
            raise InvalidSettingError("plan", f"plan must be one of {', '.join(PLAN_NAMES)}, not {self.plan!r}.")
        self.base_url = checks.checked_base_url(self.subscription_plan.url if self.base_url is None else self.base_url)
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
        checks.check_ranges(self, checks.RANGES)
        checks.check_ranges(self.one_call, checks.ONE_CALL_RANGES, "one_call.")
        check_retention(self.retention)
        checks.check_currency(self.one_call.currency)
        checks.check_schedule(self.schedule)
        checks.check_plan(self.plan_name, self.resources or [])
        self.one_call_version = checks.checked_version(self.one_call_version, self.resources or [])
        checks.check_reserve(self.reserve_for_schedule, self.resources, self.limits_of)
        self.calls_per_minute, _, self.calls_per_month, *_ = self.limits_of("free")

    @property
    def subscription_plan(self) -> SubscriptionPlan:
        """The plan's column of the price page."""
        return PLANS[self.plan_name]

    @property
    def plan_name(self) -> PlanName:
        """Name of the plan."""
        return next(name for name in PLAN_NAMES if name == self.plan)

    def limits_of(self, product: Product) -> CallLimits:
        """Return the limits on the calls of a product: of single settings, else of the plan.

        Args:
            product: "free" or "one_call". Calls of One Call share the minute of the plan, unless they have a limit.
        """
        plan, one_call = self.subscription_plan, self.one_call
        per_minute = self.calls_per_minute or plan.calls_per_minute
        if product == "free":
            return CallLimits(per_minute, self.calls_per_day, self.calls_per_month or plan.calls_per_month)
        return CallLimits(
            one_call.calls_per_minute or per_minute,
            one_call.calls_per_day,
            one_call.calls_per_month,
            one_call.free_calls_per_day,
            one_call.paid_calls_per_month,
        )

    def url_of(self, path: str) -> str:
        """Return the URL of an endpoint: that of ``base_url``, or of OpenWeather's host that has the endpoint.

        Args:
            path: path of the endpoint, such as ``/data/2.5/weather``.
        """
        base_url = self.base_url or self.subscription_plan.url
        if not path.startswith("/data/2.5/"):
            base_url = STANDARD_HOSTS.get(base_url, base_url)
        return base_url + path

    @property
    def secret_key(self) -> SecretStr | None:
        """API key, printed as asterisks; None if none is set."""
        key = (self.api_key or os.environ.get(API_KEY) or "").strip()
        return SecretStr(key) if key else None

    @property
    def chosen_shard(self) -> Shard | None:
        """Shard whose locations are loaded; None for all locations."""
        return parse_shard(self.shard) if self.shard else None


def load_settings(**given: Any) -> WeatherSettings:
    """Resolve the settings.

    Args:
        given: settings by name; those that are not None take precedence over all other sources.

    Raises:
        ConfigurationError: a setting has a value that cannot work.
    """
    explicit = {name: value for name, value in given.items() if value is not None}
    return resolve_settings(WeatherSettings(), SECTIONS, explicit, VARIABLES)
