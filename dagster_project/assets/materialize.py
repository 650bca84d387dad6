"""The step of an asset: load its resource as the command line does, through dagster-dlt, and describe the result.

The first step of a run loads the resources of the later ones too, in one load (``run_load.py``): each step materialises
its part or fails with its cause.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dagster import AssetExecutionContext, AssetKey, DagsterExecutionInterruptedError
from structlog.contextvars import bound_contextvars

from dagster_project.assets.catalog.columns import column_lineage
from dagster_project.assets.catalog.figures import row_counts, table_figures
from dagster_project.assets.dagster_dlt import BronzeDltResource, dagster_package_loader
from dagster_project.assets.estimate import calls_estimated
from dagster_project.assets.translator import GROUP, BronzeTranslator, asset_key, contracts_of
from dagster_project.common import clock
from dagster_project.common.environment import target_and_settings
from dagster_project.common.failures import REQUESTS, REQUESTS_FAILED, failure, reported_failures
from dlt_sources.weather.api.endpoints import BY_NAME, LOCATIONS
from dlt_sources.weather.common.errors import BudgetSpentError, WeatherError
from dlt_sources.weather.common.interrupts import work_interruptible
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.extract.run import Run
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.pipeline.writer import Report

JOB = "weather_ingestion_job"
# with shards: the checks and reports of all of them
CHECKS_JOB = "weather_checks_job"
# key of a materialisation's metadata: why the rest of it waits, and until when
WAITS = "waits"


class LoadedAsset(NamedTuple):
    """Result of the load of one resource.

    Attributes:
        metadata: entries for the materialisation, or for the failure.
        waits: error of the budget that is spent, if the rest waits for more calls; None if nothing does.
        error: error of the resource, if it or most of it was not loaded.
    """

    metadata: dict[str, Any]
    waits: BudgetSpentError | None = None
    error: WeatherError | None = None


def load_asset(
    context: AssetExecutionContext,
    resource: BronzeDltResource,
    translator: BronzeTranslator,
    name: str,
    together: Sequence[str] = (),
    **overrides: Any,
) -> LoadedAsset:
    """Load one resource, after any package that an interrupted run left behind.

    Args:
        context: the step's.
        resource: dagster-dlt's resource.
        translator: names the asset of each dlt resource.
        name: the dlt resource to load.
        together: further resources of the run, which the same load brings; their steps take its results.
        **overrides: settings that replace the configured ones, except those that are None.

    Returns:
        The entries of the asset's materialisation, and the budget that is spent, if one is.

    Raises:
        Failure: the resource or most of it was not loaded; the answers that arrived are.
        DagsterExecutionInterruptedError: the run was terminated; the answers that arrived are loaded.
    """
    run_id = context.run.run_id
    with reported_failures():
        loaded: LoadedAsset | None = resource.loads.pop((run_id, name), None)
        if loaded is None:
            # after a package that the destination did not take, a table alone must not hold up the others
            others = () if run_id in resource.separate else together
            try:
                results = _load_assets(context, resource, translator, (name, *others), **overrides)
            except Exception:
                resource.separate.add(run_id)
                raise
            loaded = results.pop(name)
            resource.loads.update({(run_id, other): result for other, result in results.items()})
        if loaded.error:
            raise failure(loaded.error, loaded.metadata)
        # a step whose part another one loaded would leave no line
        context.log.info("%(rows_loaded)s rows loaded by %(load_run_id)s", loaded.metadata)
    return loaded


def _load_assets(
    context: AssetExecutionContext,
    resource: BronzeDltResource,
    translator: BronzeTranslator,
    names: Sequence[str],
    **overrides: Any,
) -> dict[str, LoadedAsset]:
    """Load some resources at once, and return the result of each.

    Raises:
        WeatherError: nothing was loaded, or the destination did not take it.
        DagsterExecutionInterruptedError: the run was terminated; the answers that arrived are loaded.
    """
    with (
        # a load of several is no asset's
        bound_contextvars(**({"asset": context.asset_key.to_user_string()} if len(names) == 1 else {})),
        target_and_settings(*names, **overrides) as (target, settings),
    ):
        chosen = None if settings.only_location_ids is None else frozenset(settings.only_location_ids)
        estimate = calls_estimated(target, settings)
        of_packages: dict[AssetKey, dict[str, Any]] = defaultdict(dict)
        # other shards add rows to the tables meanwhile, so a difference would count theirs
        contracts = {name: contracts_of(name)[0] for name in names}
        rows_before = {} if settings.shard else row_counts(context, target, contracts)
        report = _load(
            context,
            target,
            settings,
            # a location that one step has rejected would be rejected by every further step
            resolve_unknown=not resource.has_resolved_locations(context.run.run_id, chosen),
            load_package=dagster_package_loader(
                context, resource, translator, lambda key, metadata: of_packages[key].update(metadata)
            ),
        )
        resource.mark_locations_resolved(context.run.run_id, chosen)
        figures = table_figures(context, target, contracts, rows_before)
        return {
            name: _result(
                report, name, names, before=estimate | of_packages[_key_of(context, name, names)], after=figures[name]
            )
            for name in names
        }


def _key_of(context: AssetExecutionContext, name: str, names: Sequence[str]) -> AssetKey:
    # an asset for backfills has another key than its resource
    return context.asset_key if len(names) == 1 else asset_key(name)


def _result(
    report: Report, name: str, names: Sequence[str], *, before: Mapping[str, Any], after: Mapping[str, Any]
) -> LoadedAsset:
    """Return what one resource of a load has come to.

    Args:
        report: the load's report.
        name: the resource.
        names: all resources of the load.
        before: metadata of the load that its figures replace.
        after: metadata of the table.
    """
    # a resource by itself answers for the look-up of its locations too
    error = report.error if len(names) == 1 else report.errors.get(name)
    metadata = _load_metadata(report, name, names)
    if error:
        return LoadedAsset(metadata, error=error)
    metadata = {**before, **metadata, **after}
    metadata["dagster/column_lineage"] = column_lineage(contracts_of(name)[0], BY_NAME.get(name), GROUP)
    waits = report.budget.get(name) or report.budget.get(LOCATIONS)
    return LoadedAsset(metadata | ({WAITS: str(waits)} if waits else {}), waits)


def _load(context: AssetExecutionContext, target: Target, settings: WeatherSettings, **options: Any) -> Report:
    """Load, and let the first signal, of Dagster's Terminate or of a pod that ends, load what came.

    A signal before the run has begun, and a second one, stop at once.

    Raises:
        DagsterExecutionInterruptedError: the run was terminated; the answers that arrived are loaded.
    """

    def on_start(run: Run) -> None:
        context.log.info("Load %s into %s, dataset %s", run.run_id, target.description, target.dataset_name)
        begin(run)

    with work_interruptible() as begin:
        report = load(
            target, settings, on_start=on_start, now=clock.now, orchestrator_run=context.run.run_id, **options
        )
    if report.interrupted:
        context.log.warning("Terminated: the answers that arrived are loaded, and the next load asks for the rest.")
        raise DagsterExecutionInterruptedError
    return report


def _load_metadata(report: Report, name: str, names: Sequence[str]) -> dict[str, Any]:
    """Return the figures of a resource in a load; they are 0 for one that the load did not reach."""
    metrics = report.metrics_by_resource.get(name)
    lookups = () if LOCATIONS in names else (LOCATIONS,)
    counted = [found for one in (name, *lookups) if (found := report.metrics_by_resource.get(one))]
    return {
        REQUESTS: metrics.requests if metrics else 0,
        REQUESTS_FAILED: metrics.requests_failed if metrics else 0,
        "rows_fetched": metrics.rows_fetched if metrics else 0,
        "rows_loaded": metrics.rows_loaded if metrics else 0,
        "rows_rejected": metrics.rows_rejected if metrics else 0,
        "new_columns": ", ".join(sorted(metrics.new_columns)) if metrics else "",
        "calls": sum(of_resource.calls for of_resource in counted),
        "packages": report.packages,
        "loads_finished_before": report.finished_before,
        "seconds": round(report.seconds, 3),
        "load_run_id": report.run_id,
    }
