"""The two reports as assets."""

# no `from __future__ import annotations`: Dagster reads the annotations of asset functions as objects

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dagster import (
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    MaterializeResult,
    MetadataValue,
    asset,
)

from dagster_project.assets.bronze import POOL
from dagster_project.assets.translator import OWNERS, asset_key
from dagster_project.checks.asset_checks import to_dagster
from dagster_project.checks.load_report import backups, budget, set_aside, space
from dagster_project.checks.load_report.budget import CHECKS
from dagster_project.checks.names import BACKUPS_ARE_RECENT, NOTHING_SET_ASIDE, SPACE_LASTS
from dagster_project.common import clock
from dagster_project.common.environment import bronze_target, configured_resources, is_simulated, open_reader
from dagster_project.common.failures import reported_failures
from dagster_project.common.schedule import configured_schedule
from dagster_project.instance.records import records_bytes
from dagster_project.reports.chart import describe_errors, draw, html_page, markdown_image
from dagster_project.reports.metrics import publish
from dagster_project.reports.queries import read_weather
from dagster_project.reports.settings import report_settings
from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.common.settings.schedule import shortest_gap
from dlt_sources.weather.destination.postgres.backups import read_backups
from dlt_sources.weather.pipeline.quarantine import set_aside_packages
from dlt_sources.weather.pipeline.working_directories import runs_elsewhere
from dlt_sources.weather.status.budget import BudgetStatus, read_budget
from dlt_sources.weather.status.late import LateLocation, late_by_resource
from dlt_sources.weather.status.report import Status, read_status
from dlt_sources.weather.status.space.model import Space
from dlt_sources.weather.status.space.reading import read_space

GROUP = "reports"
LOAD_RUNS = AssetKey([GROUP, "load_runs"])
UPSTREAM = ("locations", "current_weather", "forecast", "air_pollution")
# drawn as well where they are loaded
FURTHER_UPSTREAM = ("forecast_hourly", "one_call_current", "one_call_hourly_forecast", "weather_history")


@asset(
    key=AssetKey([GROUP, "weather"]),
    deps=[asset_key(name) for name in (*UPSTREAM, *(one for one in configured_resources() if one in FURTHER_UPSTREAM))],
    group_name=GROUP,
    kinds={"matplotlib"},
    owners=OWNERS,
    pool=POOL,
    description="The last days as a chart: temperature and air quality, forecast against observation, lag and rejects.",
)
def weather_report(context: AssetExecutionContext) -> MaterializeResult[Any]:
    """Draw the chart, write it into ``[report] folder``, and show it in the materialisation."""
    with reported_failures():
        settings = report_settings()
        with open_reader() as reader:
            weather = read_weather(reader, clock.now(), settings.days)
        weather.simulated = is_simulated()
        png = draw(weather)
        metadata: dict[str, Any] = {
            "picture": MetadataValue.md(markdown_image(png)),
            "places": weather.all_locations,
            "forecast": describe_errors(weather),
        }
        folder = Path(settings.folder).absolute()
        try:
            _write(folder / "weather.png", png)
            _write(folder / "weather.html", html_page(weather, png).encode())
            metadata["page"] = MetadataValue.path(str(folder / "weather.html"))
        except OSError as error:
            context.log.warning("The chart is shown here, but cannot be written to %s: %s", folder, error.strerror)
    return MaterializeResult(metadata=metadata)


@asset(
    key=LOAD_RUNS,
    # last, and without upstream assets, so that it also runs after a failed load
    op_tags={"dagster/priority": "-10"},
    group_name=GROUP,
    kinds={"prometheus"},
    owners=OWNERS,
    pool=POOL,
    check_specs=[
        AssetCheckSpec(NOTHING_SET_ASIDE, asset=LOAD_RUNS, description=set_aside.DESCRIPTION),
        AssetCheckSpec(BACKUPS_ARE_RECENT, asset=LOAD_RUNS, description=backups.DESCRIPTION),
        AssetCheckSpec(SPACE_LASTS, asset=LOAD_RUNS, description=space.DESCRIPTION),
        *(
            AssetCheckSpec(name, asset=LOAD_RUNS, description=budget.describe(product))
            for product, name in CHECKS.items()
        ),
    ],
    description="Numbers of the newest loads, plotted over time; published to Prometheus if [report] is configured.",
)
def load_runs_report(context: AssetExecutionContext) -> Iterator[MaterializeResult[Any]]:
    """Read ``bronze.load_runs`` and the tables' figures, and publish them as metrics."""
    with reported_failures():
        settings = report_settings()
        target = bronze_target()
        packages = set_aside_packages(target)
        elsewhere = [one.sentence(target) for one in runs_elsewhere(target)]
        with open_reader() as reader:
            bronze_status = read_status(reader, gap=shortest_gap(configured_schedule()))
            found = late_by_resource(reader, load_settings(), clock.now())
            late = {name: found.get(name, []) for name in configured_resources()}
            calls = read_budget(target, load_settings(), reader)
            disk = read_space(target, reader, load_settings(), clock.now())
            kept = read_backups(reader)
        records = records_bytes(context.instance)
        metadata = _metadata(bronze_status, calls, late) | _sizes(disk, records)
        try:
            publish(
                bronze_status,
                late,
                packages,
                calls,
                disk,
                backups=kept,
                records=records,
                textfile=settings.metrics_textfile,
                pushgateway=settings.metrics_pushgateway,
            )
        except OSError as error:
            context.log.warning("The metrics are not published: %s", error)
            metadata["metrics"] = "not published"
    yield MaterializeResult(
        metadata=metadata,
        check_results=[
            to_dagster(NOTHING_SET_ASIDE, set_aside.nothing_set_aside(packages, elsewhere)),
            to_dagster(BACKUPS_ARE_RECENT, backups.backups_are_recent(kept, clock.now())),
            to_dagster(SPACE_LASTS, space.space_lasts(disk, clock.now()), AssetCheckSeverity.WARN),
            *(
                to_dagster(name, budget.month_lasts(product, calls), AssetCheckSeverity.WARN)
                for product, name in CHECKS.items()
            ),
        ],
    )


def _metadata(
    bronze_status: Status,
    calls: Sequence[BudgetStatus],
    late: Mapping[str, Sequence[LateLocation]],
) -> dict[str, Any]:
    lines = ["| resource | ended, UTC | status | loaded | rejected |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| {run.resource} | {run.finished_at:%d %H:%M} | {run.status} | {run.rows_loaded} | {run.rows_rejected} |"
        for run in bronze_status.runs
    ]
    return {
        "runs": MetadataValue.md("\n".join(lines)),
        "rows_loaded": sum(run.rows_loaded for run in bronze_status.runs),
        "rows_rejected": sum(run.rows_rejected for run in bronze_status.runs),
        "resources_failed": sum(run.status == "failed" for run in bronze_status.runs),
        "missing_hours": bronze_status.missing_hours,
        **{f"missing rows of {table}": number for table, number in bronze_status.missing_rows.items() if number},
        **{f"calls of {one.product} in the {one.period}": one.used for one in calls},
        "late_places": max(map(len, late.values()), default=0),
        **{f"rows of {table.table}": table.rows for table in bronze_status.tables},
    }


def _sizes(disk: Space, records: int) -> dict[str, int | float]:
    known = {"bytes of the database": disk.database, "bytes a day": disk.growth}
    known |= {f"bytes free for the {one.name}": one.free for one in disk.volumes}
    sizes = {name: number for name, number in known.items() if number is not None}
    return {**sizes, "bytes of Dagster's records": records}


def _write(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
