"""Loads in one process, one a line of its input, "load" or "prune"; after each it prints what went wrong in it."""

from __future__ import annotations

import sys

import click

from dlt_sources.weather.common.errors import WeatherError
from dlt_sources.weather.common.logs import configure_logging
from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.retention.prune import prune


def main() -> None:
    """Do what the lines say, with the settings of the environment."""
    configure_logging(log_format="json")
    target = Target(sys.argv[1])
    for line in sys.stdin:
        try:
            report = (prune if line.strip() == "prune" else load)(target, load_settings())
        except WeatherError as error:
            said: object = error
        else:
            said = report.error or ""
        click.echo(said)


if __name__ == "__main__":
    main()
