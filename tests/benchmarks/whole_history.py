"""`python -m tests.benchmarks.whole_history`: the longest histories, by the fewest calls, and equal leaf by leaf.

Loads hours and days of places into an empty database, twice. Says how many calls the simulator has answered for each,
and compares each value in the tables with the API's. It takes minutes.
"""

from __future__ import annotations

import os
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import click

from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.pipeline.plan import plan
from tests.benchmarks.destinations import DESTINATIONS, databases
from tests.benchmarks.simulated import KEY, Api, simulator
from tests.benchmarks.workload import UNLIMITED, UNTHROTTLED
from tests.chaos.api.leaves import differences, expected_rows

EARLIEST = datetime(1979, 1, 1, tzinfo=timezone.utc)
PLACES = [
    "40.4168,-3.7038", "59.9139,10.7522", "-33.8688,151.2093", "21.3069,-157.8583", "39.4704,75.9898",
    "35.6895,139.6917", "-22.9068,-43.1729", "64.1466,-21.9426", "19.0761,72.8777", "-1.2921,36.8219",
]  # fmt: skip


@click.command()
@click.option("--destination", type=click.Choice(DESTINATIONS), default="duckdb", show_default=True)
@click.option("--places", type=click.IntRange(1, len(PLACES)), default=len(PLACES), show_default=True)
@click.option("--years", type=click.IntRange(1, 46), default=5, show_default=True, help="Years by hour.")
@click.option("--since", type=int, default=1979, show_default=True, help="First year by day.")
def main(*, destination: str, places: int, years: int, since: int) -> None:
    """Load and compare; exit with 1 if a row or value differs, or a call was made too many."""
    now = datetime.now(timezone.utc)
    # older than revisions are
    until = (now - timedelta(days=10)).replace(hour=23, minute=0, second=0, microsecond=0)
    first_hour = until + timedelta(hours=1) - timedelta(hours=years * 365 * 24)
    ranges = {
        "weather_history": (first_hour, timedelta(hours=1), 20),
        "weather_history_daily": (max(EARLIEST, datetime(since, 1, 1, tzinfo=timezone.utc)), timedelta(days=1), 10),
    }
    wrong = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with databases(folder, (destination,)) as make_database, simulator(folder, cache_mb=32) as api:
            os.environ.update(make_database(destination, folder).environment)
            os.chdir(folder)
            target = Target(destination)
            for resource, (begin, step, page) in ranges.items():
                chosen = {"since": begin.isoformat(), "until": until.isoformat(), "locations": PLACES[:places]}
                steps = (until - begin) // step + 1
                wrong += _load_twice(target, api, resource, chosen, places * -(-steps // page))
                wrong += _compare(target, resource, PLACES[:places], begin, until, now)
    raise SystemExit(1 if wrong else 0)


def _load_twice(target: Target, api: Api, resource: str, chosen: dict[str, object], fewest: int) -> int:
    settings = load_settings(
        base_url=api.url,
        api_key=KEY,
        resources=[resource],
        calls_per_minute=UNTHROTTLED,
        one_call={"calls_per_day": UNLIMITED},
        **chosen,
    )
    wrong = 0
    for calls in (fewest, 0):
        planned = sum(step.calls for step in plan(target, settings).steps if step.resource == resource)
        before = _answered(api)
        report = load(target, settings)
        made = _answered(api) - before
        metrics = report.metrics_by_resource[resource]
        click.echo(
            f"{resource}, {target.destination}: {made:,} calls (fewest {calls:,}, planned {planned:,}), "
            f"{metrics.rows_loaded:,} rows loaded, {metrics.rows_rejected} rejected, {report.packages} packages, "
            f"{report.seconds:.1f} s"
        )
        wrong += (made, planned) != (calls, calls) or metrics.rows_rejected > 0 or report.error is not None
    return wrong


def _answered(api: Api) -> int:
    stats = api.stats()
    return int(sum(number for path, number in stats["by_path"].items() if "onecall" in path))


def _compare(  # noqa: PLR0917
    target: Target, resource: str, places: list[str], begin: datetime, until: datetime, now: datetime
) -> int:
    rows, values, wrong = 0, 0, 0
    for place in places:
        expected = expected_rows(resource, place, begin, until, now)
        with target.reader() as reader:
            said = differences(reader, resource, place, expected)
        rows += len(expected)
        values += sum(map(len, expected.values()))
        wrong += len(said)
        for sentence in said[:3]:
            click.echo(sentence)
    with target.reader() as reader:
        stored = reader.rows("SELECT count(*), count(DISTINCT (location_id, dt)) FROM {t}", t=resource)[0]
    click.echo(
        f"{resource}, {target.destination}: {rows:,} rows with {values:,} fields expected, {stored[0]:,} rows with "
        f"{stored[1]:,} keys there, {wrong:,} differences"
    )
    return wrong + (tuple(stored) != (rows, rows))


if __name__ == "__main__":
    main()
