"""Command line: ``load``, the default, and the other commands.

May import every other folder of the package.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import click
from click_default_group import DefaultGroup
from dlt.common.configuration.exceptions import ConfigurationException

from dlt_sources.weather.cli.commands.dbt_sources import dbt_sources_command
from dlt_sources.weather.cli.commands.load import load_command
from dlt_sources.weather.cli.commands.locations import locations_command
from dlt_sources.weather.cli.commands.packages import packages_command
from dlt_sources.weather.cli.commands.partition import partition_command
from dlt_sources.weather.cli.commands.plan import plan_command
from dlt_sources.weather.cli.commands.prune import prune_command
from dlt_sources.weather.cli.commands.replay import replay_command
from dlt_sources.weather.cli.commands.status import status_command
from dlt_sources.weather.cli.console import guard_streams, output_problem, tell
from dlt_sources.weather.common.configuration import configuration_error, nearest
from dlt_sources.weather.common.errors import ConfigurationError, WeatherError
from dlt_sources.weather.common.interrupts import settle
from dlt_sources.weather.common.redaction import print_redacted
from dlt_sources.weather.destination.capabilities.dlt_settings import set_in_environment

EPILOG = """\b
Exit codes:
  0    done; rows may have been rejected, see the summary; or a budget of calls is spent,
       and a warning says when the load goes on
  1    an error in this program
  2    an invalid option or setting, or no city that fits (locations)
  3    no API key, or the API refuses it
  4    incomplete: most requests of a resource failed, calls were refused for too long,
       or anything was rejected under --strict
  5    the destination did not take the rows; they are kept and the next run loads them
  6    another run holds the dataset
  7    status --check: a place has no recent row, or a load package is set aside
  130  interrupted; loaded rows are kept, the next run continues from there

Settings are read from options, environment (SOURCES__WEATHER__UNITS), .dlt/secrets.toml and .dlt/config.toml,
in this order. The key is OPENWEATHER_API_KEY or SOURCES__WEATHER__API_KEY.
"""


# commands that have done their work even if nobody can read what they say
WORKING_COMMANDS = ("load", "replay", "prune", "partition")


class Commands(DefaultGroup):  # type: ignore[misc]  # it ships no types
    """Group of commands that ends with the documented exit codes, in a process and under click's ``CliRunner`` alike.

    click alone would print a traceback for a ``WeatherError``, and "Aborted!" with exit code 1 for an interrupt.
    """

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command and its arguments; refuse a word that is no command, since ``load`` takes none."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            ctx.fail(f"There is no command {args[0]!r}; {nearest(args[0], list(self.commands))}")
        resolved: tuple[str | None, click.Command | None, list[str]] = super().resolve_command(ctx, args)
        return resolved

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command; print a ``WeatherError`` as one sentence and exit with its code."""
        try:
            result = super().invoke(ctx)
            if problem := output_problem():
                tell(f"The output could not be written: {problem}.", logging.WARNING)
                if ctx.invoked_subcommand not in WORKING_COMMANDS:
                    ctx.exit(1)
        except WeatherError as error:
            tell(str(error), logging.ERROR)
            ctx.exit(error.exit_code)
        except ConfigurationException as error:
            # dlt's, met outside the settings: it reads the files for each thing that it configures
            tell(str(configuration_error(error)), logging.ERROR)
            ctx.exit(ConfigurationError.exit_code)
        except KeyboardInterrupt:
            settle(130)
            tell(
                "Interrupted. Loaded rows and fetched answers are kept; the next run continues from there.",
                logging.WARNING,
            )
            ctx.exit(130)
        return result


@click.group(
    cls=Commands,
    default="load",
    default_if_no_args=True,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="weather-bronze")
def weather() -> None:
    """Load OpenWeather's current weather, forecasts and air quality into bronze tables.

    Without a command, load. Try it without a key: --demo.
    """


for command in (
    load_command,
    plan_command,
    replay_command,
    status_command,
    packages_command,
    prune_command,
    partition_command,
    locations_command,
    dbt_sources_command,
):
    weather.add_command(command)


def main() -> None:
    """Run the command line and exit the process."""
    guard_streams()
    set_in_environment()
    sys.excepthook = print_redacted
    try:
        weather(prog_name="weather")
    except SystemExit as end:
        settle(end.code if isinstance(end.code, int) else int(bool(end.code)))
        raise
