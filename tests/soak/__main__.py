"""`python -m tests.soak`: hours of loads at full speed, and whether a late one costs what an early one did."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path

import click

from tests.chaos.budgets.clock import cannot_shift
from tests.soak.daemon import daemon
from tests.soak.hours import Cost, Processes, Way, one_process
from tests.soak.samples import Sample, sample
from tests.soak.verdict import Line, judge
from tests.soak.world import World, world

MONTHS_A_YEAR = 12
HOURS_A_DAY = 24
HEAD = (
    f"{'hour':>6}{'wall s':>9}{'cpu s':>9}{'memory MB':>11}{'handles':>9}{'threads':>9}{'files':>7}{'database MB':>13}"
)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option(
    "--destination", type=click.Choice(["duckdb", "postgres"]), default="duckdb", show_default=True, help="Where to."
)
@click.option("--hours", type=click.IntRange(min=4), help="Number of hours; if absent, as many as --minutes allow.")
@click.option(
    "--minutes", type=float, default=5.0, show_default=True, help="Time without --hours, growth not included."
)
@click.option("--years", type=float, default=0.0, show_default=True, help="Years of tables that are made by SQL first.")
@click.option(
    "--via",
    type=click.Choice(["load", "cli", "dagster"]),
    default="load",
    show_default=True,
    help="load: one process that goes on; cli: a process of the command line an hour, as cron starts it; dagster: its "
    "daemon with the hourly schedule.",
)
@click.option("--every", type=click.IntRange(min=1), help="Hours from sample to sample; a twentieth of all if absent.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Where to work; a temporary folder.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all samples here.")
def main(
    *,
    destination: str,
    hours: int | None,
    minutes: float,
    years: float,
    via: str,
    every: int | None,
    folder: Path | None,
    json_file: Path | None,
) -> None:
    """Load five places hour by hour on a clock that jumps, and compare late hours with early ones.

    Loads go from the simulated API to an empty database, or to tables of years (--years); once a day, what retention
    does not keep is deleted. Costs are medians of a tenth of the hours, the processor's in multiples of a calculation
    that is timed before each hour, so that a busy machine is no verdict.

    Exits with 1 if a late hour costs over 10 % more than an early one, anything but rows has grown, or an observation
    is missing.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if reason := cannot_shift():
        raise click.UsageError(f"{reason}.")
    place = folder or Path(tempfile.mkdtemp(prefix="weather-soak-"))
    place.mkdir(parents=True, exist_ok=True)
    try:
        with world(place, destination) as it:
            costs, samples, lines = _soak(it, via, hours, minutes, years, every)
    finally:
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)
    click.echo("\n".join(["", f"{'':<34}{'early':>12}{'late':>12}{'ratio':>7}", *map(str, lines)]))
    if json_file:
        found = {"costs": costs, "samples": samples, "lines": lines}
        json_file.write_text(json.dumps({name: [asdict(one) for one in rows] for name, rows in found.items()}))  # type: ignore[attr-defined]
    if bad := [line.name for line in lines if not line.is_good]:
        click.echo(f"\nBad: {', '.join(bad)}.")
        sys.exit(1)
    click.echo("\nGood: a late hour costs what an early one does, and nothing but rows has grown.")


def _soak(  # noqa: PLR0917 - the options of the command
    it: World, via: str, hours: int | None, minutes: float, years: float, every: int | None
) -> tuple[list[Cost], list[Sample], list[Line]]:
    os.environ.update(it.environment)
    if years:
        click.echo(f"making tables of {years:g} years")
        it.run(
            "-m", "tests.soak.grow", "--destination", it.target.destination, "--months", f"{years * MONTHS_A_YEAR:g}"
        )
    first = Processes(it)
    first.hour()
    if years:
        # what years of daily runs have deleted already
        first.prune()
    ways: dict[str, AbstractContextManager[Way]] = {"cli": nullcontext(first)}
    with ways[via] if via in ways else one_process(it) if via == "load" else daemon(it) as way:
        costs, samples = _hours(it, way, hours, minutes, every)
    return costs, samples, judge(it, costs, samples, keeps_records=via == "dagster")


def _hours(
    it: World, way: Way, hours: int | None, minutes: float, every: int | None
) -> tuple[list[Cost], list[Sample]]:
    costs: list[Cost] = []
    samples: list[Sample] = []
    ends = time.perf_counter() + minutes * 60
    step = every or (max(1, hours // 20) if hours else 10)
    click.echo(HEAD)
    while len(costs) < hours if hours else time.perf_counter() < ends or len(costs) < 4:
        costs.append(way.hour())
        if len(costs) % HOURS_A_DAY == 0:
            way.prune()
        if len(costs) % step == 0 or len(costs) == 1:
            samples.append(sample(it, len(costs)))
            click.echo(_row(costs[-step:], samples[-1]))
    samples.append(sample(it, len(costs)))
    return costs, samples


def _row(costs: list[Cost], state: Sample) -> str:
    wall, cpu = sum(one.wall for one in costs) / len(costs), sum(one.cpu for one in costs) / len(costs)
    last = costs[-1]
    return (
        f"{state.hour:>6}{wall:>9.2f}{cpu:>9.2f}{last.memory_mb:>11,.0f}{last.handles:>9}{last.threads:>9}"
        f"{state.files:>7}{state.database_bytes / 1e6:>13,.1f}"
    )


if __name__ == "__main__":
    main()
