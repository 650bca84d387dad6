"""The only module that imports dagster-embedded-elt, with the changes that a load needs.

The library is a shim over dagster-dlt that warns about itself on import; to move on, change that one import.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import dlt
from dagster import (
    AssetExecutionContext,
    AssetKey,
    OpExecutionContext,
    TableColumn,
    TableColumnConstraints,
    TableSchema,
)
from dlt.common.pipeline import LoadInfo
from dlt.extract import DltResource, DltSource
from pydantic import PrivateAttr

from dagster_project.assets.catalog.columns import column_tags
from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.pipeline.packages import PackageLoader, load_package

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message=".*`dagster-embedded-elt`", category=DeprecationWarning)
    from dagster_embedded_elt.dlt import DagsterDltResource, DagsterDltTranslator, dlt_assets

__all__ = ["BronzeDltResource", "DagsterDltTranslator", "dagster_package_loader", "dlt_assets"]

# the locations that a step's configuration chooses; None for all
LocationIds = frozenset[str] | None


class BronzeDltResource(DagsterDltResource):
    """dagster-dlt's resource, with metadata that holds for a load of many packages. The steps of a run share one."""

    _resolved: set[tuple[str, LocationIds]] = PrivateAttr(default_factory=set)
    _loads: dict[tuple[str, str], Any] = PrivateAttr(default_factory=dict)
    _separate: set[str] = PrivateAttr(default_factory=set)

    @property
    def loads(self) -> dict[tuple[str, str], Any]:
        """Results that later steps materialise, by Dagster's run id and the dlt resource."""
        return self._loads

    @property
    def separate(self) -> set[str]:
        """Dagster's ids of runs whose steps load one by one, because a load for several steps did not get through."""
        return self._separate

    def has_resolved_locations(self, run_id: str, only_location_ids: LocationIds) -> bool:
        """Return whether a step of this Dagster run has looked up the same unknown locations."""
        return (run_id, only_location_ids) in self._resolved

    def mark_locations_resolved(self, run_id: str, only_location_ids: LocationIds) -> None:
        """Note that unknown locations are looked up, so that later steps of this Dagster run leave them out."""
        self._resolved.add((run_id, only_location_ids))

    def extract_resource_metadata(
        self,
        context: OpExecutionContext | AssetExecutionContext,  # noqa: ARG002
        resource: DltResource,
        load_info: LoadInfo,
        dlt_pipeline: dlt.Pipeline,
    ) -> Mapping[str, Any]:
        """Return the destination and the columns of a resource's table.

        dagster-dlt adds figures of one package. It also pops names and types out of the pipeline's live schema, so
        that a later package of the same process fails with a ``KeyError``.

        Args:
            context: the step's.
            resource: the dlt resource that was loaded.
            load_info: dlt's record of the load.
            dlt_pipeline: the pipeline that loaded it.

        Returns:
            Dagster's metadata by key.
        """
        return {
            "first_run": load_info.first_run,
            "dataset_name": load_info.dataset_name,
            "destination_name": load_info.destination_name,
            "destination_type": load_info.destination_type,
            "dagster/column_schema": _column_schema(str(resource.table_name), dlt_pipeline.default_schema),
        }


def _column_schema(table_name: str, schema: dlt.Schema) -> TableSchema:
    tags = {one.name: column_tags(one) for one in TABLES[table_name].columns()} if table_name in TABLES else {}
    columns = schema.tables.get(schema.naming.normalize_table_identifier(table_name), {}).get("columns", {})
    return TableSchema(
        [
            TableColumn(
                name,
                column.get("data_type") or "text",
                description=column.get("description"),
                constraints=TableColumnConstraints(
                    nullable=column.get("nullable") is not False,
                    other=["primary key"] if column.get("primary_key") else [],
                ),
                tags=tags.get(name),
            )
            for name, column in columns.items()
            if not name.startswith("_dlt")
        ]
    )


def dagster_package_loader(
    context: AssetExecutionContext,
    resource: BronzeDltResource,
    translator: DagsterDltTranslator,
    on_metadata: Callable[[AssetKey, Mapping[str, Any]], None],
) -> PackageLoader:
    """Return the function that loads one package of a run through dagster-dlt.

    A run may take many packages, but an asset has one materialisation a run, so dagster-dlt's events are not yielded.

    Args:
        context: the step's.
        resource: dagster-dlt's resource.
        translator: names the asset of each dlt resource.
        on_metadata: called with the key of each asset of a package, and its metadata. A package that another run left
            may be of assets that this one does not load.
    """

    def run(pipeline: dlt.Pipeline, source: DltSource, **options: Any) -> None:
        # dagster-dlt begins by dropping the pipeline's working directory
        if pipeline.has_pending_data:
            raise RuntimeError(f"{pipeline.working_dir} holds a package that is not loaded, and would be lost.")
        events = resource.run(
            context, dlt_source=source, dlt_pipeline=pipeline, dagster_dlt_translator=translator, **options
        )
        for event in events:
            if event.asset_key:
                on_metadata(event.asset_key, event.metadata or {})

    return partial(load_package, run=run)
