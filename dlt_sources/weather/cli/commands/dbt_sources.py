"""Command ``weather dbt-sources``."""

from __future__ import annotations

import sys

import click

from dlt_sources.weather.cli.dbt import as_yaml, sources
from dlt_sources.weather.cli.options import ResourceList, destination_options, target_and_settings, target_options


@click.command("dbt-sources")
@destination_options
@click.option("--resources", type=ResourceList(), help="Resources whose tables are listed; by default the configured.")
def dbt_sources_command(*, resources: list[str] | None, demo: bool, destination: str | None) -> None:
    """Print the tables as sources of dbt: a sources.yml with descriptions, types, freshness and tests.

    It has the tables that a load by the same settings writes. The destination is not asked. For example:
    weather dbt-sources > models/sources.yml
    """
    with target_and_settings(demo=demo, destination=destination, resources=resources, quiet=True) as (target, settings):
        document = sources(target, settings)
    options = [target_options(demo=demo, destination=destination)]
    if resources:
        options.append(f"--resources {','.join(resources)}")
    command = " ".join(filter(None, ["weather dbt-sources", *options]))
    # dbt reads UTF-8, whatever the encoding of the console is
    sys.stdout.buffer.write(as_yaml(document, command).encode())
