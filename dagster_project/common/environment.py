"""Where runs load from and to, by the same settings as the command line; read when a step runs, never at import.

``WEATHER_DEMO=1`` turns everything to the simulator and the demo's own database; ``WEATHER_DESTINATION`` names the
destination otherwise.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import dlt
from pydantic import SecretStr

from dlt_sources.weather.api.client import NO_KEY
from dlt_sources.weather.api.endpoints import DEFAULT_RESOURCES, RESOURCES
from dlt_sources.weather.common.errors import ConfigurationError, KeyRefusedError, WriterBusyError
from dlt_sources.weather.common.settings import WeatherSettings, load_settings
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.destination.target import DEFAULT_DESTINATION, Target
from dlt_sources.weather.pipeline.demo import DEMO_TARGET, simulated_api

logger = logging.getLogger(__name__)
YES = ("1", "true", "yes", "on")
POLL_SECONDS = 0.5
READER_WAITS_SECONDS = 120.0


def is_demo() -> bool:
    """Whether the demo is switched on."""
    return os.environ.get("WEATHER_DEMO", "").strip().lower() in YES


def destination() -> str:
    """Return the destination's name."""
    return DEMO_TARGET.destination if is_demo() else os.environ.get("WEATHER_DESTINATION") or DEFAULT_DESTINATION


def destination_type() -> str:
    """Return the destination's type, whatever its name; the name if dlt does not know it, for a run to report."""
    try:
        return Target(destination()).type_name
    except ConfigurationError:
        return destination()


def target() -> Target:
    """Where the bronze tables are."""
    return DEMO_TARGET if is_demo() else configured_target(destination())


@cache
def configured_target(name: str) -> Target:
    """The target at a destination, one for all that a process looks at: dlt takes long to resolve its configuration."""
    return Target(name)


@contextmanager
def resolved(resource: str, **given: Any) -> Iterator[tuple[Target, WeatherSettings]]:
    """The target, and the settings to load one resource; in the demo, the simulator runs meanwhile.

    Args:
        resource: the resource.
        given: settings that win over the configured ones, where they are not None.

    Raises:
        ConfigurationError: a setting has a value that cannot work.
        KeyRefusedError: no key is set; said at once, before anything is opened.
    """
    if is_demo():
        with simulated_api() as api:
            yield target(), load_settings(resources=[resource], **(given | api))
        return
    settings = load_settings(resources=[resource], **given)
    if settings.secret_key is None:
        raise KeyRefusedError(NO_KEY)
    yield target(), settings


@contextmanager
def reading(wait_seconds: float = READER_WAITS_SECONDS) -> Iterator[DestinationReader]:
    """Read what is loaded, waiting for a writer where it locks readers out (DuckDB does).

    Raises:
        WriterBusyError: the writer did not finish in time.
        DestinationError: the destination cannot be reached.
    """
    deadline = time.monotonic() + wait_seconds
    with ExitStack() as opened:
        while True:
            try:
                loaded = opened.enter_context(target().reader())
                break
            except WriterBusyError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(POLL_SECONDS)
        yield loaded


def configured_resources() -> list[str]:
    """The resources that the settings name; the default ones where the settings cannot be read, for a run to say so."""
    try:
        names = load_settings().resources or list(DEFAULT_RESOURCES)
    except ConfigurationError as error:
        logger.warning("The settings cannot be used, every run will fail: %s", error)
        names = list(DEFAULT_RESOURCES)
    return [name for name in RESOURCES if name in names]


def secret_key() -> SecretStr | None:
    """The API key that is set, so that it can be kept out of what is shown."""
    try:
        return load_settings().secret_key
    except ConfigurationError:
        # another setting is wrong; the key is to be kept out of what is said of that, too
        key = dlt.secrets.get("sources.weather.api_key", str) or os.environ.get("OPENWEATHER_API_KEY")
        return SecretStr(key) if key else None
