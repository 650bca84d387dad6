"""Options common to several commands, and the target and settings that they name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from dlt_sources.weather.api.endpoints import RESOURCES
from dlt_sources.weather.common.logs import LogFormat, configure_logging
from dlt_sources.weather.common.settings import UNITS, WeatherSettings, load_settings, unknown_resources
from dlt_sources.weather.destination.target import DEFAULT_DESTINATION, Target
from dlt_sources.weather.pipeline.demo import DEMO_TARGET, simulated_api

F = TypeVar("F", bound=Callable[..., Any])


class ResourceList(click.ParamType[list[str]]):
    """Parameter type of a comma-separated list of resources."""

    name = "a,b"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """Return the names; fail with a usage error on an unknown one."""
        names = value if isinstance(value, list) else [name.strip() for name in value.split(",") if name.strip()]
        if said := unknown_resources(names):
            self.fail(said, param, ctx)
        if not names:
            self.fail("it names no resource.", param, ctx)
        return names


class Text(click.ParamType[str]):
    """Parameter type of a text that is not empty: ``--since "$DAY"`` with an unset variable is a mistake."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text; fail with a usage error on an empty one."""
        if not str(value).strip():
            self.fail("it is empty.", param, ctx)
        return str(value)


def destination_options(command: F) -> F:
    """Add ``--destination`` and ``--demo`` to a command."""
    command = click.option(
        "--demo", is_flag=True, help="Use simulated weather and a separate DuckDB file: no key, no network."
    )(command)
    return click.option(
        "--destination",
        type=Text(),
        metavar="NAME",
        envvar="WEATHER_DESTINATION",
        show_envvar=True,
        help="duckdb (the default), postgres, another dlt destination, or a name whose type is set in dlt's "
        "configuration; credentials are set there too.",
    )(command)


def target_options(*, demo: bool, destination: str | None, **_: Any) -> str:
    """Return the options that name the same target, as text for another command."""
    if demo:
        return "--demo"
    return f"--destination {destination}" if destination else ""


def settings_options(command: F) -> F:
    """Add the options for settings of the source to a command."""
    command = location_options(command)
    for option in (
        click.option("--units", type=click.Choice(UNITS), help="Units of temperatures and wind speeds."),
        click.option(
            "--only-missing",
            is_flag=True,
            default=None,
            help="Ask for current weather and forecasts only where the present hour (UTC) has no row yet.",
        ),
        click.option(
            "--shard",
            type=Text(),
            metavar="K/N",
            help="Load part K of N of the places, for several machines on one PostgreSQL.",
        ),
        click.option(
            "--until",
            type=Text(),
            metavar="MOMENT",
            help="Last hour or day of history, ISO 8601, UTC; a date is its whole day.",
        ),
        click.option(
            "--since",
            type=Text(),
            metavar="MOMENT",
            help="First hour or day of history, ISO 8601, UTC: everything that is missing from then on is loaded.",
        ),
    ):
        command = option(command)
    return command


def location_options(command: F) -> F:
    """Add the options that choose locations and resources to a command."""
    for option in (
        click.option(
            "--locations-file",
            type=click.Path(exists=True, dir_okay=False),
            help="CSV, GeoJSON, JSONL or Parquet file of places, with columns name, lat, lon or query.",
        ),
        click.option(
            "--location",
            "locations",
            type=Text(),
            multiple=True,
            metavar="PLACE",
            help='A place: "Madrid,ES", "40.4,-3.7", "zip:28001,ES" or "id:3117735". Repeatable.',
        ),
        click.option("--resources", type=ResourceList(), help=f"Resources, of {', '.join(RESOURCES)}."),
    ):
        command = option(command)
    return command


def log_options(command: F) -> F:
    """Add ``--log-format`` and ``--quiet`` to a command."""
    command = click.option("--quiet", is_flag=True, help="Print only warnings and errors.")(command)
    return click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Format of the logs.",
    )(command)


def chosen_settings(**given: Any) -> WeatherSettings:
    """Return the settings that options name; places given as options replace the configured list.

    Args:
        given: settings of the source by name; None if the option is not given.

    Raises:
        ConfigurationError: a setting has a value that cannot work.
    """
    locations = list(given.pop("locations", None) or ()) or ([] if given.get("locations_file") else None)
    return load_settings(**given, locations=locations)


@contextmanager
def target_and_settings(
    *, demo: bool, destination: str | None, log_format: LogFormat = "text", quiet: bool = False, **given: Any
) -> Iterator[tuple[Target, WeatherSettings]]:
    """Configure the logs, and hold the target and settings that the options name; with ``demo``, run the simulator.

    Args:
        demo: whether ``--demo`` is given.
        destination: name of the destination; DuckDB by default.
        log_format: text or json.
        quiet: whether only warnings and errors are logged.
        given: settings of the source by name; None if the option is not given.

    Yields:
        The target and the settings.

    Raises:
        click.UsageError: the options exclude each other.
        ConfigurationError: a setting has a value that cannot work.
    """
    if demo and destination not in (None, DEMO_TARGET.destination):
        raise click.UsageError("--demo uses a separate database; leave --destination out.")
    level = logging.WARNING if quiet else logging.INFO
    # first without the key, which the settings have: they warn of misspelt variables
    configure_logging(log_format, level)
    if demo:
        with simulated_api() as api:
            settings = chosen_settings(**(given | api))
            configure_logging(log_format, level, settings.secret_key)
            yield DEMO_TARGET, settings
    else:
        settings = chosen_settings(**given)
        configure_logging(log_format, level, settings.secret_key)
        yield Target(destination or DEFAULT_DESTINATION), settings
