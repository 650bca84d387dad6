"""The bronze assets: one a dlt resource, each a step and a small load of its own, so that none fails another.

With shards (``sharding.py``) a step loads its partition's places, and steps of several runs load at the same time.

``air_pollution_history`` is one more, which fills the table of ``air_pollution`` by months, for backfills.
"""

# annotations stay real objects here: Dagster looks at them

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
from dagster_project.common.environment import configured_resources, destination_type
from dlt_sources.weather.api.endpoints import LOCATIONS
from dlt_sources.weather.common.settings import HISTORY_BEGINS, WeatherSettings
from dlt_sources.weather.contracts import AirPollution
from dlt_sources.weather.extract.resources import source_of
from dlt_sources.weather.extract.run import Run

# one load at a time, whoever started the run: the limit is in dagster.yaml, the dataset's own lock stands behind it
POOL = "weather_bronze"
# a month a partition, the present one too; a year a run, so that hourly loads find their turn in a long backfill
MONTHS = MonthlyPartitionsDefinition(f"{HISTORY_BEGINS:%Y-%m-01}", timezone="UTC", end_offset=1)
MONTHS_A_RUN = 12


class LocationsConfig(Config):
    """Which places a load asks for."""

    only_location_ids: list[str] | None = Field(
        None, description="Only these places of the configured list, by their location_id; all of them if left out."
    )


def bronze_assets() -> list[AssetsDefinition]:
    """The assets of the configured resources.

    The source and the pipeline that describe them never run: a step builds its own, in a directory of its own, from
    the settings of that moment. So definitions load without key, network or database.
    """
    with TemporaryDirectory(prefix="weather-definitions-") as folder, Run(WeatherSettings()) as run:
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
        # whoever runs first looks new places up, which is the locations' own work
        op_tags={"dagster/priority": "1"} if name == LOCATIONS else {},
        # shards load at the same time: the dataset's own locks have them take turns to write
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
            shard=shard_setting(context),
        )

    return bronze


def _history(run: Run, pipeline: dlt.Pipeline) -> AssetsDefinition:
    translator = HistoryTranslator(destination_type())

    @dlt_assets(
        dlt_source=source_of(run, [AirPollution.table]),
        dlt_pipeline=pipeline,
        name=HISTORY,
        partitions_def=MONTHS,
        backfill_policy=BackfillPolicy.multi_run(MONTHS_A_RUN),
        dagster_dlt_translator=translator,
        # whatever waits for the pool beside it cannot be asked for again later
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

    return history
