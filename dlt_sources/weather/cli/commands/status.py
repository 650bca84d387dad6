"""Command ``weather status``."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from textwrap import shorten
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dlt_sources.weather.cli.console import span, wide_console
from dlt_sources.weather.cli.options import chosen_settings, destination_options, location_options
from dlt_sources.weather.common.clock import utc_now
from dlt_sources.weather.common.errors import LateError, counted, enumerated
from dlt_sources.weather.common.logs import configure_logging
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.common.settings.schedule import shortest_gap
from dlt_sources.weather.destination.postgres.interrupts import interruptible_queries
from dlt_sources.weather.destination.target import DEFAULT_DESTINATION, Target
from dlt_sources.weather.locations.geocoding import location_queries
from dlt_sources.weather.locations.model import LocationQuery
from dlt_sources.weather.locations.refusals import again_text
from dlt_sources.weather.pipeline.demo import DEMO_KEY, DEMO_TARGET
from dlt_sources.weather.pipeline.quarantine import SetAsidePackage, set_aside_packages
from dlt_sources.weather.pipeline.working_directories import runs_elsewhere
from dlt_sources.weather.status.budget import BudgetStatus, read_budget
from dlt_sources.weather.status.causes import LateGroup, late_by_cause
from dlt_sources.weather.status.late import LateLocation, late_by_resource
from dlt_sources.weather.status.rejects import OpenReject, open_rejects
from dlt_sources.weather.status.repeats import FEWEST_COMPARED, cheaper_cadence
from dlt_sources.weather.status.report import Status, read_status
from dlt_sources.weather.status.space.model import LEAST_FREE_TO_GO_ON, Space, describe_space, size_text
from dlt_sources.weather.status.space.reading import read_space
from dlt_sources.weather.status.tables import read_units

UNIT_SIGNS = {"standard": "K", "metric": "°C", "imperial": "°F"}
PRODUCTS = {"free": "of the plan", "one_call": "of One Call"}
PERIODS = {"day": "today", "month": "this month", "money": "this month, paid"}
# rows of a table of places, about one screen; further ones are counted
MOST_PLACES = 20
# places that are named of those with one cause, and causes that an error names
MOST_NAMED = MOST_CAUSES = 3
# of a cause that is told once, and of one in a table with a row for each place
MOST_OF_CAUSE, MOST_CHARACTERS = 250, 100


@click.command("status")
@destination_options
@location_options
@click.option(
    "--check",
    is_flag=True,
    help="Print nothing, and exit with 7 and a sentence if a place has no recent row, a load package is set aside, or "
    "an interrupted run waits for another address of the destination.",
)
def status_command(*, demo: bool, destination: str | None, check: bool, **given: Any) -> None:
    """Show the state of the tables and the newest weather.

    The output has rows, places and lag of each table, the last run of each resource, backfills that are not finished,
    how many answers brought nothing new, the calls that are used and left of the day and the month, the places that are
    late with the cause, the rejects that nothing has replaced yet, and the newest conditions of each place. A place is
    late if it has no row of the last 90 minutes, or no hour of air_pollution of the last 3 hours; another schedule
    moves both limits.
    """
    configure_logging(level=logging.WARNING)
    settings = chosen_settings(**given)
    target = DEMO_TARGET if demo else Target(destination or DEFAULT_DESTINATION)
    if demo:
        settings.api_key = DEMO_KEY
    now = utc_now()
    with interruptible_queries(), target.reader() as reader:
        late = late_by_resource(reader, settings, now)
        space = read_space(target, reader, settings, now)
        if check:
            _refuse(late, [*_left_behind(target), *space.shortages(now, LEAST_FREE_TO_GO_ON)])
            return
        result = read_status(reader, now, shortest_gap(settings.schedule))
        queries = _queries(settings)
        rejects, units = open_rejects(reader, queries, now), read_units(reader)
        budgets = read_budget(target, settings, reader)
    console = wide_console()
    if not result.tables:
        console.print(f"Nothing is loaded yet in {target.description}, dataset {target.dataset_name}.", highlight=False)
        _print_left_behind(console, target)
        return
    _print_tables(console, result, units, space, now)
    _print_space(console, space, now)
    _print_runs(console, result)
    _print_repeats(console, result)
    _print_budgets(console, budgets)
    _print_late(console, late)
    _print_rejects(console, rejects, queries)
    _print_left_behind(console, target)
    _print_conditions(console, result)
    console.print(f"\nThe data is in {target.description}, dataset {target.dataset_name}.", highlight=False)


def _refuse(late: Mapping[str, Sequence[LateLocation]], others: Sequence[str]) -> None:
    """Raise LateError with the causes of most late places, the first places of each, and other troubles."""
    causes = late_by_cause(late)
    troubles = []
    for cause, groups in list(causes.items())[:MOST_CAUSES]:
        places = " and ".join(f"{', '.join(group.resources)} of {_named(group)}" for group in groups)
        because = f", {_shortened(cause, MOST_OF_CAUSE).rstrip('.')}" if cause else ""
        because += "".join(f", {group.again}" for group in groups[:1] if group.again)
        troubles.append(f"{places} ({_since(groups)}{because})")
    if len(causes) > MOST_CAUSES:
        troubles.append(f"further places for {len(causes) - MOST_CAUSES:,} more causes, which `weather status` lists")
    sentences = [f"Late: {'; '.join(troubles)}."] if troubles else []
    if sentences or others:
        raise LateError(" ".join([*sentences, *others]))


def _left_behind(target: Target) -> list[str]:
    """Return a sentence about packages that are set aside, and one about each other address that runs wait for."""
    packages = set_aside_packages(target)
    sentences = [one.sentence(target) for one in runs_elsewhere(target)]
    return [_set_aside_sentence(packages), *sentences] if packages else sentences


def _set_aside_sentence(packages: Sequence[SetAsidePackage]) -> str:
    return (
        f"{counted(len(packages), 'load package')} set aside; `weather packages` lists them, `weather packages "
        "--retry` loads them again."
    )


def _print_left_behind(console: Console, target: Target) -> None:
    for sentence in _left_behind(target):
        console.print(f"\n{escape(sentence)}", style="yellow", highlight=False)


def _since(groups: Sequence[LateGroup]) -> str:
    longest, shortest = LateGroup([], [place for group in groups for place in group.late]).newest
    first, last = (f"{moment:%Y-%m-%d %H:%MZ}" if moment else "never" for moment in (longest, shortest))
    return first if first == last else f"{first} to {last}"


def _named(group: LateGroup) -> str:
    queries = group.queries
    named = enumerated(queries[:MOST_NAMED])
    more = len(queries) - MOST_NAMED
    return f"{len(queries):,} places: {named} and {more:,} more" if more > 0 else named


def _shortened(text: str, most: int = MOST_CHARACTERS) -> str:
    return shorten(text, most, placeholder=" …")


def _print_budgets(console: Console, budgets: Sequence[BudgetStatus]) -> None:
    table = _table("calls", used="right", limit="right", left="right", backfills="right", cost="right", renewed="left")
    for budget in budgets:
        if not budget.used and budget.limit is None:
            continue
        numbers = ("" if n is None else f"{n:,}" for n in (budget.limit, budget.left, budget.left_for_backfill))
        table.add_row(
            f"{PRODUCTS[budget.product]} {PERIODS[budget.period]}",
            f"{budget.used:,}",
            *numbers,
            "" if budget.money is None else f"{budget.money:,.2f} {budget.currency}",
            f"{budget.renewed_at:%Y-%m-%d %H:%MZ}",
        )
    if table.rows:
        console.print()
        console.print(table, highlight=False)


def _print_late(console: Console, late: Mapping[str, Sequence[LateLocation]]) -> None:
    if not late:
        return
    table = _table("late", place="left", newest="left", cause="left")
    rows = []
    for cause, groups in late_by_cause(late).items():
        shown = _shortened(cause or "", MOST_OF_CAUSE)
        for group in groups:
            again = f" ({group.again})" if group.again else ""
            row = (", ".join(group.resources), escape(_named(group)), _since([group]), f"{escape(shown)}{again}")
            rows.append(row)
            shown = "the same" if cause else ""
    for row in rows[:MOST_PLACES]:
        table.add_row(*row)
    if len(rows) > MOST_PLACES:
        table.add_row(f"and {len(rows) - MOST_PLACES:,} more")
    console.print()
    console.print(table, style="yellow", highlight=False)


def _queries(settings: WeatherSettings) -> dict[str, str]:
    """Return the locations as the user wrote them, by location_id."""
    return {one.location_id: one.query for one in location_queries(settings) if isinstance(one, LocationQuery)}


def _print_rejects(console: Console, rejects: Sequence[OpenReject], queries: Mapping[str, str]) -> None:
    if not rejects:
        return
    table = _table("rejected", place="left", times="right", last="left", cause="left")
    for reject in rejects[:MOST_PLACES]:
        cause = _shortened(f"{reject.error_class}: {reject.message}")
        if reject.asked_again_at:
            cause += f" ({again_text(reject.since, reject.asked_again_at)})"
        last = f"{reject.last:%Y-%m-%d %H:%MZ}"
        place = queries[reject.location_id] or reject.location_id
        table.add_row(reject.resource, escape(place), f"{reject.number:,}", last, escape(cause))
    if len(rejects) > MOST_PLACES:
        table.add_row(f"and {len(rejects) - MOST_PLACES:,} more")
    console.print()
    console.print(table, highlight=False)


def _print_tables(
    console: Console, result: Status, units: Mapping[str, Sequence[str]], space: Space, now: datetime
) -> None:
    table = _table("table", rows="right", size="right", locations="right", newest="left", lag="right", units="left")
    for entry in result.tables:
        newest = f"{entry.newest:%Y-%m-%d %H:%MZ}" if entry.newest else ""
        # a forecast's newest row lies in the future: no lag
        lag = "" if entry.newest is None or entry.newest > now else span((now - entry.newest).total_seconds())
        locations = "" if entry.locations is None else f"{entry.locations:,}"
        named = ", ".join(units.get(entry.table, ()))
        size = size_text(space.tables[entry.table]) if entry.table in space.tables else ""
        table.add_row(entry.table, entry.rows_text, size, locations, newest, lag, named)
    console.print(table)
    for series, missing in result.missing_rows.items():
        if missing:
            console.print(
                f"[yellow]{missing:,} rows are missing inside the series of {series}; load them with --since."
            )


def _print_space(console: Console, space: Space, now: datetime) -> None:
    style = "yellow" if space.shortages(now) else None
    console.print(f"\n{' '.join(describe_space(space, now))}", style=style, highlight=False)


def _print_runs(console: Console, result: Status) -> None:
    table = _table("last run of", at="left", status="left", loaded="right", rejected="right", error="left")
    first: dict[str, str] = {}
    for run in result.runs:
        error = run.error or ""
        # an outage ends all resources alike
        same = error and first.setdefault(error, run.resource) != run.resource
        table.add_row(
            run.resource,
            f"{run.finished_at:%Y-%m-%d %H:%MZ}",
            run.status,
            f"{run.rows_loaded:,}",
            f"{run.rows_rejected:,}",
            f"as {first[error]}" if same else escape(error),
        )
    console.print()
    console.print(table)
    for one in result.unfinished[:MOST_NAMED]:
        until = (f" until {one.until}" if one.until else "") + (f", shard {one.shard}," if one.shard else "")
        console.print(
            f"[yellow]The backfill of {one.resource} from {escape(one.since)}{escape(until)} is not finished (last "
            f"asked {one.finished_at:%Y-%m-%d %H:%MZ}); a load of the same range continues it.[/yellow]",
            highlight=False,
        )
    if len(result.unfinished) > MOST_NAMED:
        console.print(f"… and {len(result.unfinished) - MOST_NAMED:,} more backfills are not finished.")


def _print_repeats(console: Console, result: Status) -> None:
    """Print the shares of answers that brought nothing new, if there are any."""
    told = [one for one in result.repeats.values() if one.repeated and one.answers >= FEWEST_COMPARED]
    found = [f"{one.resource} {one.repeated:,} of {one.answers:,}" for one in told]
    if found:
        console.print(f"\nAnswers of the last day that brought nothing new: {', '.join(found)}.", highlight=False)
    if advice := cheaper_cadence(result.repeats):
        console.print(f"[yellow]{escape(advice)}[/yellow]", highlight=False)


def _print_conditions(console: Console, result: Status) -> None:
    table = _table("place", observed="left", temperature="right", weather="left", aqi="right")
    for entry in result.conditions[:MOST_PLACES]:
        degrees = f"{entry.temp:.1f} {UNIT_SIGNS.get(entry.units, '')}"
        table.add_row(
            escape(entry.location),
            f"{entry.dt:%Y-%m-%d %H:%MZ}",
            degrees,
            entry.description or "",
            "" if entry.aqi is None else str(entry.aqi),
        )
    console.print()
    console.print(table)
    if len(result.conditions) > MOST_PLACES:
        console.print(f"… and {len(result.conditions) - MOST_PLACES:,} more places.")


def _table(first: str, **columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first)
    for name, side in columns.items():
        table.add_column(name, justify="right" if side == "right" else "left")
    return table
