"""dagster-embedded-elt, mended and held at arm's length: the only module that imports it.

The library is a shim over dagster-dlt that warns about itself on import; to move on, change that one import.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import dlt
from dagster import AssetExecutionContext, TableColumn, TableColumnConstraints, TableSchema
from dlt.extract import DltSource

from dlt_sources.weather.pipeline.packages import PackageLoader, load_package

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message=".*`dagster-embedded-elt`", category=DeprecationWarning)
    from dagster_embedded_elt.dlt import DagsterDltResource, DagsterDltTranslator, dlt_assets

__all__ = ["BronzeDltResource", "DagsterDltTranslator", "dlt_assets", "through_dagster"]


class BronzeDltResource(DagsterDltResource):
    """dagster-dlt's resource, with a table schema that is read, not taken apart."""

    def _extract_table_schema_metadata(self, table_name: str, schema: dlt.Schema) -> TableSchema:
        """Describe a table's columns.

        dagster-dlt pops names and types out of the pipeline's live schema, so that a later package of the same
        process dies of a ``KeyError``.
        """
        columns = schema.tables.get(table_name, {}).get("columns", {})
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
                )
                for name, column in columns.items()
                if not name.startswith("_dlt")
            ]
        )


def through_dagster(
    context: AssetExecutionContext,
    resource: BronzeDltResource,
    translator: DagsterDltTranslator,
    keep: Callable[[Mapping[str, Any]], None],
) -> PackageLoader:
    """Make the function that loads one package of a run through dagster-dlt.

    A run may take many packages and an asset has one materialisation a run, so the events are not handed on; ``keep``
    is told the metadata of each that is the step's own asset's: what waits in a directory is loaded by its tables.
    """

    def run(pipeline: dlt.Pipeline, source: DltSource, **options: Any) -> None:
        # dagster-dlt begins by dropping the pipeline's working directory
        if pipeline.has_pending_data:
            raise RuntimeError(f"{pipeline.working_dir} holds a package that is not loaded, and would be lost.")
        events = resource.run(
            context, dlt_source=source, dlt_pipeline=pipeline, dagster_dlt_translator=translator, **options
        )
        for event in events:
            if event.asset_key == context.asset_key:
                keep(event.metadata or {})

    return partial(load_package, run=run)
