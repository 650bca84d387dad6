"""The bronze assets: one for each dlt resource, with a step for each, so that none fails another.

The first step of a run loads what the others materialise (``run_load.py``).

With shards (``partitions.py``) a step loads its partition's locations, and steps of several runs load at the same time.

The assets for backfills (``backfills.py``) fill the same tables by months or years.
"""

# no `from __future__ import annotations`: Dagster reads the annotations of asset functions as objects

from collections.abc import Iterator
from tempfile import TemporaryDirectory
from typing import Any

import dlt
from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    Config,
    MaterializeResult,
)
from pydantic import Field

from dagster_project.assets.backfills import Backfill, BackfillTranslator, configured_backfills, load_backfill
from dagster_project.assets.dagster_dlt import BronzeDltResource, dlt_assets
from dagster_project.assets.materialize import load_asset
from dagster_project.assets.partitions import shard_partitions, shard_setting
from dagster_project.assets.run_load import loaded_together
from dagster_project.assets.translator import BronzeTranslator
from dagster_project.common.environment import configured_resources, destination_type, readable_files
from dlt_sources.weather.api.endpoints import BY_NAME, LOCATIONS
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.extract.resources import source_of
from dlt_sources.weather.extract.run import Run

# one load at a time in all runs: dagster.yaml sets the limit, and the dataset's writer lock holds without Dagster
POOL = "weather_bronze"
# the warnings of One Call 4.0
WARNINGS = "one_call_alerts"


class LocationsConfig(Config):
    """Run configuration of an asset: the locations to load."""

    only_location_ids: list[str] | None = Field(
        None, description="Load only these places of the configured list, by location_id; all of them if left out."
    )
    only_missing: bool = Field(
        False, description="Ask only for places that have no row of the present hour; history is always asked so."
    )


def bronze_assets() -> list[AssetsDefinition]:
    """Return the assets of the configured resources, and the one for backfills.

    The source and the pipeline here only describe them and never run: a step builds both from the settings of that
    moment, in a new working directory. So definitions load without key, network or database.
    """
    with readable_files(), TemporaryDirectory(prefix="weather-definitions-") as folder, Run(WeatherSettings()) as run:
        pipeline = dlt.pipeline("weather_definitions", pipelines_dir=folder)
        assets = [_asset(name, run, pipeline) for name in configured_resources()]
        assets += [_backfill(backfill, run, pipeline) for backfill in configured_backfills()]
        pipeline.deactivate()
    return assets


def _asset(name: str, run: Run, pipeline: dlt.Pipeline) -> AssetsDefinition:
    translator = BronzeTranslator(destination_type())
    shards = shard_partitions()

    @dlt_assets(
        dlt_source=source_of(run, [name]),
        dlt_pipeline=pipeline,
        name=name,
        partitions_def=shards,
        dagster_dlt_translator=translator,
        op_tags={"dagster/priority": str(_priority(name))},
        # shards load at the same time: the dataset's locks let one write at a time
        pool=None if shards else POOL,
    )
    def bronze(
        context: AssetExecutionContext, dlt_resource: BronzeDltResource, config: LocationsConfig
    ) -> Iterator[MaterializeResult[Any]]:
        loaded = load_asset(
            context,
            dlt_resource,
            translator,
            name,
            loaded_together(context, name),
            only_location_ids=config.only_location_ids,
            only_missing=config.only_missing or None,
            shard=shard_setting(context),
        )
        yield MaterializeResult(asset_key=context.asset_key, metadata=loaded.metadata)

    return _without_objects(bronze)


def _priority(name: str) -> int:
    """Return the place of a resource among the steps of a run; the highest goes first.

    The first step of a run looks unknown locations up; this order gives their rows and failures to ``locations``. Then
    come the answers that cannot be requested later, before history spends calls. An asset dependency would skip the
    other steps when one fails; without either, Dagster orders steps by name.
    """
    if name == LOCATIONS:
        return 3
    if name == WARNINGS:
        # whose ids come from the answers of the others
        return 1
    return 0 if BY_NAME[name].incremental else 2


def _backfill(backfill: Backfill, run: Run, pipeline: dlt.Pipeline) -> AssetsDefinition:
    translator = BackfillTranslator(destination_type(), backfill)

    @dlt_assets(
        dlt_source=source_of(run, [backfill.resource]),
        dlt_pipeline=pipeline,
        name=backfill.name,
        partitions_def=backfill.partitions,
        backfill_policy=backfill.policy,
        dagster_dlt_translator=translator,
        # after the hourly assets that wait for the pool: their answers cannot be requested later
        op_tags={"dagster/priority": "-5"},
        pool=POOL,
    )
    def load_partitions(
        context: AssetExecutionContext, dlt_resource: BronzeDltResource, config: LocationsConfig
    ) -> Iterator[MaterializeResult[Any]]:
        load_backfill(context, dlt_resource, translator, backfill, only_location_ids=config.only_location_ids)
        # the events of partitions that are complete are logged: a step that yields one materialises all of them
        yield from ()

    return _without_objects(load_partitions)


def _without_objects(assets: AssetsDefinition) -> AssetsDefinition:
    """Return the assets with names for dagster-dlt's objects in their metadata, which Dagster's pages cannot show.

    Dagster adds what a spec leaves out again, so that they can only be replaced.
    """
    return assets.map_asset_specs(
        lambda spec: spec.replace_attributes(
            metadata={
                name: type(value).__name__ if name.startswith("dagster_dlt/") else value
                for name, value in spec.metadata.items()
            }
        )
    )
