"""`python -m tests.benchmarks`: run benchmarks and print their table."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click

from tests.benchmarks.bench import Bench
from tests.benchmarks.cases import CASES
from tests.benchmarks.destinations import DESTINATIONS, databases
from tests.benchmarks.processes import cache_bytecode
from tests.benchmarks.results import Result, compare, save, show

# click keeps the lines of a paragraph that begins with a backspace
EPILOG = """\b
Cases:
  start    the demonstration, warm, against `import dlt` and five rows
  plain_dlt  5 places against dlt's rest_api source, by processor time:
           nothing new to create, and the first load
  current  current weather of 2,000 and 20,000 places, and how memory grows
  forecast the forecast of 2,000 places: 80,000 rows
  history  a year of hourly air quality for 100 places
  weather_history  hourly weather of 10 places, a year and five years:
           4,380 and 21,900 answers of 20 rows
  rows_by_dlt  current weather, forecast and weather history, and the same rows
           by plain dlt, which neither keeps raw answers nor checks rows
  latency  500 places where every answer takes 50 ms
  scale    200,000 places, in the memory of 20,000 (some minutes)
  again    a second load of 20,000 places with nothing new
  grown    a load, status and other commands, checks and a part of a replay
           on tables of three years (some minutes, most of them to make the tables)
  rate     60, 600, 3,000 and 30,000 calls a minute: limit kept, limit used
           (2 minutes, mostly asleep)
  shards   20,000 places by one process and by 4 shards, into one PostgreSQL
           (some minutes, a part of them asleep)
  imports  importing the source, against importing dlt
  dagster  one asset against the command line; importing the definitions
"""


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, type=click.Choice(list(CASES)), metavar="[NAME]...")
@click.option(
    "--destination",
    "destinations",
    multiple=True,
    type=click.Choice(DESTINATIONS),
    help="Where to load to; repeatable; both if absent. rate, imports, dagster use DuckDB or none, shards PostgreSQL.",
)
@click.option("--repeats", default=5, show_default=True, type=click.IntRange(min=1), help="Turns; medians count.")
@click.option("--small", is_flag=True, help="A tenth of the work, to see that the benchmarks themselves run.")
@click.option(
    "--compare",
    "before",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file that --json wrote: name what is slower by more than 15 % now, by ratio to the floor where it has one.",
)
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the results here too."
)
def main(
    *,
    names: tuple[str, ...],
    destinations: tuple[str, ...],
    repeats: int,
    small: bool,
    before: Path | None,
    json_file: Path | None,
) -> None:
    """Measure loads from the simulated API against a floor, and say which goals are met.

    NAME is one of the cases below; all of them if none is named.

    The floor fetches the same URLs as many at a time, parses them and writes them with one insert into a plain
    table. Product and floor run in turns, each in a fresh process whose start and imports count; peak memory is that of
    the product's process. PostgreSQL runs from a pip package, with fsync off. Whatever else runs on the machine
    disturbs the seconds more than the ratios.

    Exits with 1 if a goal is missed, or something became slower.
    """
    results: list[Result] = []
    chosen = tuple(destinations) or DESTINATIONS
    with tempfile.TemporaryDirectory(prefix="weather-benchmarks-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        cache_bytecode(folder / "bytecode")
        with databases(folder, chosen) as make_database:
            bench = Bench(folder, chosen, make_database, repeats, small, lambda text: click.echo(text, err=True))
            bench.say("compiling modules")
            bench.warm_up()
            click.echo(f"load average at the start: {os.getloadavg()[0]:.2f}", err=True)
            for case in names or CASES:
                for result in CASES[case](bench):
                    results.append(result)
                    click.echo(_line(result), err=True)
    show(results)
    if json_file:
        save(results, json_file)
    slower = list(compare(results, before)) if before else []
    for line in slower:
        click.echo(line)
    if slower or any(result.met is False for result in results):
        raise SystemExit(1)


def _line(result: Result) -> str:
    figures = [
        f"{result.seconds:.2f} s" if result.seconds else "",
        f"floor {result.floor_seconds:.2f} s" if result.floor_seconds else "",
        f"{result.peak_mb:.0f} MB" if result.peak_mb else "",
        result.note,
    ]
    return f"  {result.case}, {result.destination}: {', '.join(figure for figure in figures if figure)}"


if __name__ == "__main__":
    main()
