"""Options that several commands have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from dlt_sources.weather.api.endpoints import RESOURCES
from dlt_sources.weather.common.logs import LogFormat, configure_logging
from dlt_sources.weather.common.settings import UNITS, WeatherSettings, load_settings
from dlt_sources.weather.destination.target import DEFAULT_DESTINATION, Target
from dlt_sources.weather.pipeline.demo import DEMO_TARGET, simulated_api

F = TypeVar("F", bound=Callable[..., Any])


class ResourceList(click.ParamType[list[str]]):
    """Names of resources, separated by commas."""

    name = "a,b"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """Return the names, or fail naming the one that is no resource."""
        names = value if isinstance(value, list) else [name.strip() for name in value.split(",") if name.strip()]
        for name in names:
            if name not in RESOURCES:
                self.fail(f"{name!r} is no resource; there are {', '.join(RESOURCES)}", param, ctx)
        return names


def where_options(command: F) -> F:
    """``--destination`` and ``--demo``."""
    command = click.option(
        "--demo", is_flag=True, help="Use simulated weather and a DuckDB file of its own: no key, no network."
    )(command)
    return click.option(
        "--destination",
        metavar="NAME",
        envvar="WEATHER_DESTINATION",
        show_envvar=True,
        help="duckdb (the default), postgres, another type that dlt knows, or a name whose type is set in dlt's "
        "configuration, which holds the credentials too.",
    )(command)


def target_options(*, demo: bool, destination: str | None, **_: Any) -> str:
    """The options that choose the same target once more."""
    if demo:
        return "--demo"
    return f"--destination {destination}" if destination else ""


def what_options(command: F) -> F:
    """Everything that says what to load."""
    for option in (
        click.option("--units", type=click.Choice(UNITS), help="Units of temperatures and wind speeds."),
        click.option(
            "--shard", metavar="K/N", help="One of N parts of the places, for several machines on one PostgreSQL."
        ),
        click.option("--until", metavar="MOMENT", help="Last hour of air-pollution history, ISO 8601, UTC."),
        click.option("--since", metavar="MOMENT", help="First hour of air-pollution history: load all from then on."),
        click.option(
            "--locations-file",
            type=click.Path(exists=True, dir_okay=False),
            help="CSV, JSONL or Parquet file of places: name, lat, lon, or query.",
        ),
        click.option(
            "--location",
            "locations",
            multiple=True,
            metavar="PLACE",
            help='A place: "Madrid,ES", "40.4,-3.7", "zip:28001,ES" or "id:3117735". Repeatable.',
        ),
        click.option("--resources", type=ResourceList(), help=f"Some of {', '.join(RESOURCES)}."),
    ):
        command = option(command)
    return command


def log_options(command: F) -> F:
    """``--log-format`` and ``--quiet``."""
    command = click.option("--quiet", is_flag=True, help="Say nothing but warnings and errors.")(command)
    return click.option(
        "--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Form of the logs."
    )(command)


@contextmanager
def resolved(
    *, demo: bool, destination: str | None, log_format: LogFormat = "text", quiet: bool = False, **given: Any
) -> Iterator[tuple[Target, WeatherSettings]]:
    """Resolve target and settings from the options and set the logs up; with ``--demo``, run the simulator.

    Raises:
        click.UsageError: options that exclude each other.
        ConfigurationError: a setting has a value that cannot work.
    """
    given["locations"] = list(given.get("locations") or ()) or ([] if given.get("locations_file") else None)
    if demo and destination not in (None, DEMO_TARGET.destination):
        raise click.UsageError("--demo has a database of its own; leave --destination out.")
    level = 30 if quiet else 20
    if demo:
        with simulated_api() as api:
            settings = load_settings(**(given | api))
            configure_logging(log_format, level, settings.secret_key)
            yield DEMO_TARGET, settings
    else:
        settings = load_settings(**given)
        configure_logging(log_format, level, settings.secret_key)
        yield Target(destination or DEFAULT_DESTINATION), settings
