"""dlt's settings of a run, and capabilities that are computed once."""

from __future__ import annotations

import os
import pickle
from unittest.mock import patch

import adbc_driver_manager
import dlt
import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.schema.typing import TTableSchema

from dlt_sources.weather.destination.capabilities import dlt_settings


@pytest.fixture(autouse=True)
def _same_providers_afterwards() -> object:
    context = Container()[PluggableRunContext]
    context.reload_providers()
    with patch.dict(os.environ):
        yield
    context.reload_providers()


def test_settings_in_the_environment_leave_dlts_files_empty() -> None:
    dlt_settings.set_in_environment()
    dlt_settings.ensure_set()

    assert os.environ["NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID"] == "true"
    assert all(
        provider.is_empty
        for provider in Container()[PluggableRunContext].providers.providers[1:]
        if provider.is_writable
    )


def test_a_process_without_them_gets_them_in_dlts_configuration() -> None:
    dlt_settings.ensure_set()

    assert {name: dlt.config.get(name, bool) for name in dlt_settings.SETTINGS} == dlt_settings.SETTINGS


def test_capabilities_are_computed_once_and_a_caller_may_change_them() -> None:
    destination = dlt.destinations.duckdb("weather.duckdb")
    with patch.object(destination, "configuration", wraps=destination.configuration) as configuration:
        dlt_settings.compute_capabilities_once(destination)
        first = destination.capabilities()
        first.supported_loader_file_formats = ["csv"]

        second = destination.capabilities()

    assert configuration.call_count == 1
    assert second.supported_loader_file_formats != ["csv"]
    assert type(second) is type(first)


def test_the_driver_is_looked_for_once_since_adbc_keeps_memory_of_each_look() -> None:
    destination = dlt_settings.compute_capabilities_once(dlt.destinations.postgres("postgresql://me:secret@host/data"))
    tables: list[TTableSchema] = [{"name": "forecast"}, {"name": "rejects"}, {"name": "load_runs"}]
    with patch.object(adbc_driver_manager, "AdbcDatabase", wraps=adbc_driver_manager.AdbcDatabase) as opened:
        for table in tables:
            capabilities = destination.capabilities()
            assert capabilities.loader_file_format_selector is not None
            formats = list(capabilities.supported_loader_file_formats or ())
            selected = capabilities.loader_file_format_selector("csv", formats, table_schema=table)
            assert selected == ("csv", formats)

    assert opened.call_count == 1


def test_file_formats_follow_the_table_format() -> None:
    destination = dlt_settings.compute_capabilities_once(dlt.destinations.filesystem("file:///data"))
    select = destination.capabilities().loader_file_format_selector
    assert select is not None
    tables: list[TTableSchema] = [{"name": "forecast"}, {"name": "forecast", "table_format": "delta"}]

    plain, delta = (select("jsonl", ["jsonl", "parquet"], table_schema=table) for table in tables)

    assert plain == ("jsonl", ["jsonl", "parquet"])
    assert delta == ("parquet", ["parquet"])


def test_capabilities_can_be_handed_to_dlts_worker_processes() -> None:
    destination = dlt_settings.compute_capabilities_once(dlt.destinations.postgres("postgresql://me:secret@host/data"))

    selector = destination.capabilities().loader_file_format_selector
    copy = pickle.loads(pickle.dumps(selector))  # noqa: S301 - of this process

    assert copy("csv", ["csv", "parquet"], table_schema={"name": "forecast"}) == ("csv", ["csv", "parquet"])
