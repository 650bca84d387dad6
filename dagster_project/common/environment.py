"""Source and destination of runs, by the same settings as the command line; read when a step runs, never at import.

``WEATHER_DEMO=1`` turns everything to the simulator and the demo's own database; ``WEATHER_DESTINATION`` names the
destination otherwise.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import dlt
from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.runtime.run_context import RunContext
from pydantic import SecretStr

from dlt_sources.weather.api.client import no_key
from dlt_sources.weather.api.endpoints import DEFAULT_RESOURCES, RESOURCES
from dlt_sources.weather.common.configuration import configuration_error
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.settings import WeatherSettings, load_settings
from dlt_sources.weather.common.settings.checks import is_loopback
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.destination.target import DEFAULT_DESTINATION, Target
from dlt_sources.weather.pipeline.demo import DEMO_TARGET, simulated_api

logger = logging.getLogger(__name__)
TRUE_VALUES = ("1", "true", "yes", "on")


def is_demo() -> bool:
    """Return whether the demo is switched on."""
    return os.environ.get("WEATHER_DEMO", "").strip().lower() in TRUE_VALUES


def is_simulated() -> bool:
    """Return whether the weather is simulated: in the demo, and where the API's address is of this machine."""
    if is_demo():
        return True
    try:
        # no server of OpenWeather has such an address
        return is_loopback(urlsplit(load_settings().base_url or "").hostname or "")
    except ConfigurationError:
        return False


def destination() -> str:
    """Return the destination's name."""
    return DEMO_TARGET.destination if is_demo() else os.environ.get("WEATHER_DESTINATION") or DEFAULT_DESTINATION


def destination_type() -> str:
    """Return the destination's type, by any name, or the name if dlt does not know it, for a run to report."""
    try:
        return bronze_target().type_name
    except ConfigurationError:
        return destination()


def bronze_target() -> Target:
    """Return the target that holds the bronze tables."""
    return DEMO_TARGET if is_demo() else configured_target(destination())


@cache
def configured_target(name: str) -> Target:
    """Return the target of a destination, one for all readers of a process: dlt's configuration is slow to resolve."""
    return Target(name)


@contextmanager
def target_and_settings(*resources: str, **overrides: Any) -> Iterator[tuple[Target, WeatherSettings]]:
    """Yield the target and the settings to load some resources; in the demo, the simulator runs meanwhile.

    Args:
        *resources: the resources.
        **overrides: settings that replace the configured ones, except those that are None.

    Yields:
        The target and the settings.

    Raises:
        ConfigurationError: a setting has a value that cannot work.
        KeyRefusedError: no key is set; raised before anything is opened.
    """
    if is_demo():
        with simulated_api() as api:
            yield bronze_target(), _settings_for(resources, overrides | api)
        return
    settings = _settings_for(resources, overrides)
    if settings.secret_key is None:
        raise no_key()
    yield bronze_target(), settings


def _settings_for(resources: Sequence[str], overrides: Mapping[str, Any]) -> WeatherSettings:
    """Return the settings to load some resources, all of them checked: a misspelt name in the list is refused too."""
    settings = load_settings(**overrides)
    settings.resources = [*resources]
    return settings


@contextmanager
def open_reader(wait_seconds: float | None = None) -> Iterator[DestinationReader]:
    """Yield a reader of the bronze tables, after waiting for a writer that locks readers out (DuckDB's does).

    Args:
        wait_seconds: the longest wait for a writer, in seconds; by default that of ``Target.reader``.

    Yields:
        The reader, on one connection.

    Raises:
        WriterBusyError: the writer did not finish in time.
        DestinationError: the destination cannot be reached.
    """
    with bronze_target().reader(wait_seconds) as reader:
        yield reader


def configured_resources() -> list[str]:
    """Return the configured resources; if the settings are wrong, all that may be meant, so that their runs say so.

    An asset that is absent, because its name is misspelt, would be missed by nobody.
    """
    try:
        names = load_settings().resources or list(DEFAULT_RESOURCES)
    except ConfigurationError as error:
        logger.warning("The settings cannot be used, every run will fail: %s", error)
        names = [*DEFAULT_RESOURCES, *_listed_resources()]
    return [name for name in RESOURCES if name in names]


def _listed_resources() -> list[str]:
    """Return what the settings list as resources, right or wrong; nothing if dlt's files cannot be read."""
    try:
        listed: object = dlt.config.get("sources.weather.resources")
    except ConfigurationException:
        return []
    return [str(name) for name in listed] if isinstance(listed, list) else []


def reload_settings() -> None:
    """Read dlt's files again, which a process reads once: a code server lives longer than its settings.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    try:
        Container()[PluggableRunContext].reload_providers()
    except ConfigurationException as error:
        raise configuration_error(error) from None


@contextmanager
def readable_files() -> Iterator[None]:
    """Let dlt work without its files while definitions are made, if these cannot be read: every run will say so."""
    try:
        _ = Container()[PluggableRunContext]
    except ConfigurationException:
        with TemporaryDirectory(prefix="weather-settings-") as folder:
            context = PluggableRunContext(RunContext(run_dir=folder))
            with Container().injectable_context(context):
                yield
        return
    yield


def secret_key() -> SecretStr | None:
    """Return the API key that is set, for redaction."""
    try:
        return load_settings().secret_key
    except ConfigurationError:
        # another setting is wrong, and the message about it is redacted too
        key = _key_of_secrets() or os.environ.get("OPENWEATHER_API_KEY")
        return SecretStr(str(key)) if key else None


def _key_of_secrets() -> object:
    try:
        # without a type: dlt would take the value for no secret then, and keep it in the trace of each pipeline
        return dlt.secrets.get("sources.weather.api_key")
    except ConfigurationException:
        return os.environ.get("SOURCES__WEATHER__API_KEY")
