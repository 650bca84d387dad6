"""The step of one asset: load its resource as the command line does, through dagster-dlt, and describe the result."""

from __future__ import annotations

from typing import Any, NamedTuple

from dagster import AssetExecutionContext, DagsterExecutionInterruptedError, MetadataValue
from structlog.contextvars import bound_contextvars

from dagster_project.assets.catalog.address import table_address
from dagster_project.assets.catalog.columns import column_lineage
from dagster_project.assets.dagster_dlt import BronzeDltResource, dagster_package_loader
from dagster_project.assets.estimate import calls_estimated
from dagster_project.assets.preview import preview
from dagster_project.assets.translator import GROUP, BronzeTranslator, contracts_of
from dagster_project.common import clock
from dagster_project.common.environment import target_and_settings
from dagster_project.common.failures import REQUESTS, REQUESTS_FAILED, failure, reported_failures
from dlt_sources.weather.api.endpoints import BY_NAME
from dlt_sources.weather.common.errors import BudgetSpentError, WeatherError
from dlt_sources.weather.common.interrupts import interruptible
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.contracts import Contract
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.extract.run import Run
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.pipeline.writer import Report
from dlt_sources.weather.status.tables import read_table_status

JOB = "weather_ingestion_job"
# key of a materialisation's metadata: why the rest of it waits, and until when
WAITS = "waits"


class LoadedAsset(NamedTuple):
    """Result of the load of one resource.

    Attributes:
        metadata: entries for the materialisation.
        waits: error of the budget that is spent, if the rest waits for more calls; None if nothing does.
    """

    metadata: dict[str, Any]
    waits: BudgetSpentError | None


def load_asset(
    context: AssetExecutionContext,
    resource: BronzeDltResource,
    translator: BronzeTranslator,
    name: str,
    **overrides: Any,
) -> LoadedAsset:
    """Load one resource, after any package that an interrupted run left behind.

    Args:
        context: the step's.
        resource: dagster-dlt's resource.
        translator: names the asset of each dlt resource.
        name: the dlt resource to load.
        **overrides: settings that replace the configured ones, except those that are None.

    Returns:
        The entries of the asset's materialisation, and the budget that is spent, if one is.

    Raises:
        Failure: the resource or most of it was not loaded; the answers that arrived are.
        DagsterExecutionInterruptedError: the run was terminated; the answers that arrived are loaded.
    """
    contract = contracts_of(name)[0]
    with (
        reported_failures(),
        bound_contextvars(asset=context.asset_key.to_user_string()),
        target_and_settings(name, **overrides) as (target, settings),
    ):
        chosen = None if settings.only_location_ids is None else frozenset(settings.only_location_ids)
        metadata = calls_estimated(target, settings)
        package_metadata: dict[str, Any] = {}
        # other shards add rows to the table meanwhile, so a difference would count theirs
        rows_before = None if settings.shard else _row_count(context, target, contract)
        report = _load(
            context,
            target,
            settings,
            # a location that one step has rejected would be rejected by every further step
            resolve_unknown=not resource.has_resolved_locations(context.run.run_id, chosen),
            load_package=dagster_package_loader(context, resource, translator, package_metadata.update),
        )
        resource.mark_locations_resolved(context.run.run_id, chosen)
        metadata |= _load_metadata(report, name)
        if report.error:
            raise failure(report.error, metadata)
        metadata = package_metadata | metadata | _table_metadata(context, target, contract, rows_before)
        metadata["dagster/column_lineage"] = column_lineage(contract, BY_NAME.get(name), GROUP)
    waits = _spent_budget(report, name)
    return LoadedAsset(metadata | ({WAITS: str(waits)} if waits else {}), waits)


def _spent_budget(report: Report, name: str) -> BudgetSpentError | None:
    """Return the budget that ended the load of a resource, or the look-ups of its locations, early."""
    return report.budget.get(name) or next(iter(report.budget.values()), None)


def _load(context: AssetExecutionContext, target: Target, settings: WeatherSettings, **options: Any) -> Report:
    """Load, and let the first signal, of Dagster's Terminate or of a pod that ends, load what came.

    A signal before the run has begun, and a second one, stop at once.

    Raises:
        DagsterExecutionInterruptedError: the run was terminated; the answers that arrived are loaded.
    """
    runs: list[Run] = []

    def on_start(run: Run) -> None:
        context.log.info("Load %s into %s, dataset %s", run.run_id, target.description, target.dataset_name)
        runs.append(run)

    def on_first(_name: str) -> bool:
        for run in runs:
            run.interrupt()
        return bool(runs)

    with interruptible(on_first):
        report = load(target, settings, on_start=on_start, now=clock.now, **options)
    if report.interrupted:
        context.log.warning("Terminated: the answers that arrived are loaded, and the next load asks for the rest.")
        raise DagsterExecutionInterruptedError
    return report


def _load_metadata(report: Report, name: str) -> dict[str, Any]:
    """Return the figures of a load; they are 0 for a resource that the load did not reach."""
    metrics = report.metrics_by_resource.get(name)
    return {
        REQUESTS: metrics.requests if metrics else 0,
        REQUESTS_FAILED: metrics.requests_failed if metrics else 0,
        "rows_fetched": metrics.rows_fetched if metrics else 0,
        "rows_loaded": metrics.rows_loaded if metrics else 0,
        "rows_rejected": metrics.rows_rejected if metrics else 0,
        "new_columns": ", ".join(sorted(metrics.new_columns)) if metrics else "",
        "calls": sum(of_resource.calls for of_resource in report.metrics_by_resource.values()),
        "packages": report.packages,
        "loads_finished_before": report.finished_before,
        "seconds": round(report.seconds, 3),
        "load_run_id": report.run_id,
    }


def _row_count(context: AssetExecutionContext, target: Target, contract: type[Contract]) -> int | None:
    """Return the table's number of rows, or None if it cannot be read: a figure must not fail the step."""
    try:
        with target.reader() as reader:
            status = read_table_status(reader, contract)
    except WeatherError as error:
        context.log.warning("No figures of %s: %s", contract.table, error)
        return None
    return status.rows if status else 0


def _table_metadata(
    context: AssetExecutionContext, target: Target, contract: type[Contract], rows_before: int | None
) -> dict[str, Any]:
    """Return the table's name, and its figures and newest rows if it can be read: the load has succeeded already."""
    address = table_address(target, contract.table)
    try:
        with target.reader() as reader:
            status = read_table_status(reader, contract)
            newest_rows = preview(reader, contract)
    except WeatherError as error:
        context.log.warning("No figures of %s: %s", contract.table, error)
        return address
    if status is None:
        return address
    metadata = address | {
        "dagster/row_count": status.rows,
        "distinct_places": status.locations,
        "preview": MetadataValue.md(newest_rows),
    }
    if status.newest:
        metadata["newest_dt" if "dt" in contract.model_fields else "newest"] = MetadataValue.timestamp(status.newest)
    if rows_before is not None:
        metadata["rows_new"] = status.rows - rows_before
    return metadata
