"""One step: load one resource as the command line would, through dagster-dlt, and say what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue

from dagster_project import clock
from dagster_project.failures import failure, failures_said
from dagster_project.figures import Figures, figures, preview
from dagster_project.loading import BronzeDltResource, through_dagster
from dagster_project.translator import BronzeTranslator, asset_key, contracts_of
from dagster_project.where import resolved
from dlt_sources.weather.contracts import Contract
from dlt_sources.weather.errors import WeatherError
from dlt_sources.weather.load import load
from dlt_sources.weather.run import Run
from dlt_sources.weather.target import Target
from dlt_sources.weather.writing import Report

# of dagster-dlt's own metadata, what does not speak of one package only
KEPT = ("first_run", "dataset_name", "destination_name", "destination_type", "dagster/column_schema")


def load_asset(context: AssetExecutionContext, resource: BronzeDltResource, name: str) -> MaterializeResult[Any]:
    """Load one resource, whatever an earlier run left behind first.

    Raises:
        Failure: it did not come, or most of it did not; what came is loaded.
    """
    contract = contracts_of(name)[0]
    with failures_said(), resolved(name) as (target, settings):
        of_package: dict[str, Any] = {}
        before = _look(context, target, contract)
        report = load(
            target,
            settings,
            on_start=lambda run: _say(context, run, target),
            load_package=through_dagster(context, resource, BronzeTranslator(target.destination), of_package.update),
            now=clock.now,
        )
        counts = _counts(report, name)
        if report.error:
            raise failure(report.error, counts)
        metadata = {key: of_package[key] for key in KEPT if key in of_package} | counts
        metadata["dagster/table_name"] = f"{target.dataset_name}.{contract.table}"
        metadata |= _of_table(context, target, contract, before)
    return MaterializeResult(asset_key=asset_key(name), metadata=metadata)


def _say(context: AssetExecutionContext, run: Run, target: Target) -> None:
    context.log.info("Load %s into %s, dataset %s", run.run_id, target.where, target.dataset_name)


def _counts(report: Report, name: str) -> dict[str, Any]:
    """What the load counted; a resource that was not reached counts nothing."""
    tally = report.tallies.get(name)
    return {
        "rows_fetched": tally.rows_fetched if tally else 0,
        "rows_loaded": tally.rows_loaded if tally else 0,
        "rows_rejected": tally.rows_rejected if tally else 0,
        "new_columns": ", ".join(sorted(tally.new_columns)) if tally else "",
        "calls": sum(one.calls for one in report.tallies.values()),
        "packages": report.packages,
        "loads_finished_before": report.finished_before,
        "seconds": round(report.seconds, 3),
        "load_run_id": report.run_id,
    }


def _look(context: AssetExecutionContext, target: Target, contract: type[Contract]) -> Figures | None:
    """The table's figures; None, rather than a failed step, where they cannot be had."""
    try:
        with target.reader() as loaded:
            return figures(loaded, contract)
    except WeatherError as error:
        context.log.warning("No figures of %s: %s", contract.table, error)
        return None


def _of_table(
    context: AssetExecutionContext, target: Target, contract: type[Contract], before: Figures | None
) -> Mapping[str, Any]:
    """What the table holds now; the load is done, so whatever cannot be read is left out."""
    try:
        with target.reader() as loaded:
            now = figures(loaded, contract)
            shown = preview(loaded, contract)
    except WeatherError as error:
        context.log.warning("No figures of %s: %s", contract.table, error)
        return {}
    found: dict[str, Any] = {
        "dagster/row_count": now.rows,
        "distinct_places": now.places,
        "preview": MetadataValue.md(shown),
    }
    if now.newest:
        found["newest_dt" if "dt" in contract.model_fields else "newest"] = MetadataValue.timestamp(now.newest)
    if before:
        found["rows_new"] = now.rows - before.rows
    return found
