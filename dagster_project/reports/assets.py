"""The two reports as assets."""

# annotations stay real objects here: Dagster looks at them

from pathlib import Path
from typing import Any

from dagster import AssetExecutionContext, AssetKey, MaterializeResult, MetadataValue, asset

from dagster_project.assets.bronze import POOL
from dagster_project.assets.translator import OWNERS, asset_key
from dagster_project.common import clock
from dagster_project.common.environment import reading
from dagster_project.common.failures import failures_said
from dagster_project.reports.chart import draw, in_words, markdown, page
from dagster_project.reports.metrics import publish
from dagster_project.reports.queries import read_weather
from dagster_project.reports.settings import report_settings
from dlt_sources.weather.destination.status import status

GROUP = "reports"
SHOWN = ("locations", "current_weather", "forecast", "air_pollution")


@asset(
    key=AssetKey([GROUP, "weather"]),
    deps=[asset_key(name) for name in SHOWN],
    group_name=GROUP,
    kinds={"matplotlib"},
    owners=OWNERS,
    pool=POOL,
    description="The last days as a picture: temperature, air quality, and the forecast against what came.",
)
def weather_report(context: AssetExecutionContext) -> MaterializeResult[Any]:
    """Draw the picture into ``[report] folder``, and show it here."""
    with failures_said():
        settings = report_settings()
        with reading() as loaded:
            weather = read_weather(loaded, clock.now(), settings.days)
        png = draw(weather)
        metadata: dict[str, Any] = {
            "picture": MetadataValue.md(markdown(png)),
            "places": weather.all_locations,
            "forecast": in_words(weather),
        }
        folder = Path(settings.folder).absolute()
        try:
            _write(folder / "weather.png", png)
            _write(folder / "weather.html", page(weather, png).encode())
            metadata["page"] = MetadataValue.path(str(folder / "weather.html"))
        except OSError as error:
            context.log.warning("The picture is shown, but not kept in %s: %s", folder, error.strerror)
    return MaterializeResult(metadata=metadata)


@asset(
    key=AssetKey([GROUP, "load_runs"]),
    # nothing upstream, so that it runs when a load failed too; last of all
    op_tags={"dagster/priority": "-10"},
    group_name=GROUP,
    kinds={"prometheus"},
    owners=OWNERS,
    pool=POOL,
    description="How the newest loads went, in numbers that plot over time; for Prometheus, if [report] says where.",
)
def load_runs_report(context: AssetExecutionContext) -> MaterializeResult[Any]:
    """Read ``bronze.load_runs`` and the tables' figures; publish them as metrics."""
    with failures_said():
        settings = report_settings()
        with reading() as loaded:
            found = status(loaded)
        lines = ["| resource | ended, UTC | status | loaded | rejected |", "| --- | --- | --- | --- | --- |"]
        lines += [
            f"| {one.resource} | {one.finished_at:%d %H:%M} | {one.status} | {one.rows_loaded} | {one.rows_rejected} |"
            for one in found.runs
        ]
        metadata: dict[str, Any] = {
            "runs": MetadataValue.md("\n".join(lines)),
            "rows_loaded": sum(run.rows_loaded for run in found.runs),
            "rows_rejected": sum(run.rows_rejected for run in found.runs),
            "resources_failed": sum(run.status == "failed" for run in found.runs),
            "missing_hours": found.missing_hours,
            **{f"rows of {table.table}": table.rows for table in found.tables},
        }
        try:
            publish(found, settings.metrics_textfile, settings.metrics_pushgateway)
        except OSError as error:
            context.log.warning("The metrics are not published: %s", error)
            metadata["metrics"] = "not published"
    return MaterializeResult(metadata=metadata)


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
