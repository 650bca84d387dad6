"""Names that settings accept: resources, units, languages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from dlt_sources.weather.common.configuration import nearest

OneCall4Name = Literal[
    "one_call_current",
    "one_call_minutely",
    "one_call_quarter_hourly",
    "one_call_hourly_forecast",
    "one_call_daily_forecast",
    "one_call_alerts",
    "weather_history",
    "weather_history_daily",
]
ResourceName = Literal[
    "locations",
    "current_weather",
    "forecast",
    "air_pollution",
    "air_pollution_forecast",
    "forecast_daily",
    "forecast_hourly",
    "forecast_climate",
    "one_call",
    OneCall4Name,
]
RESOURCE_NAMES: tuple[ResourceName, ...] = get_args(ResourceName)
# resources of One Call by the version of the API that has them; an account has one of the two (api/one-call-4)
ONE_CALL_RESOURCES: dict[int, tuple[ResourceName, ...]] = {3: ("one_call",), 4: get_args(OneCall4Name)}
UNITS = ("standard", "metric", "imperial")
# openweathermap.org/api/current, "Multilingual support"; several are not ISO 639
LANGUAGES = frozenset(  # as a list, it would take one line per language
    "sq af ar az eu be bg ca zh_cn zh_tw hr cz da nl en fi fr gl de el he hi hu is id it ja kr ku la lt mk no fa pl pt "  # noqa: SIM905
    "pt_br ro ru sr sk sl sp es sv se th tr ua uk vi zu".split()
)


def unknown_resources(names: Iterable[str]) -> str:
    """Return a sentence about the names that are no resource; "" if all are."""
    unknown = [name for name in dict.fromkeys(names) if name not in RESOURCE_NAMES]
    return " ".join(f"there is no resource {name!r}; {nearest(name, RESOURCE_NAMES)}" for name in unknown)
