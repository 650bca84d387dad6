"""`python -m tests.destinations`: play the destinations, print the table, and write it into the page."""

from __future__ import annotations

import logging
import os
import tempfile
import time
import traceback
from datetime import datetime, timezone
from pathlib import Path

import click

from dlt_sources.openweather_simulator import Simulator, serve
from dlt_sources.weather.common.errors import WeatherError
from dlt_sources.weather.common.logs import leave_out_expected_warnings
from dlt_sources.weather.common.settings import load_settings
from tests.destinations.page import write_others, write_tried
from tests.destinations.places import PLACES, Place
from tests.destinations.plays import CELLS, Play
from tests.helpers.clock import SENTINEL_KEY, Clock


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(PLACES)), metavar="[NAME]...")
@click.option("--page", is_flag=True, help="Write the rows of the played destinations into docs/destinations.md.")
def main(*, names: tuple[str, ...], page: bool) -> None:
    """Play each named destination, by default all, and print what each did."""
    logging.basicConfig(level=logging.ERROR)
    leave_out_expected_warnings()
    rows = {}
    for name in names or PLACES:
        rows[name] = play(PLACES[name])
        click.echo(f"{name}: {rows[name]}")
    if page:
        write_tried(rows)
        write_others()
    if any(cell != "yes" for cells in rows.values() for cell in cells.values()):
        raise SystemExit(1)


def play(place: Place) -> dict[str, str]:
    """Return what a destination did in each cell: "yes", or what went wrong."""
    cells: dict[str, str] = {}
    before, folder_before = dict(os.environ), Path.cwd()
    with tempfile.TemporaryDirectory(prefix="weather-destination-") as folder, place.empty(Path(folder)) as environment:
        os.environ.update(environment)
        os.environ.update({"DLT_DATA_DIR": f"{folder}/dlt", "RUNTIME__DLTHUB_TELEMETRY": "false"})
        os.chdir(folder)
        clock = Clock(datetime(2026, 5, 20, 12, 20, tzinfo=timezone.utc))
        simulator = Simulator(clock=lambda: clock().timestamp())
        try:
            with serve(simulator, port=0) as url:
                world = Play(place.destination, lambda **given: _settings(url, **given), clock, simulator)
                for name, cell in CELLS.items():
                    cells[name] = _played(cell, world)
        finally:
            os.chdir(folder_before)
            os.environ.clear()
            os.environ.update(before)
    return cells


def _played(cell: object, world: Play) -> str:
    begun = time.monotonic()
    try:
        cell(world)  # type: ignore[operator]
    except (WeatherError, AssertionError) as error:
        return f"no: {' '.join(str(error).split())[:200]}"
    except Exception as error:  # noqa: BLE001 - a traceback is the worst that a cell can have, and is counted
        traceback.print_exc()
        return f"traceback: {type(error).__name__}"
    click.echo(f"  {getattr(cell, '__name__', '')} {time.monotonic() - begun:.1f} s", err=True)
    return "yes"


def _settings(url: str, **given: object) -> object:
    defaults: dict[str, object] = {
        "base_url": url,
        "api_key": SENTINEL_KEY,
        "locations": ["Madrid,ES", "59.9139,10.7522"],
        "calls_per_minute": 30_000,
    }
    return load_settings(**(defaults | given))


if __name__ == "__main__":
    main()
