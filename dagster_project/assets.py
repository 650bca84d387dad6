"""The bronze assets: one a dlt resource, each a step and a small load of its own, so that none fails another."""

# annotations stay real objects here: Dagster looks at them

from collections.abc import Iterator
from tempfile import TemporaryDirectory
from typing import Any

import dlt
from dagster import AssetExecutionContext, AssetsDefinition, MaterializeResult

from dagster_project.loading import BronzeDltResource, dlt_assets
from dagster_project.step import load_asset
from dagster_project.translator import BronzeTranslator
from dagster_project.where import configured_resources, destination
from dlt_sources.weather.endpoints import LOCATIONS
from dlt_sources.weather.run import Run
from dlt_sources.weather.settings import WeatherSettings
from dlt_sources.weather.source import source_of

# one load at a time, whoever started the run: the limit is in dagster.yaml, the dataset's own lock stands behind it
POOL = "weather_bronze"


def bronze_assets() -> list[AssetsDefinition]:
    """The assets of the configured resources.

    The source and the pipeline that describe them never run: a step builds its own, in a directory of its own, from
    the settings of that moment. So definitions load without key, network or database.
    """
    with TemporaryDirectory(prefix="weather-definitions-") as folder, Run(WeatherSettings()) as run:
        pipeline = dlt.pipeline("weather_definitions", pipelines_dir=folder)
        assets = [_asset(name, run, pipeline) for name in configured_resources()]
        pipeline.deactivate()
    return assets


def _asset(name: str, run: Run, pipeline: dlt.Pipeline) -> AssetsDefinition:
    @dlt_assets(
        dlt_source=source_of(run, [name]),
        dlt_pipeline=pipeline,
        name=name,
        dagster_dlt_translator=BronzeTranslator(destination()),
        # whoever runs first looks new places up, which is the locations' own work
        op_tags={"dagster/priority": "1"} if name == LOCATIONS else {},
        pool=POOL,
    )
    def bronze(context: AssetExecutionContext, dlt_resource: BronzeDltResource) -> Iterator[MaterializeResult[Any]]:
        yield load_asset(context, dlt_resource, name)

    return bronze
