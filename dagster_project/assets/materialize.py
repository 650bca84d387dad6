"""One step: load one resource as the command line would, through dagster-dlt, and say what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue
from structlog.contextvars import bound_contextvars

from dagster_project.assets.dagster_dlt import BronzeDltResource, through_dagster
from dagster_project.assets.preview import preview
from dagster_project.assets.translator import BronzeTranslator, asset_key, contracts_of
from dagster_project.common import clock
from dagster_project.common.environment import configured_resources, resolved
from dagster_project.common.failures import failure, failures_said
from dlt_sources.weather.api.endpoints import LOCATIONS
from dlt_sources.weather.common.errors import WeatherError
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.contracts import Contract
from dlt_sources.weather.destination.status import table_status
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.extract.run import Run
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.pipeline.plan import plan
from dlt_sources.weather.pipeline.writer import Report

JOB = "weather_ingestion_job"
# of dagster-dlt's own metadata, what does not speak of one package only
KEPT = ("first_run", "dataset_name", "destination_name", "destination_type", "dagster/column_schema")


def load_asset(
    context: AssetExecutionContext,
    resource: BronzeDltResource,
    translator: BronzeTranslator,
    name: str,
    **given: Any,
) -> MaterializeResult[Any]:
    """Load one resource, whatever an earlier run left behind first.

    Args:
        context: the step's.
        resource: dagster-dlt's resource.
        translator: which tells dagster-dlt the asset's key.
        name: the dlt resource.
        given: settings that win over the configured ones.

    Raises:
        Failure: it did not come, or most of it did not; what came is loaded.
    """
    contract = contracts_of(name)[0]
    with (
        failures_said(),
        bound_contextvars(asset=context.asset_key.to_user_string()),
        resolved(name, **given) as (target, settings),
    ):
        if name != LOCATIONS and _places_came_before(context):
            _leave_unknown_places_out(target, settings)
        estimate = _estimate(context, target, settings)
        of_package: dict[str, Any] = {}
        # what is new in the table comes from all shards
        before = None if settings.shard else _rows(context, target, contract)
        report = load(
            target,
            settings,
            on_start=lambda run: _say(context, run, target),
            load_package=through_dagster(context, resource, translator, of_package.update),
            now=clock.now,
        )
        counts = estimate | _counts(report, name)
        if report.error:
            raise failure(report.error, counts)
        metadata = {key: of_package[key] for key in KEPT if key in of_package} | counts
        metadata["dagster/table_name"] = f"{target.dataset_name}.{contract.table}"
        metadata |= _of_table(context, target, contract, before)
    return MaterializeResult(asset_key=context.asset_key, metadata=metadata)


def _places_came_before(context: AssetExecutionContext) -> bool:
    """Whether this run has a step that looks new places up."""
    chosen = context.run.asset_selection
    if not chosen:
        return context.job_name == JOB and LOCATIONS in configured_resources()
    return asset_key(LOCATIONS) in chosen


def _leave_unknown_places_out(target: Target, settings: WeatherSettings) -> None:
    """Choose the places that are looked up; each resource would ask for the others and reject them once more."""
    with target.reader() as loaded:
        known = loaded.locations().keys()
    chosen = settings.only_location_ids
    settings.only_location_ids = sorted(known if chosen is None else known & set(chosen))


def _estimate(context: AssetExecutionContext, target: Target, settings: WeatherSettings) -> dict[str, Any]:
    """How many calls a backfill will make, said before the first; an hourly load asks for what is new, and no more."""
    if settings.since is None:
        return {}
    planned = plan(target, settings, clock.now())
    context.log.info(
        "Hours from %s to %s: %d calls for %d places, about %s at %d calls a minute; what is complete costs none",
        settings.since,
        settings.until,
        planned.calls,
        planned.locations + planned.to_resolve,
        planned.duration,
        planned.calls_per_minute,
    )
    return {"calls_estimated": planned.calls}


def _say(context: AssetExecutionContext, run: Run, target: Target) -> None:
    context.log.info("Load %s into %s, dataset %s", run.run_id, target.description, target.dataset_name)


def _counts(report: Report, name: str) -> dict[str, Any]:
    """What the load counted; a resource that was not reached counts nothing."""
    metrics = report.metrics_by_resource.get(name)
    return {
        "rows_fetched": metrics.rows_fetched if metrics else 0,
        "rows_loaded": metrics.rows_loaded if metrics else 0,
        "rows_rejected": metrics.rows_rejected if metrics else 0,
        "new_columns": ", ".join(sorted(metrics.new_columns)) if metrics else "",
        "calls": sum(one.calls for one in report.metrics_by_resource.values()),
        "packages": report.packages,
        "loads_finished_before": report.finished_before,
        "seconds": round(report.seconds, 3),
        "load_run_id": report.run_id,
    }


def _rows(context: AssetExecutionContext, target: Target, contract: type[Contract]) -> int | None:
    """The table's rows; None, rather than a failed step, where they cannot be counted."""
    try:
        with target.reader() as loaded:
            found = table_status(loaded, contract)
    except WeatherError as error:
        context.log.warning("No figures of %s: %s", contract.table, error)
        return None
    return found.rows if found else 0


def _of_table(
    context: AssetExecutionContext, target: Target, contract: type[Contract], before: int | None
) -> Mapping[str, Any]:
    """What the table holds now; the load is done, so whatever cannot be read is left out."""
    try:
        with target.reader() as loaded:
            now = table_status(loaded, contract)
            shown = preview(loaded, contract)
    except WeatherError as error:
        context.log.warning("No figures of %s: %s", contract.table, error)
        return {}
    if now is None:
        return {}
    found: dict[str, Any] = {
        "dagster/row_count": now.rows,
        "distinct_places": now.locations,
        "preview": MetadataValue.md(shown),
    }
    if now.newest:
        found["newest_dt" if "dt" in contract.model_fields else "newest"] = MetadataValue.timestamp(now.newest)
    if before is not None:
        found["rows_new"] = now.rows - before
    return found
