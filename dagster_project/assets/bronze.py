"""The bronze assets: one for each dlt resource, with a step and a load for each, so that none fails another.

With shards (``partitions.py``) a step loads its partition's locations, and steps of several runs load at the same time.

``air_pollution_history`` is one more, for backfills: it fills the table of ``air_pollution`` by months.
"""

# no `from __future__ import annotations`: Dagster reads the annotations of asset functions as objects

from collections.abc import Iterator
from datetime import timedelta
from tempfile import TemporaryDirectory
from typing import Any

import dlt
from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    BackfillPolicy,
    Config,
    MaterializeResult,
    MonthlyPartitionsDefinition,
)
from pydantic import Field

from dagster_project.assets.dagster_dlt import BronzeDltResource, dlt_assets
from dagster_project.assets.materialize import load_asset
from dagster_project.assets.partitions import shard_partitions, shard_setting
from dagster_project.assets.translator import HISTORY, BronzeTranslator, HistoryTranslator
from dagster_project.common.environment import configured_resources, destination_type, readable_files
from dlt_sources.weather.api.endpoints import LOCATIONS
from dlt_sources.weather.common.settings import HISTORY_BEGINS, WeatherSettings
from dlt_sources.weather.contracts import AirPollution
from dlt_sources.weather.extract.resources import source_of
from dlt_sources.weather.extract.run import Run

# one load at a time in all runs: dagster.yaml sets the limit, and the dataset's writer lock holds without Dagster
POOL = "weather_bronze"
# one partition a month, the present one included; one run a year, so that hourly loads get a slot in a long backfill
MONTHS = MonthlyPartitionsDefinition(f"{HISTORY_BEGINS:%Y-%m-01}", timezone="UTC", end_offset=1)
MONTHS_A_RUN = 12


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
        assets.append(_history(run, pipeline))
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
        # the first step of a run looks unknown locations up; this order gives their rows and failures to this asset. An
        # asset dependency would skip the other steps when this one fails; without either, Dagster orders steps by name
        op_tags={"dagster/priority": "1"} if name == LOCATIONS else {},
        # shards load at the same time: the dataset's locks let one write at a time
        pool=None if shards else POOL,
    )
    def bronze(
        context: AssetExecutionContext, dlt_resource: BronzeDltResource, config: LocationsConfig
    ) -> Iterator[MaterializeResult[Any]]:
        yield load_asset(
            context,
            dlt_resource,
            translator,
            name,
            only_location_ids=config.only_location_ids,
            only_missing=config.only_missing or None,
            shard=shard_setting(context),
        )

    return _without_objects(bronze)


def _history(run: Run, pipeline: dlt.Pipeline) -> AssetsDefinition:
    translator = HistoryTranslator(destination_type())

    @dlt_assets(
        dlt_source=source_of(run, [AirPollution.table]),
        dlt_pipeline=pipeline,
        name=HISTORY,
        partitions_def=MONTHS,
        backfill_policy=BackfillPolicy.multi_run(MONTHS_A_RUN),
        dagster_dlt_translator=translator,
        # after the hourly assets that wait for the pool: their answers cannot be requested later
        op_tags={"dagster/priority": "-5"},
        pool=POOL,
    )
    def history(
        context: AssetExecutionContext, dlt_resource: BronzeDltResource, config: LocationsConfig
    ) -> Iterator[MaterializeResult[Any]]:
        months = context.partition_time_window
        yield load_asset(
            context,
            dlt_resource,
            translator,
            AirPollution.table,
            only_location_ids=config.only_location_ids,
            since=f"{max(months.start, HISTORY_BEGINS):%Y-%m-%dT%H:%MZ}",
            until=f"{months.end - timedelta(hours=1):%Y-%m-%dT%H:%MZ}",
        )

    return _without_objects(history)


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
